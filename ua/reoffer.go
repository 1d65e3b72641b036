package ua

import (
	"slices"

	"github.com/parley-msrp/parley/internal/dialog"
	"github.com/parley-msrp/parley/internal/sip"
	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/msrpsdp"
)

// Reviewer is a Handler that wants a say when the peer offers other media for an established session. Handlers that are none take
// every offer that can be taken.
type Reviewer interface {
	Handler
	// Review: a re-INVITE or UPDATE would change the session as r says. An error refuses the whole offer with 488, whose Warning shows its text;
	// nothing changes then. Nil is not yet the change: another session of the call may refuse. It must not block, and must not
	// wait for Call.Update.
	Review(s *Session, r Reoffer) error
}

// Reoffer says what an offer of the peer's changes about a session.
type Reoffer struct {
	Types                                       msrp.Types     // the media types that the peer would take
	Direction                                   msrp.Direction // what this side could do
	MaxSize                                     int64          // largest message that the peer would take, in octets; 0: no limit
	PathChanged, TypesChanged, DirectionChanged bool
}

// Offer answers a re-INVITE or UPDATE that changes something.
func (o owner) Offer(_ *dialog.Dialog, _ *sip.Message, offer []byte) ([]byte, *dialog.Refusal) {
	desc, err := msrpsdp.Parse(offer)
	if err == nil && o.stale() {
		err = errMoved
	}
	if err == nil {
		err = o.c.examine(desc)
	}
	if err != nil {
		return nil, notAcceptable(err)
	}
	if o.c.pathless() {
		return nil, &dialog.Refusal{Code: 491} // an own offer is about to come
	}
	return o.c.takeOffer(desc, o.leg), nil
}

// live are the sessions that are not over. Holding c.mu.
func (c *Call) live() []*Session {
	return slices.DeleteFunc(slices.Clone(c.sessions), func(s *Session) bool { return s.over.Load() })
}

// examine says why an offer in mid-call cannot be taken. A line without a session is refused whatever it says, new ones too; none may go
// away (RFC 3264 §8). It changes nothing.
func (c *Call) examine(offer *msrpsdp.Description) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.peer == nil || len(offer.Lines) < len(c.peer.Lines) {
		return errLineGone
	}
	reviewer, asks := c.handler.(Reviewer)
	for _, s := range c.live() {
		was, is := &c.peer.Lines[s.line], &offer.Lines[s.line]
		if is.Port == 0 {
			continue // the session ends
		}
		if err := c.profile.refuses(is, c.locals[s.line].Accept); err != nil {
			return err
		}
		// No name is looked up here, which would block: one counts as not known.
		if err := c.profile.refusesAddress(c.agent.ctx, is, nil); err != nil && !c.plain {
			return err
		}
		if !asks || sameLine(is, was) {
			continue
		}
		r := c.compare(s, is, was)
		c.mu.Unlock() // offers come one at a time: nothing but the end of sessions can come between
		err := reviewer.Review(s, r)
		c.mu.Lock()
		if err != nil {
			return err
		}
	}
	return nil
}

func sameLine(a, b *msrpsdp.Line) bool {
	return a.Direction == b.Direction && a.MaxSize == b.MaxSize &&
		slices.Equal(a.Path, b.Path) && slices.Equal(a.Fingerprints, b.Fingerprints) && slices.Equal(a.Accept, b.Accept) && slices.Equal(a.Wrapped, b.Wrapped)
}

// compare says what the peer's line would change about a session. Holding c.mu.
func (c *Call) compare(s *Session, is, was *msrpsdp.Line) Reoffer {
	local := c.locals[s.line]
	return Reoffer{
		Types: is.Accept, Direction: local.Agreed(is.Direction), MaxSize: is.MaxSize,
		PathChanged:      !slices.Equal(is.Path, was.Path),
		TypesChanged:     !slices.Equal(is.Accept, was.Accept) || !slices.Equal(is.Wrapped, was.Wrapped),
		DirectionChanged: is.Direction != was.Direction,
	}
}

// takeOffer takes an offer that was examined, and makes the answer. A session whose line got port 0 is over (D-023), and the call with the
// last one.
func (c *Call) takeOffer(offer *msrpsdp.Description, leg uint32) []byte {
	c.mu.Lock()
	if c.leg != leg {
		c.mu.Unlock()
		return nil // it has just moved
	}
	locals := c.standing()
	for _, s := range c.live() {
		is := &offer.Lines[s.line]
		if is.Port == 0 {
			locals[s.line] = nil
			continue
		}
		locals[s.line] = c.again(s, is)
	}
	c.peer, c.locals, c.own, c.offered, c.offerer = offer, locals, c.own.Answer(offer, locals), nil, false
	answer := c.own.Bytes()
	c.endRefused()
	c.adjust()
	connects := c.connecting()
	c.awaitConnection()
	c.mu.Unlock()
	c.afterChange()
	c.connectAll(connects) // where the offer names another path (D-016)
	c.keep()
	return answer
}

// standing are the own lines without those of sessions that are over. Holding c.mu.
func (c *Call) standing() []*msrpsdp.Local {
	locals := slices.Clone(c.locals)
	for _, s := range c.sessions {
		if s.over.Load() && s.line != noLine {
			locals[s.line] = nil
		}
	}
	return locals
}

// endRefused ends the sessions whose line has port 0 on the peer's side. Holding c.mu.
func (c *Call) endRefused() {
	for _, s := range c.live() {
		if c.peer.Lines[s.line].Port == 0 {
			c.part(s, End{Cause: ByPeer, Code: 200, Reason: "the peer ended the session's m-line"})
			c.agent.table.remove(s)
		}
	}
}

// adjust tells the sessions that live what was agreed. Holding c.mu.
func (c *Call) adjust() {
	if err := c.setPeers(); err != nil {
		c.logger().Warn("session not changed", "err", err)
	}
	for _, s := range c.sessions {
		c.recognise(s)
	}
}

// afterChange tells the Handler what ended, and ends the call when nothing is left of it.
func (c *Call) afterChange() {
	c.mu.Lock()
	left := len(c.live())
	c.mu.Unlock()
	if left == 0 {
		c.finish(End{Cause: ByPeer, Code: 200, Reason: "the peer ended every m-line"})
		return
	}
	c.told.tell()
}

// Answered reads the peer's answer to an own offer: of the INVITE, of the 200 to one, or of Update.
func (o owner) Answered(d *dialog.Dialog, _ *sip.Message, answer []byte) *dialog.Refusal {
	o.attach(d)
	if o.c.State() == Terminated || o.stale() {
		return nil // the dialog knows
	}
	desc, err := msrpsdp.Parse(answer)
	if err == nil {
		err = o.c.takeAnswer(desc, o.leg)
	}
	if err != nil {
		return &dialog.Refusal{Code: 488, Reason: "the answer cannot be used: " + err.Error()}
	}
	return nil
}

func (c *Call) takeAnswer(desc *msrpsdp.Description, leg uint32) error {
	c.mu.Lock()
	if c.leg != leg {
		c.mu.Unlock()
		return nil // it has just moved, and the dialog is about to end
	}
	own, locals := c.own, c.locals
	if c.offered != nil {
		own, locals = c.offered.own, c.offered.locals
	}
	err := c.checkAnswer(own, desc)
	if err != nil {
		c.mu.Unlock()
		return err
	}
	first := c.peer == nil
	c.own, c.locals, c.peer, c.offered, c.offerer = own, locals, desc, nil, true
	if c.state == Inviting {
		c.state = Confirmed
	}
	if first {
		err = c.setPeers()
		c.mu.Unlock()
		return err
	}
	c.endRefused()
	c.acceptTypes()
	c.adjust()
	connects := c.connecting()
	c.mu.Unlock()
	c.afterChange()
	c.connectAll(connects) // where the answer names another path (RFC 4975 §8.4, D-016)
	c.keep()
	return nil
}

// checkAnswer says why an answer cannot be used. Holding c.mu.
func (c *Call) checkAnswer(own *msrpsdp.Own, desc *msrpsdp.Description) error {
	if err := msrpsdp.CheckAnswer(own, desc); err != nil {
		return err
	}
	for _, s := range c.live() {
		line := &desc.Lines[s.line]
		if line.Port == 0 && c.peer != nil {
			continue // this session ends
		}
		// Whatever types the peer takes; but TLS is for relays only (D-001).
		if err := c.profile.refuses(line, msrp.Types{"*"}); err != nil {
			return err
		}
	}
	return nil
}

// MakeOffer offers what this side wishes, which is what stands unless the peer has put the session on hold (S-024).
func (o owner) MakeOffer(*dialog.Dialog) []byte {
	if o.stale() {
		return nil
	}
	return o.c.makeOffer(change{})
}

// offered is an own offer in mid-call that is not answered yet.
type offered struct {
	own    *msrpsdp.Own
	locals []*msrpsdp.Local
}
