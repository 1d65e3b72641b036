package peer

import (
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// DialMSRPS connects by TLS. The error is that of the handshake.
func DialMSRPS(t testing.TB, addr string, c *tls.Config) (*Conn, error) {
	t.Helper()
	nc, err := tls.DialWithDialer(&net.Dialer{Timeout: 5 * time.Second}, "tcp", addr, c)
	if err != nil {
		return nil, err
	}
	return newConn(t, nc), nil
}

// AcceptTLS waits for a connection and is the server of its handshake, whose error it returns. Hello is what the client asked for. Highest is the version of
// TLS that is negotiated at most; without it, any.
func (l *Listener) AcceptTLS(t testing.TB, within time.Duration, own tls.Certificate, highest ...uint16) (c *Conn, hello *tls.ClientHelloInfo, err error) {
	t.Helper()
	plain := l.Accept(t, within)
	nc := tls.Server(plain.Conn, &tls.Config{
		Certificates: []tls.Certificate{own}, ClientAuth: tls.RequestClientCert, MaxVersion: append(highest, 0)[0],
		GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			hello = h
			return nil, nil
		},
	})
	_ = nc.SetDeadline(time.Now().Add(within))
	err = nc.Handshake()
	return newConn(t, nc), hello, err
}

// Shown is the certificate that the other side of a TLS connection has shown, in DER; nil: none.
func (c *Conn) Shown() []byte {
	all := c.Conn.(*tls.Conn).ConnectionState().PeerCertificates
	if len(all) == 0 {
		return nil
	}
	return all[0].Raw
}

// Fingerprint is the value of an a=fingerprint for a certificate.
func Fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return "sha-256 " + strings.ReplaceAll(fmt.Sprintf("% X", sum[:]), " ", ":")
}

// OverTLS makes a description whose lines are plain one of TCP/TLS/MSRP; each line has these attributes more.
func OverTLS(sdp string, attributes ...string) string {
	sdp = strings.ReplaceAll(sdp, " TCP/MSRP ", " TCP/TLS/MSRP ")
	more := ""
	for _, a := range attributes {
		more += "a=" + a + "\r\n"
	}
	return strings.ReplaceAll(sdp, "a=accept-types:", more+"a=accept-types:")
}
