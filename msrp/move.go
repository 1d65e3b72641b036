package msrp

import (
	"cmp"
	"slices"
)

// move is a session's way from one connection to another, after its peer's path has changed (RFC 4975 §8.4). Guarded by Session.mu.
type move struct {
	from  *conn
	heard bool // something came over the new connection: from there on the old one counts no more
}

// SetAccept changes the media types that the session takes; messages that have begun go on.
func (s *Session) SetAccept(types Types) {
	types = slices.Clone(types)
	s.accept.Store(&types)
}

// repath notes that the peer's path has changed. Where its left-most URI leads elsewhere the session is unbound: what is sent waits until the
// active party of the exchange has bound another connection, and what comes over the old one is still taken (RFC 3264 §8.3.1). Holding s.mu.
func (s *Session) repath(before, next *peer) {
	if slices.Equal(before.Path, next.Path) && before.At == next.At {
		return
	}
	s.rebind = true
	s.moves.Add(1)
	was, wasErr := before.hop()
	is, isErr := next.hop()
	if s.conn == nil || s.relays != nil || wasErr == nil && isErr == nil && was == is {
		return // the connection leads to the new path as well
	}
	s.unbind()
}

// unbind takes the session off its connection, which what is under way there goes on over. Holding s.mu.
func (s *Session) unbind() {
	if s.move != nil {
		s.move.from.leave(s)
	}
	s.move, s.conn = &move{from: s.conn}, nil
	s.moving.Store(true)
}

// takes says whether a request that came over c may be taken, and binds the session to c if it can be. before says that the session was bound to c
// once: then only a request from the very path that is new binds it again, for others may just be late. from is the request's sender.
// Holding s.mu.
func (s *Session) takes(c *conn, from *sender, before bool) (taken, bound bool) {
	if m := s.move; m != nil && s.conn != c && (before || m.from == c) && (s.conn != nil || !s.peer.Load().last().Equal(from.last)) {
		return m.from == c && !m.heard, false
	}
	if !s.bind(c) {
		return false, false
	}
	s.speak()
	s.heardOn(c)
	return true, true
}

// heard notes that a response came over c, or that none will come any more.
func (s *Session) heard(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heardOn(c)
}

// heardOn leaves the old connection once something has come over the new one and nothing of ours is unanswered on the old. Holding s.mu.
func (s *Session) heardOn(c *conn) {
	m := s.move
	if m == nil || s.conn == nil {
		return
	}
	if s.conn == c && !m.heard {
		m.heard = true
		s.moves.Add(1)
	}
	if !m.heard || m.from.unanswered(s) {
		return
	}
	s.endMove()
	if m.from != s.conn {
		m.from.leave(s)
	}
}

// endMove forgets the old connection. Holding s.mu.
func (s *Session) endMove() {
	s.move = nil
	s.moving.Store(false)
}

// unanswered says whether requests of the session still wait for their responses on the connection.
func (c *conn) unanswered(s *Session) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.transactions.byID {
		if t.session == s && t.message.failure == FailureYes {
			return true
		}
	}
	return false
}

// disconnected is told that a connection which the session is on is lost, with what was unanswered there. It is the end of the session,
// unless that has moved or is moving away: then what can be sent anew goes over the new one, under its Message-ID (RFC 4975 §5.4; M-054, G-011).
func (s *Session) disconnected(c *conn, open []*transaction, cause error) {
	s.mu.Lock()
	leaving := s.move != nil && s.move.from == c
	if s.conn == c || s.conn == nil && !leaving {
		s.mu.Unlock()
		s.end(cause)
		return
	}
	if leaving {
		s.endMove()
	}
	if o := &s.outgoing; s.row == c && o.scheduled {
		o.scheduled, o.inChunk = false, nil
	}
	lost := s.resend(open)
	s.ready()
	s.mu.Unlock()
	for _, t := range lost {
		s.answered(t, 0, "", ByConnection)
	}
}

// resend queues the messages of these transactions again, in the order of Send and before those that wait. It gives back the transactions of those that
// cannot be had a second time. Holding s.mu.
func (s *Session) resend(open []*transaction) (lost []*transaction) {
	o := &s.outgoing
	var again []*message
	for _, t := range open {
		m := t.message
		switch {
		case t.session != s || m.failure != FailureYes:
		case m.bind || m.abort || m.ended || m.body.feeder != nil || int64(len(m.body.window)) != m.body.size:
			lost = append(lost, t)
		default:
			m.open--
			o.unanswered--
			if !slices.Contains(again, m) {
				again = append(again, m)
			}
		}
	}
	slices.SortFunc(again, func(a, b *message) int { return cmp.Compare(a.serial, b.serial) })
	var first []*message
	for _, m := range again {
		// What is under way on the lost connection goes on to hold m, whose end nobody is told.
		next := &message{
			id: m.id, contentType: m.contentType, mime: m.mime, body: m.body, counted: m.counted, success: m.success, failure: m.failure,
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
		m.queued, m.ended = false, true
	}
	o.queue.unshift(first)
	return lost
}
