package sip

import (
	"crypto/tls"
	"crypto/x509"
	"sync"

	"github.com/parley-msrp/parley/test/peer"
)

// testAuthority is the one that the stacks of the tests trust.
var testAuthority = sync.OnceValue(peer.NewAuthority)

// withTLS lets the stack speak TLS with a certificate of the test authority for names.
func withTLS(names ...string) func(*Config) {
	own := testAuthority().Issue(names...)
	return func(c *Config) {
		c.Security = &Security{
			Certificate: func() (*tls.Certificate, error) { return &own, nil },
			Roots:       func() (*x509.CertPool, error) { return testAuthority().Pool, nil },
		}
	}
}
