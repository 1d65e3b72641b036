package dialog

import (
	"slices"
	"time"

	"github.com/parley-msrp/parley/internal/sip"
)

// maxUnacked bounds the 2xx of one dialog that wait for their ACK at the same time.
const maxUnacked = 4

// giveUp is how often T1 fits in the time that a 2xx waits for its ACK (RFC 3261 §13.3.1.4).
const giveUp = 64

// unackedFinal is a 2xx to an INVITE of the peer's, sent again until its ACK comes, on any transport (S-002).
type unackedFinal struct {
	d                *Dialog
	tx               *sip.ServerTx
	seq              uint32 // CSeq number of the INVITE
	offer            []byte // own session description in the 2xx that the ACK has to answer; nil: there is none
	interval, waited time.Duration
	timer            *time.Timer
	done             bool
	room             [1]*unackedFinal // of Dialog.acks, where there is no other one
}

// awaitAck starts the resending of the 2xx that was just sent, which u will be; offer is the one in it, if it carried no answer.
func (d *Dialog) awaitAck(u *unackedFinal, tx *sip.ServerTx, seq uint32, offer []byte) {
	*u = unackedFinal{d: d, tx: tx, seq: seq, offer: offer, interval: d.e.cfg.T1}
	if d.acks == nil {
		d.acks = u.room[:0]
	}
	d.acks = append(d.acks, u)
	u.timer = time.AfterFunc(u.interval, func() { d.tasks.run(u.due) })
}

func (u *unackedFinal) due() {
	if u.done {
		return
	}
	u.waited += u.interval
	limit := giveUp * u.d.e.cfg.T1
	if u.waited >= limit {
		u.d.unacknowledged()
		return
	}
	if err := u.tx.Resend(); err != nil {
		u.d.e.log.Debug("200 not sent again", "call_id", u.d.callID, "err", err)
	}
	u.interval = min(2*u.interval, u.d.e.cfg.T2, limit-u.waited)
	u.timer.Reset(u.interval)
}

func (u *unackedFinal) stop() {
	u.done = true
	u.timer.Stop()
	u.tx.Forget()
}

// acknowledged takes an ACK. One that fits no waiting 2xx does nothing (S-034).
func (d *Dialog) acknowledged(m *sip.Message) {
	seq, _ := m.CSeq()
	i := slices.IndexFunc(d.acks, func(u *unackedFinal) bool { return u.seq == seq })
	if i < 0 || m.FromTag() != d.remoteTag {
		return
	}
	offer := d.acks[i].offer
	d.acks[i].stop()
	if d.acks = slices.Delete(d.acks, i, i+1); len(d.acks) == 0 {
		d.acks = nil
	}
	switch {
	case d.phase == over || d.phase == closing:
	case d.leave != nil:
		d.departOnceAcked()
	default:
		d.answeredInAck(m, offer)
	}
}

// answeredInAck goes on after an ACK: first with the answer in it, if our 2xx carried an offer. An ACK without one that can be used ends
// the dialog (S-023).
func (d *Dialog) answeredInAck(m *sip.Message, offer []byte) {
	if offer != nil {
		if r := d.exchanged(m, offer, false); r != nil {
			d.badAnswer(r, m)
			return
		}
	}
	if d.phase == accepted {
		d.establish(m)
		return
	}
	d.proceed()
}

// offerUnanswered says whether a 2xx of ours carries an offer whose answer has not come (RFC 6337 §4.3; S-009).
func (d *Dialog) offerUnanswered() bool {
	return slices.ContainsFunc(d.acks, func(u *unackedFinal) bool { return u.offer != nil })
}

// unacknowledged ends a dialog whose 2xx got no ACK in 64*T1: BYE (RFC 3261 §13.3.1.4).
func (d *Dialog) unacknowledged() {
	for _, u := range d.acks {
		u.stop()
	}
	d.acks = nil
	if d.phase == over || d.phase == closing {
		return
	}
	if d.leave != nil {
		d.departOnceAcked()
		return
	}
	d.e.log.Info("no ACK came", "call_id", d.callID)
	// The peer is hardly there any more: the owner need not wait for the answer of the BYE as well.
	end := End{Cause: Timeout, Code: 408, Reason: "no ACK"}
	d.tell(end)
	d.depart(&leaving{end: end})
}

// sentAck is the ACK of a 2xx that came, to be sent again for each repeat of that (RFC 6026 §7.2; S-033).
type sentAck struct {
	m      *sip.Message
	target sip.Target
}

func (a *sentAck) again(e *Endpoint) {
	if a.m == nil {
		return // not sent yet: its first hop is being looked up
	}
	if err := e.stack.Send(a.m, a.target); err != nil {
		e.log.Debug("ACK not sent again", "call_id", a.m.CallID(), "err", err)
	}
}

// acknowledge sends the ACK of the 2xx that made l, to the INVITE of req with CSeq number seq, and keeps it in a. It calls done as a
// task, with an error if the ACK could not be sent.
func (d *Dialog) acknowledge(l *leg, req *attempt, seq uint32, a *sentAck, done func(error)) {
	var shown []sip.Header
	if req.tx != nil { // nil: this is late, and the INVITE is on its way elsewhere
		shown = credentials(req.tx.Request())
	}
	_, hop, err := l.newRequest("ACK", seq)
	if err != nil {
		done(err)
		return
	}
	d.e.resolve(d.e.ctx, &d.tasks, hop, l.from, func(targets []sip.Target, err error) {
		for _, t := range targets {
			var m *sip.Message
			if m, _, err = l.newRequest("ACK", seq); err != nil {
				break
			}
			for _, h := range shown {
				m.Add(h.Name, h.Value)
			}
			if err = d.e.stack.Send(m, t); err == nil {
				a.m, a.target = m, t
				break
			}
		}
		done(err)
	})
}
