package sip

import (
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/parley-msrp/parley/internal/sip/datagram"
)

// udpSocket is a UDP listener.
type udpSocket struct {
	s     *Stack
	pc    net.PacketConn   // nil where there is many
	many  *datagram.Socket // nil where the system, or what stands for it, moves one datagram at a time
	local netip.AddrPort
	named bool // of a wildcard address, and tells which own one a datagram came to
	icmp  bool // tells of ICMP errors
	out   outbox

	reporting atomic.Bool // a goroutine is about to ask for ICMP errors
}

// udpReadBuffer is asked of the system so that a burst survives until the reader gets to it; it may give less. A datagram takes some 2 KiB there: at
// 10,000 calls a second this is a quarter of a second.
const udpReadBuffer = 16 << 20

func newUDPSocket(s *Stack, pc net.PacketConn) *udpSocket {
	u := &udpSocket{s: s, pc: pc, local: addrPortOf(pc.LocalAddr())}
	if b, ok := pc.(interface{ SetReadBuffer(int) error }); ok && !forceReadBuffer(pc, udpReadBuffer) {
		_ = b.SetReadBuffer(udpReadBuffer)
	}
	c, ok := pc.(*net.UDPConn)
	if !ok {
		return u
	}
	icmp, named := wantsICMP(c), u.local.Addr().IsUnspecified() && wantsOwnAddress(c)
	if many, err := datagram.Take(c); err == nil {
		u.pc, u.many, u.icmp, u.named = nil, many, icmp, named
		u.out.writer = many.NewWriter(datagramsAtOnce, collectedOctets)
	}
	return u
}

func (u *udpSocket) close() {
	if u.many != nil {
		_ = u.many.Close()
		return
	}
	_ = u.pc.Close()
}

// read is the socket's goroutine; it ends when the socket closes.
func (u *udpSocket) read() {
	next := u.reader()
	for failures := 0; ; {
		err := next()
		if err == nil {
			failures = 0
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
		u.unreachable() // errors of single datagrams come here too; only a row of them is worth a pause
		if failures++; failures > 16 && !u.s.wait(10*time.Millisecond) {
			return
		}
	}
}

// reader gives the function that waits for datagrams and deals with what one read brings.
func (u *udpSocket) reader() func() error {
	if u.many != nil {
		control := 0
		if u.named {
			control = ownAddressSpace
		}
		r := u.many.NewReader(datagramsAtOnce, u.s.cfg.MaxDatagram, control)
		return func() error { return u.readMany(r) }
	}
	buf := make([]byte, u.s.cfg.MaxDatagram)
	return func() error {
		n, from, err := u.pc.ReadFrom(buf)
		if err == nil {
			u.datagram(buf[:n], netip.Addr{}, addrPortOf(from))
		}
		return err
	}
}

// datagramsAtOnce is how many datagrams one system call reads or writes at most.
const datagramsAtOnce = 32

// readMany deals with the datagrams that wait.
func (u *udpSocket) readMany(r *datagram.Reader) error {
	n, err := r.Read()
	if err != nil {
		return err
	}
	if n > 1 {
		u.collect()
		defer u.release()
	}
	for i := range n {
		octets, control, from := r.Datagram(i)
		var own netip.Addr
		if u.named {
			own = ownAddress(control)
		}
		u.datagram(octets, own, from)
	}
	return nil
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

// write sends one datagram behind those that were collected, of a wildcard socket from the own address that it names. It may wait for the system's send
// buffer, not for the peer.
func (u *udpSocket) write(b []byte, own netip.Addr, to netip.AddrPort) error {
	u.s.tap(Flow{Proto: UDP, Local: u.local, Remote: to}, true, b)
	if u.many == nil {
		_, err := u.pc.WriteTo(b, net.UDPAddrFromAddrPort(to))
		return err
	}
	u.out.mu.Lock()
	defer u.out.mu.Unlock()
	u.flush()
	return u.put(b, own, to)
}

// askForReports has ICMP errors dealt with soon: on another goroutine, for a writer may hold a transaction's lock.
func (u *udpSocket) askForReports() {
	if u.icmp && u.reporting.CompareAndSwap(false, true) {
		u.s.spawn(u.report)
	}
}

// report deals with ICMP errors that a writer met.
func (u *udpSocket) report() {
	u.reporting.Store(false)
	u.unreachable()
}

// unreachable ends the client transactions whose requests met an ICMP error (RFC 3261 §18.4, S-036). The report holds the
// beginning of our datagram, and its branch cannot be guessed: forged errors end nothing.
func (u *udpSocket) unreachable() {
	if !u.icmp {
		return
	}
	icmpErrors(u.many, func(to netip.AddrPort, datagram []byte, err error) {
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
