package sip

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"
)

// Security is what TLS needs. Its functions are called for each handshake, concurrently, and must not block.
type Security struct {
	// Certificate gives the own certificate, which is shown to everybody who connects and to those whom this side connects to that ask
	// for one. Required.
	Certificate func() (*tls.Certificate, error)
	// Roots gives the authorities that peers' certificates must come from. Nil, or a nil pool: the system's.
	Roots func() (*x509.CertPool, error)
	// Clients says what those who connect have to show.
	Clients ClientCertificates
}

// ClientCertificates says what TLS peers that connect to this side have to show.
type ClientCertificates uint8

// The kinds.
const (
	NoClientCertificates      ClientCertificates = iota // they are not asked for a certificate
	AskClientCertificates                               // they may show one; one that cannot be verified is refused
	RequireClientCertificates                           // they must show one that can be verified
)

const (
	// handshakeTime is how long a TLS handshake may take, in units of T1: 8 s.
	handshakeTime = 16
	// handshakeShare is the part of MaxHandshakes that one address may hold.
	handshakeShare = 8
)

var (
	errNoCertificate = errors.New("no certificate is configured")
	errNoPeer        = errors.New("the peer showed no certificate")
)

// IdentityError says that a TLS server is not whom the URI asked for (RFC 5922 §7.3; S-032).
type IdentityError struct {
	Domain string    // that was asked for
	Peer   *Identity // who answered
}

func (e *IdentityError) Error() string {
	return fmt.Sprintf("the TLS certificate is for %.200q, not for %s", e.Peer.Domains[:min(len(e.Peer.Domains), 3)], e.Domain)
}

// suites are the cipher suites of TLS 1.2 that are taken: those with forward secrecy, hence not TLS_RSA_WITH_AES_128_CBC_SHA of
// RFC 3261 §26.2.1 (S-032).
func suites() []uint16 {
	var ids []uint16
	for _, c := range tls.CipherSuites() {
		if slices.Contains(c.SupportedVersions, tls.VersionTLS12) {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// baseTLS is what both sides have in common. verify is called once the handshake is done, resumed ones included.
func (s *Stack) baseTLS(verify func(tls.ConnectionState) error) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, CipherSuites: s.suites, VerifyConnection: verify}
}

// serveTLS makes the server's side of a connection.
func (s *Stack) serveTLS(nc net.Conn) (*tls.Conn, error) {
	security := s.cfg.Security
	if security == nil {
		return nil, errNoCertificate
	}
	own, err := security.Certificate()
	if err != nil {
		return nil, err
	}
	c := s.baseTLS(nil)
	c.Certificates = []tls.Certificate{*own}
	c.SessionTicketsDisabled = true // each connection lives long, and each one shows its certificate
	if security.Clients != NoClientCertificates {
		roots, err := security.roots()
		if err != nil {
			return nil, err
		}
		c.ClientCAs, c.ClientAuth = roots, tls.RequestClientCert
		c.VerifyConnection = func(state tls.ConnectionState) error { return s.verifyClient(state, roots, security.Clients) }
	}
	return tls.Server(nc, c), nil
}

func (s *Stack) verifyClient(state tls.ConnectionState, roots *x509.CertPool, kind ClientCertificates) error {
	if len(state.PeerCertificates) == 0 {
		if kind == RequireClientCertificates {
			return errNoPeer
		}
		return nil
	}
	return verifyChain(state.PeerCertificates, roots)
}

// dialTLS makes the client's side of a connection to the server of a domain. What crypto/tls would check by itself follows rules that are
// not those of SIP: it takes wildcards, and knows no sip: URIs.
func (s *Stack) dialTLS(nc net.Conn, domain string) (*tls.Conn, error) {
	security := s.cfg.Security
	if security == nil {
		return nil, errNoCertificate
	}
	roots, err := security.roots()
	if err != nil {
		return nil, err
	}
	c := s.baseTLS(func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) == 0 {
			return errNoPeer
		}
		if err := verifyChain(state.PeerCertificates, roots); err != nil {
			return err
		}
		if id := identify(state.PeerCertificates[0]); !id.is(domain) {
			return &IdentityError{Domain: domain, Peer: id}
		}
		return nil
	})
	c.InsecureSkipVerify = true // VerifyConnection verifies
	if _, err := netip.ParseAddr(domain); err != nil {
		c.ServerName = domain
	}
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return security.Certificate() }
	return tls.Client(nc, c), nil
}

func (c *Security) roots() (*x509.CertPool, error) {
	if c.Roots == nil {
		return nil, nil
	}
	return c.Roots()
}

// verifyChain verifies a certificate with those that came with it. Between domains the same certificate serves both sides, so that one for
// servers will do for clients and the other way round; so will one for SIP domains (RFC 5924).
func verifyChain(chain []*x509.Certificate, roots *x509.CertPool) error {
	o := x509.VerifyOptions{
		Roots: roots, Intermediates: x509.NewCertPool(), CurrentTime: time.Now(),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	forSIP := func(usage asn1.ObjectIdentifier) bool {
		return usage.Equal(asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 20})
	}
	if slices.ContainsFunc(chain[0].UnknownExtKeyUsage, forSIP) {
		o.KeyUsages = []x509.ExtKeyUsage{x509.ExtKeyUsageAny}
	}
	for _, c := range chain[1:] {
		o.Intermediates.AddCert(c)
	}
	_, err := chain[0].Verify(o)
	return err
}

// secure does the handshake of a TLS connection, within the time that it may take, and tells who the peer is; nil: it showed no certificate.
func (s *Stack) secure(ctx context.Context, c *tls.Conn) (*Identity, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTime*s.cfg.T1)
	defer cancel()
	if err := c.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("TLS handshake: %w", err)
	}
	if peer := c.ConnectionState().PeerCertificates; len(peer) > 0 {
		return identify(peer[0]), nil
	}
	return nil, nil
}
