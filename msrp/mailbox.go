package msrp

import (
	"sync"
	"sync/atomic"
)

// mailbox hands what happens in a session to its Handler: one call at a time and in order, whichever goroutine it
// happens in, and never under a lock of the engine, so that the Handler may call the Session.
type mailbox struct {
	mu    sync.Mutex
	busy  bool
	queue []event

	full atomic.Bool   // there are maxEvents in queue, or more
	room chan struct{} // closed when there are fewer; nil: nobody waits
}

// event is one call of a Handler.
type event struct {
	kind     eventKind
	received *Received
	incoming *Incoming
	report   *Report
	fate     Fate
	err      error
	begun    string // Message-ID
	octets   int64  // that came of that message
}

type eventKind uint8

const (
	eventMessage eventKind = iota
	eventReport
	eventFate
	eventClosed
	eventStream
	eventDisconnected
	eventRecovered
	eventBegun
	eventUnfinished
)

const (
	// keptEvents is how many places of an emptied queue are kept for the next time.
	keptEvents = 16
	// maxEvents is how many calls may wait for a Handler that another goroutine than the connection's reader is in; then the connection is not read. The peer
	// can cause them without end: by REPORTs, and by messages that it gives up.
	maxEvents = 256
)

// put leaves an event for the next deliver. It may be called under Session.mu, which decides the order.
func (b *mailbox) put(e *event) {
	b.mu.Lock()
	b.add(e)
	b.mu.Unlock()
}

// add puts an event behind the others. Holding b.mu.
func (b *mailbox) add(e *event) {
	b.queue = append(b.queue, *e)
	if len(b.queue) == maxEvents {
		b.full.Store(true)
	}
}

// crowded gives what is closed once no more events wait than may; nil: it is so.
func (b *mailbox) crowded() <-chan struct{} {
	if !b.full.Load() {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.full.Load() || !b.busy {
		return nil
	}
	if b.room == nil {
		b.room = make(chan struct{})
	}
	return b.room
}

// take gives all that waits, and leaves an empty queue. Holding b.mu.
func (b *mailbox) take(empty []event) []event {
	all := b.queue
	b.queue = empty
	b.full.Store(false)
	if b.room != nil {
		close(b.room)
		b.room = nil
	}
	return all
}

// post is put and deliver, without a queue if there is nothing in it.
func (s *Session) post(e *event) {
	b := &s.mail
	b.mu.Lock()
	if b.busy || len(b.queue) > 0 {
		b.add(e)
		b.mu.Unlock()
		s.deliver()
		return
	}
	b.busy = true
	b.mu.Unlock()
	s.call(e)
	s.drain()
}

// deliver calls the Handler for what is in the queue, or leaves that to the goroutine that is just doing so.
func (s *Session) deliver() {
	b := &s.mail
	b.mu.Lock()
	if b.busy || len(b.queue) == 0 {
		b.mu.Unlock()
		return
	}
	b.busy = true
	b.mu.Unlock()
	s.drain()
}

func (s *Session) drain() {
	b := &s.mail
	var batch []event
	for {
		b.mu.Lock()
		if len(b.queue) == 0 {
			if cap(b.queue) > keptEvents {
				b.queue = nil
			}
			b.busy = false
			b.mu.Unlock()
			return
		}
		clear(batch)
		batch = b.take(batch[:0])
		b.mu.Unlock()
		for i := range batch {
			s.call(&batch[i])
		}
	}
}

func (s *Session) call(e *event) {
	switch e.kind {
	case eventMessage:
		if s.closed.Load() {
			e.received.Reject(481, "") // the application has done with the session
			return
		}
		s.handler.Message(s, e.received)
	case eventStream:
		if s.closed.Load() {
			e.incoming.Reject(481, "")
			return
		}
		s.streamer.Stream(s, e.incoming)
	case eventBegun:
		if !s.closed.Load() {
			s.beginner.Begun(s, e.begun)
		}
	case eventUnfinished:
		s.beginner.Unfinished(s, e.begun, e.octets) // also once the application has closed the session, as fates are
	case eventReport:
		// Also once the application has closed the session: the fate that follows rests on it.
		s.handler.Report(s, *e.report)
	case eventFate:
		s.handler.Fate(s, e.fate)
	case eventDisconnected:
		if !s.closed.Load() {
			s.handler.(Recoverer).Disconnected(s, e.err)
		}
	case eventRecovered:
		if !s.closed.Load() {
			s.handler.(Recoverer).Recovered(s)
		}
	case eventClosed:
		if !s.closed.Load() {
			s.handler.Closed(s, e.err)
		}
	}
}
