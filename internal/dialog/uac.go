package dialog

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/parley-msrp/parley/internal/sip"
)

// maxForks bounds the 2xx with other To tags that one INVITE is expected to bring (S-005).
const maxForks = 16

// outgoing is an own INVITE on its way, and the ACKs of what it brought. Once the dialog stands only the stack's transaction
// holds it, as long as repeats of the 2xx may come.
type outgoing struct {
	d       *Dialog
	offer   []byte
	headers []sip.Header
	seq     uint32        // CSeq number of the INVITE
	least   time.Duration // Min-SE of the 422 that was answered with another try; 0: none
	ctx     context.Context
	cancel  context.CancelFunc // stops looking up addresses
	req     *attempt
	timer   *time.Timer         // the set-up time; nil before the start
	acks    map[string]*sentAck // by To tag of the 2xx
	why     *leaving            // the INVITE is given up

	redirects redirects
}

// start sends the INVITE.
func (o *outgoing) start() {
	d := o.d
	if d.phase != calling || o.why != nil {
		return
	}
	o.timer = time.AfterFunc(setupTime(o.headers, d.e.setupTime()), func() {
		d.tasks.run(func() {
			if d.phase == calling {
				o.abandon(&leaving{end: End{Cause: Timeout, Code: 408, Reason: "not answered in time"}})
			}
		})
	})
	o.req.begin(o.ctx, &d.leg)
}

func (o *outgoing) newAttempt() *attempt {
	d := o.d
	return &attempt{e: d.e, tasks: &d.tasks, wallet: d.wallet(), build: o.build, renew: func() { o.seq = d.nextSeq() }, on: o.event}
}

// build makes the INVITE for a target.
func (o *outgoing) build(t sip.Target) (*sip.Message, error) {
	contact, err := o.d.contactTo(t)
	if err != nil {
		return nil, err
	}
	m, _, err := o.d.newRequest("INVITE", o.seq)
	if err != nil {
		return nil, err
	}
	m.Add("Contact", contact)
	for _, h := range append(o.d.e.asCaller(), o.d.e.askTimer(o.least)...) {
		m.Add(h.Name, h.Value)
	}
	o.d.e.addAgent(m)
	for _, h := range o.headers {
		m.Add(h.Name, h.Value)
	}
	m.Add("Content-Type", sdpType)
	m.Body = o.offer
	return m, nil
}

// event takes what the INVITE brought.
func (o *outgoing) event(ev sip.Event) {
	m := ev.Response
	switch {
	case m != nil && m.Status >= 200 && m.Status < 300:
		o.answered(m)
	case o.d.phase != calling:
		// Late, or the end of a transaction that has done its work.
	case m == nil:
		o.failed(ev.Err)
	case m.Status < 200:
		o.progress(m)
	case m.Status == 422 && o.raise(m):
	default:
		o.fail(End{Cause: Refused, Code: m.Status, Reason: m.Reason, Message: m})
	}
}

// raise sends the INVITE again, once, after a 422 that says what session interval is long enough (RFC 4028 §7.3; S-030).
func (o *outgoing) raise(m *sip.Message) bool {
	least := minSE(m)
	if o.least > 0 || o.why != nil || least <= o.d.e.cfg.SessionExpires {
		return false
	}
	o.least, o.seq = least, o.d.nextSeq()
	o.req = o.newAttempt()
	o.req.begin(o.ctx, &o.d.leg)
	return true
}

func (o *outgoing) failed(err error) {
	if errors.Is(err, sip.ErrTimeout) {
		o.fail(End{Cause: Timeout, Code: 408, Reason: "no answer"})
		return
	}
	o.fail(End{Cause: Transport, Code: 503, Reason: err.Error()})
}

// fail ends the attempt; what gave it up counts more than how it ended.
func (o *outgoing) fail(end End) {
	switch {
	case o.why != nil:
		end = o.why.end
	case o.elsewhere(end):
		return
	}
	o.d.finish(end)
}

func (o *outgoing) progress(m *sip.Message) {
	if m.Status == 100 || o.why != nil {
		return
	}
	d := o.d
	if tag := m.ToTag(); tag != "" && tag != d.remoteTag {
		d.setRemoteTag(strings.Clone(tag))
		d.sequenced = false
	}
	d.owner.Progress(d, m)
}

// answered takes a 2xx: the first makes the dialog, its repeats get their ACK again, and any other is ended (S-005, S-033).
func (o *outgoing) answered(m *sip.Message) {
	tag := m.ToTag()
	if a := o.acks[tag]; a != nil {
		a.again(o.d.e)
		return
	}
	if len(o.acks) == maxForks {
		return
	}
	first := len(o.acks) == 0 && o.d.phase == calling
	a := &sentAck{}
	o.acks[strings.Clone(tag)] = a
	l := o.legOf(m)
	if first {
		o.adopt(m, l, a)
	} else {
		o.dismiss(l, a)
	}
}

// legOf reads the dialog state from a 2xx (RFC 3261 §12.1.2, §13.2.2.4).
func (o *outgoing) legOf(m *sip.Message) *leg {
	d := o.d
	l := &leg{
		callID: d.callID, localTag: d.localTag, local: d.local, remoteTag: m.ToTag(), remote: m.Get("To"),
		target: d.target, routes: reversed(m.List("Record-Route")), seq: o.seq,
	}
	if c, ok := m.Contact(); ok {
		l.target = c.URI.String()
	}
	fields := []*string{&l.remoteTag, &l.remote, &l.target}
	for i := range l.routes {
		fields = append(fields, &l.routes[i])
	}
	keep(fields...)
	return l
}

// adopt makes the dialog of the first 2xx.
func (o *outgoing) adopt(m *sip.Message, l *leg, a *sentAck) {
	d := o.d
	o.stop()
	if l.remoteTag != d.remoteTag {
		d.setRemoteTag(l.remoteTag)
		d.sequenced = false
	}
	d.remote, d.target, d.routes = l.remote, l.target, l.routes
	if tx := o.req.tx; tx != nil { // nil: this is late, and the INVITE is on its way elsewhere
		d.isAt(tx.Target().Addr.Addr())
	}
	d.phase, d.leave = acking, o.why
	if d.leave == nil {
		answer, _ := sessionDescription(m)
		d.ownSDP, d.peerSDP = o.offer, digest(answer)
		if r := d.owner.Answered(d, m, answer); r != nil {
			d.leave = &leaving{
				end:    End{Cause: BadAnswer, Code: r.Code, Reason: r.Reason, Message: m},
				reason: "SIP;cause=" + strconv.Itoa(r.Code),
			}
		}
	}
	d.learnAllow(m)
	d.acknowledge(l, o.req, o.seq, a, func(err error) {
		switch {
		case d.phase != acking: // a BYE came meanwhile
		case err != nil && d.leave != nil:
			d.finish(d.leave.end)
		case err != nil:
			d.finish(End{Cause: Transport, Code: 503, Reason: err.Error()})
		case d.leave != nil:
			d.depart(d.leave)
		default:
			d.timerAgreed(m)
			d.establish(m)
		}
	})
}

// dismiss ends a further dialog that the INVITE made: ACK, then BYE (RFC 3261 §13.2.2.4).
func (o *outgoing) dismiss(l *leg, a *sentAck) {
	d := o.d
	d.acknowledge(l, o.req, o.seq, a, func(err error) {
		if err != nil {
			d.e.log.Debug("ACK of a further 2xx not sent", "call_id", d.callID, "err", err)
			return
		}
		d.newBye(l, "").begin(d.e.ctx, l)
	})
}

// abandon gives the INVITE up: CANCEL, and the end follows its final response (RFC 3261 §9.1; S-004). Without a transaction it is over.
func (o *outgoing) abandon(l *leaving) {
	if o.why != nil {
		return
	}
	o.why = l
	var h []sip.Header
	if l.reason != "" {
		h = append(h, sip.Header{Name: "Reason", Value: l.reason})
	}
	if o.timer != nil {
		o.timer.Stop()
	}
	if !o.req.cancel(h...) {
		o.d.tasks.push(func() { o.d.finish(l.end) })
	}
}

// stop ends the timer and the looking up of addresses.
func (o *outgoing) stop() {
	if o.timer != nil {
		o.timer.Stop()
	}
	o.cancel()
}
