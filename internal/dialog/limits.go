package dialog

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/parley-msrp/parley/internal/sip"
)

// Limits on the calls that peers start. Where one is reached, an INVITE that would make another call gets 503 with Retry-After before anything else of
// it is looked at (S-022); what is inside of a dialog is never held up by them. 0 means no limit.
type Limits struct {
	PerSecond int // new calls in a second, and as many at once
	InSetup   int // calls without a final response, or whose ACK is missing
	Dialogs   int // calls, those in set-up included
}

const (
	// maxSources bounds how many sources are counted each for itself; those above it are counted together.
	maxSources = 1 << 17
	// fewSources are never worth looking for those that have nothing left to count.
	fewSources = 1024
	// complaintInterval is how often a limit that is reached is logged.
	complaintInterval = time.Minute
)

// admission counts the calls that peers start, in all and by source.
type admission struct {
	all, each Limits
	log       *slog.Logger

	mu      sync.Mutex
	total   source
	sources map[netip.Addr]*source // by address, of IPv6 the /64
	rest    source                 // those for which there is no place in sources
	sweepAt int                    // size of sources at which those with nothing left to count are looked for

	refused    int // since the last complaint
	complained time.Time
}

// source is what is counted of one source, or of all.
type source struct {
	key              netip.Addr
	inSetup, dialogs int
	full             time.Time // when the calls of the last second are no longer held against it
}

func newAdmission(all, each Limits, log *slog.Logger) *admission {
	a := &admission{all: all, each: each, log: log, sweepAt: fewSources}
	if each != (Limits{}) {
		a.sources = map[netip.Addr]*source{}
	}
	return a
}

// arrives says whether one more call from that address may be looked at, and counts it against the rates.
func (a *admission) arrives(from netip.Addr) *Refusal { return a.ask(from, true) }

// would says what arrives would, and counts nothing (S-020).
func (a *admission) would(from netip.Addr) *Refusal { return a.ask(from, false) }

func (a *admission) ask(from netip.Addr, counts bool) *Refusal {
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.find(from)
	why, wait := a.total.over(&a.all, now, "")
	if why == "" && s != nil {
		why, wait = s.over(&a.each, now, " from one source")
	}
	if why != "" {
		if counts {
			a.complain(why, now)
		}
		return overloaded("Too Many Calls", wait)
	}
	if counts {
		a.total.spend(&a.all, now)
		if s != nil {
			s.spend(&a.each, now)
		}
	}
	return nil
}

// over names the limit that one more call would exceed, and says how many seconds later it may be tried again: spread, so that those who
// were refused do not come back together.
func (s *source) over(l *Limits, now time.Time, whose string) (limit string, wait int) {
	switch {
	case l.Dialogs > 0 && s.dialogs >= l.Dialogs:
		return fmt.Sprintf("%d calls%s", l.Dialogs, whose), 10 + rand.IntN(21)
	case l.InSetup > 0 && s.inSetup >= l.InSetup:
		return fmt.Sprintf("%d calls in set-up%s", l.InSetup, whose), 2 + rand.IntN(9)
	case l.PerSecond > 0 && s.full.Sub(now) > time.Second-l.interval():
		return fmt.Sprintf("%d new calls a second%s", l.PerSecond, whose), 1 + rand.IntN(5)
	}
	return "", 0
}

// interval is the time that one call takes of a second.
func (l *Limits) interval() time.Duration { return time.Second / time.Duration(l.PerSecond) }

func (s *source) spend(l *Limits, now time.Time) {
	if l.PerSecond == 0 {
		return
	}
	if s.full.Before(now) {
		s.full = now
	}
	s.full = s.full.Add(l.interval())
}

// complain logs that calls are refused: once, and then at most once a minute. Holding a.mu.
func (a *admission) complain(limit string, now time.Time) {
	a.refused++
	if now.Sub(a.complained) < complaintInterval {
		return
	}
	a.log.Warn("new calls refused, a limit is reached", "limit", limit, "refused", a.refused)
	a.refused, a.complained = 0, now
}

// enter counts a call that is in set-up from now on; false if there is no place left for it.
func (a *admission) enter(d *Dialog, from netip.Addr) bool {
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.find(from)
	all, each := a.all, a.each
	all.PerSecond, each.PerSecond = 0, 0 // counted when it arrived
	if why, _ := a.total.over(&all, now, ""); why != "" {
		return false
	}
	if s != nil {
		if why, _ := s.over(&each, now, ""); why != "" {
			return false
		}
	}
	d.source, d.counted, d.inSetup = s, true, true
	d.count(a, 1, 1)
	return true
}

// stands says that the call is no longer in set-up.
func (a *admission) stands(d *Dialog) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if d.inSetup {
		d.inSetup = false
		d.count(a, -1, 0)
	}
}

// left says that a call is over.
func (a *admission) left(d *Dialog) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !d.counted {
		return
	}
	d.counted = false
	setup := 0
	if d.inSetup {
		setup, d.inSetup = -1, false
	}
	d.count(a, setup, -1)
	if s := d.source; s != nil && s != &a.rest && s.idle(time.Now()) {
		delete(a.sources, s.key)
	}
	d.source = nil
}

// count adds to what is counted with the dialog. Holding a.mu.
func (d *Dialog) count(a *admission, inSetup, dialogs int) {
	a.total.inSetup += inSetup
	a.total.dialogs += dialogs
	if s := d.source; s != nil {
		s.inSetup += inSetup
		s.dialogs += dialogs
	}
}

// idle says that there is nothing left to count.
func (s *source) idle(now time.Time) bool { return s.dialogs == 0 && !s.full.After(now) }

// find is the source that an address belongs to; nil where sources are not counted. Holding a.mu.
func (a *admission) find(from netip.Addr) *source {
	if a.sources == nil {
		return nil
	}
	key := from.Unmap().WithZone("")
	if key.Is6() {
		p, _ := key.Prefix(64)
		key = p.Addr()
	}
	if s := a.sources[key]; s != nil {
		return s
	}
	if len(a.sources) >= a.sweepAt {
		a.sweep()
	}
	if len(a.sources) >= maxSources {
		return &a.rest
	}
	s := &source{key: key}
	a.sources[key] = s
	return s
}

// sweep drops the sources that have nothing left to count, and waits with the next time until they may be twice as many. Holding a.mu.
func (a *admission) sweep() {
	now := time.Now()
	for key, s := range a.sources {
		if s.idle(now) {
			delete(a.sources, key)
		}
	}
	a.sweepAt = min(max(2*len(a.sources), fewSources), maxSources)
}

// overloaded is the refusal of a node that takes no new call now (S-022); wait is in seconds.
func overloaded(reason string, wait int) *Refusal {
	return &Refusal{Code: 503, Reason: reason, Headers: []sip.Header{{Name: "Retry-After", Value: strconv.Itoa(wait)}}}
}

// timed gives a 503 its Retry-After, without which it is as good as a 500 (RFC 3261 §21.5.4, S-022).
func (r Refusal) timed() *Refusal {
	if r.Code != 503 || slices.ContainsFunc(r.Headers, func(h sip.Header) bool { return h.Name == "Retry-After" }) {
		return &r
	}
	r.Headers = append(slices.Clip(r.Headers), overloaded("", someWait()).Headers...)
	return &r
}

// shed refuses an INVITE that would make a call, or an OPTIONS that asks for one, where the node takes no new calls. True: it is refused, and
// cost neither memory nor much time.
func (e *Endpoint) shed(tx *sip.ServerTx, m *sip.Message) bool {
	r := e.fullFor(tx.Flow().Remote.Addr(), m.Method == "INVITE")
	if r == nil {
		return false
	}
	h := r.Headers
	if e.cfg.Product != "" {
		h = append(h, sip.Header{Name: "Server", Value: e.cfg.Product})
	}
	e.countShed(m, r.Code)
	tx.ReplyAndForget(r.Code, r.Reason, h)
	return true
}

// unavailable asks Config.Unavailable.
func (e *Endpoint) unavailable() string {
	if e.cfg.Unavailable == nil {
		return ""
	}
	return e.cfg.Unavailable()
}

// fullFor says why no new call from that address is taken; nil if one is. counts: there is one.
func (e *Endpoint) fullFor(from netip.Addr, counts bool) *Refusal {
	why := e.unavailable()
	switch {
	case e.draining.Load():
		return overloaded("Shutting Down", drainWait)
	case why != "":
		return overloaded(why, someWait())
	case e.dialogs.count() >= e.cfg.Limits.Dialogs:
		return overloaded("Too Many Calls", someWait())
	case counts:
		return e.admission.arrives(from)
	default:
		return e.admission.would(from)
	}
}

// someWait is a Retry-After for which nothing says how long it will be, in seconds: callers shall not all come back at once.
func someWait() int { return 10 + rand.IntN(21) }

// drainWait is the Retry-After of a node that shuts down, in seconds.
const drainWait = 30
