// Package trace sees the SIP and MSRP messages of an agent, for those who want to see them: what is recorded of single calls, in memory and bounded, and
// others that join the tap. Nobody wanting that, it costs a look at one flag for each read and write.
package trace

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxQueue and maxQueueOctets are how much waits to be looked at; what comes beyond is not seen.
	maxQueue       = 8192
	maxQueueOctets = 16 << 20
	maxStreams     = 4096     // directions of MSRP connections that are amid a frame
	maxHeld        = 32 << 20 // octets that are held of their frames
	maxCalls       = 4096     // sessions whose Call-ID is remembered
)

// Tap hands each message that passes to all who joined. What the agent calls copies and queues, and never waits; a goroutine does the rest. Safe for concurrent use.
type Tap struct {
	joined    atomic.Pointer[[]*joint]
	queue     chan octets
	waiting   atomic.Int64 // octets in queue
	gaps      atomic.Uint64
	dropped   atomic.Uint64
	followers atomic.Int64
	callOf    atomic.Pointer[func(sessionID string) string]

	mu     sync.Mutex // of whoever changes joined
	closed chan struct{}
	worker sync.WaitGroup

	// Of the worker alone.
	streams map[stream]*splitter
	held    int               // octets of their frames
	calls   map[string]string // by session, also for a while after it is over
}

type joint struct{ see func(*Passed) }

// octets are what was read or written at once.
type octets struct {
	Passed
	gap  uint64        // how often something had been left out before
	done chan struct{} // in place of octets: closed when all before it was shown
}

// stream is one direction of an MSRP connection.
type stream struct {
	local, remote netip.AddrPort
	sent          bool
}

// NewTap makes a Tap that nobody has joined. Close ends it.
func NewTap() *Tap {
	t := &Tap{queue: make(chan octets, maxQueue), closed: make(chan struct{}), streams: map[stream]*splitter{}, calls: map[string]string{}}
	t.joined.Store(&[]*joint{})
	t.worker.Go(t.work) // ends with Close
	return t
}

// Calls says how the Call-ID of a session is found; "": it is not known.
func (t *Tap) Calls(of func(sessionID string) string) { t.callOf.Store(&of) }

// Join has see called with each message that passes from now on, in order and one at a time, until leave is called. Neither may see block nor keep what it is handed.
// leave may be called by see; one last call of see may still be under way when it returns.
func (t *Tap) Join(see func(*Passed)) (leave func()) {
	j := &joint{see}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(*t.joined.Load()) == 0 {
		t.gaps.Add(1) // nothing was seen for a while
	}
	all := append(slices.Clone(*t.joined.Load()), j)
	t.joined.Store(&all)
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		rest := slices.DeleteFunc(slices.Clone(*t.joined.Load()), func(other *joint) bool { return other == j })
		t.joined.Store(&rest)
	}
}

// Dropped counts what was read or written and not looked at, because too much came at once.
func (t *Tap) Dropped() uint64 { return t.dropped.Load() }

// Close ends the tap, and returns when nobody is called any more.
func (t *Tap) Close() {
	t.mu.Lock()
	t.joined.Store(&[]*joint{})
	t.mu.Unlock()
	close(t.closed)
	t.worker.Wait()
}

// SIP sees the messages of a SIP stack: it is ua.Config.TapSIP.
func (t *Tap) SIP(transport string, local, remote netip.AddrPort, sent bool, message []byte) {
	if len(*t.joined.Load()) > 0 {
		t.put(Passed{Protocol: SIP, Transport: transport, Local: local, Remote: remote, Sent: sent}, message)
	}
}

// MSRP sees the octets of MSRP connections: it is msrp.Config.Tap.
func (t *Tap) MSRP(local, remote net.Addr, sent bool, some []byte) {
	if len(*t.joined.Load()) > 0 {
		t.put(Passed{Protocol: MSRP, Local: addrPort(local), Remote: addrPort(remote), Sent: sent}, some)
	}
}

func addrPort(a net.Addr) netip.AddrPort {
	if tcp, ok := a.(*net.TCPAddr); ok {
		p := tcp.AddrPort()
		return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
	}
	p, _ := netip.ParseAddrPort(a.String()) // of in-memory connections there is none
	return p
}

// put queues a copy, or leaves it out where too much waits.
func (t *Tap) put(p Passed, some []byte) {
	n := int64(len(some))
	if t.waiting.Add(n) > maxQueueOctets {
		t.leaveOut(n)
		return
	}
	p.Time, p.Octets = time.Now().UTC(), slices.Clone(some)
	select {
	case t.queue <- octets{Passed: p, gap: t.gaps.Load()}:
	default:
		t.leaveOut(n)
	}
}

// Settle waits until all that has passed was shown.
func (t *Tap) Settle() {
	done := make(chan struct{})
	select {
	case t.queue <- octets{done: done}:
	case <-t.closed:
		return
	}
	select {
	case <-done:
	case <-t.closed:
	}
}

func (t *Tap) leaveOut(n int64) {
	t.waiting.Add(-n)
	t.gaps.Add(1)
	t.dropped.Add(1)
}

func (t *Tap) work() {
	for {
		select {
		case o := <-t.queue:
			t.waiting.Add(-int64(len(o.Octets)))
			t.take(&o)
		case <-t.closed:
			return
		}
	}
}

func (t *Tap) take(o *octets) {
	switch {
	case o.done != nil:
		close(o.done)
	case o.Protocol == SIP:
		o.CallID = headerOf(o.Octets, "Call-ID", "i")
		o.Length = len(o.Octets)
		t.show(&o.Passed)
	default:
		t.split(o)
	}
}

// split makes messages of the octets of a connection.
func (t *Tap) split(o *octets) {
	key := stream{o.Local, o.Remote, o.Sent}
	s := t.streams[key]
	if s == nil {
		if len(t.streams) >= maxStreams {
			t.forgetStream()
		}
		s = &splitter{gap: o.gap}
		t.streams[key] = s
	}
	before := s.held()
	if s.gap != o.gap { // perhaps of this connection: look for the next start line
		*s = splitter{gap: o.gap}
	}
	s.feed(o.Octets, func(frame []byte, length int, flag byte) {
		p := o.Passed
		p.Octets, p.Length, p.Flag = frame, length, flag
		p.SessionID, p.CallID = t.sessionOf(frame, o.Sent)
		t.show(&p)
	})
	t.held += s.held() - before
	if s.idle() {
		delete(t.streams, key)
	}
	for t.held > maxHeld {
		t.forgetStream()
	}
}

// forgetStream lets go of one connection: what comes of it next is read from a start line on.
func (t *Tap) forgetStream() {
	for key, s := range t.streams {
		t.held -= s.held()
		delete(t.streams, key)
		return
	}
}

// sessionOf is the own session of a frame, and its Call-ID where that is known.
func (t *Tap) sessionOf(frame []byte, sent bool) (id, callID string) {
	ids := sessionIDs(frame, sent)
	for _, id := range ids {
		if callID := t.call(id); callID != "" {
			return id, callID
		}
	}
	if len(ids) == 0 {
		return "", ""
	}
	return ids[0], ""
}

func (t *Tap) call(sessionID string) string {
	if callID := t.calls[sessionID]; callID != "" {
		return callID
	}
	of := t.callOf.Load()
	if of == nil {
		return ""
	}
	callID := (*of)(sessionID)
	if callID != "" {
		if len(t.calls) >= maxCalls {
			for one := range t.calls {
				delete(t.calls, one)
				break
			}
		}
		t.calls[sessionID] = callID
	}
	return callID
}

func (t *Tap) show(p *Passed) {
	p.Octets = withoutCredentials(p.Octets[:min(len(p.Octets), maxText)])
	for _, j := range *t.joined.Load() {
		j.see(p)
	}
}
