package ua

import (
	"sync"

	"github.com/parley-msrp/parley/internal/dialog"
	"github.com/parley-msrp/parley/internal/sip"
	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/msrpsdp"
)

// sipMessage is what dialogs hand over.
type sipMessage = sip.Message

// Refer moves the sessions to whom the peer names, a conference focus for example (RFC 3515): an INVITE offers them there, and once it was answered
// the dialog with the peer is ended. Until then, and if it fails, everything stays as it is.
func (o owner) Refer(_ *dialog.Dialog, r *dialog.Referral) *dialog.Refusal {
	c := o.c
	p, err := c.place(nil, nil)
	if err != nil || o.stale() {
		return &dialog.Refusal{Code: 481}
	}
	m := &mover{c: c, leg: o.leg, r: r, p: p, callID: sip.NewCallID()}
	invite := dialog.Invite{RequestURI: r.Target, From: c.identity(), To: "<" + r.Target + ">", CallID: m.callID, Offer: p.own.Bytes(), Owner: m}
	if c.profile != nil {
		invite.Contact = c.profile.contact
	}
	for name, value := range map[string]string{"Replaces": r.Replaces, "Referred-By": r.ReferredBy} {
		if value != "" {
			invite.Headers = append(invite.Headers, sip.Header{Name: name, Value: value})
		}
	}
	d, err := c.agent.dialogs.Invite(invite)
	if err != nil {
		c.logger().Info("REFER refused", "err", err)
		return &dialog.Refusal{Code: 400, Reason: "Refer-To Cannot Be Called"}
	}
	c.logger().Info("session referred", "new_call_id", m.callID)
	c.mu.Lock()
	c.pending = d
	over := c.over
	c.mu.Unlock()
	if over {
		d.End("")
	}
	return nil
}

// identity is the own URI of the call.
func (c *Call) identity() string {
	if c.caller {
		return "<" + c.from + ">"
	}
	return "<" + c.to + ">"
}

// mover is the owner of a dialog that a call's sessions are to move to, and once they have of the call's dialog.
type mover struct {
	c      *Call
	leg    uint32 // of the call as it was
	r      *dialog.Referral
	p      *placement
	callID string

	moved bool  // changed by Answered, which comes before whatever looks at it
	owner owner // since then
	told  sync.Once
}

// Progress tells nobody: the sessions are established.
func (m *mover) Progress(*dialog.Dialog, *sip.Message) {}

// Answered moves the sessions with the first answer.
func (m *mover) Answered(d *dialog.Dialog, msg *sip.Message, answer []byte) *dialog.Refusal {
	if m.moved {
		return m.owner.Answered(d, msg, answer)
	}
	desc, err := msrpsdp.Parse(answer)
	if err == nil {
		err = msrpsdp.CheckAnswer(m.p.own, desc)
	}
	if err != nil {
		return &dialog.Refusal{Code: 488, Reason: "the answer cannot be used: " + err.Error()}
	}
	m.p.peer = desc
	for s, line := range m.p.lines {
		if err := m.c.profile.refuses(&desc.Lines[line], msrp.Types{"*"}); err != nil {
			delete(m.p.lines, s)
			m.p.locals[line] = nil
		}
	}
	if len(m.p.lines) == 0 {
		return &dialog.Refusal{Code: 488, Reason: "no session is taken"}
	}
	o, old := m.c.change(m.p, m.callID, Identity{By: Unverified}, m.leg)
	if old == nil {
		return &dialog.Refusal{Code: 487, Reason: errMoved.Error()}
	}
	m.moved, m.owner = true, o
	m.c.mu.Lock()
	m.c.offerer, m.c.pending = true, nil
	m.c.previous = nil // m.done ends it, after the NOTIFY
	m.c.mu.Unlock()
	o.attach(d)
	return nil
}

// Established connects the sessions to the new path, and lets the old peer go.
func (m *mover) Established(d *dialog.Dialog, msg *sip.Message) {
	m.owner.Established(d, msg)
	m.done(200, "OK", `SIP;cause=200;text="moved"`)
	m.c.told.tell()
}

// Offer is the call's.
func (m *mover) Offer(d *dialog.Dialog, msg *sip.Message, offer []byte) ([]byte, *dialog.Refusal) {
	return m.owner.Offer(d, msg, offer)
}

// MakeOffer is the call's.
func (m *mover) MakeOffer(d *dialog.Dialog) []byte { return m.owner.MakeOffer(d) }

// Refer is the call's: the focus may refer as well.
func (m *mover) Refer(d *dialog.Dialog, r *dialog.Referral) *dialog.Refusal {
	return m.owner.Refer(d, r)
}

// Ended tells the peer that asked what became of it, or is the end of the call that has moved.
func (m *mover) Ended(d *dialog.Dialog, e dialog.End) {
	if m.moved {
		m.done(e.Code, e.Reason, `SIP;cause=200;text="moved"`)
		m.owner.Ended(d, e)
		return
	}
	m.c.mu.Lock()
	m.c.pending = nil
	m.c.mu.Unlock()
	m.done(max(e.Code, 300), e.Reason, "")
}

func (m *mover) done(code int, reason, parted string) {
	m.told.Do(func() { m.r.Done(code, reason, parted) })
}
