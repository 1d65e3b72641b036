package ua

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-msrp/parley/internal/dialog"
	"github.com/parley-msrp/parley/internal/sip"
	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/msrpsdp"
)

// Call is one SIP dialog, with the MSRP sessions that its session descriptions agreed on. Safe for concurrent use.
type Call struct {
	agent          *Agent
	handler        Handler
	caller         bool
	from, to, ruri string
	id             atomic.Pointer[string] // Call-ID
	firstID        string                 // the Call-ID it began with
	local          netip.Addr             // of this side, as the peer sees it; set where a profile has no host of its own
	attrs          [1]slog.Attr           // that, for the sessions' logs
	profile        *profile
	started        time.Time
	maxDuration    time.Duration // 0: no limit
	sessions       []*Session    // set before the call is known to anybody
	room           [1]*Session   // theirs, if there is one only

	told notices

	mu       sync.Mutex
	ctx      context.Context // of untilOver; nil until that is called
	cancel   context.CancelFunc
	dialog   *dialog.Dialog
	who      Identity             // of the caller, where that is the peer
	leg      uint32               // counts the dialogs that the call has moved to
	pending  *dialog.Dialog       // to which it is about to move (REFER)
	previous *dialog.Dialog       // which it has moved away from (Replaces), and which is still to be ended
	offerer  bool                 // of the session descriptions that were exchanged last
	plain    bool                 // offered without CEMA from now on
	own      *msrpsdp.Own         // our last session description
	locals   []*msrpsdp.Local     // its lines; nil for a refused one
	offered  *offered             // the own offer that is not answered yet; nil: none, or that of the INVITE, which is own
	peer     *msrpsdp.Description // the peer's last one; nil: none yet
	state    State
	expires  time.Time // zero: never, or not established yet
	over     bool      // its end was decided on
	reason   string    // Reason header value of the BYE
	recovery *recovery // nil: no session has lost its connection yet
	kept     bool      // the Keeper has its state
	toKeep   bool      // it is to get another one

	firstSession string // ID of its first session, of a call of an earlier process; "": sessions has it
}

// newCall makes a call that began now.
func (a *Agent) newCall(h Handler, callID string) *Call {
	c := &Call{agent: a, handler: h, who: Identity{By: Unverified}, started: time.Now(), maxDuration: a.settings.Load().MaxDuration, firstID: callID}
	c.id.Store(&c.firstID)
	c.attrs[0] = slog.String("call_id", callID)
	c.sessions = c.room[:0]
	return c
}

// untilOver gives a context that ends with the call, and with the agent: nothing is connected to any more. Most calls that come in never need one.
func (c *Call) untilOver() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx == nil {
		c.ctx, c.cancel = context.WithCancel(c.agent.ctx)
		if c.over {
			c.cancel()
		}
	}
	return c.ctx
}

// CallID is the SIP Call-ID; another one once the sessions have moved to another call (RFC 3891, RFC 3515).
func (c *Call) CallID() string { return *c.id.Load() }

// Key names the SIP dialog; opaque. Empty before the dialog exists.
func (c *Call) Key() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dialog == nil {
		return ""
	}
	return c.dialog.Key()
}

// Caller says whether this side sent the INVITE.
func (c *Call) Caller() bool { return c.caller }

// From is the caller's URI, as its From header claims it.
func (c *Call) From() string { return c.from }

// Identity is what was verified of the caller when the call came in, or the one that took its place (Replaces); none where this side called.
func (c *Call) Identity() Identity {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.who
}

// To is the URI of the To header.
func (c *Call) To() string { return c.to }

// RequestURI is the URI that the INVITE went to.
func (c *Call) RequestURI() string { return c.ruri }

// Handler is who is told what happens.
func (c *Call) Handler() Handler { return c.handler }

// Sessions lists the call's sessions, in the order of their m-lines.
func (c *Call) Sessions() []*Session { return slices.Clone(c.sessions) }

// State is how far the call is.
func (c *Call) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// End ends the call: BYE, or CANCEL while it rings. It does not wait for the answer, and the Handler is told by another goroutine.
// Doing it again does nothing.
func (c *Call) End() {
	if c.conclude(End{Cause: ByApplication, Code: 200, Reason: "ended here"}) {
		c.hangUp(nil)
		c.agent.spawn(c.told.tell)
	}
}

func (c *Call) expired(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state == Established && !c.expires.IsZero() && !now.Before(c.expires)
}

// Started is when the call began: its INVITE came, or was about to leave.
func (c *Call) Started() time.Time { return c.started }

// Expires is when the call is ended for its duration, or in set-up when that is given up; zero where there is no limit.
func (c *Call) Expires() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state < Established {
		return c.started.Add(c.agent.settings.Load().SetupTimeout)
	}
	return c.expires
}

func (c *Call) lifetime(now time.Time) time.Duration {
	until := c.Expires()
	if until.IsZero() {
		return 0
	}
	return max(until.Sub(now), 0)
}

// attach keeps the dialog as soon as it is known, and ends it if the call was over by then.
func (c *Call) attach(d *dialog.Dialog) {
	c.mu.Lock()
	first := c.dialog == nil
	c.dialog = d
	over, reason := c.over, c.reason
	c.mu.Unlock()
	if first && over {
		d.End(reason)
	}
}

// conclude decides on the end of the call and its sessions, unless that was done before.
func (c *Call) conclude(e End) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return false
	}
	if e.Cause == ByApplication && c.state < Established {
		e.Code, e.Reason = 487, "Request Terminated"
	}
	for _, s := range c.sessions {
		c.part(s, e)
	}
	c.over, c.state, c.reason = true, Terminated, byeReason(e)
	if c.recovery != nil {
		c.recovery.stop()
	}
	c.forget()
	return true
}

// part ends one session. Holding c.mu; the Handler hears it at the next tell.
func (c *Call) part(s *Session, e End) {
	if s.over.Swap(true) {
		return
	}
	if s.grace != nil {
		s.grace.Stop()
	}
	established := c.state == Established
	c.told.put(func() { s.finish(e, established) })
}

// hangUp ends what a call that is over still keeps going; one of its dialogs may have ended before.
func (c *Call) hangUp(ended *dialog.Dialog) {
	c.mu.Lock()
	all, reason := []*dialog.Dialog{c.dialog, c.pending, c.previous}, c.reason
	cancel := c.cancel
	c.mu.Unlock()
	if cancel != nil {
		cancel()
	}
	for _, d := range all {
		if d != nil && d != ended {
			d.End(reason)
		}
	}
}

// finish ends the sessions and the dialog if it still stands, and tells the Handler. The first one counts.
func (c *Call) finish(e End) {
	if c.conclude(e) {
		c.hangUp(nil)
		c.told.tell()
	}
}

// byeReason is the Reason header value that goes with the BYE (RFC 3326); none where there is nothing to explain.
func byeReason(e End) string {
	switch e.Cause {
	case ConnectionLost, Expired, ShuttingDown:
		return fmt.Sprintf(`SIP;cause=%d;text="%s"`, e.Code, e.Reason)
	default:
		return ""
	}
}

// disconnected is told that the MSRP side of one session is over. A peer that ends the call may close the connection before its BYE
// has come over another socket: that is waited for.
func (c *Call) disconnected(s *Session, err error) {
	if !errors.Is(err, msrp.ErrConnectionLost) {
		c.lost(s, err)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !s.over.Load() {
		s.grace = time.AfterFunc(byeGrace, func() {
			c.mu.Lock()
			if !s.over.Load() && c.state == Established {
				c.tellLoss(s, Loss{Reason: lostReason(err)})
			}
			c.mu.Unlock()
			c.lost(s, err)
		})
	}
}

// lost is told that one session has no connection any more: the call goes on for the others.
func (c *Call) lost(s *Session, err error) {
	e := End{Cause: ConnectionLost, Code: 503, Reason: lostReason(err)}
	c.mu.Lock()
	others := slices.ContainsFunc(c.sessions, func(o *Session) bool { return o != s && !o.over.Load() })
	if others {
		c.part(s, e)
	}
	c.mu.Unlock()
	if !others {
		c.finish(e)
		return
	}
	c.agent.table.remove(s)
	c.told.tell()
	c.keep()
}

// lostReason says for people why a session is lost. The text of err itself may name addresses of the peer's.
func lostReason(err error) string {
	if wrong, ok := errors.AsType[*msrp.TLSError](err); ok {
		return string(wrong.Fault)
	}
	switch {
	case errors.Is(err, msrp.ErrSessionUnknown):
		return "the peer does not know the MSRP session"
	case errors.Is(err, msrp.ErrBoundElsewhere):
		return "the MSRP session is bound to another connection"
	case errors.Is(err, msrp.ErrNotBound):
		return "the MSRP peer did not connect"
	case errors.Is(err, msrp.ErrConnectDenied):
		return "the address policy does not allow to connect to the MSRP peer"
	case errors.Is(err, msrp.ErrConnectLimit):
		return "too many connections to where the MSRP peer should be came to nothing"
	case errors.Is(err, errPathExpired):
		return errPathExpired.Error()
	case errors.Is(err, errNotConnected):
		return errNotConnected.Error()
	case errors.Is(err, errNotRecovered), errors.Is(err, errRecoveryRefused), errors.Is(err, errRestarted):
		return err.Error()
	default:
		return "MSRP connection lost"
	}
}

// owner is the dialog.Owner of a Call, for one of the dialogs that it is on in turn.
type owner struct {
	c   *Call
	leg uint32
}

func (o owner) Progress(d *dialog.Dialog, _ *sip.Message) { o.attach(d) }

// setPeers tells each session what the peer's line for it said. Holding c.mu, or before the call is known to anybody.
func (c *Call) setPeers() error {
	for _, s := range c.sessions {
		if s.over.Load() {
			continue
		}
		p := c.own.Peer(s.line, &c.peer.Lines[s.line])
		p.At = c.at(s)
		if err := s.setPeer(p); err != nil && !s.over.Load() {
			return err
		}
	}
	return nil
}

func (o owner) Established(d *dialog.Dialog, m *sip.Message) {
	o.attach(d)
	if !o.stale() {
		o.c.established(wrap(m))
	}
}

func (c *Call) established(m *SIPMessage) {
	c.mu.Lock()
	if c.over {
		c.mu.Unlock()
		return
	}
	moved := c.state == Established // the sessions are, from a dialog before
	c.state = Established
	if c.maxDuration > 0 && !moved {
		c.expires = time.Now().Add(c.maxDuration)
	}
	for _, s := range c.sessions {
		if !moved && !s.over.Load() {
			c.told.put(func() { s.begin(m) })
			c.recognise(s)
		}
	}
	var connects []*Session
	if c.offerer { // else Answer has seen to it
		connects = c.connecting()
	}
	previous := c.previous
	c.previous = nil
	c.mu.Unlock()
	c.told.tell()
	if previous != nil {
		previous.End(`SIP;cause=200;text="replaced"`)
	}
	c.connectAll(connects)
	c.offerPaths()
	c.keep()
}

// connectActive opens the connections that are up to this side, whoever has offered (RFC 6135 §4.2.2, X-006).
func (c *Call) connectActive() {
	c.mu.Lock()
	sessions := c.connecting()
	c.mu.Unlock()
	c.connectAll(sessions)
}

// connectAll opens the connections of these sessions, where that is up to this side. It ends with the call.
func (c *Call) connectAll(sessions []*Session) {
	for _, s := range sessions {
		c.agent.spawn(func() { c.connect(s) })
	}
}

// connect opens the session's connection, which sends the binding SEND.
func (c *Call) connect(s *Session) {
	ctx, cancel := context.WithTimeout(c.untilOver(), connectTimeout)
	defer cancel()
	if !c.clear(ctx, s) || !c.active(s) {
		return
	}
	if err := s.media.Connect(ctx); err != nil && !s.over.Load() {
		c.agent.log.Warn("MSRP connection not opened", "session_id", s.ID(), "call_id", c.CallID(), "err", err)
		if c.unconnected(s) {
			return
		}
		c.lost(s, fmt.Errorf("%w: %w", errNotConnected, err))
	}
}

// active is connects for those who do not hold c.mu.
func (c *Call) active(s *Session) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.connects(s)
}

// Ended forgets the call.
func (o owner) Ended(d *dialog.Dialog, e dialog.End) {
	c := o.c
	if o.stale() {
		return // the call goes on without this dialog
	}
	if c.conclude(endOf(e)) {
		c.hangUp(d)
		c.told.tell()
	}
	for _, s := range c.sessions {
		c.agent.table.remove(s)
	}
}

// endOf reads how a dialog ended. Calls end their dialogs after themselves, so that a local end that comes as news is the
// endpoint's, which closes.
func endOf(e dialog.End) End {
	causes := [...]Cause{
		dialog.Local: ShuttingDown, dialog.Remote: ByPeer, dialog.Refused: Refused, dialog.Timeout: TimedOut,
		dialog.Transport: Unreachable, dialog.Lost: DialogLost, dialog.BadAnswer: BadAnswer,
	}
	return End{Cause: causes[e.Cause], Code: e.Code, Reason: e.Reason, Message: wrap(e.Message)}
}
