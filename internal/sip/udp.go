package sip

import (
	"errors"
	"net"
	"net/netip"
	"time"
)

// udpSocket is a UDP listener.
type udpSocket struct {
	s     *Stack
	pc    net.PacketConn
	fast  addrPortConn // nil where pc has no such methods
	local netip.AddrPort
}

// addrPortConn is what a *net.UDPConn does without allocating.
type addrPortConn interface {
	ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error)
	WriteToUDPAddrPort(b []byte, addr netip.AddrPort) (int, error)
}

// udpReadBuffer is asked of the system so that a burst survives until the reader gets to it; it may give less.
const udpReadBuffer = 4 << 20

func newUDPSocket(s *Stack, pc net.PacketConn) *udpSocket {
	u := &udpSocket{s: s, pc: pc, local: addrPortOf(pc.LocalAddr())}
	u.fast, _ = pc.(addrPortConn)
	if b, ok := pc.(interface{ SetReadBuffer(int) error }); ok {
		_ = b.SetReadBuffer(udpReadBuffer)
	}
	return u
}

// read is the socket's goroutine; it ends when the socket closes.
func (u *udpSocket) read() {
	buf := make([]byte, u.s.cfg.MaxDatagram)
	failures := 0
	for {
		n, from, err := u.readFrom(buf)
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			// Errors of single datagrams come here too; only a row of them is worth a pause.
			if failures++; failures > 16 && !u.s.wait(10*time.Millisecond) {
				return
			}
			continue
		}
		failures = 0
		u.datagram(buf[:n], from)
	}
}

func (u *udpSocket) datagram(b []byte, from netip.AddrPort) {
	m, fault := scanDatagram(b, u.s.cfg.MaxHead, u.s.cfg.MaxBody)
	if m == nil {
		return // keep-alives and noise
	}
	f := u.flow(from)
	u.s.tap(f, false, b)
	u.s.receive(inbound{f, u}, m, fault)
}

// flow of a datagram: on a wildcard listener the local address is that of the route to the peer.
func (u *udpSocket) flow(peer netip.AddrPort) Flow {
	local := u.local
	if local.Addr().IsUnspecified() {
		if a, err := u.s.routes.local(u.s.cfg.LocalAddr, peer.Addr()); err == nil {
			local = netip.AddrPortFrom(a, local.Port())
		}
	}
	return Flow{Proto: UDP, Local: local, Remote: peer}
}

func (u *udpSocket) readFrom(buf []byte) (int, netip.AddrPort, error) {
	if u.fast != nil {
		n, from, err := u.fast.ReadFromUDPAddrPort(buf)
		return n, netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), err
	}
	n, from, err := u.pc.ReadFrom(buf)
	return n, addrPortOf(from), err
}

// write sends one datagram. It may wait for the system's send buffer, not for the peer.
func (u *udpSocket) write(b []byte, to netip.AddrPort) error {
	u.s.tap(Flow{Proto: UDP, Local: u.local, Remote: to}, true, b)
	var err error
	if u.fast != nil {
		_, err = u.fast.WriteToUDPAddrPort(b, to)
	} else {
		_, err = u.pc.WriteTo(b, net.UDPAddrFromAddrPort(to))
	}
	return err
}
