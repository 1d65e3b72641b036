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
	many  addressedConn // for a wildcard address where the system tells which own one a datagram came to; else nil

	reporting atomic.Bool // a goroutine is about to ask for ICMP errors
}

// addrPortConn is what a *net.UDPConn does without allocating.
type addrPortConn interface {
	ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error)
	WriteToUDPAddrPort(b []byte, addr netip.AddrPort) (int, error)
}

// addressedConn is a *net.UDPConn with control messages.
type addressedConn interface {
	ReadMsgUDPAddrPort(b, oob []byte) (n, oobn, flags int, addr netip.AddrPort, err error)
	WriteMsgUDPAddrPort(b, oob []byte, addr netip.AddrPort) (n, oobn int, err error)
}

// udpReadBuffer is asked of the system so that a burst survives until the reader gets to it; it may give less. A datagram takes some 2 KiB there: at
// 10,000 calls a second this is a quarter of a second.
const udpReadBuffer = 16 << 20

func newUDPSocket(s *Stack, pc net.PacketConn) *udpSocket {
	u := &udpSocket{s: s, pc: pc, icmp: icmpReports(pc), local: addrPortOf(pc.LocalAddr())}
	u.fast, _ = pc.(addrPortConn)
	if many, ok := pc.(addressedConn); ok && u.local.Addr().IsUnspecified() && wantsOwnAddress(pc) {
		u.many = many
	}
	if b, ok := pc.(interface{ SetReadBuffer(int) error }); ok && !forceReadBuffer(pc, udpReadBuffer) {
		_ = b.SetReadBuffer(udpReadBuffer)
	}
	return u
}

// read is the socket's goroutine; it ends when the socket closes.
func (u *udpSocket) read() {
	buf, oob := make([]byte, u.s.cfg.MaxDatagram), make([]byte, ownAddressSpace)
	failures := 0
	for {
		n, own, from, err := u.readFrom(buf, oob)
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
		u.datagram(buf[:n], own, from)
	}
}

func (u *udpSocket) datagram(b []byte, own netip.Addr, from netip.AddrPort) {
	m, fault := scanDatagram(b, u.s.cfg.MaxHead, u.s.cfg.MaxBody)
	if m == nil {
		return // keep-alives and noise
	}
	f := u.flow(own, from)
	u.s.tap(f, false, b)
	u.s.receive(inbound{f, u}, m, fault)
}

// flow of a datagram: on a wildcard listener the local address is the one it came to, or where that is not known that of the route to the peer.
func (u *udpSocket) flow(own netip.Addr, peer netip.AddrPort) Flow {
	local := u.local
	switch {
	case own.IsValid():
		local = netip.AddrPortFrom(own, local.Port())
	case local.Addr().IsUnspecified():
		if a, err := u.s.routes.local(u.s.cfg.LocalAddr, peer.Addr()); err == nil {
			local = netip.AddrPortFrom(a, local.Port())
		}
	}
	return Flow{Proto: UDP, Local: local, Remote: peer}
}

// readFrom reads one datagram; own is the address that it came to, where that is known and not the socket's only one.
func (u *udpSocket) readFrom(buf, oob []byte) (n int, own netip.Addr, from netip.AddrPort, err error) {
	switch {
	case u.many != nil:
		var oobn int
		n, oobn, _, from, err = u.many.ReadMsgUDPAddrPort(buf, oob)
		own = ownAddress(oob[:oobn])
	case u.fast != nil:
		n, from, err = u.fast.ReadFromUDPAddrPort(buf)
	default:
		var addr net.Addr
		n, addr, err = u.pc.ReadFrom(buf)
		return n, own, addrPortOf(addr), err
	}
	return n, own, netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), err
}

// write sends one datagram, of a wildcard socket from the own address that it names. It may wait for the system's send buffer, not for the peer.
func (u *udpSocket) write(b []byte, own netip.Addr, to netip.AddrPort) error {
	u.s.tap(Flow{Proto: UDP, Local: u.local, Remote: to}, true, b)
	err := u.writeTo(b, own, to)
	if err != nil && u.icmp != nil && !errors.Is(err, net.ErrClosed) {
		// It may be the ICMP error of an earlier datagram to somebody else, which is told once, to whoever comes first.
		if u.reporting.CompareAndSwap(false, true) && !u.s.spawn(u.report) {
			return ErrClosed
		}
		err = u.writeTo(b, own, to)
	}
	return err
}

func (u *udpSocket) writeTo(b []byte, own netip.Addr, to netip.AddrPort) (err error) {
	if u.many != nil && own.IsValid() && !own.IsUnspecified() && own.Is4() == to.Addr().Is4() {
		_, _, err = u.many.WriteMsgUDPAddrPort(b, fromAddress(own, u.local.Addr().Is6()), to)
		return err
	}
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
