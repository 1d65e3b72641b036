package ua

import (
	"errors"

	"github.com/parley-msrp/parley/internal/dialog"
	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/msrpsdp"
)

// Replacing says which calls that come in may take the place of an established one (RFC 3891): the sessions then go on in the new call, with
// the messages that wait, as after a re-INVITE with another path. The INVITE goes to Config.OnInvite like any other.
type Replacing = dialog.Replacing

// The policies.
const (
	ReplacingOff    = dialog.ReplacingOff    // none; Replaces is not supported
	ReplacingSource = dialog.ReplacingSource // those from the address that the peer of the established call is at, which is a proxy's where one is between
	ReplacingAny    = dialog.ReplacingAny    // those that name the Call-ID and both tags of the established call
)

// errMoved says that the call is on another dialog by now.
var errMoved = errors.New("the sessions have moved to another call")

// Replaces is the call whose sessions Answer would move to this one (RFC 3891); nil where it is a call of its own.
func (i *Invitation) Replaces() *Call {
	d := i.in.Replaces()
	if d == nil {
		return nil
	}
	for _, c := range i.agent.table.calls() {
		if c.Key() == d.Key() {
			return c
		}
	}
	return nil
}

// placement is where the sessions of a call go in the session descriptions of another dialog.
type placement struct {
	own    *msrpsdp.Own
	locals []*msrpsdp.Local
	lines  map[*Session]int
	peer   *msrpsdp.Description // nil: the peer answers later
}

// place finds a line for each session that lives, of the offer or, where that is nil, of one of this side's. accept nil: the types stay. Sessions for
// which there is no line end with the move; without any line there is none.
func (c *Call) place(offer *msrpsdp.Description, accept msrp.Types) (*placement, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	live := c.live()
	if c.over || c.state != Established || len(live) == 0 {
		return nil, ErrNotEstablished
	}
	p := &placement{peer: offer, lines: make(map[*Session]int, len(live))}
	local := func(s *Session) *msrpsdp.Local {
		l := *c.locals[s.line]
		l.Path = s.media.Path() // through a relay it may be another one now
		if accept != nil {
			l.Accept, l.Wrapped = accept, msrpsdp.Containers(accept)
		}
		s.propose(&l, c.profile.cema)
		return &l
	}
	if offer == nil {
		var lines []msrpsdp.Local
		for n, s := range live {
			p.lines[s] = n
			p.locals = append(p.locals, local(s))
			lines = append(lines, *p.locals[n])
		}
		p.own = msrpsdp.Offer(lines...)
		return p, nil
	}
	p.locals = make([]*msrpsdp.Local, len(offer.Lines))
	for n := range offer.Lines {
		if len(live) == 0 {
			break
		}
		l := local(live[0])
		if c.profile.refuses(&offer.Lines[n], l.Accept) == nil {
			p.locals[n], p.lines[live[0]] = c.profile.answers(live[0], &offer.Lines[n], l.Accept), n
			p.locals[n].MaxSize, p.locals[n].Direction = l.MaxSize, l.Direction
			live = live[1:]
		}
	}
	p.own = msrpsdp.Answer(offer, p.locals)
	return p, nil
}

// change puts the call on another dialog, that of whom who says, whose owner it returns: what the old one tells does not count from then on. old is nil where the
// call is over, or was moved meanwhile (leg is another).
func (c *Call) change(p *placement, callID string, who Identity, leg uint32) (o owner, old *dialog.Dialog) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over || c.leg != leg || c.dialog == nil {
		return owner{c, c.leg}, nil
	}
	old, c.dialog = c.dialog, nil
	c.leg++
	c.id.Store(&callID)
	c.who = who
	c.own, c.locals, c.peer, c.offered, c.plain = p.own, p.locals, p.peer, nil, false
	c.offerer, c.previous = p.peer == nil, old
	for _, s := range c.sessions {
		line, goes := p.lines[s]
		if !goes {
			s.line = noLine
			c.part(s, End{Cause: ByPeer, Code: 200, Reason: "the call that replaces this one has no m-line for the session"})
			c.agent.table.remove(s)
			continue
		}
		s.line = line
	}
	if c.peer != nil {
		c.acceptTypes()
		c.adjust()
	}
	return owner{c, c.leg}, old
}

// noLine is the line of a session that did not move with its call.
const noLine = -1

// takeOver answers an INVITE with Replaces: the sessions of the call move to its dialog. The old one is ended (RFC 3891 §3) once that is
// established: without the answer to a late offer what is sent still goes to the old peer.
func (i *Invitation) takeOver(c *Call, offer *msrpsdp.Description, accept msrp.Types) ([]*Session, error) {
	c.mu.Lock()
	leg := c.leg
	c.mu.Unlock()
	p, err := c.place(offer, accept)
	if err != nil {
		return nil, errors.Join(public(err), i.in.Reject(dialog.Refusal{Code: 481}))
	}
	if err := i.in.Claim(); err != nil {
		return nil, public(err)
	}
	// MSRP works from the 200 on: the sessions have to know their peer before.
	o, old := c.change(p, i.in.CallID(), i.Identity(), leg)
	if old == nil {
		// It ended, or moved, between the two: the INVITE gets its 200 all the same, and a BYE.
		d, err := i.in.Accept(p.own.Bytes(), stray{})
		if err == nil {
			d.End(`SIP;cause=481`)
		}
		return nil, errors.Join(ErrOver, err)
	}
	d, err := i.in.Accept(p.own.Bytes(), o)
	if err != nil {
		return nil, public(err)
	}
	o.attach(d)
	i.agent.log.Info("call replaced", "session_id", c.sessionIDs(), "call_id", i.in.CallID(), "replaced", old.CallID())
	c.told.tell()
	if offer != nil {
		c.connectActive()
	}
	return c.Sessions(), nil
}

// stray is the owner of a dialog that is ended as soon as it stands.
type stray struct{ dialog.Owner }

func (stray) Answered(*dialog.Dialog, *sipMessage, []byte) *dialog.Refusal { return nil }
func (stray) Established(*dialog.Dialog, *sipMessage)                      {}
func (stray) MakeOffer(*dialog.Dialog) []byte                              { return nil }
func (stray) Ended(*dialog.Dialog, dialog.End)                             {}

func (stray) Offer(*dialog.Dialog, *sipMessage, []byte) ([]byte, *dialog.Refusal) {
	return nil, &dialog.Refusal{Code: 488}
}

// stale says that the call has moved to another dialog than this owner's.
func (o owner) stale() bool {
	o.c.mu.Lock()
	defer o.c.mu.Unlock()
	return o.c.leg != o.leg
}

// attach is Call.attach, unless the call has moved on.
func (o owner) attach(d *dialog.Dialog) {
	if !o.stale() {
		o.c.attach(d)
	}
}
