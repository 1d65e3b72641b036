package dialog

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// memNet is a network in memory: datagrams and streams between addresses, for tests under fake time. It keeps order and loses
// nothing unless copies says otherwise.
type memNet struct {
	mu        sync.Mutex
	sockets   map[netip.AddrPort]*memSocket
	listeners map[netip.AddrPort]*memListener
	port      uint16
	copies    func(b []byte) int   // of a datagram: 0 drops it, 2 doubles it; nil: one
	delay     func() time.Duration // of each copy, which so may be overtaken; nil: none
}

func newMemNet() *memNet {
	return &memNet{sockets: map[netip.AddrPort]*memSocket{}, listeners: map[netip.AddrPort]*memListener{}, port: 20000}
}

func (n *memNet) free(addr string) (netip.AddrPort, error) {
	at, err := netip.ParseAddrPort(addr)
	if err == nil && at.Port() == 0 {
		n.port++
		at = netip.AddrPortFrom(at.Addr(), n.port)
	}
	return at, err
}

type packet struct {
	from netip.AddrPort
	b    []byte
}

type memSocket struct {
	n      *memNet
	at     netip.AddrPort
	in     chan packet
	closed chan struct{}
	once   sync.Once
}

func (n *memNet) ListenPacket(_, addr string) (net.PacketConn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	at, err := n.free(addr)
	if err != nil {
		return nil, err
	}
	s := &memSocket{n: n, at: at, in: make(chan packet, 4096), closed: make(chan struct{})}
	n.sockets[at] = s
	return s, nil
}

func (s *memSocket) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case p := <-s.in:
		return copy(b, p.b), net.UDPAddrFromAddrPort(p.from), nil
	case <-s.closed:
		return 0, nil, net.ErrClosed
	}
}

func (s *memSocket) WriteTo(b []byte, to net.Addr) (int, error) {
	at := to.(*net.UDPAddr).AddrPort()
	s.n.mu.Lock()
	defer s.n.mu.Unlock()
	copies := 1
	if s.n.copies != nil {
		copies = s.n.copies(b)
	}
	peer := s.n.sockets[netip.AddrPortFrom(at.Addr().Unmap(), at.Port())]
	for range copies {
		switch p := (packet{s.at, append([]byte(nil), b...)}); {
		case peer == nil:
		case s.n.delay == nil:
			peer.in <- p
		default:
			time.AfterFunc(s.n.delay(), func() {
				select {
				case peer.in <- p:
				case <-peer.closed:
				}
			})
		}
	}
	return len(b), nil
}

func (s *memSocket) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

func (s *memSocket) LocalAddr() net.Addr              { return net.UDPAddrFromAddrPort(s.at) }
func (s *memSocket) SetDeadline(time.Time) error      { return errors.ErrUnsupported }
func (s *memSocket) SetReadDeadline(time.Time) error  { return errors.ErrUnsupported }
func (s *memSocket) SetWriteDeadline(time.Time) error { return errors.ErrUnsupported }

type memListener struct {
	at     netip.AddrPort
	in     chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (n *memNet) Listen(_, addr string) (net.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	at, err := n.free(addr)
	if err != nil {
		return nil, err
	}
	l := &memListener{at: at, in: make(chan net.Conn, 16), closed: make(chan struct{})}
	n.listeners[at] = l
	return l, nil
}

func (l *memListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.in:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *memListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *memListener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.at) }

type memConn struct {
	net.Conn
	local, remote netip.AddrPort
}

func (c memConn) LocalAddr() net.Addr  { return net.TCPAddrFromAddrPort(c.local) }
func (c memConn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

func (n *memNet) Dial(_ context.Context, _, addr string) (net.Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, err
	}
	l := n.listeners[to]
	if l == nil {
		return nil, errors.New("connection refused")
	}
	n.port++
	from := netip.AddrPortFrom(to.Addr(), n.port)
	a, b := net.Pipe()
	l.in <- memConn{b, to, from}
	return memConn{a, from, to}, nil
}

// dropping is a memNet.copies that loses the datagrams that begin so.
func dropping(starts ...string) func([]byte) int {
	return func(b []byte) int {
		for _, s := range starts {
			if strings.HasPrefix(string(b), s) {
				return 0
			}
		}
		return 1
	}
}
