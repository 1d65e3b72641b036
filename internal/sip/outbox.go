package sip

import (
	"net/netip"
	"sync"

	"github.com/parley-msrp/parley/internal/sip/datagram"
)

// outbox holds the answers that are given while a UDP socket's reader is busy with what one read brought: they leave together, with one system call, in the order in
// which they were given. Requests leave at once, behind what waits, for their sender hears of their failure.
type outbox struct {
	mu         sync.Mutex
	writer     *datagram.Writer
	collecting bool
	own        netip.Addr // of control
	control    []byte
}

// collectedOctets is room for the answers to what one read brings.
const collectedOctets = datagramsAtOnce << 10

// collect has answers wait for release.
func (u *udpSocket) collect() {
	u.out.mu.Lock()
	u.out.collecting = true
	u.out.mu.Unlock()
}

// release sends what waits.
func (u *udpSocket) release() {
	u.out.mu.Lock()
	defer u.out.mu.Unlock()
	u.out.collecting = false
	u.flush()
}

// answer sends an answer as write does, or leaves that to the reader, which is busy.
func (u *udpSocket) answer(b []byte, own netip.Addr, to netip.AddrPort) error {
	if u.await(b, own, to) {
		return nil
	}
	return u.write(b, own, to)
}

// await is false where the answer has to leave at once.
func (u *udpSocket) await(b []byte, own netip.Addr, to netip.AddrPort) bool {
	u.out.mu.Lock()
	defer u.out.mu.Unlock()
	if !u.out.collecting {
		return false
	}
	u.s.tap(Flow{Proto: UDP, Local: u.local, Remote: to}, true, b)
	if u.out.writer.Full() {
		u.flush()
	}
	u.out.writer.Add(b, u.controlFor(own, to), to)
	return true
}

// controlFor is the control message that has a datagram of a wildcard socket leave from an own address; nil: the system chooses. The lock is held.
func (u *udpSocket) controlFor(own netip.Addr, to netip.AddrPort) []byte {
	if !u.named || !own.IsValid() || own.IsUnspecified() || own.Is4() != to.Addr().Is4() {
		return nil
	}
	if u.out.own != own {
		u.out.own, u.out.control = own, fromAddress(own, u.local.Addr().Is6())
	}
	return u.out.control
}

// flush sends what waits. What the network does not take is given up: whoever misses it asks again. The lock is held.
func (u *udpSocket) flush() {
	for u.out.writer.Len() > 0 {
		if err := u.push(); err != nil {
			octets := u.out.writer.Skip()
			m, _ := scanDatagram(octets, len(octets), len(octets))
			u.s.log.Debug("answer not sent", "error", err, "call_id", m.CallID())
		}
	}
}

// put sends one datagram. The lock is held, and nothing waits.
func (u *udpSocket) put(b []byte, own netip.Addr, to netip.AddrPort) error {
	u.out.writer.Add(b, u.controlFor(own, to), to)
	err := u.push()
	if err != nil {
		u.out.writer.Skip()
	}
	return err
}

// push sends what waits, up to one that the network does not take, of which the error is.
func (u *udpSocket) push() error {
	for asked := false; ; asked = true {
		n, err := u.out.writer.Flush()
		if err == nil || asked && n == 0 {
			return err
		}
		// It may be the ICMP error of an earlier datagram to somebody else, which is told once, to whoever comes first.
		u.askForReports()
	}
}
