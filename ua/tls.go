package ua

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/parley-msrp/parley/internal/sip"
)

// TLS is what SIP over TLS needs. Its functions are called for each connection, concurrently, and must not block; they may give something else
// each time.
type TLS struct {
	// Certificate gives the own certificate, shown to peers that connect, and to those connected to that ask for one. Required.
	Certificate func() (*tls.Certificate, error)
	// Roots gives the authorities that peers' certificates have to come from. Nil, or a nil pool: the system's.
	Roots func() (*x509.CertPool, error)
	// LegacyCipher is that of msrp.TLS: MSRP takes TLS_RSA_WITH_AES_128_CBC_SHA too. SIP does not.
	LegacyCipher bool
	// Clients says what peers that connect have to show.
	Clients ClientCertificates
}

// ClientCertificates says what peers that connect over TLS have to show.
type ClientCertificates uint8

// The kinds.
const (
	NoClientCertificates      ClientCertificates = iota // they are not asked for a certificate
	AskClientCertificates                               // they may show one; one that cannot be verified is refused
	RequireClientCertificates                           // they must show one that can be verified
)

// security is nil where there is no TLS.
func (t *TLS) security() (*sip.Security, error) {
	if t == nil {
		return nil, nil
	}
	s := &sip.Security{Certificate: t.Certificate, Roots: t.Roots}
	if t.Certificate == nil {
		return nil, errors.New("TLS: Certificate is required")
	}
	switch t.Clients {
	case NoClientCertificates:
	case AskClientCertificates:
		s.Clients = sip.AskClientCertificates
	case RequireClientCertificates:
		s.Clients = sip.RequireClientCertificates
	default:
		return nil, fmt.Errorf("TLS: Clients is %d, which is none of the kinds", t.Clients)
	}
	return s, nil
}

// outboundProxy reads Config.OutboundProxy; the zero URI where there is none.
func outboundProxy(s string) (sip.URI, error) {
	if s == "" {
		return sip.URI{}, nil
	}
	u, err := sip.ParseURI(s)
	switch {
	case err != nil:
		return sip.URI{}, fmt.Errorf("outbound proxy: %w", err)
	case !u.IsSIP() || u.Header != "":
		return sip.URI{}, fmt.Errorf("outbound proxy %q: want a URI like sip:proxy.example.com", s)
	}
	if _, loose := u.Param("lr"); !loose {
		u.Params += ";lr"
	}
	return u, nil
}
