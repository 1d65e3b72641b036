package msrp

import "slices"

// move is a session's way from one connection to another, after its peer's path has changed (RFC 4975 §8.4). Guarded by Session.mu.
type move struct {
	from  *conn // while the session is still bound to it, it may stay there
	heard bool  // something came over the new connection: from there on the old one counts no more
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
		// The connection leads to the new path as well. A peer with another URI has perhaps lost it all the same, and will come over a new one.
		if s.conn != nil && s.relays == nil && !before.last().Equal(*next.last()) {
			s.leaveMove()
			s.move = &move{from: s.conn}
			s.moving.Store(true)
		}
		return
	}
	s.unbind()
}

// unbind takes the session off its connection, which what is under way there goes on over. Holding s.mu.
func (s *Session) unbind() {
	s.leaveMove()
	s.move, s.conn = &move{from: s.conn}, nil
	s.moving.Store(true)
}

// leaveMove gives up an earlier move. Holding s.mu.
func (s *Session) leaveMove() {
	if s.move != nil && s.move.from != s.conn {
		s.move.from.leave(s)
	}
}

// stays says that the session is bound to the connection that it may move away from. Holding s.mu.
func (s *Session) stays() bool { return s.move != nil && s.move.from == s.conn }

// takes says whether a request that came over c may be taken, and binds the session to c if it can be. before says that the session was bound to c
// once: then only a request from the very path that is new binds it again, for others may just be late. from is the request's sender.
// Holding s.mu.
func (s *Session) takes(c *conn, from *sender, before bool) (taken, bound bool) {
	p := s.peer.Load()
	fresh := s.move != nil && p != nil && p.last().Equal(from.last) // from the new path
	switch {
	case s.stays() && s.conn == c && !fresh:
		return true, false
	case s.stays() && s.conn != c && fresh && !before:
		// The peer has lost the old connection, noticed here or not: its messages have to come over the new one.
		s.conn = nil
		s.resend(s.move.from.takeOpen(s), s.leaveRow(s.move.from), true)
	}
	if m := s.move; m != nil && s.conn != c && (before || m.from == c) && (s.conn != nil || !fresh) {
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
	if !s.stays() {
		s.heardOn(c)
	}
	s.mu.Unlock()
	s.deliver()
}

// heardOn leaves the old connection once something has come over the new one and nothing of ours is unanswered on the old. Holding s.mu.
func (s *Session) heardOn(c *conn) {
	if s.lost && s.conn == c && c != nil && !s.over.Load() {
		s.lost = false
		s.moving.Store(s.move != nil)
		s.mail.put(&event{kind: eventRecovered})
	}
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
	s.moving.Store(s.lost)
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
