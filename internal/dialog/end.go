package dialog

import "github.com/parley-msrp/parley/internal/sip"

// leaving is an end that was decided on: what the owner will be told, and what the peer is told.
type leaving struct {
	end    End
	reason string // Reason header value (RFC 3326); may be empty
}

// End ends the call whatever its state: CANCEL while it rings as caller, BYE once established (as called before the ACK: BYE
// after the ACK, S-006). reason, if not empty, is the value of the Reason header, like `SIP;cause=200;text="bye"` (RFC 3326).
// It does not block, and does nothing the second time. Owner.Ended follows once the peer answered or Timer F ran out.
func (d *Dialog) End(reason string) {
	if d.tasks.take() {
		d.end(oneLine(reason))
		d.tasks.leave(d.e.spawn)
		return
	}
	d.tasks.call(func() { d.end(oneLine(reason)) }, d.e.spawn)
}

func (d *Dialog) end(reason string) {
	if d.phase == closing || d.phase == over {
		return
	}
	l := &leaving{end: End{Cause: Local, Code: 200, Reason: "ended here"}, reason: reason}
	switch d.phase {
	case calling:
		l.end.Code = 487
		d.out.abandon(l)
	case accepted, acking, established:
		if d.leave != nil {
			return
		}
		d.leave = l
		d.standing(false)
		if d.phase != acking {
			d.departOnceAcked()
		}
	}
}

// departOnceAcked sends the BYE that was decided on, once no 2xx of ours lacks its ACK: before, the called side must not
// (RFC 3261 §15; S-006).
func (d *Dialog) departOnceAcked() {
	if len(d.acks) == 0 {
		d.depart(d.leave)
	}
}

// depart sends BYE; the dialog is over with its answer, whatever that is (RFC 3261 §15.1.1; S-007).
func (d *Dialog) depart(l *leaving) {
	d.phase, d.leave, d.in, d.out = closing, nil, nil, nil
	d.standing(false)
	if d.open != nil {
		d.open.req.settle()
	}
	a := d.newBye(&d.leg, l.reason)
	a.on = func(ev sip.Event) {
		if ev.Response == nil || ev.Response.Status >= 200 {
			d.finish(l.end)
		}
	}
	d.bye = a
	a.begin(d.e.ctx, &d.leg)
}

// newBye makes the BYE of a leg, which is the dialog's own or that of a fork.
func (d *Dialog) newBye(l *leg, reason string) *attempt {
	e := d.e
	seq := l.nextSeq()
	renew := func() { seq = l.nextSeq() }
	return &attempt{e: e, tasks: &d.tasks, wallet: d.wallet(), renew: renew, on: func(sip.Event) {}, build: func(sip.Target) (*sip.Message, error) {
		m, _, err := l.newRequest("BYE", seq)
		if err != nil {
			return nil, err
		}
		m.Add("Supported", spokenAsCaller)
		if reason != "" {
			m.Add("Reason", reason)
		}
		e.addAgent(m)
		return m, nil
	}}
}

func (e *Endpoint) addAgent(m *sip.Message) {
	if e.cfg.Product != "" {
		m.Add("User-Agent", e.cfg.Product)
	}
}

// shut ends the dialog because the endpoint closes.
func (d *Dialog) shut() {
	if d.phase != ringing {
		d.end(`SIP;cause=503;text="shutting down"`)
		return
	}
	d.giveUp(End{Cause: Local, Code: 480, Reason: "shutting down"})
}

// giveUp refuses the undecided INVITE with the code of end, or has Accept do that where it is on its way here.
func (d *Dialog) giveUp(end End) {
	if !d.in.giveUp(end.Code, end) {
		d.leave = &leaving{end: end}
	}
}

// abandon forgets the dialog where it stands.
func (d *Dialog) abandon() {
	end := End{Cause: Local, Code: 503, Reason: "shutting down"}
	switch d.phase {
	case ringing:
		end.Code = 480
		d.giveUp(end)
		return
	case calling:
		d.out.req.drop()
	case closing:
		d.bye.drop()
	}
	d.finish(end)
}
