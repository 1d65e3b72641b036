package ua

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/parley-msrp/parley/msrp"
)

// secureMedia gives the MSRP endpoint what its TLS listeners need, if there are such: the certificate of Config.TLS, or one of its own.
func (a *Agent) secureMedia() error {
	secure := func(s string) bool { return strings.HasPrefix(strings.ToLower(s), "tls:") }
	var t msrp.TLS
	switch {
	case a.cfg.MSRP.TLS != nil:
		t = *a.cfg.MSRP.TLS
	case !slices.ContainsFunc(a.cfg.MSRPListen, secure):
		return nil
	case a.cfg.TLS != nil:
		t = msrp.TLS{Certificate: a.cfg.TLS.Certificate, Roots: a.cfg.TLS.Roots, LegacyCipher: a.cfg.TLS.LegacyCipher}
	default:
		own, err := selfSigned()
		if err != nil {
			return err
		}
		t.Certificate, t.Roots = func() (*tls.Certificate, error) { return own, nil }, a.cfg.RelayRoots
	}
	if t.Certificate != nil { // else msrp says what is missing
		a.certificate = &ownCertificate{source: t.Certificate, sessions: &a.table}
		t.Certificate = a.certificate.shown
	}
	a.cfg.MSRP.TLS = &t
	return nil
}

// selfSigned makes a certificate that peers know by its fingerprint alone.
func selfSigned() (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	now := time.Now()
	c := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "parley"},
		NotBefore: now.Add(-24 * time.Hour), NotAfter: now.AddDate(10, 0, 0), // peers look at the fingerprint
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, nil
}

// fingerprints are those of the certificates that may be shown in a session.
func (a *Agent) fingerprints(s *Session) []msrp.Fingerprint {
	if s.certificate != nil {
		return msrp.FingerprintsOf(s.certificate.Leaf)
	}
	all, err := a.certificate.describe(s)
	if err != nil {
		a.log.Error("own certificate", "err", err)
	}
	return all
}
