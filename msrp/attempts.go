package msrp

import (
	"fmt"
	"hash/maphash"
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	// attemptTime is how long an attempt that came to nothing is held against its target.
	attemptTime = time.Minute
	// maxAttempts bounds Config.ConnectAttempts, and with it the memory of one slot.
	maxAttempts = 1000
	// targetSlots bounds what is remembered: whoever names more targets than there are slots makes some of them share one.
	targetSlots = 1 << 16
)

// attempts counts the connections that were opened to each address and port, and that no valid MSRP has come over: a session description may
// name any third host (RFC 4975 §14.5, D-024). Connections are shared by the sessions that lead to the same hop, so that a peer that answers has
// hardly ever more than one that is still to be answered.
type attempts struct {
	limit int // math.MaxInt: none
	seed  maphash.Seed
	began time.Time

	mu    sync.Mutex
	slots map[uint16][]time.Duration // when the attempts were, since began; the oldest first
	swept time.Duration
}

func newAttempts(limit int) *attempts {
	return &attempts{limit: limit, seed: maphash.MakeSeed(), began: time.Now(), slots: make(map[uint16][]time.Duration)}
}

// begin counts an attempt to connect; forgive takes it back, once valid MSRP has come. The error says that there were too many.
func (a *attempts) begin(to netip.AddrPort) (forgive func(), err error) {
	if a.limit > maxAttempts {
		return func() {}, nil
	}
	// A zone says by which interface, not to whom, and may be varied at will.
	slot := uint16(maphash.Comparable(a.seed, netip.AddrPortFrom(to.Addr().WithZone(""), to.Port())) % targetSlots)
	now := time.Since(a.began)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sweep(now)
	recent := withoutOld(a.slots[slot], now)
	if len(recent) >= a.limit {
		a.slots[slot] = recent
		return nil, fmt.Errorf("%w: %s", ErrConnectLimit, to)
	}
	a.slots[slot] = append(recent, now)
	return func() { a.forgive(slot, now) }, nil
}

func (a *attempts) forgive(slot uint16, at time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	recent := a.slots[slot]
	i := slices.Index(recent, at)
	switch {
	case i < 0: // too long ago to count
	case len(recent) == 1:
		delete(a.slots, slot)
	default:
		a.slots[slot] = slices.Delete(recent, i, i+1)
	}
}

// sweep forgets targets that nothing is held against any more, when it has not done so for a while. Holding a.mu.
func (a *attempts) sweep(now time.Duration) {
	if now-a.swept < attemptTime {
		return
	}
	a.swept = now
	for slot, recent := range a.slots {
		if now-recent[len(recent)-1] >= attemptTime {
			delete(a.slots, slot)
		}
	}
}

func withoutOld(attempts []time.Duration, now time.Duration) []time.Duration {
	return slices.DeleteFunc(attempts, func(at time.Duration) bool { return now-at >= attemptTime })
}
