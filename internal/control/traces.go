package control

import (
	"errors"

	"github.com/parley-msrp/parley/internal/sip"
	"github.com/parley-msrp/parley/internal/trace"
	"github.com/parley-msrp/parley/ua"
)

// ErrNotTraced says that nobody has asked for the trace of that session.
var ErrNotTraced = errors.New("the session is not traced")

// Tap is what sees the SIP and MSRP messages of the agent: its methods are the agent's taps.
func (c *Control) Tap() *trace.Tap { return c.tap }

// Follow shows the messages of a session's call as they pass, or all that pass where sessionID is empty. Errors: ErrUnknownSession, trace.ErrTooManyFollowers.
func (c *Control) Follow(sessionID string) (*trace.Follower, error) {
	if sessionID == "" {
		return c.tap.Follow(nil)
	}
	s := c.agent.Session(sessionID)
	if s == nil {
		return nil, ErrUnknownSession
	}
	call := s.Call()
	return c.tap.Follow(func(m *trace.Passed) bool {
		// A call that is moved to another dialog (RFC 3891) takes its Call-ID along.
		return m.CallID == call.CallID() || m.SessionID == sessionID
	})
}

// Trace records the messages of a session's call for a minute, or for a minute more. Errors: ErrUnknownSession, trace.ErrTooMany.
func (c *Control) Trace(sessionID string) error {
	s := c.agent.Session(sessionID)
	if s == nil {
		return ErrUnknownSession
	}
	var ids []string
	for _, one := range s.Call().Sessions() {
		ids = append(ids, one.ID())
	}
	return c.traces.Begin(s.Call().CallID(), ids...)
}

// Traced gives the messages that were recorded after the one of that number, also of a session that is over. Errors: ErrNotTraced.
func (c *Control) Traced(sessionID string, after uint64) (trace.Recording, error) {
	recording, ok := c.traces.Read(sessionID, after)
	if !ok {
		return trace.Recording{}, ErrNotTraced
	}
	return recording, nil
}

// EndTrace records no more, and forgets what was recorded. Errors: ErrNotTraced.
func (c *Control) EndTrace(sessionID string) error {
	if !c.traces.End(sessionID) {
		return ErrNotTraced
	}
	return nil
}

// TraceNext records the next calls that come in and are answered here, from their INVITE on; see trace.Recorder.Await.
func (c *Control) TraceNext(calls int) { c.traces.Await(calls) }

// startTraced starts a session whose trace begins before its INVITE.
func (c *Control) startTraced(config ua.StartConfig) (sessionID string, err error) {
	config.CallID = sip.NewCallID()
	if err := c.traces.Begin(config.CallID); err != nil {
		return "", err
	}
	session, err := c.agent.Start(config)
	if err != nil {
		return "", named(err) // the trace of nothing expires
	}
	return session.ID(), c.traces.Begin(config.CallID, session.ID())
}
