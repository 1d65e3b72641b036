package sip

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a stack at 10.0.0.1:5060 in a memory network, under fake time. The test plays everybody else.
type world struct {
	t     *testing.T
	net   *memNet
	stack *Stack
	user  *testUser
	began time.Time
}

// testUser writes down what the stack tells it, and does what a test wants beside it.
type testUser struct {
	mu        sync.Mutex
	log       []string
	txs       []*ServerTx
	acks      []*Message
	strays    []*Message
	onRequest func(tx *ServerTx, m *Message)
	onCancel  func(tx *ServerTx, m *Message)
}

func (u *testUser) note(format string, a ...any) {
	u.mu.Lock()
	u.log = append(u.log, fmt.Sprintf(format, a...))
	u.mu.Unlock()
}

func (u *testUser) Request(tx *ServerTx, m *Message) {
	u.note("%s", m.Method)
	u.mu.Lock()
	u.txs = append(u.txs, tx)
	u.mu.Unlock()
	if u.onRequest != nil {
		u.onRequest(tx, m)
	}
}

func (u *testUser) Ack(_ Flow, m *Message) {
	u.note("ACK")
	u.mu.Lock()
	u.acks = append(u.acks, m)
	u.mu.Unlock()
}

func (u *testUser) Cancel(tx *ServerTx, m *Message) {
	u.note("CANCEL")
	if u.onCancel != nil {
		u.onCancel(tx, m)
	}
}

func (u *testUser) Stray(_ Flow, m *Message) {
	u.note("stray %d", m.Status)
	u.mu.Lock()
	u.strays = append(u.strays, m)
	u.mu.Unlock()
}

func (u *testUser) seen() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return strings.Join(u.log, " ")
}

// tx returns the transaction of the n-th request.
func (u *testUser) tx(n int) *ServerTx {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.txs[n]
}

func (n *memNet) config(u User) Config {
	return Config{
		User: u, ListenPacket: n.ListenPacket, ListenStream: n.ListenStream, DialStream: n.DialStream,
		LocalAddr: func(peer netip.Addr) (netip.Addr, error) {
			if peer.Is6() {
				return netip.MustParseAddr("2001:db8::1"), nil
			}
			return netip.MustParseAddr("10.0.0.1"), nil
		},
		Names: &memNames{},
	}
}

// inWorld runs a subtest in a bubble of fake time. Goroutines that outlive Close make it fail.
func inWorld(t *testing.T, name string, f func(w *world), options ...func(*Config)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := &world{t: t, net: newMemNet(), user: &testUser{}, began: time.Now()}
			c := w.net.config(w.user)
			for _, o := range options {
				o(&c)
			}
			var err error
			if w.stack, err = NewStack(c); err != nil {
				t.Fatal(err)
			}
			if _, err := w.stack.Listen(UDP, "10.0.0.1:5060"); err != nil {
				t.Fatal(err)
			}
			f(w)
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			if err := w.stack.Close(ctx); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	})
}

// at lets fake time run to d after the beginning.
func (w *world) at(d time.Duration) {
	time.Sleep(time.Until(w.began.Add(d)))
	synctest.Wait()
}

// conns is the number of open connections.
func (w *world) conns() string {
	synctest.Wait()
	p := &w.stack.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	return fmt.Sprint(len(p.conns))
}

// dials is the number of connections that anybody asked for.
func (w *world) dials() string {
	w.net.mu.Lock()
	defer w.net.mu.Unlock()
	return fmt.Sprint(w.net.dials)
}

// failWrites makes the stack's UDP socket return err.
func (w *world) failWrites(err error) {
	w.net.mu.Lock()
	c := w.net.packets[netip.MustParseAddrPort("10.0.0.1:5060")]
	w.net.mu.Unlock()
	c.mu.Lock()
	c.fail = err
	c.mu.Unlock()
}

// udpPeer is a peer's UDP socket.
type udpPeer struct {
	w *world
	*memPacketConn
}

func (w *world) udp(addr string) *udpPeer {
	c, err := w.net.ListenPacket("udp", addr)
	if err != nil {
		w.t.Fatal(err)
	}
	return &udpPeer{w, c.(*memPacketConn)}
}

// send sends a message to the stack and waits until it is dealt with.
func (p *udpPeer) send(message string) {
	p.w.t.Helper()
	p.sendTo("10.0.0.1:5060", message)
}

func (p *udpPeer) sendTo(addr, message string) {
	p.w.t.Helper()
	if _, err := p.WriteTo([]byte(message), udpAddr(addr)); err != nil {
		p.w.t.Fatal(err)
	}
	synctest.Wait()
}

// received returns the start lines of what came, with the seconds since the beginning.
func (p *udpPeer) received() string {
	synctest.Wait()
	var s []string
	for _, d := range p.take() {
		s = append(s, fmt.Sprintf("%g:%s", d.when.Sub(p.w.began).Seconds(), startLine(string(d.octets))))
	}
	return strings.Join(s, ", ")
}

// one returns the only message that came.
func (p *udpPeer) one() *Message {
	p.w.t.Helper()
	synctest.Wait()
	all := p.take()
	if len(all) != 1 {
		p.w.t.Fatalf("%d messages came, want 1: %v", len(all), all)
	}
	return parse(p.w.t, string(all[0].octets))
}

// tcpPeer is a peer's end of a connection.
type tcpPeer struct {
	w *world
	*memConn
}

func (w *world) tcp(from string) *tcpPeer {
	w.t.Helper()
	c, err := w.net.dialFrom(context.Background(), netip.MustParseAddr(from), "10.0.0.1:5060")
	if err != nil {
		w.t.Fatal(err)
	}
	return &tcpPeer{w, c.(*memConn)}
}

func (p *tcpPeer) send(octets string) {
	p.w.t.Helper()
	if _, err := p.Write([]byte(octets)); err != nil {
		p.w.t.Fatal(err)
	}
	synctest.Wait()
}

// received returns the start lines of what came, "(closed)" behind them where the stack has ended the connection.
func (p *tcpPeer) received() string {
	synctest.Wait()
	octets, end := p.take()
	var s []string
	for octets != "" {
		if strings.HasPrefix(octets, "\r\n") {
			s, octets = append(s, "CRLF"), octets[2:]
			continue
		}
		head, rest, _ := strings.Cut(octets, "\r\n\r\n")
		m, _ := scanHead(head + "\r\n")
		if m == nil {
			p.w.t.Fatalf("no message: %q", octets)
		}
		n, _, _ := m.contentLength()
		s, octets = append(s, startLine(head)), rest[n:]
	}
	if end != nil {
		s = append(s, "(closed)")
	}
	return strings.Join(s, ", ")
}

// accept takes the connection that the stack opened to a listener of the test's.
func (l *memListener) take(w *world) *tcpPeer {
	w.t.Helper()
	synctest.Wait()
	select {
	case c := <-l.queue:
		return &tcpPeer{w, c.(*memConn)}
	default:
		w.t.Fatal("no connection came")
		return nil
	}
}

func (w *world) listen(addr string) *memListener {
	l, err := w.net.ListenStream("tcp", addr)
	if err != nil {
		w.t.Fatal(err)
	}
	return l.(*memListener)
}

// events writes down what a client transaction tells.
type events struct {
	w   *world
	mu  sync.Mutex
	log []string
	all []Event
}

func (e *events) on(ev Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, ev)
	at := time.Since(e.w.began).Seconds()
	if ev.Response != nil {
		e.log = append(e.log, fmt.Sprintf("%g:%d", at, ev.Response.Status))
		return
	}
	e.log = append(e.log, fmt.Sprintf("%g:%v", at, ev.Err))
}

func (e *events) seen() string {
	synctest.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Join(e.log, ", ")
}

func (w *world) start(m *Message, to Target) (*ClientTx, *events) {
	w.t.Helper()
	e := &events{w: w}
	tx, err := w.stack.Start(m, to, e.on)
	if err != nil {
		w.t.Fatal(err)
	}
	synctest.Wait()
	return tx, e
}

func (w *world) want(got, want string) {
	w.t.Helper()
	if got != want {
		w.t.Errorf("got  %s\nwant %s", got, want)
	}
}
