package ua

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/parley-msrp/parley/internal/dialog"
	"github.com/parley-msrp/parley/internal/sip"
	"github.com/parley-msrp/parley/msrpsdp"
)

// Call is one SIP dialog, with the MSRP sessions that its session descriptions agreed on. Safe for concurrent use.
type Call struct {
	agent          *Agent
	handler        Handler
	caller         bool
	from, to, ruri string
	callID         string
	started        time.Time
	sessions       []*Session   // set before the call is known to anybody
	own            *msrpsdp.Own // our session description; likewise

	mu      sync.Mutex
	dialog  *dialog.Dialog
	peer    *msrpsdp.Description // the peer's last one
	state   State
	expires time.Time // zero: never, or not established yet
	over    bool      // finish was called
}

// CallID is the SIP Call-ID.
func (c *Call) CallID() string { return c.callID }

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

// End ends the call: BYE, or CANCEL while it rings. It does not wait for the answer. Doing it again does nothing.
func (c *Call) End() {
	e := End{Cause: ByApplication, Code: 200, Reason: "ended here"}
	if c.State() < Established {
		e.Code, e.Reason = 487, "Request Terminated"
	}
	c.finish(e)
}

func (c *Call) expired(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state == Established && !c.expires.IsZero() && !now.Before(c.expires)
}

func (c *Call) lifetime(now time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	until := c.expires
	if c.state < Established {
		until = c.started.Add(c.agent.setupTimeout())
	}
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
	over := c.over
	c.mu.Unlock()
	if first && over {
		d.End("")
	}
}

// finish ends the sessions, tells the handler, and ends the dialog if it still stands. The first one counts.
func (c *Call) finish(e End) {
	c.mu.Lock()
	if c.over {
		c.mu.Unlock()
		return
	}
	c.over = true
	wasEstablished := c.state == Established
	c.state = Terminated
	d := c.dialog
	c.mu.Unlock()
	for _, s := range c.sessions {
		s.finish(e, wasEstablished)
	}
	if d != nil {
		d.End(byeReason(e))
	}
}

// byeReason is the Reason header value that goes with the BYE (RFC 3326); none where there is nothing to explain.
func byeReason(e End) string {
	switch e.Cause {
	case ConnectionLost, Expired, ShuttingDown:
		return `SIP;cause=` + code3(e.Code) + `;text="` + e.Reason + `"`
	default:
		return ""
	}
}

// lost is told that one session has no connection any more: the call goes on for the others.
func (c *Call) lost(s *Session, err error) {
	e := End{Cause: ConnectionLost, Code: 503, Reason: "MSRP connection lost"}
	c.agent.log.Warn("MSRP session lost", "session_id", s.ID(), "call_id", c.callID, "err", err)
	c.mu.Lock()
	wasEstablished := c.state == Established
	last := true
	for _, o := range c.sessions {
		if o != s && !o.over.Load() {
			last = false
		}
	}
	c.mu.Unlock()
	if last {
		c.finish(e)
		return
	}
	s.finish(e, wasEstablished)
}

// owner is the dialog.Owner of a Call.
type owner struct{ c *Call }

func (o owner) Progress(d *dialog.Dialog, _ *sip.Message) { o.c.attach(d) }

// Answered reads the peer's answer (as caller).
func (o owner) Answered(d *dialog.Dialog, _ *sip.Message, answer []byte) *dialog.Refusal {
	o.c.attach(d)
	desc, err := msrpsdp.Parse(answer)
	if err == nil {
		err = o.c.takeAnswer(desc)
	}
	if err != nil {
		return &dialog.Refusal{Code: 488, Reason: "the answer cannot be used: " + err.Error()}
	}
	return nil
}

func (c *Call) takeAnswer(desc *msrpsdp.Description) error {
	if err := msrpsdp.CheckAnswer(c.own, desc); err != nil {
		return err
	}
	if err := c.setPeers(desc); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.peer = desc
	if c.state == Inviting {
		c.state = Confirmed
	}
	return nil
}

// setPeers tells each session what the peer's line for it said.
func (c *Call) setPeers(desc *msrpsdp.Description) error {
	for _, s := range c.sessions {
		if err := s.setPeer(c.own.Peer(s.line, &desc.Lines[s.line])); err != nil {
			return err
		}
	}
	return nil
}

func (o owner) Established(d *dialog.Dialog, m *sip.Message) {
	o.c.attach(d)
	o.c.established(wrap(m))
}

func (c *Call) established(m *SIPMessage) {
	c.mu.Lock()
	if c.over {
		c.mu.Unlock()
		return
	}
	c.state = Established
	if limit := c.agent.cfg.MaxDuration; limit > 0 {
		c.expires = time.Now().Add(limit)
	}
	c.mu.Unlock()
	for _, s := range c.sessions {
		if s.over.Load() {
			continue
		}
		c.agent.log.Info("session established", "session_id", s.ID(), "call_id", c.callID, "from", c.from, "to", c.to)
		c.handler.Established(s, m)
		if c.caller {
			// RFC 4975 §5.4: the offerer opens the connection (M-043). Ends with the agent's context.
			c.agent.wg.Go(func() { c.connect(s) })
		}
	}
}

// connect opens the session's connection, which sends the binding SEND.
func (c *Call) connect(s *Session) {
	ctx, cancel := context.WithTimeout(c.agent.ctx, connectTimeout)
	defer cancel()
	if err := s.media.Connect(ctx); err != nil && !s.over.Load() {
		c.lost(s, err)
	}
}

// Offer answers a re-INVITE or UPDATE: one that leaves the media as they are is confirmed, any other is refused and changes nothing.
func (o owner) Offer(_ *dialog.Dialog, _ *sip.Message, offer []byte) ([]byte, *dialog.Refusal) {
	desc, err := msrpsdp.Parse(offer)
	if err != nil {
		return nil, notAcceptable(err)
	}
	c := o.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if !sameMedia(desc, c.peer) {
		return nil, notAcceptable(errFixedMedia)
	}
	return c.own.Bytes(), nil
}

// Ended forgets the call.
func (o owner) Ended(_ *dialog.Dialog, e dialog.End) {
	c := o.c
	c.finish(endOf(e))
	for _, s := range c.Sessions() {
		c.agent.table.remove(s)
	}
}

func endOf(e dialog.End) End {
	causes := map[dialog.Cause]Cause{
		dialog.Local: ByApplication, dialog.Remote: ByPeer, dialog.Refused: Refused, dialog.Timeout: TimedOut,
		dialog.Transport: Unreachable, dialog.Lost: DialogLost, dialog.BadAnswer: BadAnswer,
	}
	return End{Cause: causes[e.Cause], Code: e.Code, Reason: e.Reason, Message: wrap(e.Message)}
}

// sameMedia says whether two descriptions agree on everything that concerns MSRP.
func sameMedia(a, b *msrpsdp.Description) bool {
	return slices.EqualFunc(a.Lines, b.Lines, func(a, b msrpsdp.Line) bool {
		return a.Media == b.Media && a.Port == b.Port && a.Proto == b.Proto && a.Direction == b.Direction && a.MaxSize == b.MaxSize &&
			slices.Equal(a.Path, b.Path) && slices.Equal(a.Accept, b.Accept) && slices.Equal(a.Wrapped, b.Wrapped)
	})
}
