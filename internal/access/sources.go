package access

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	// freeFailures are forgiven: somebody has put in the wrong token.
	freeFailures = 5
	// maxWait is how long a source waits at most after a further failure; it doubles up to that, from a second on.
	maxWait = time.Minute
	// forget is when a source that has not failed again counts as new.
	forget = 10 * time.Minute
)

// sources remembers who failed to authenticate. The zero value is ready.
type sources struct {
	mu  sync.Mutex
	all memory[netip.Addr, *failing]
}

type failing struct {
	failures int
	last     time.Time
	until    time.Time // nothing of this source is looked at before
}

// waits says how long a source has to wait until a credential of its is looked at.
func (s *sources) waits(source netip.Addr, now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.all.of[source]; f != nil {
		return f.until.Sub(now)
	}
	return 0
}

// failed remembers one more failure.
func (s *sources) failed(source netip.Addr, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.all.of[source]
	if f == nil || now.Sub(f.last) > forget {
		f = &failing{}
		s.all.put(source, f, now, func(f *failing) bool { return now.Sub(f.last) > forget })
	}
	f.failures++
	f.last = now
	if over := f.failures - freeFailures; over > 0 {
		f.until = now.Add(min(time.Second<<min(over-1, 10), maxWait))
	}
}

// SourceOf is where a request comes from: an IPv4 address, or an IPv6 /64, whose owner has all of it.
func SourceOf(remote string) netip.Addr {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return netip.Addr{}
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	return Source(a)
}

// Source is what counts as one source: an IPv4 address, or an IPv6 /64; the loopback address of IPv6 by itself.
func Source(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is4() || a.IsLoopback() {
		return a
	}
	p, err := a.Prefix(64)
	if err != nil {
		return a
	}
	return p.Addr()
}

// rates bounds requests a second: by a caller's name, or by source. The zero value is ready.
type rates struct {
	mu   sync.Mutex
	full memory[any, time.Time] // when the requests of the last second are no longer held against a caller
}

// take counts a request, and says how long the caller has to wait first; then it was not counted. As many at once are taken as in a second.
func (r *rates) take(caller any, perSecond int, now time.Time) (wait time.Duration) {
	if perSecond <= 0 {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	full := r.full.of[caller]
	if full.Before(now) {
		full = now
	}
	interval := time.Second / time.Duration(perSecond)
	if wait := full.Sub(now) - time.Second + interval; wait > 0 {
		return wait
	}
	r.full.put(caller, full.Add(interval), now, func(full time.Time) bool { return full.Before(now) })
	return 0
}
