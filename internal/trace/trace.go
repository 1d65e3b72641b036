// Package trace records the SIP and MSRP messages of single calls while somebody wants to see them, in memory and bounded. Nobody wanting that, it costs
// a look at one flag for each read and write.
package trace

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// What is recorded at most.
const (
	maxTraces   = 16
	maxMessages = 2000
	maxOctets   = 4 << 20  // of the messages of one trace
	maxText     = 16 << 10 // octets of one message
	maxStreams  = 4096     // MSRP connections looked into, each direction

	// Lease is how long a trace goes on after somebody asked for it the last time.
	Lease = time.Minute
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

// Protocol is what a message is of.
type Protocol string

// The protocols.
const (
	SIP  Protocol = "SIP"
	MSRP Protocol = "MSRP"
)

// Enum lists the protocols.
func (Protocol) Enum() []string { return []string{string(SIP), string(MSRP)} }

// Recording is what was recorded of a call.
type Recording struct {
	Recording bool      `json:"recording" doc:"Whether messages are still being recorded."`
	Dropped   uint64    `json:"dropped" doc:"Messages that are no longer kept, because there were too many."`
	Messages  []Message `json:"messages" doc:"The messages, the oldest first."`
}

// Recorder records calls. Safe for concurrent use.
type Recorder struct {
	on atomic.Bool // something is being recorded

	mu        sync.Mutex
	byCall    map[string]*trace
	bySession map[string]*trace
	streams   map[streamKey]*splitter
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

// NewRecorder makes a Recorder that records nothing yet.
func NewRecorder() *Recorder {
	return &Recorder{byCall: map[string]*trace{}, bySession: map[string]*trace{}, streams: map[streamKey]*splitter{}}
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
		t = &trace{}
		t.timer = time.AfterFunc(Lease, func() { r.expire(t) })
	}
	t.until = now.Add(Lease)
	t.timer.Reset(Lease)
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
	r.on.Store(true)
	return nil
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

// rest takes the flag back where nothing is recorded. Holding r.mu.
func (r *Recorder) rest(now time.Time) {
	if r.recording(now) == 0 {
		r.on.Store(false)
		clear(r.streams)
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
	r.on.Store(false)
}

// TapSIP sees the messages of a SIP stack.
func (r *Recorder) TapSIP(transport string, local, remote netip.AddrPort, sent bool, octets []byte) {
	if !r.on.Load() {
		return
	}
	callID := headerOf(octets, "Call-ID", "i")
	r.mu.Lock()
	defer r.mu.Unlock()
	r.put(r.byCall[callID], Message{
		Protocol: SIP, Transport: transport, Sent: sent, Local: local.String(), Remote: remote.String(), Octets: len(octets),
	}, octets)
}

type streamKey struct {
	local, remote string
	sent          bool
}

// TapMSRP sees the octets of MSRP connections.
func (r *Recorder) TapMSRP(local, remote net.Addr, sent bool, octets []byte) {
	if !r.on.Load() {
		return
	}
	key := streamKey{local.String(), remote.String(), sent}
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.streams[key]
	if s == nil {
		if len(r.streams) >= maxStreams {
			clear(r.streams)
		}
		s = &splitter{}
		r.streams[key] = s
	}
	s.feed(octets, func(frame []byte, length int) {
		r.put(r.sessionOf(frame), Message{
			Protocol: MSRP, Sent: sent, Local: key.local, Remote: key.remote, Octets: length,
		}, frame)
	})
}

// sessionOf finds the trace by the session-ids of a frame's paths. Holding r.mu.
func (r *Recorder) sessionOf(frame []byte) *trace {
	for _, name := range []string{"To-Path", "From-Path"} {
		for uri := range strings.FieldsSeq(headerOf(frame, name, "")) {
			_, id, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(uri, "msrp://"), "msrps://"), "/")
			id, _, _ = strings.Cut(id, ";")
			if t := r.bySession[id]; t != nil {
				return t
			}
		}
	}
	return nil
}

// put adds a message to a trace that goes on. Holding r.mu.
func (r *Recorder) put(t *trace, m Message, octets []byte) {
	now := time.Now()
	if t == nil || !now.Before(t.until) {
		return
	}
	t.number++
	m.Number, m.Time = t.number, now.UTC()
	m.Text = strings.ToValidUTF8(string(withoutCredentials(octets[:min(len(octets), maxText)])), "\ufffd")
	t.messages = append(t.messages, m)
	t.octets += len(m.Text)
	for len(t.messages) > maxMessages || t.octets > maxOctets {
		t.octets -= len(t.messages[0].Text)
		t.messages = t.messages[1:]
		t.dropped++
	}
}

// headerOf is the value of a header in a head, by either of its names; "": it is not there.
func headerOf(message []byte, name, short string) string {
	for line := range headOf(message) {
		n, value, ok := bytes.Cut(line, []byte(":"))
		if n = bytes.TrimRight(n, " \t"); ok && (strings.EqualFold(string(n), name) || short != "" && strings.EqualFold(string(n), short)) {
			return string(bytes.TrimSpace(value))
		}
	}
	return ""
}

// headOf gives the lines of a head without their ends, the start line among them.
func headOf(message []byte) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for line := range bytes.Lines(message) {
			if line = bytes.TrimRight(line, "\r\n"); len(line) == 0 || !yield(line) {
				return
			}
		}
	}
}

// withoutCredentials leaves out what the lines of Authorization and Proxy-Authorization say.
func withoutCredentials(message []byte) []byte {
	if !bytes.Contains(bytes.ToLower(message[:min(len(message), maxText)]), []byte("authorization")) {
		return message
	}
	var b []byte
	hiding, head := false, true
	for line := range bytes.Lines(message) {
		if len(bytes.TrimRight(line, "\r\n")) == 0 {
			head = false
		}
		folded := line[0] == ' ' || line[0] == '\t'
		if head && folded && hiding {
			continue
		}
		name, _, _ := bytes.Cut(line, []byte(":"))
		name = bytes.ToLower(bytes.TrimSpace(name))
		if hiding = head && (string(name) == "authorization" || string(name) == "proxy-authorization"); hiding {
			b = append(append(b, line[:bytes.IndexByte(line, ':')]...), ": (not shown)\r\n"...)
			continue
		}
		b = append(b, line...)
	}
	return b
}
