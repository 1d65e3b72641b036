package msrp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"
)

// TLS says how connections of msrps URIs are secured (RFC 4975 §14.2). TLS 1.2 is the least that is negotiated (M-060).
//
// Who opens a connection is the TLS client (M-065). It asks for the name in the peer's URI, and the certificate shown has to be valid for it; or, where
// the peer's session description has fingerprints (Peer.Fingerprints), to have one of these, whoever signed it (RFC 4975 §14.4). Who takes the connection asks for
// a certificate, and the same fingerprints apply to that. Where there are none it may be any or missing.
type TLS struct {
	// Certificate gives the own certificate, for each handshake anew and for both roles, so that one that was renewed is shown from then on. Required. It must
	// not block.
	Certificate func() (*tls.Certificate, error)
	// Roots gives the authorities that are trusted, for each handshake anew. Nil, or a nil pool: the system's.
	Roots func() (*x509.CertPool, error)
	// LegacyCipher also negotiates TLS_RSA_WITH_AES_128_CBC_SHA, which RFC 4975 §14.2 has as mandatory. It has no forward secrecy (M-061).
	LegacyCipher bool
}

// TLSError says why a connection was not secured as it has to be. Nothing of MSRP went over it.
type TLSError struct {
	Fault TLSFault
	Err   error // nil, or what crypto/tls and crypto/x509 say, which may name hosts
}

// TLSFault is what was wrong with the certificate of a peer, or with the handshake.
type TLSFault string

// The faults.
const (
	BadName        TLSFault = "the certificate is not valid for the host"
	BadTime        TLSFault = "the certificate has expired or is not valid yet"
	BadAuthority   TLSFault = "the certificate is of an authority that is not trusted"
	BadFingerprint TLSFault = "the certificate has not the fingerprint of the session description"
	NoCertificate  TLSFault = "no certificate was shown"
	BadHandshake   TLSFault = "the TLS handshake failed"
)

func (e *TLSError) Error() string {
	if e.Err == nil {
		return "msrp: " + string(e.Fault)
	}
	return "msrp: " + string(e.Fault) + ": " + e.Err.Error()
}

// Unwrap returns Err.
func (e *TLSError) Unwrap() error { return e.Err }

// tlsError finds out what was wrong.
func tlsError(err error) error {
	var own *TLSError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	fault := BadHandshake
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &name):
		fault = BadName
	case errors.As(err, &invalid):
		if fault = BadAuthority; invalid.Reason == x509.Expired {
			fault = BadTime
		}
	case errors.As(err, &unknown):
		fault = BadAuthority
	}
	return &TLSError{fault, err}
}

// legacySuites are those of crypto/tls, and the one that RFC 4975 §14.2 has.
func (t *TLS) suites() []uint16 {
	if !t.LegacyCipher {
		return nil
	}
	var all []uint16
	for _, s := range tls.CipherSuites() {
		all = append(all, s.ID)
	}
	return append(all, tls.TLS_RSA_WITH_AES_128_CBC_SHA)
}

// server is for connections that come in. The certificate of the peer is judged when it asks for a session.
func (t *TLS) server() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, CipherSuites: t.suites(),
		ClientAuth: tls.RequestClientCert,
		// Each connection shows the certificate of its time, on both sides; and it is long enough for a handshake not to matter.
		SessionTicketsDisabled:      true,
		DynamicRecordSizingDisabled: true, // a frame is of use when it is whole
		GetCertificate:              func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return t.Certificate() },
	}
}

// client is for connections to a host; with fingerprints, whoever has one of them is the host.
func (t *TLS) client(host string, with trust) (*tls.Config, error) {
	own, fingerprints := with.own, with.fingerprints
	c := &tls.Config{
		MinVersion: tls.VersionTLS12, CipherSuites: t.suites(), ServerName: host, DynamicRecordSizingDisabled: true,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if own != nil {
				return own, nil
			}
			return t.Certificate()
		},
	}
	if t.Roots != nil {
		var err error
		if c.RootCAs, err = t.Roots(); err != nil {
			return nil, err
		}
	}
	if len(fingerprints) > 0 {
		c.InsecureSkipVerify = true // what follows takes its place
		c.VerifyConnection = func(s tls.ConnectionState) error { return checkFingerprint(leaf(s), fingerprints) }
	}
	if _, err := netip.ParseAddr(host); err == nil && len(fingerprints) > 0 {
		c.ServerName = "" // M-059: no server_name for an address
	}
	return c, nil
}

// leaf is the certificate that a peer has shown, in DER; nil: none.
func leaf(s tls.ConnectionState) []byte {
	if len(s.PeerCertificates) == 0 {
		return nil
	}
	return s.PeerCertificates[0].Raw
}

// checkFingerprint judges a certificate that was shown by the fingerprints of a session description; without any, it may be any or missing.
func checkFingerprint(der []byte, fingerprints []Fingerprint) error {
	switch {
	case len(fingerprints) == 0:
		return nil
	case len(der) == 0:
		return &TLSError{Fault: NoCertificate}
	case !matches(fingerprints, der):
		return &TLSError{Fault: BadFingerprint}
	}
	return nil
}

// secure makes a TLS connection of one that was dialled.
func (e *Endpoint) secure(ctx context.Context, nc net.Conn, host string, with trust) (net.Conn, error) {
	config, err := e.cfg.TLS.client(host, with)
	if err != nil {
		nc.Close()
		return nil, err
	}
	c := tls.Client(nc, config)
	if err := c.HandshakeContext(ctx); err != nil {
		nc.Close()
		return nil, tlsError(err)
	}
	return c, nil
}

// handshake is the first thing that the reader of a connection does which came in by TLS. False: the connection is closed.
func (c *conn) handshake() bool {
	t, ok := c.net.(*tls.Conn)
	if !ok || t.ConnectionState().HandshakeComplete {
		return true
	}
	c.net.SetDeadline(time.Now().Add(c.endpoint.cfg.HeadTimeout))
	if err := t.HandshakeContext(context.Background()); err != nil { // fail ends it
		c.fail(tlsError(err))
		return false
	}
	c.net.SetDeadline(time.Time{})
	c.shown = leaf(t.ConnectionState())
	return true
}

// useTLS notes that a connection is one of TLS, with what the peer has shown already.
func (c *conn) useTLS() {
	if t, ok := c.net.(*tls.Conn); ok {
		c.secured, c.shown = true, leaf(t.ConnectionState())
	}
}

// trusts says whether the certificate that a peer has shown may be that of the session's. If not the session is over, and the connection too unless others
// are bound to it (M-063, M-065).
func (c *conn) trusts(s *Session, p *peer) bool {
	if !c.secured || p == nil {
		return true
	}
	s.mu.Lock()
	relayed := s.relays != nil
	s.mu.Unlock()
	if relayed {
		return true // M-063: what the own relay shows was judged when it was connected to
	}
	err := checkFingerprint(c.shown, p.fingerprints())
	if err == nil {
		return true
	}
	s.end(fmt.Errorf("%w: %w", ErrConnectionLost, err))
	if c.boundSessions() == 0 {
		c.loseFraming(err)
	}
	return false
}

// trust is what a session wants of the certificate of who it connects to, and what it shows itself.
type trust struct {
	fingerprints []Fingerprint
	own          *tls.Certificate // nil: that of TLS.Certificate
}

// key keeps sessions apart that want different certificates of one host, or show different ones: they share no connection (M-046, M-066).
func (t trust) key() string {
	texts := make([]string, len(t.fingerprints), len(t.fingerprints)+1)
	for i, f := range t.fingerprints {
		texts[i] = f.String()
	}
	if t.own != nil {
		texts = append(texts, FingerprintOf(t.own.Certificate[0]).String())
	}
	return strings.Join(texts, ",")
}

var errNoTLS = fmt.Errorf("%w: msrps needs Config.TLS", ErrNoTransport)
