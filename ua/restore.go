package ua

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/msrpsdp"
)

// restoredEach is how far apart restored calls are recovered: there may be many.
const restoredEach = 2 * time.Millisecond

// ErrState is wrapped by the errors of Agent.Restore that are about the state.
var ErrState = errors.New("state of a call")

var (
	errRestarted  = errors.New("the process was restarted")
	errNotResumed = fmt.Errorf("%w, and the session not recovered in time", errRestarted)
)

// Restore takes up a call of an earlier process, which state describes as a Keeper got it. Its sessions keep their IDs; handler makes their Handler, given
// the Label that the one before had, nil if it had none. They are established, which the Handler is not told again, and without connection: they are
// recovered as after a loss (RFC 4975 §5.4), or by Recovery ended at once. What the Handler hears first is ConnectionLost or Ended.
//
// Errors: those that wrap ErrState, after which the state is of no use; ErrLimit and ErrClosed. Then the Handler hears nothing.
func (a *Agent) Restore(state []byte, handler func(label []byte) Handler) (*Call, error) {
	s, err := readState(state)
	if err != nil {
		return nil, err
	}
	c, err := a.restore(s, handler(s.Label))
	if err != nil {
		return nil, err
	}
	for _, session := range c.sessions {
		a.table.add(session)
	}
	d, err := a.dialogs.Restore(s.Dialog, owner{c: c})
	if err != nil {
		c.conclude(End{})
		for _, session := range c.sessions {
			session.release()
			a.table.remove(session)
		}
		if e := public(err); e == ErrClosed || e == ErrLimit {
			return nil, e
		}
		return nil, fmt.Errorf("%w: %w", ErrState, err)
	}
	c.attach(d)
	c.announce()
	a.spawn(func() { // ends once SIP is listened for
		select {
		case <-a.listening:
		case <-a.ctx.Done():
		}
		c.resume()
	})
	return c, nil
}

// resume begins to recover a call of an earlier process, or ends it.
func (c *Call) resume() {
	a := c.agent
	if a.cfg.Recovery.Off || a.cfg.Recovery.EndRestored {
		c.finish(End{Cause: ConnectionLost, Code: 503, Reason: errRestarted.Error()})
		return
	}
	after := time.Duration(a.restored.Add(1)) * restoredEach
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.lostOnes()) == 0 {
		return // its peer was faster
	}
	r := c.recovery
	r.limit = time.AfterFunc(after+c.recoveryLimit(), func() { c.notRecovered(errNotResumed) })
	c.recoverAfter(after + r.pause(false))
}

// StateSessions lists the IDs of the sessions of a call that is written out. The error wraps ErrState.
func StateSessions(state []byte) (ids []string, err error) {
	s, err := readState(state)
	if err != nil {
		return nil, err
	}
	for i := range s.Sessions {
		u, err := msrp.ParseURI(s.Sessions[i].URI)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrState, err)
		}
		ids = append(ids, msrp.SessionOf(u.SessionID))
	}
	return ids, nil
}

func readState(state []byte) (*callState, error) {
	if len(state) > maxState {
		return nil, fmt.Errorf("%w: %d octets, %d are taken", ErrState, len(state), maxState)
	}
	var version struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(state, &version); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrState, err)
	}
	if version.Format < 1 || version.Format > stateFormat {
		return nil, fmt.Errorf("%w: format %d; this version reads 1 to %d", ErrState, version.Format, stateFormat)
	}
	s := &callState{}
	if err := json.Unmarshal(state, s); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrState, err)
	}
	return s, nil
}

// restore makes the call and its sessions, without dialog.
func (a *Agent) restore(s *callState, h Handler) (*Call, error) {
	if len(s.Sessions) == 0 {
		return nil, fmt.Errorf("%w: it has no session", ErrState)
	}
	own, locals, err := msrpsdp.Restore([]byte(s.Own))
	if err != nil {
		return nil, fmt.Errorf("%w: own session description: %w", ErrState, err)
	}
	c := a.newCall(h, s.CallID)
	c.caller, c.from, c.to, c.ruri, c.offerer, c.plain = s.Caller, s.From, s.To, s.RequestURI, s.Offerer, s.Plain
	c.recovery = &recovery{}
	c.own, c.locals, c.state, c.started, c.expires, c.kept = own, locals, Established, s.Started, s.Expires, a.cfg.Keeper != nil
	c.firstSession = s.Key
	if s.Identity != nil {
		c.who = *s.Identity
	}
	if c.profile = a.profile(s.Profile); c.profile == nil {
		c.profile = a.profile(DefaultProfile) // the configuration has another one by now
	}
	c.peer = &msrpsdp.Description{}
	for i := range s.Peer {
		l, err := s.Peer[i].line()
		if err != nil {
			return nil, fmt.Errorf("%w: line %d of the peer: %w", ErrState, i+1, err)
		}
		c.peer.Lines = append(c.peer.Lines, l)
	}
	for _, session := range s.Sessions {
		if err = c.restoreSession(&session); err != nil {
			break
		}
	}
	if err == nil {
		err = c.setPeers()
	}
	if err != nil {
		for _, session := range c.sessions {
			session.media.Close()
		}
		return nil, fmt.Errorf("%w: %w", ErrState, err)
	}
	return c, nil
}

func (c *Call) restoreSession(state *sessionState) error {
	n := state.Line
	if n < 0 || n >= len(c.locals) || n >= len(c.peer.Lines) || c.locals[n] == nil || len(c.peer.Lines[n].Path) == 0 ||
		slices.ContainsFunc(c.sessions, func(s *Session) bool { return s.line == n }) {
		return fmt.Errorf("no line %d for a session", n)
	}
	uri, err := msrp.ParseURI(state.URI)
	if err != nil {
		return err
	}
	s := &Session{call: c, line: n, lost: errRestarted}
	base, err := c.base(c.profile, uri.Secure)
	if err != nil || base.Host == "" {
		base = uri // there is no such listener any more: peers behind a relay do not mind
		base.SessionID = ""
	}
	local := c.locals[n]
	local.Direction = state.Direction
	return c.take(s, msrp.SessionConfig{Base: base, Lost: uri, Accept: local.Accept, Recovers: true})
}
