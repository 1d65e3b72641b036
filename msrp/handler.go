package msrp

// Handler is told what happens in a session. For one session its methods are called one at a time and in order, from
// goroutines of the engine; they must not block. They may call the Session, also Close. A Handler that serves several
// sessions is called concurrently.
type Handler interface {
	// Message hands over a whole message, which is completed later by m.Accept or m.Reject, from any goroutine, in any
	// order. Until then it counts towards Config.UncompletedMessages and Config.UncompletedOctets.
	Message(s *Session, m *Received)
	// Report: a REPORT came for a message of ours, whatever it says. Those with an unknown Message-ID are not handed over
	// (RFC 4975 §7.1.1, M-109).
	Report(s *Session, r Report)
	// Fate: what became of a message that was sent.
	Fate(s *Session, f Fate)
	// Closed: the session is over, because its connection broke, the peer answered 481 or 506, or never bound a connection
	// to it. The error is one of those listed at ErrSessionUnknown, wrapped. Called once, after the fates of all messages;
	// not after Session.Close. The session needs no Close any more.
	Closed(s *Session, err error)
}
