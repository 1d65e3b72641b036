package trace

import (
	"errors"
	"sync"
	"time"
)

// What is recorded at most.
const (
	maxTraces   = 16
	maxMessages = 2000
	maxOctets   = 4 << 20 // of the messages of one trace

	// Lease is how long a trace goes on after somebody asked for it the last time.
	Lease = time.Minute
	// Patience is how long calls that are to come are waited for, and MaxAwaited how many of them.
	Patience   = 10 * time.Minute
	MaxAwaited = maxTraces
	// kept is how long what was recorded is there after that.
	kept = 10 * time.Minute
)

// ErrTooMany says that no further call can be traced at the same time.
var ErrTooMany = errors.New("16 sessions are traced already; DELETE the trace of another one, or wait until it has expired")

// Message is one message as it passed.
type Message struct {
	Number    uint64    `json:"number" doc:"Counts the messages of the trace, from 1."`
	Time      time.Time `json:"time" doc:"When it passed."`
	Protocol  Protocol  `json:"protocol" doc:"What it is a message of."`
	Transport string    `json:"transport,omitempty" doc:"Of SIP: UDP, TCP or TLS."`
	Sent      bool      `json:"sent" doc:"Whether this node sent it."`
	Local     string    `json:"local" doc:"The own address."`
	Remote    string    `json:"remote" doc:"The peer's address."`
	Octets    int       `json:"octets" doc:"How long it was."`
	Text      string    `json:"text" doc:"The message, or its first 16 KiB. Credentials are left out, octets that are no text are replaced."`
}

// Recording is what was recorded of a call.
type Recording struct {
	Recording bool      `json:"recording" doc:"Whether messages are still being recorded."`
	Dropped   uint64    `json:"dropped" doc:"Messages that are no longer kept, because there were too many."`
	Messages  []Message `json:"messages" doc:"The messages, the oldest first."`
}

// Recorder records calls. Safe for concurrent use.
type Recorder struct {
	tap *Tap

	mu        sync.Mutex
	leave     func() // of the tap; nil: nothing is being recorded
	byCall    map[string]*trace
	bySession map[string]*trace

	awaited  int // calls that are to come, which will be traced
	patience *time.Timer
	names    map[string][]string // sessions of calls whose INVITE the tap may still have to show
}

// trace is one call that is traced, or was. Guarded by Recorder.mu.
type trace struct {
	calls, sessions []string
	until           time.Time // recorded
	number, dropped uint64
	octets          int
	messages        []Message
	timer           *time.Timer
}

// NewRecorder makes a Recorder of what passes at a tap, which it joins while it records.
func NewRecorder(tap *Tap) *Recorder {
	return &Recorder{tap: tap, byCall: map[string]*trace{}, bySession: map[string]*trace{}}
}

// Begin records a call, or goes on for another Lease. The Call-ID or the sessions may be more than were named before; those of a call that is about to be made
// are named later.
func (r *Recorder) Begin(callID string, sessionIDs ...string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	t := r.byCall[callID]
	for _, id := range sessionIDs {
		if t == nil {
			t = r.bySession[id]
		}
	}
	if t == nil {
		if r.recording(now) >= maxTraces {
			return ErrTooMany
		}
		t = r.begin(now)
	}
	t.until = now.Add(Lease)
	t.timer.Reset(Lease)
	r.name(t, callID, sessionIDs)
	r.join()
	return nil
}

// begin makes a trace that has no names yet. Holding r.mu.
func (r *Recorder) begin(now time.Time) *trace {
	t := &trace{until: now.Add(Lease)}
	t.timer = time.AfterFunc(Lease, func() { r.expire(t) })
	return t
}

// name is called holding r.mu.
func (r *Recorder) name(t *trace, callID string, sessionIDs []string) {
	if r.byCall[callID] != t {
		r.byCall[callID] = t
		t.calls = append(t.calls, callID)
	}
	for _, id := range sessionIDs {
		if r.bySession[id] != t {
			r.bySession[id] = t
			t.sessions = append(t.sessions, id)
		}
	}
}

// join is called holding r.mu.
func (r *Recorder) join() {
	if r.leave == nil {
		r.leave = r.tap.Join(r.see)
	}
}

// recording counts the traces that go on, and forgets one that does not where there are many. Holding r.mu.
func (r *Recorder) recording(now time.Time) int {
	n, all := 0, map[*trace]bool{}
	for _, t := range r.byCall {
		if !all[t] && now.Before(t.until) {
			n++
		}
		all[t] = true
	}
	if len(all) >= 2*maxTraces {
		for t := range all {
			if !now.Before(t.until) {
				r.forget(t)
				break
			}
		}
	}
	return n
}

// expire ends a trace that nobody asks for any more, and later forgets it.
func (r *Recorder) expire(t *trace) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	switch {
	case now.Before(t.until):
		t.timer.Reset(t.until.Sub(now))
	case now.Before(t.until.Add(kept)):
		t.timer.Reset(kept)
		r.rest(now)
	default:
		r.forget(t)
	}
}

// rest leaves the tap where nothing is recorded. Holding r.mu.
func (r *Recorder) rest(now time.Time) {
	if r.leave != nil && r.recording(now) == 0 && r.awaited == 0 {
		r.leave()
		r.leave = nil
	}
}

// forget is called holding r.mu.
func (r *Recorder) forget(t *trace) {
	t.timer.Stop()
	for _, id := range t.calls {
		delete(r.byCall, id)
	}
	for _, id := range t.sessions {
		delete(r.bySession, id)
	}
}

// End ends and forgets the trace of a session; false: there is none.
func (r *Recorder) End(sessionID string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.bySession[sessionID]
	if t == nil {
		return false
	}
	r.forget(t)
	r.rest(time.Now())
	return true
}

// Read gives what was recorded of a session's call, after the message of that number; false: it is not traced.
func (r *Recorder) Read(sessionID string, after uint64) (Recording, bool) {
	r.tap.Settle()
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.bySession[sessionID]
	if t == nil {
		return Recording{}, false
	}
	recording := Recording{Recording: time.Now().Before(t.until), Dropped: t.dropped, Messages: []Message{}}
	for i := range t.messages {
		if t.messages[i].Number > after {
			recording.Messages = append(recording.Messages, t.messages[i])
		}
	}
	return recording, true
}

// Close forgets everything.
func (r *Recorder) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range r.byCall {
		r.forget(t)
	}
	r.await(0)
}

// see takes a message that passes.
func (r *Recorder) see(p *Passed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.meet(p)
	t := r.byCall[p.CallID]
	if t == nil && p.Protocol == MSRP {
		t = r.bySession[p.SessionID]
	}
	if t != nil {
		r.put(t, p)
	}
}

// put adds a message to a trace that goes on. Holding r.mu.
func (r *Recorder) put(t *trace, p *Passed) {
	if !time.Now().Before(t.until) {
		return
	}
	t.number++
	m := Message{
		Number: t.number, Time: p.Time, Protocol: p.Protocol, Transport: p.Transport, Sent: p.Sent, Local: p.Local.String(), Remote: p.Remote.String(),
		Octets: p.Length, Text: p.Text(),
	}
	t.messages = append(t.messages, m)
	t.octets += len(m.Text)
	for len(t.messages) > maxMessages || t.octets > maxOctets {
		t.octets -= len(t.messages[0].Text)
		t.messages = t.messages[1:]
		t.dropped++
	}
}
