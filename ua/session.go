package ua

import (
	"context"
	"crypto/tls"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/parley-msrp/parley/cpim"
	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/msrp/relay"
)

// State is how far a session is. The numbers are those of OpenSIPS' dlg_state.
type State int

// The states.
const (
	Inviting    State = iota // INVITE under way
	Confirmed                // 2xx under way
	Established              // ACK received or sent
	Terminated               // over; the BYE is under way
)

// Session is one MSRP session of a call. Safe for concurrent use.
type Session struct {
	call  *Call
	media *msrp.Session
	peer  atomic.Pointer[msrp.Peer] // what its session description said; nil until known
	over  atomic.Bool               // changed holding call.mu
	line  int                       // index of its m-line; changed holding call.mu
	born  uint64                    // place in the table's order
	grace *time.Timer               // of a session that is lost; guarded by call.mu
	lost  error                     // why it waits for another connection; nil: it has one, or never had. Guarded by call.mu

	alarmed bool                        // the Handler knows of lost; guarded by call.mu
	strange []msrp.Fingerprint          // those that were warned of last; guarded by call.mu
	heard   media                       // what the media side tells, unless the Handler is a Streamer
	lease   atomic.Pointer[relay.Lease] // nil: there is no relay, or the session is one of an earlier process that has no path yet

	certificate *tls.Certificate // of an anonymous session; nil: the agent's
	described   *tls.Certificate // the agent's as of the last own session description; guarded by ownCertificate.mu
}

// ID names the session for ever; its MSRP URI may change.
func (s *Session) ID() string { return s.media.ID() }

// Call is the SIP call that the session belongs to.
func (s *Session) Call() *Call { return s.call }

// State is how far the session is.
func (s *Session) State() State {
	if s.over.Load() {
		return Terminated
	}
	return s.call.State()
}

// PeerPath is the peer's MSRP path; nil until known.
func (s *Session) PeerPath() []msrp.URI { return s.media.PeerPath() }

// PeerTypes are the media types that the peer takes; nil until known.
func (s *Session) PeerTypes() msrp.Types {
	if p := s.peer.Load(); p != nil {
		return p.Accept
	}
	return nil
}

// Send queues a message and returns its Message-ID. An error means that nothing was or will be sent: ErrNotEstablished, or one of package msrp.
// Otherwise the Handler hears the message's fate. It blocks only while the session's queue is full, until ctx ends.
func (s *Session) Send(ctx context.Context, m Outgoing) (messageID string, err error) {
	if err := s.prepare(&m); err != nil {
		return "", err
	}
	return s.media.Send(ctx, m)
}

// MaySend says whether Send would take a message now: nil, or the error that it would return. It does not block, and nothing is sent. Where the peer
// wants the message within message/cpim, m is that afterwards: Send has no more to do then.
func (s *Session) MaySend(m *Outgoing) error {
	if err := s.prepare(m); err != nil {
		return err
	}
	return s.media.MaySend(*m)
}

// prepare makes of a message what is to be sent.
func (s *Session) prepare(m *Outgoing) error {
	if st := s.State(); st == Inviting || st == Terminated {
		return ErrNotEstablished
	}
	return s.wrap(m)
}

// End ends the call that the session belongs to, as Call.End does.
func (s *Session) End() { s.call.End() }

// Lifetime is the time left until the session expires, or in set-up until that is given up; 0 where there is no limit.
func (s *Session) Lifetime() time.Duration { return s.call.lifetime(time.Now()) }

// setPeer keeps what the peer's session description said.
func (s *Session) setPeer(p msrp.Peer) error {
	s.peer.Store(&p)
	return s.media.SetPeer(p)
}

// begin tells the Handler that the session is established. A notice.
func (s *Session) begin(m *SIPMessage) {
	c := s.call
	c.agent.log.LogAttrs(context.Background(), slog.LevelInfo, "session established", slog.String("session_id", s.ID()), slog.String("call_id", c.CallID()),
		slog.String("from", c.from), slog.String("to", c.to))
	c.handler.Established(s, m)
}

// finish closes the session and tells the Handler its end. A notice.
func (s *Session) finish(e End, established bool) {
	c := s.call
	s.release()
	c.agent.log.LogAttrs(context.Background(), slog.LevelInfo, "session ended", slog.String("session_id", s.ID()), slog.String("call_id", c.CallID()),
		slog.String("cause", e.Cause.String()), slog.Int("code", e.Code), slog.String("reason", e.Reason))
	if established {
		c.handler.Ended(s, e)
	} else {
		c.handler.Failed(s, e)
	}
}

// media is the msrp.Handler of a Session.
type media struct{ s *Session }

func (h *media) Report(_ *msrp.Session, r msrp.Report) { h.s.call.handler.Report(h.s, r) }
func (h *media) Fate(_ *msrp.Session, f msrp.Fate)     { h.s.call.handler.Fate(h.s, f) }

func (h *media) Message(_ *msrp.Session, r *msrp.Received) {
	m := &Message{Received: r}
	if !r.Duplicate && cpim.Is(r.ContentType) {
		chain, code, why := Unwrap(r.Body)
		if code != 0 {
			h.s.call.agent.log.Debug("message refused", "session_id", h.s.ID(), "call_id", h.s.call.CallID(), "code", code, "reason", why)
			r.Reject(code, why)
			return
		}
		m.CPIM = chain
	}
	h.s.call.handler.Message(h.s, m)
}

// Begun tells a Handler that is a Beginner.
func (h *media) Begun(_ *msrp.Session, messageID string) {
	if b, ok := h.s.call.handler.(Beginner); ok {
		b.Begun(h.s, messageID)
	}
}

// Unfinished tells the same.
func (h *media) Unfinished(_ *msrp.Session, messageID string, octets int64) {
	if b, ok := h.s.call.handler.(Beginner); ok {
		b.Unfinished(h.s, messageID, octets)
	}
}

func (h *media) Closed(_ *msrp.Session, err error) {
	h.s.call.disconnected(h.s, err)
}

func (h *media) Disconnected(_ *msrp.Session, err error) { h.s.call.broken(h.s, err) }
func (h *media) Recovered(*msrp.Session)                 { h.s.call.recovered(h.s) }
