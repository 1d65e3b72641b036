package sip

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

// memNet is a network in memory: datagrams are there at once and never lost unless a test says so; writes never block, but
// on a connection whose window is closed.
type memNet struct {
	mu      sync.Mutex
	packets map[netip.AddrPort]*memPacketConn
	streams map[netip.AddrPort]*memListener
	port    uint16
	dials   int
	silent  map[netip.AddrPort]bool // dials to it hang
}

func newMemNet() *memNet {
	return &memNet{
		packets: map[netip.AddrPort]*memPacketConn{}, streams: map[netip.AddrPort]*memListener{},
		silent: map[netip.AddrPort]bool{}, port: 40000,
	}
}

func (n *memNet) resolve(addr string) netip.AddrPort {
	if strings.HasPrefix(addr, ":") {
		addr = "[::]" + addr
	}
	ap := netip.MustParseAddrPort(addr)
	if ap.Port() == 0 {
		n.port++
		ap = netip.AddrPortFrom(ap.Addr(), n.port)
	}
	return ap
}

func (n *memNet) ListenPacket(_, addr string) (net.PacketConn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	at := n.resolve(addr)
	if n.packets[at] != nil {
		return nil, syscall.EADDRINUSE
	}
	c := &memPacketConn{n: n, at: at}
	c.cond.L = &c.mu
	n.packets[at] = c
	return c, nil
}

func (n *memNet) ListenStream(_, addr string) (net.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	at := n.resolve(addr)
	if n.streams[at] != nil {
		return nil, syscall.EADDRINUSE
	}
	l := &memListener{n: n, at: at, queue: make(chan net.Conn, 64), done: make(chan struct{})}
	n.streams[at] = l
	return l, nil
}

func (n *memNet) DialStream(ctx context.Context, _, addr string) (net.Conn, error) {
	return n.dialFrom(ctx, netip.MustParseAddr("10.0.0.1"), addr)
}

func (n *memNet) dialFrom(ctx context.Context, from netip.Addr, addr string) (net.Conn, error) {
	to := netip.MustParseAddrPort(addr)
	n.mu.Lock()
	n.dials++
	n.port++
	l, silent := n.streams[to], n.silent[to]
	local := netip.AddrPortFrom(from, n.port)
	n.mu.Unlock()
	if silent {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if l == nil {
		return nil, fmt.Errorf("dial %s: %w", addr, syscall.ECONNREFUSED)
	}
	a, b := newMemPipe(local, to)
	select {
	case l.queue <- b:
		return a, nil
	case <-l.done:
		return nil, syscall.ECONNREFUSED
	}
}

type memPacketConn struct {
	n      *memNet
	at     netip.AddrPort
	mu     sync.Mutex
	cond   sync.Cond
	queue  []memPacket
	closed bool
	fail   error // what writes return
}

type memPacket struct {
	from   netip.AddrPort
	octets []byte
	when   time.Time
}

func (c *memPacketConn) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(c.at) }

func (c *memPacketConn) WriteTo(b []byte, to net.Addr) (int, error) {
	dest := to.(*net.UDPAddr).AddrPort()
	dest = netip.AddrPortFrom(dest.Addr().Unmap(), dest.Port())
	c.mu.Lock()
	fail, from := c.fail, c.at
	c.mu.Unlock()
	if fail != nil {
		return 0, fail
	}
	if from.Addr().IsUnspecified() {
		from = netip.AddrPortFrom(netip.MustParseAddr("10.0.0.1"), from.Port())
	}
	c.n.mu.Lock()
	d := c.n.packets[dest]
	if d == nil {
		d = c.n.packets[netip.AddrPortFrom(netip.IPv6Unspecified(), dest.Port())]
	}
	c.n.mu.Unlock()
	if d == nil {
		return len(b), nil
	}
	d.mu.Lock()
	d.queue = append(d.queue, memPacket{from, append([]byte(nil), b...), time.Now()})
	d.cond.Broadcast()
	d.mu.Unlock()
	return len(b), nil
}

func (c *memPacketConn) ReadFrom(b []byte) (int, net.Addr, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.queue) == 0 {
		if c.closed {
			return 0, nil, net.ErrClosed
		}
		c.cond.Wait()
	}
	p := c.queue[0]
	c.queue = c.queue[1:]
	return copy(b, p.octets), net.UDPAddrFromAddrPort(p.from), nil
}

// take returns what came so far, for a test that plays the peer.
func (c *memPacketConn) take() []memPacket {
	c.mu.Lock()
	defer c.mu.Unlock()
	q := c.queue
	c.queue = nil
	return q
}

func (c *memPacketConn) Close() error {
	c.n.mu.Lock()
	delete(c.n.packets, c.at)
	c.n.mu.Unlock()
	c.mu.Lock()
	c.closed = true
	c.cond.Broadcast()
	c.mu.Unlock()
	return nil
}

func (c *memPacketConn) SetDeadline(time.Time) error      { return errors.ErrUnsupported }
func (c *memPacketConn) SetReadDeadline(time.Time) error  { return errors.ErrUnsupported }
func (c *memPacketConn) SetWriteDeadline(time.Time) error { return errors.ErrUnsupported }

type memListener struct {
	n     *memNet
	at    netip.AddrPort
	queue chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func (l *memListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.queue:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *memListener) Close() error {
	l.once.Do(func() {
		l.n.mu.Lock()
		delete(l.n.streams, l.at)
		l.n.mu.Unlock()
		close(l.done)
	})
	return nil
}

func (l *memListener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.at) }

// memHalf is one direction of a connection.
type memHalf struct {
	mu     sync.Mutex
	cond   sync.Cond
	buf    []byte
	window int   // octets that fit; 0: any number
	end    error // what the reader gets behind the octets
	broken error // what the writer gets
	when   time.Time
}

type memConn struct {
	in, out       *memHalf
	local, remote netip.AddrPort

	mu            sync.Mutex
	readDeadline  time.Time
	writeDeadline time.Time
	timers        []*time.Timer
	closed        bool
}

func newMemPipe(a, b netip.AddrPort) (*memConn, *memConn) {
	x, y := new(memHalf), new(memHalf)
	x.cond.L, y.cond.L = &x.mu, &y.mu
	return &memConn{in: x, out: y, local: a, remote: b}, &memConn{in: y, out: x, local: b, remote: a}
}

func (c *memConn) deadline(d *time.Time) (bool, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed, !d.IsZero() && !time.Now().Before(*d)
}

func (c *memConn) Read(b []byte) (int, error) {
	h := c.in
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		closed, late := c.deadline(&c.readDeadline)
		switch {
		case closed:
			return 0, net.ErrClosed
		case len(h.buf) > 0:
			n := copy(b, h.buf)
			h.buf = h.buf[n:]
			h.cond.Broadcast()
			return n, nil
		case h.end != nil:
			return 0, h.end
		case late:
			return 0, os.ErrDeadlineExceeded
		}
		h.cond.Wait()
	}
}

func (c *memConn) Write(b []byte) (int, error) {
	h := c.out
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		closed, late := c.deadline(&c.writeDeadline)
		switch {
		case closed:
			return 0, net.ErrClosed
		case h.broken != nil:
			return 0, h.broken
		case late:
			return 0, os.ErrDeadlineExceeded
		case h.window == 0 || len(h.buf)+len(b) <= h.window:
			h.buf = append(h.buf, b...)
			h.when = time.Now()
			h.cond.Broadcast()
			return len(b), nil
		}
		h.cond.Wait()
	}
}

// narrow sets how many octets fit.
func (h *memHalf) narrow(window int) {
	h.mu.Lock()
	h.window = window
	h.mu.Unlock()
}

func (h *memHalf) finish(end, broken error) {
	h.mu.Lock()
	if end != nil && h.end == nil {
		h.end = end
	}
	if broken != nil && h.broken == nil {
		h.broken = broken
	}
	h.cond.Broadcast()
	h.mu.Unlock()
}

func (c *memConn) Close() error {
	c.mu.Lock()
	c.closed = true
	for _, t := range c.timers {
		t.Stop()
	}
	c.mu.Unlock()
	c.out.finish(io.EOF, nil)
	c.in.finish(nil, syscall.EPIPE)
	return nil
}

// reset ends the connection as a RST does.
func (c *memConn) reset() {
	c.out.finish(syscall.ECONNRESET, nil)
	c.in.finish(nil, syscall.ECONNRESET)
}

func (c *memConn) CloseWrite() error { c.out.finish(io.EOF, nil); return nil }

func (c *memConn) LocalAddr() net.Addr  { return net.TCPAddrFromAddrPort(c.local) }
func (c *memConn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

func (c *memConn) SetReadDeadline(t time.Time) error {
	return c.setDeadline(&c.readDeadline, t, c.in)
}

func (c *memConn) SetWriteDeadline(t time.Time) error {
	return c.setDeadline(&c.writeDeadline, t, c.out)
}

func (c *memConn) SetDeadline(t time.Time) error {
	_ = c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

func (c *memConn) setDeadline(d *time.Time, t time.Time, h *memHalf) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	*d = t
	if !t.IsZero() {
		c.timers = append(c.timers, time.AfterFunc(time.Until(t), func() { h.finish(nil, nil) }))
	}
	return nil
}

// take returns what came so far and whether the other side has ended, for a test that plays the peer.
func (c *memConn) take() (octets string, end error) {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	octets = string(c.in.buf)
	c.in.buf = nil
	c.in.cond.Broadcast()
	return octets, c.in.end
}
