package sip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// endpoint is an open listener.
type endpoint struct {
	proto    Proto
	addr     netip.AddrPort // an unspecified address: every one
	socket   *udpSocket     // UDP
	listener net.Listener   // TCP, TLS
}

func (e *endpoint) wildcard() bool { return e.addr.Addr().IsUnspecified() }

// serves tells whether a peer of that address can be reached from here.
func (e *endpoint) serves(peer netip.Addr) bool {
	own := e.addr.Addr()
	return own.Is4() == peer.Is4() || own == netip.IPv6Unspecified()
}

func (e *endpoint) close() {
	if e.socket != nil {
		e.socket.close()
	}
	if e.listener != nil {
		e.listener.Close()
	}
}

const portAttempts = 32

// Listen opens a listener. For UDP it also listens on TCP at the same port (S-013), unless that is already open here.
// Port 0 takes a free one (the same for both). TLS needs Config.Security. It returns the address that was taken. Only a look-up of a host name in addr can
// block.
func (s *Stack) Listen(p Proto, addr string) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("listen on %s %q: %w", p, addr, err)
	}
	if host, err = s.hostAddr(host); err != nil {
		return netip.AddrPort{}, fmt.Errorf("listen on %s %s: %w", p, addr, err)
	}
	var at netip.AddrPort
	for range portAttempts {
		if at, err = s.listenOnce(p, host, port); err == nil || port != "0" || p != UDP {
			break // otherwise: a port that is free for UDP may be taken for TCP
		}
	}
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("listen on %s %s: %w", p, addr, err)
	}
	return at, nil
}

// hostAddr makes an address of a host name, an IPv4 one if there is any, so that UDP and TCP get the same.
func (s *Stack) hostAddr(host string) (string, error) {
	if _, err := netip.ParseAddr(host); err == nil || host == "" {
		return host, nil
	}
	addrs, err := s.cfg.Names.Addresses(context.Background(), host)
	if err != nil {
		return "", err
	}
	for _, a := range addrs {
		if a.Unmap().Is4() {
			return a.Unmap().String(), nil
		}
	}
	if len(addrs) == 0 {
		return "", errNoAddress
	}
	return addrs[0].String(), nil
}

var errNoAddress = errors.New("the name has no address")

func (s *Stack) listenOnce(p Proto, host, port string) (netip.AddrPort, error) {
	switch p {
	case UDP:
		return s.listenUDP(host, port)
	case TCP:
		if e := s.endpointAt(TCP, host, port); e != nil {
			return e.addr, nil
		}
		return s.listenStream(TCP, host, port)
	case TLS:
		if s.cfg.Security == nil {
			return netip.AddrPort{}, errNoCertificate
		}
		return s.listenStream(TLS, host, port)
	}
	return netip.AddrPort{}, ErrTransport
}

func (s *Stack) listenUDP(host, port string) (netip.AddrPort, error) {
	pc, err := s.cfg.ListenPacket(network("udp", host), net.JoinHostPort(host, port))
	if err != nil {
		return netip.AddrPort{}, err
	}
	u := newUDPSocket(s, pc)
	if s.endpointAt(TCP, host, strconv.Itoa(int(u.local.Port()))) == nil {
		if _, err := s.listenStream(TCP, host, strconv.Itoa(int(u.local.Port()))); err != nil {
			u.close()
			return netip.AddrPort{}, fmt.Errorf("TCP beside it: %w", err)
		}
	}
	return u.local, s.open(&endpoint{proto: UDP, addr: u.local, socket: u}, u.read)
}

func (s *Stack) listenStream(p Proto, host, port string) (netip.AddrPort, error) {
	l, err := s.cfg.ListenStream(network("tcp", host), net.JoinHostPort(host, port))
	if err != nil {
		return netip.AddrPort{}, err
	}
	at := addrPortOf(l.Addr())
	return at, s.open(&endpoint{proto: p, addr: at, listener: l}, func() { s.accept(p, l) })
}

// open adds an endpoint and starts its reader.
func (s *Stack) open(e *endpoint, read func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		e.close()
		return ErrClosed
	}
	s.endpoints = append(s.endpoints[:len(s.endpoints):len(s.endpoints)], e)
	s.tasks.Go(read)
	return nil
}

// endpointAt finds the listener that has an address already, itself or as a wildcard.
func (s *Stack) endpointAt(p Proto, host, port string) *endpoint {
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return nil
	}
	addr, err := netip.ParseAddr(host)
	for _, e := range s.listeners() {
		if e.proto != p || e.addr.Port() != uint16(n) {
			continue
		}
		if host == "" && e.wildcard() || err == nil && (e.addr.Addr() == addr.Unmap() || e.wildcard() && e.serves(addr)) {
			return e
		}
	}
	return nil
}

// network keeps a listener on 0.0.0.0 from becoming one on [::].
func network(proto, host string) string {
	if addr, err := netip.ParseAddr(host); err == nil && addr.Is4() {
		return proto + "4"
	}
	return proto
}

// accept is the goroutine of a stream listener; it ends when the listener closes.
func (s *Stack) accept(p Proto, l net.Listener) {
	for {
		nc, err := l.Accept()
		if err == nil {
			s.pool.accepted(p, nc)
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
		// No file descriptors, for example: those that end meanwhile give some back.
		s.log.Warn("accepting connections fails", "error", strings.TrimSpace(err.Error()))
		if !s.wait(100 * time.Millisecond) {
			return
		}
	}
}
