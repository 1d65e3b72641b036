package peer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Authority issues certificates, made at run time.
type Authority struct {
	Pool *x509.CertPool // holds it alone

	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewAuthority makes one.
func NewAuthority() *Authority {
	a := &Authority{key: must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), Pool: x509.NewCertPool()}
	c := template()
	c.Subject.CommonName = "authority of the tests"
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage, c.ExtKeyUsage = true, true, x509.KeyUsageCertSign, nil
	a.cert = must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, c, c, &a.key.PublicKey, a.key))))
	a.Pool.AddCert(a.cert)
	return a
}

// template holds from before the time at which fake clocks begin.
func template() *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: must(rand.Int(rand.Reader, big.NewInt(1<<62))),
		NotBefore:    time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
}

// Issue makes a certificate for names: addresses, URIs like "sip:example.com", mail addresses, "CN=…" for the subject, and host names.
func (a *Authority) Issue(names ...string) tls.Certificate {
	c := template()
	for _, n := range names {
		cn, isCN := strings.CutPrefix(n, "CN=")
		ip := net.ParseIP(n)
		switch {
		case isCN:
			c.Subject = pkix.Name{CommonName: cn}
		case ip != nil:
			c.IPAddresses = append(c.IPAddresses, ip)
		case strings.Contains(n, ":"):
			c.URIs = append(c.URIs, must(url.Parse(n)))
		case strings.Contains(n, "@"):
			c.EmailAddresses = append(c.EmailAddresses, n)
		default:
			c.DNSNames = append(c.DNSNames, n)
		}
	}
	return a.sign(c, must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)))
}

// IssueExpired makes a certificate for a host that was valid until yesterday.
func (a *Authority) IssueExpired(host string) tls.Certificate {
	c := template()
	c.DNSNames, c.NotAfter = []string{host}, time.Now().AddDate(0, 0, -1)
	return a.sign(c, must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)))
}

// IssueRSA makes a certificate for a host of an RSA key.
func (a *Authority) IssueRSA(host string) tls.Certificate {
	c := template()
	c.DNSNames = []string{host}
	return a.sign(c, must(rsa.GenerateKey(rand.Reader, 2048)))
}

func (a *Authority) sign(c *x509.Certificate, key crypto.Signer) tls.Certificate {
	der := must(x509.CreateCertificate(rand.Reader, c, a.cert, key.Public(), a.key))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: must(x509.ParseCertificate(der))}
}

// Write puts a certificate, its key and the authority itself into PEM files of a folder: cert.pem, key.pem and ca.pem.
func (a *Authority) Write(t testing.TB, dir string, c tls.Certificate) {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]*pem.Block{
		"cert.pem": {Type: "CERTIFICATE", Bytes: c.Certificate[0]}, "key.pem": {Type: "PRIVATE KEY", Bytes: key},
		"ca.pem": {Type: "CERTIFICATE", Bytes: a.cert.Raw},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // of the random source, or of a certificate that no test asks for
	}
	return v
}
