package msrp

import (
	"cmp"
	"slices"
)

// Recoverer is an optional part of a Handler, for sessions that outlive their connections (SessionConfig.Recovers).
type Recoverer interface {
	// Disconnected: the session's connection broke; err wraps ErrConnectionLost. Nobody is told Closed: the session waits until it is bound again,
	// by Connect or by its peer, which a new exchange of session descriptions comes before (RFC 4975 §5.4): with another URI of this side's (Renew) or,
	// behind relays, another path (Relay). What is sent waits meanwhile; what was not acknowledged goes out again under its Message-ID (M-054). It is for
	// the Handler to end by Session.Close what is not bound again. A connection that breaks before Recovered is told as well.
	Disconnected(s *Session, err error)
	// Recovered: something of the peer's has come over another connection.
	Recovered(s *Session)
}

// lose leaves the session without connection until it is bound to another one. Holding s.mu.
func (s *Session) lose(c *conn, open []*transaction) {
	s.conn, s.lost = nil, true
	s.awaits = s.relays != nil // of the path through them, the peer has not heard
	if s.move != nil && s.move.from == c {
		s.move = nil
	}
	s.moving.Store(true)
	s.moves.Add(1)
	cut := s.leaveRow(c)
	s.resend(open, cut, true)
}

// disconnected is told that a connection which the session is on is lost, with what was unanswered there. It is the end of the session,
// unless that recovers, or has moved or is moving away: then what can be sent anew goes over another one, under its Message-ID (RFC 4975 §5.4; M-054, G-011).
// final says that there is nothing to recover from; nor is there where the session's first connection ends before any MSRP has come over it, or each call whose
// description names a host that hangs up would have this node knock there again and again (D-024).
func (s *Session) disconnected(c *conn, open []*transaction, cause error, final bool) {
	s.mu.Lock()
	leaving := s.move != nil && s.move.from == c
	switch {
	case s.over.Load(), s.lost && s.conn != c && !leaving:
		s.mu.Unlock()
		return
	case s.conn != c && (s.conn != nil || leaving):
		if leaving {
			s.endMove()
		}
		s.resend(open, s.leaveRow(c), false)
	case final, !s.recovers, !s.lost && !c.proven.Load(), s.endpoint.closing():
		s.mu.Unlock()
		s.end(cause)
		return
	default:
		s.lose(c, open)
		s.mail.put(&event{kind: eventDisconnected, err: cause})
	}
	s.ready()
	s.wakeFlush()
	s.mu.Unlock()
	s.deliver()
}

// unheard is told that nothing more comes over a connection which the session had moved away from, and then left for yet another one: what was not
// answered there goes over another one (D-016).
func (s *Session) unheard(c *conn, open []*transaction) {
	s.mu.Lock()
	if !s.over.Load() {
		s.resend(open, s.leaveRow(c), false)
		s.ready()
		s.wakeFlush()
	}
	s.mu.Unlock()
	s.deliver()
}

// leaveRow takes the session out of the row of a connection, and gives the message of which a chunk is in progress there. Holding s.mu.
func (s *Session) leaveRow(c *conn) (cut *message) {
	o := &s.outgoing
	if s.row != c || !o.scheduled {
		return nil
	}
	if o.inChunk == nil && !c.unschedule(s) {
		return nil // its turn has just come
	}
	cut = o.inChunk
	o.scheduled, o.inChunk = false, nil
	return cut
}

// resend queues messages again, in the order of Send and before those that wait: those of open transactions, one of which a chunk was cut off, and
// with all every one that has left in part. A peer that has lost what it had of them gets all of it. What cannot be had a second time has failed. Holding s.mu.
func (s *Session) resend(open []*transaction, cut *message, all bool) {
	o := &s.outgoing
	var again []*message
	mark := func(m *message) {
		if !m.ended && !slices.Contains(again, m) {
			again = append(again, m)
		}
	}
	for _, t := range open {
		m := t.message
		if t.session != s {
			continue
		}
		m.open--
		if m.failure == FailureYes {
			o.unanswered--
		}
		if m.failure == FailureYes || !m.left {
			mark(m)
		}
	}
	if cut != nil {
		mark(cut)
	}
	for _, m := range o.pending {
		if all && m.begun && !(m.whole && m.left) {
			mark(m)
		}
	}
	slices.SortFunc(again, func(a, b *message) int { return cmp.Compare(a.serial, b.serial) })
	var first []*message
	for _, m := range again {
		if m.bind {
			s.forget(m)
			continue
		}
		body, ok := m.body.again(s.feedMore)
		if !ok {
			s.abandon(m, Fate{Kind: Failed, Why: ByConnection, Comment: m.body.lostReason()})
			continue
		}
		// What is under way on the lost connection goes on to hold m, whose end nobody is told.
		next := &message{
			id: m.id, contentType: m.contentType, mime: m.mime, body: body, counted: m.counted, success: m.success, failure: m.failure,
			yields: m.yields, refusal: m.refusal, serial: m.serial, queued: true,
		}
		o.pending[m.id] = next
		o.awaited.remove(m)
		if m.queued {
			o.queue.replace(m, next)
		} else {
			first = append(first, next)
			o.octets += m.counted
		}
		s.unhold(m)
		m.queued, m.ended = false, true
	}
	o.queue.unshift(first)
}

// hold keeps the body of a message that has left until it is acknowledged, if it may be needed again. What they take in all is bounded by
// Config.QueuedOctets. Holding s.mu.
func (s *Session) hold(m *message) {
	o := &s.outgoing
	size := m.body.held()
	switch {
	case m.body.feeder == nil && size <= keptBody && m.failure == FailureYes:
		// Bounded by Config.Window.
	case !s.recovers, o.held > 0 && o.held+size > s.endpoint.cfg.QueuedOctets:
		m.body.close()
	default:
		m.held = size
		o.held += size
	}
}

// unhold counts the body of a message no more. Holding s.mu.
func (s *Session) unhold(m *message) {
	s.outgoing.held -= m.held
	m.held = 0
}

// letGo gives the body of a message back that is not needed again. Holding s.mu.
func (s *Session) letGo(m *message) {
	s.unhold(m)
	m.body.close()
}

// unschedule takes a session out of the row. False: it is not in it.
func (c *conn) unschedule(s *Session) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == connClosed {
		return true // with it, its row
	}
	var before *Session
	for at := c.next; at != nil; before, at = at, at.nextReady {
		if at != s {
			continue
		}
		if before == nil {
			c.next = s.nextReady
		} else {
			before.nextReady = s.nextReady
		}
		if c.last == s {
			c.last = before
		}
		s.nextReady = nil
		return true
	}
	return false
}

// takeOpen ends the transactions of a session on a connection, without an answer.
func (c *conn) takeOpen(s *Session) (open []*transaction) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.transactions.byID {
		if t.session == s {
			open = append(open, t)
		}
	}
	for _, t := range open {
		c.transactions.remove(t)
	}
	return open
}
