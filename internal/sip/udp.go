package sip

import (
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"
)

// udpSocket is a UDP listener.
type udpSocket struct {
	s     *Stack
	pc    net.PacketConn
	fast  addrPortConn    // nil where pc has no such methods
	icmp  syscall.RawConn // nil where the system does not tell of ICMP errors
	local netip.AddrPort

	reporting atomic.Bool // a goroutine is about to ask for ICMP errors
}

// addrPortConn is what a *net.UDPConn does without allocating.
type addrPortConn interface {
	ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error)
	WriteToUDPAddrPort(b []byte, addr netip.AddrPort) (int, error)
}

// udpReadBuffer is asked of the system so that a burst survives until the reader gets to it; it may give less.
const udpReadBuffer = 4 << 20

func newUDPSocket(s *Stack, pc net.PacketConn) *udpSocket {
	u := &udpSocket{s: s, pc: pc, icmp: icmpReports(pc), local: addrPortOf(pc.LocalAddr())}
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
			u.unreachable() // errors of single datagrams come here too; only a row of them is worth a pause
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
	err := u.writeTo(b, to)
	if err != nil && u.icmp != nil && !errors.Is(err, net.ErrClosed) {
		// It may be the ICMP error of an earlier datagram to somebody else, which is told once, to whoever comes first.
		if u.reporting.CompareAndSwap(false, true) && !u.s.spawn(u.report) {
			return ErrClosed
		}
		err = u.writeTo(b, to)
	}
	return err
}

func (u *udpSocket) writeTo(b []byte, to netip.AddrPort) (err error) {
	if u.fast != nil {
		_, err = u.fast.WriteToUDPAddrPort(b, to)
		return err
	}
	_, err = u.pc.WriteTo(b, net.UDPAddrFromAddrPort(to))
	return err
}

// report deals with ICMP errors that a writer met, who may hold a transaction's lock.
func (u *udpSocket) report() {
	u.reporting.Store(false)
	u.unreachable()
}

// unreachable ends the client transactions whose requests met an ICMP error (RFC 3261 §18.4, S-036). The report holds the
// beginning of our datagram, and its branch cannot be guessed: forged errors end nothing.
func (u *udpSocket) unreachable() {
	if u.icmp == nil {
		return
	}
	icmpErrors(u.icmp, func(to netip.AddrPort, datagram []byte, err error) {
		m, _ := scanDatagram(datagram, len(datagram), 0)
		if m == nil || !m.IsRequest() {
			return
		}
		v, _, bad := parseVia(m.Get(hVia))
		if bad != nil {
			return
		}
		if tx := u.s.client.find(v.branch(), m.Method); tx != nil {
			tx.unreachable(to, err)
		}
	})
}
