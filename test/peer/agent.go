package peer

import (
	"bytes"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

// origin is where a message came from, and where its answer goes.
type origin struct {
	conn net.Conn // tcp
	addr netip.AddrPort
}

// Agent is a SIP endpoint on one loopback address: UDP and TCP, or UDP and TLS, on the same port. Everything that comes is kept in the order of
// arrival until the test asks for it.
type Agent struct {
	Proto  string         // what it sends requests by: "udp", "tcp" or "tls"
	Target string         // host:port that it sends requests to
	Addr   netip.AddrPort // its own, for both protocols
	Host   string         // what stands for it in Via and Contact, with a port if it shall have one; empty: Addr

	udp *net.UDPConn
	tcp net.Listener

	serve, dial *tls.Config // nil: no TLS

	mu      sync.Mutex
	inbox   []*Message     // not yet asked for
	bad     []string       // what could not be read
	wake    chan struct{}  // closed and renewed when something comes
	conns   []net.Conn     // to be closed at the end
	out     net.Conn       // to Target
	ctrl    int            // CRLF answers to keep-alives seen on streams
	refused int            // connections that did not survive their TLS handshake
	closed  bool           //
	reads   sync.WaitGroup // reader goroutines
}

// NewAgent opens sockets on 127.0.0.1 (or on the host of a loopback target of IPv6). They are closed when the test ends.
func NewAgent(t testing.TB, proto, target string) *Agent {
	t.Helper()
	return newAgent(t, &Agent{Proto: proto, Target: target})
}

func newAgent(t testing.TB, a *Agent) *Agent {
	t.Helper()
	host := "127.0.0.1"
	if strings.HasPrefix(a.Target, "[") {
		host = "::1"
	}
	a.wake = make(chan struct{})
	for range 20 { // a port that is free for both
		l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
		if err != nil {
			t.Fatal(err)
		}
		a.Addr = netip.MustParseAddrPort(l.Addr().String())
		if a.udp, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(a.Addr)); err == nil {
			a.tcp = l
			break
		}
		l.Close()
	}
	if a.tcp == nil {
		t.Fatal("no port that is free for UDP and TCP")
	}
	_ = a.udp.SetReadBuffer(4 << 20)
	a.reads.Add(2)
	go a.readUDP()
	go a.accept()
	t.Cleanup(a.Close)
	return a
}

// Close closes all sockets; it may be called again.
func (a *Agent) Close() {
	a.mu.Lock()
	a.closed = true
	for _, c := range a.conns {
		c.Close()
	}
	a.mu.Unlock()
	a.udp.Close()
	a.tcp.Close()
	a.reads.Wait()
}

func (a *Agent) readUDP() {
	defer a.reads.Done()
	b := make([]byte, 1<<16)
	for {
		n, from, err := a.udp.ReadFromUDPAddrPort(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || n <= 4 {
			continue // an ICMP error of something that we sent, or a keep-alive
		}
		m, err := ParseMessage(bytes.Clone(b[:n]))
		a.arrived(m, err, "udp", origin{addr: from})
	}
}

// Send writes a request to the target, Bytes() of m as it stands.
func (a *Agent) Send(t testing.TB, m *Message) {
	t.Helper()
	a.SendRaw(t, m.Bytes())
}

// SendRaw writes octets to the target: a datagram, or into the stream connection (dialled when there is none).
func (a *Agent) SendRaw(t testing.TB, b []byte) {
	t.Helper()
	if a.Proto == "udp" {
		to, err := netip.ParseAddrPort(a.Target)
		if err == nil {
			_, err = a.udp.WriteToUDPAddrPort(b, to)
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	if _, err := a.Stream(t).Write(b); err != nil {
		t.Fatal(err)
	}
}

// Respond writes a response where its request came from.
func (a *Agent) Respond(t testing.TB, request, response *Message) {
	t.Helper()
	if err := a.TryRespond(request, response); err != nil {
		t.Fatal(err)
	}
}

// TryRespond is Respond for those who do not mind.
func (a *Agent) TryRespond(request, response *Message) error {
	var err error
	if request.from.conn != nil {
		_, err = request.from.conn.Write(response.Bytes())
	} else {
		_, err = a.udp.WriteToUDPAddrPort(response.Bytes(), request.from.addr)
	}
	return err
}

// Ask sends a request and returns its final response; provisional ones are dropped.
func (a *Agent) Ask(t testing.TB, within time.Duration, m *Message) *Message {
	t.Helper()
	a.Send(t, m)
	return a.Final(t, within, m)
}

// Try is Ask for those who do not mind if no response comes: it returns nil then.
func (a *Agent) Try(t testing.TB, within time.Duration, m *Message) *Message {
	t.Helper()
	a.Send(t, m)
	branch := m.TopBranch()
	return a.poll(t, within, func(r *Message) bool { return r.Code() >= 200 && r.TopBranch() == branch })
}

// Final waits for the final response to m.
func (a *Agent) Final(t testing.TB, within time.Duration, m *Message) *Message {
	t.Helper()
	branch := m.TopBranch()
	return a.Await(t, within, "final response to "+m.Start, func(r *Message) bool {
		return r.Code() >= 200 && r.TopBranch() == branch && r.Method() == m.Method()
	})
}

// Via returns a fresh Via value of this agent.
func (a *Agent) Via() string {
	return "SIP/2.0/" + strings.ToUpper(a.Proto) + " " + a.host() + ";branch=" + Branch() + ";rport"
}

// ContactURI is where this agent can be reached.
func (a *Agent) ContactURI() string {
	u := "sip:peer@" + a.host()
	if a.Proto != "udp" {
		u += ";transport=" + a.Proto
	}
	return u
}

func (a *Agent) host() string {
	if a.Host != "" {
		return a.Host
	}
	return a.Addr.String()
}
