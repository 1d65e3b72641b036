package sink

import (
	"context"
	"sync"
	"time"
)

const (
	// windowEvents and windowOctets are how much one webhook has in hand: what was read from the journal and not delivered yet.
	windowEvents = 1024
	windowOctets = 1 << 20
)

// pending is an event in hand.
type pending struct {
	session string
	before  string // cursor to begin from so that this event comes again
	body    []byte
	at      time.Time // of the event
	trace   string    // its trace context; "": none
	done    bool
}

// window holds what a webhook has in hand: in the order of the journal, and by session, for the order that receivers are promised. Its position is where to go
// on after a restart: no event after it was delivered to the end of those before it. Safe for concurrent use.
type window struct {
	mu       sync.Mutex
	events   []*pending            // the oldest first; the first one is not done
	sessions map[string][]*pending // not done, by session; a session that is here has somebody who delivers its events
	octets   int
	read     string        // cursor of the last event read
	changed  chan struct{} // closed when there is more room
}

func newWindow(cursor string) *window {
	return &window{sessions: map[string][]*pending{}, read: cursor, changed: make(chan struct{})}
}

// skip notes an event that was read and is not for the webhook.
func (w *window) skip(cursor string) {
	w.mu.Lock()
	w.read = cursor
	w.mu.Unlock()
}

// last is the cursor of the last event read: a reader that is made anew goes on from there.
func (w *window) last() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.read
}

// add takes an event in hand once there is room. first: its session has nobody who delivers yet.
func (w *window) add(ctx context.Context, p *pending, cursor string) (first bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.events) > 0 && (len(w.events) >= windowEvents || w.octets+len(p.body) > windowOctets) {
		wait := w.changed
		w.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
		}
		w.mu.Lock()
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
	}
	p.before, w.read = w.read, cursor
	w.events = append(w.events, p)
	w.octets += len(p.body)
	queue, busy := w.sessions[p.session]
	w.sessions[p.session] = append(queue, p)
	return !busy, nil
}

// next is the event of a session that is to be delivered now; nil: there is none, and the session has nobody who delivers any more.
func (w *window) next(session string) *pending {
	w.mu.Lock()
	defer w.mu.Unlock()
	queue := w.sessions[session]
	if len(queue) == 0 {
		delete(w.sessions, session)
		return nil
	}
	return queue[0]
}

// finish puts the first event of its session away.
func (w *window) finish(p *pending) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p.done = true
	w.octets -= len(p.body)
	p.body = nil
	w.sessions[p.session] = w.sessions[p.session][1:]
	n := 0
	for n < len(w.events) && w.events[n].done {
		w.events[n] = nil
		n++
	}
	w.events = w.events[n:]
	close(w.changed)
	w.changed = make(chan struct{})
}

// position is the cursor to go on from after a restart, and how long the oldest event in hand has waited.
func (w *window) position(now time.Time) (cursor string, waiting int, lag time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.events) == 0 {
		return w.read, 0, 0
	}
	for _, p := range w.events {
		if !p.done {
			waiting++
		}
	}
	return w.events[0].before, waiting, max(0, now.Sub(w.events[0].at))
}
