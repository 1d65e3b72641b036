package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/parley-msrp/parley/msrp"
)

// shown is the certificate of this process, which peers know by its fingerprint.
var shown = sync.OnceValues(func() (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
})

// fingerprint is that of shown.
func fingerprint() (string, error) {
	c, err := shown()
	if err != nil {
		return "", err
	}
	return msrp.FingerprintOf(c.Certificate[0]).String(), nil
}

// secure says whether a path asks for TLS.
func secure(path string) bool { return strings.HasPrefix(path, "msrps:") }

// connect connects to where a path leads. TLS is that of the standard library, as is.
func connect(path string) (net.Conn, error) {
	if secure(path) {
		return tls.Dial("tcp", hostPort(path), &tls.Config{InsecureSkipVerify: true})
	}
	return net.Dial("tcp", hostPort(path))
}

// listenAt listens on a port for TLS, or without.
func listenAt(addr string, withTLS bool) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil || !withTLS {
		return l, err
	}
	c, err := shown()
	if err != nil {
		l.Close()
		return nil, err
	}
	return tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{*c}}), nil
}
