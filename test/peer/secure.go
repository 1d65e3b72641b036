package peer

import (
	"crypto/tls"
	"net"
	"testing"
	"time"
)

// NewTLSAgent is an Agent that speaks TLS: as server with one configuration, towards its target with the other one. Its URIs name it by its address
// unless Host says else.
func NewTLSAgent(t testing.TB, target string, serve, dial *tls.Config) *Agent {
	t.Helper()
	return newAgent(t, &Agent{Proto: "tls", Target: target, serve: serve, dial: dial})
}

// secured does the handshake of a connection that a TLS agent has accepted; nil if it failed.
func (a *Agent) secured(c net.Conn) net.Conn {
	if a.serve == nil {
		return c
	}
	tc := tls.Server(c, a.serve)
	_ = tc.SetDeadline(time.Now().Add(handshakeTime))
	err := tc.Handshake()
	if err == nil {
		// Of TLS 1.3 the client's verdict comes after the server's part is done: whoever refuses the certificate says so now, or closes.
		_ = tc.SetDeadline(time.Time{})
		return tc
	}
	c.Close()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refused++
	a.signal()
	return nil
}

// handshakeTime is how long a handshake may take.
const handshakeTime = 10 * time.Second

// AwaitRefused waits until n connections that came to a TLS agent ended in their handshake, or right after it, without a message.
func (a *Agent) AwaitRefused(t testing.TB, within time.Duration, n int) {
	t.Helper()
	a.awaitCount(t, within, "TLS connections refused", &a.refused, n)
}

// dialStream opens a connection to the target.
func (a *Agent) dialStream() (net.Conn, error) {
	c, err := net.DialTimeout("tcp", a.Target, 5*time.Second)
	if err != nil || a.dial == nil {
		return c, err
	}
	tc := tls.Client(c, a.dial)
	_ = tc.SetDeadline(time.Now().Add(handshakeTime))
	if err := tc.Handshake(); err != nil {
		c.Close()
		return nil, err
	}
	_ = tc.SetDeadline(time.Time{})
	return tc, nil
}

// Connect opens the stream connection to the target; the error is that of the dial or the handshake.
func (a *Agent) Connect() error {
	c, err := a.dialStream()
	if err != nil {
		return err
	}
	a.mu.Lock()
	a.out = c
	a.mu.Unlock()
	a.keep(c)
	return nil
}
