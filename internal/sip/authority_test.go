package sip

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"
)

// authority issues the certificates of the tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

var testAuthority = sync.OnceValue(newAuthority)

func newAuthority() *authority {
	a := &authority{key: must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), pool: x509.NewCertPool()}
	c := template("test authority")
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage, c.ExtKeyUsage = true, true, x509.KeyUsageCertSign, nil
	a.cert = must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, c, c, &a.key.PublicKey, a.key))))
	a.pool.AddCert(a.cert)
	return a
}

// template holds from before the fake time of synctest begins.
func template(cn string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: must(rand.Int(rand.Reader, big.NewInt(1<<62))), Subject: pkix.Name{CommonName: cn},
		NotBefore: time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
}

// issue makes a certificate for names: addresses, "sip:…" and "sips:…" URIs, "CN=…" for the subject, host names.
func (a *authority) issue(names ...string) *tls.Certificate {
	c := template("")
	for _, n := range names {
		cn, isCN := strings.CutPrefix(n, "CN=")
		switch ip := net.ParseIP(n); {
		case isCN:
			c.Subject.CommonName = cn
		case ip != nil:
			c.IPAddresses = append(c.IPAddresses, ip)
		case strings.HasPrefix(n, "sip:"), strings.HasPrefix(n, "sips:"), strings.HasPrefix(n, "im:"):
			c.URIs = append(c.URIs, must(url.Parse(n)))
		case strings.Contains(n, "@"):
			c.EmailAddresses = append(c.EmailAddresses, n)
		default:
			c.DNSNames = append(c.DNSNames, n)
		}
	}
	return a.sign(c)
}

func (a *authority) sign(c *x509.Certificate) *tls.Certificate {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	der := must(x509.CreateCertificate(rand.Reader, c, a.cert, &key.PublicKey, a.key))
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: must(x509.ParseCertificate(der))}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// withTLS lets the stack speak TLS with a certificate of the test authority for names.
func withTLS(names ...string) func(*Config) {
	own := testAuthority().issue(names...)
	return func(c *Config) {
		c.Security = &Security{
			Certificate: func() (*tls.Certificate, error) { return own, nil },
			Roots:       func() (*x509.CertPool, error) { return testAuthority().pool, nil },
		}
	}
}
