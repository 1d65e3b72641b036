package peer

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
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

func (a *Agent) accept() {
	defer a.reads.Done()
	for {
		c, err := a.tcp.Accept()
		if err != nil {
			return
		}
		a.keep(c)
	}
}

// keep starts reading a stream connection.
func (a *Agent) keep(c net.Conn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		c.Close()
		return
	}
	a.conns = append(a.conns, c)
	a.reads.Add(1)
	go a.readStream(c)
}

// readStream reads a connection. One that came to a TLS agent is secured first.
func (a *Agent) readStream(c net.Conn) {
	defer a.reads.Done()
	proto := "tcp"
	if a.serve != nil || a.dial != nil {
		proto = "tls"
	}
	_, dialled := c.(*tls.Conn)
	if !dialled {
		if c = a.secured(c); c == nil {
			return
		}
	}
	r := bufio.NewReader(c)
	for first := true; ; first = false {
		raw, err := readStreamed(r, func() {
			a.mu.Lock()
			a.ctrl++
			a.signal()
			a.mu.Unlock()
		})
		if err != nil {
			refused := first && !dialled && a.serve != nil
			if !IsClosed(err) && !errors.Is(err, net.ErrClosed) && !refused {
				a.arrived(nil, err, proto, origin{})
			}
			a.mu.Lock()
			if refused {
				a.refused++
			}
			if a.out == c {
				a.out = nil
			}
			a.signal()
			a.mu.Unlock()
			return
		}
		m, err := ParseMessage(raw)
		a.arrived(m, err, proto, origin{conn: c, addr: netip.MustParseAddrPort(c.RemoteAddr().String())})
	}
}

// readStreamed reads one message from a stream (RFC 3261 §18.3). blank is called for a CRLF between messages.
func readStreamed(r *bufio.Reader, blank func()) ([]byte, error) {
	var raw []byte
	length := -1
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			return nil, err
		}
		if string(line) == "\r\n" && raw == nil {
			blank()
			continue
		}
		raw = append(raw, line...)
		if string(line) == "\r\n" {
			break
		}
		if name, value, _ := strings.Cut(string(line), ":"); strings.EqualFold(name, "Content-Length") {
			if length, err = strconv.Atoi(strings.TrimSpace(value)); err != nil {
				return nil, fmt.Errorf("bad Content-Length %q", value)
			}
		}
	}
	if length < 0 {
		return nil, fmt.Errorf("no Content-Length on a stream: %q", raw)
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, err
	}
	return append(raw, body...), nil
}

func (a *Agent) arrived(m *Message, err error, proto string, from origin) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		a.bad = append(a.bad, err.Error())
	} else {
		m.Proto, m.from = proto, from
		a.inbox = append(a.inbox, m)
	}
	a.signal()
}

// signal wakes those who wait; the lock is held.
func (a *Agent) signal() {
	close(a.wake)
	a.wake = make(chan struct{})
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

// Stream returns the stream connection to the target, dialled when there is none.
func (a *Agent) Stream(t testing.TB) net.Conn {
	t.Helper()
	a.mu.Lock()
	c := a.out
	a.mu.Unlock()
	if c != nil {
		return c
	}
	if err := a.Connect(); err != nil {
		t.Fatal(err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.out
}

// Hangup closes the stream connection to the target.
func (a *Agent) Hangup() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.out != nil {
		a.out.Close()
		a.out = nil
	}
}

// AwaitHangup waits until the other side has closed the stream connection to the target.
func (a *Agent) AwaitHangup(t testing.TB, within time.Duration, c net.Conn) {
	t.Helper()
	end := time.NewTimer(within)
	defer end.Stop()
	for {
		a.mu.Lock()
		open, wake := a.out == c, a.wake
		a.mu.Unlock()
		if !open {
			return
		}
		select {
		case <-wake:
		case <-end.C:
			t.Fatalf("SIP: the connection was not closed within %v", within)
		}
	}
}

// StopTCP closes the stream listener, so that only UDP is left.
func (a *Agent) StopTCP() { a.tcp.Close() }

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

// Await returns the first message for which match says yes and takes it out of the inbox; what stands before it stays there.
// It fails the test when none comes in time, or when something unreadable came.
func (a *Agent) Await(t testing.TB, within time.Duration, what string, match func(*Message) bool) *Message {
	t.Helper()
	if m := a.poll(t, within, match); m != nil {
		return m
	}
	t.Fatalf("SIP: no %s within %v; waiting: %s", what, within, a.Waiting())
	return nil
}

func (a *Agent) poll(t testing.TB, within time.Duration, match func(*Message) bool) *Message {
	t.Helper()
	end := time.NewTimer(within)
	defer end.Stop()
	for {
		a.mu.Lock()
		if len(a.bad) > 0 {
			bad := a.bad
			a.bad = nil
			a.mu.Unlock()
			t.Fatalf("SIP: unreadable: %s", strings.Join(bad, "; "))
		}
		for i, m := range a.inbox {
			if match(m) {
				a.inbox = append(a.inbox[:i:i], a.inbox[i+1:]...)
				a.mu.Unlock()
				return m
			}
		}
		wake := a.wake
		a.mu.Unlock()
		select {
		case <-wake:
		case <-end.C:
			return nil
		}
	}
}

// AwaitBlank waits until n lone CRLF came on streams since the start.
func (a *Agent) AwaitBlank(t testing.TB, within time.Duration, n int) {
	t.Helper()
	end := time.NewTimer(within)
	defer end.Stop()
	for {
		a.mu.Lock()
		got, wake := a.ctrl, a.wake
		a.mu.Unlock()
		if got >= n {
			return
		}
		select {
		case <-wake:
		case <-end.C:
			t.Fatalf("SIP: %d lone CRLF within %v, want %d", got, within, n)
		}
	}
}

// Blanks counts the lone CRLF that came on streams since the start.
func (a *Agent) Blanks() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.ctrl
}

// Drop takes all waiting messages for which match says yes out of the inbox and returns them.
func (a *Agent) Drop(match func(*Message) bool) []*Message {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out, stay []*Message
	for _, m := range a.inbox {
		if match(m) {
			out = append(out, m)
		} else {
			stay = append(stay, m)
		}
	}
	a.inbox = stay
	return out
}

// Waiting lists the start lines in the inbox.
func (a *Agent) Waiting() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.inbox) == 0 {
		return "nothing"
	}
	var s []string
	for _, m := range a.inbox {
		s = append(s, m.Start+" ("+m.Get("CSeq")+")")
	}
	return strings.Join(s, ", ")
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

// Request waits for a request of that method.
func (a *Agent) Request(t testing.TB, within time.Duration, method string) *Message {
	t.Helper()
	return a.Await(t, within, method, func(m *Message) bool { return m.IsRequest() && m.Method() == method })
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
