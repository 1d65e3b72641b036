package dialog

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/parley-msrp/parley/internal/sip"
)

// maxModifications bounds the own re-INVITEs and UPDATEs of a dialog that wait for their turn.
const maxModifications = 8

// modification is an own re-INVITE or UPDATE: an offer, or a refresh that changes nothing (RFC 3261 §14.1, RFC 3311 §5.1). At most one of
// a dialog is on its way; the others wait.
type modification struct {
	d      *Dialog
	update bool          // UPDATE if the peer takes it, else re-INVITE
	make   func() []byte // says what is offered; nil: what stands is confirmed
	done   func(error)   // nil: nobody waits

	held   bool // waits for its retry; else for its turn
	glared bool // a 491 was answered with its one retry
	raised bool // so was a 422
	method string
	offer  []byte // nil in an UPDATE that carries none
	seq    uint32
	req    *attempt
	ack    *sentAck // of the 2xx to a re-INVITE
	over   bool     // its final response came
	timer  *time.Timer
}

// RefusedError says that the peer refused a re-INVITE or UPDATE: everything stays as it was before (RFC 3261 §14.1).
type RefusedError struct {
	Code   int // 300 to 699; 503 for a failure of the network
	Reason string
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("dialog: the peer refused with %d %s", e.Code, e.Reason)
}

// Modify offers the peer another session description, by re-INVITE or, with update, by UPDATE where the peer takes that. offer is called when
// it can leave: after the ACK of a 2xx of ours, after own requests before it, and again after a 491 (S-009). Nil gives it up.
// done is called once: with nil once the peer agreed and Owner.Answered was told, with a *RefusedError, or with ErrOver when the dialog ends
// first. Both are called as the methods of Owner are. Modify does not block. ErrBusy: too many are waiting already, nothing is called.
func (d *Dialog) Modify(update bool, offer func() []byte, done func(error)) error {
	d.tasks.mu.Lock()
	full := d.wishes >= maxModifications
	if !full {
		d.wishes++
	}
	d.tasks.mu.Unlock()
	if full {
		return ErrBusy
	}
	counted := func(err error) {
		d.tasks.mu.Lock()
		d.wishes--
		d.tasks.mu.Unlock()
		done(err)
	}
	m := &modification{d: d, update: update, make: offer, done: counted}
	d.tasks.call(func() { d.tasks.push(func() { d.want(m) }) }, d.e.spawn)
	return nil
}

// want puts m at the end of the row.
func (d *Dialog) want(m *modification) {
	if d.phase == over {
		m.settle(ErrOver)
		return
	}
	s := d.more()
	s.waiting = append(s.waiting, m)
	d.proceed()
}

// proceed sends the next of those that wait, if it may leave: not before the dialog stands, nor while an own one is open or a 2xx of ours
// lacks its ACK (RFC 3261 §14.1; S-009).
func (d *Dialog) proceed() {
	s := d.seldom
	if s == nil || d.phase != established || d.leave != nil || d.open != nil || len(d.acks) > 0 {
		return
	}
	for i, m := range s.waiting {
		if !m.held {
			s.waiting = append(s.waiting[:i:i], s.waiting[i+1:]...)
			d.open = m
			m.send()
			return
		}
	}
}

// openOffer says whether an own offer, or an own re-INVITE, is not answered yet.
func (d *Dialog) openOffer() bool {
	return d.open != nil && (d.open.method == "INVITE" || d.open.offer != nil)
}

func (m *modification) send() {
	d := m.d
	m.method = "INVITE"
	if m.update && d.peerUpdates {
		m.method = "UPDATE"
	}
	switch {
	case m.make != nil:
		if m.offer = bytes.Clone(m.make()); len(m.offer) == 0 {
			m.finish(&RefusedError{Code: 488, Reason: "nothing to offer"})
			return
		}
	case m.method == "INVITE":
		m.offer = d.ownSDP
	}
	m.seq, m.ack, m.over = d.nextSeq(), nil, false
	req := &attempt{e: d.e, tasks: &d.tasks, wallet: d.wallet(), build: m.build, renew: func() { m.seq = d.nextSeq() }}
	req.on = func(ev sip.Event) {
		if m.req == req {
			m.event(ev)
		}
	}
	m.req = req
	if m.method == "INVITE" {
		m.timer = time.AfterFunc(d.e.setupTime(), func() {
			d.tasks.run(func() {
				if m.req == req && !m.over {
					req.cancel()
				}
			})
		})
	}
	m.req.begin(d.e.ctx, &d.leg)
}

func (m *modification) build(t sip.Target) (*sip.Message, error) {
	d := m.d
	contact, err := d.contactTo(t)
	if err != nil {
		return nil, err
	}
	q, _, err := d.newRequest(m.method, m.seq)
	if err != nil {
		return nil, err
	}
	q.Add("Contact", contact)
	for _, h := range d.e.asCaller() {
		q.Add(h.Name, h.Value)
	}
	for _, h := range d.timer.headers() {
		q.Add(h.Name, h.Value)
	}
	d.e.addAgent(q)
	if m.offer != nil {
		q.Add("Content-Type", sdpType)
		q.Body = m.offer
	}
	return q, nil
}

// event takes what the request brought.
func (m *modification) event(ev sip.Event) {
	r := ev.Response
	switch {
	case r != nil && r.Status < 200:
	case r != nil && r.Status < 300:
		m.agreed(r)
	case m.over:
		// The end of a transaction that has done its work.
	case r == nil && errors.Is(ev.Err, sip.ErrTimeout):
		m.lost(408, "no answer", nil)
	case r == nil:
		m.refused(&RefusedError{Code: 503, Reason: ev.Err.Error()})
	case r.Status == 481 || r.Status == 408:
		m.lost(r.Status, r.Reason, r)
	case r.Status == 491 && !m.glared:
		m.glared = true
		m.again(glareTime(m.d.caller))
	case r.Status == 422 && !m.raised && m.d.timer.raise(r):
		m.raised = true
		m.again(0)
	default:
		m.refused(&RefusedError{Code: r.Status, Reason: r.Reason})
	}
}

// glareTime is how long to wait after a 491: longer for whoever made the Call-ID, so that the two do not meet again (RFC 3261 §14.1; S-009).
func glareTime(owner bool) time.Duration {
	if owner {
		return 2100*time.Millisecond + time.Duration(rand.IntN(191))*10*time.Millisecond
	}
	return time.Duration(rand.IntN(201)) * 10 * time.Millisecond
}

// agreed takes a 2xx. The ACK of one to a re-INVITE is sent whatever else happened, and again for each repeat.
func (m *modification) agreed(r *sip.Message) {
	d := m.d
	if m.ack != nil {
		m.ack.again(d.e)
		return
	}
	if m.over {
		return
	}
	m.closeRequest()
	var refuse *Refusal
	if d.phase == established {
		d.refresh(r)
		if m.offer != nil {
			refuse = d.exchanged(r, m.offer, m.make == nil)
		}
		d.timerAgreed(r)
	}
	if m.method != "INVITE" {
		m.conclude(refuse, r)
		return
	}
	m.ack = &sentAck{}
	d.acknowledge(&d.leg, m.req, m.seq, m.ack, func(err error) {
		if err != nil {
			d.e.log.Info("ACK of a re-INVITE not sent", "call_id", d.callID, "err", err)
		}
		m.conclude(refuse, r)
	})
}

// conclude ends an exchange that the peer agreed to; refuse says that what it answered cannot be used.
func (m *modification) conclude(refuse *Refusal, r *sip.Message) {
	d := m.d
	if refuse == nil {
		m.finish(nil)
		return
	}
	if d.open == m {
		d.open = nil
	}
	m.settle(&RefusedError{Code: refuse.Code, Reason: refuse.Reason})
	d.badAnswer(refuse, r)
}

// exchanged takes the answer to an own offer. kept says that the offer was what stood before: then a missing answer is tolerated.
func (d *Dialog) exchanged(m *sip.Message, offer []byte, kept bool) *Refusal {
	answer, _ := sessionDescription(m)
	if answer == nil && kept || answer != nil && bytes.Equal(offer, d.ownSDP) && digest(answer) == d.peerSDP {
		return nil
	}
	if answer == nil {
		return &Refusal{Code: 488, Reason: "no answer to the offer"}
	}
	if r := d.owner.Answered(d, m, answer); r != nil {
		return r
	}
	d.ownSDP, d.peerSDP = offer, digest(answer)
	return nil
}

// badAnswer ends the dialog by BYE, because an answer of the peer's cannot be used (S-023, D-004).
func (d *Dialog) badAnswer(r *Refusal, m *sip.Message) {
	if d.phase == over || d.phase == closing || d.leave != nil {
		return
	}
	d.leave = &leaving{
		end:    End{Cause: BadAnswer, Code: r.Code, Reason: r.Reason, Message: m},
		reason: fmt.Sprintf("SIP;cause=%d", r.Code),
	}
	d.departOnceAcked()
}

// lost ends the dialog, which the peer does not know any more or does not answer in: BYE (RFC 3261 §12.2.1.2; S-007).
func (m *modification) lost(code int, why string, r *sip.Message) {
	d := m.d
	m.closeRequest()
	if d.open == m {
		d.open = nil
	}
	m.settle(ErrOver)
	d.lose(End{Cause: Lost, Code: code, Reason: why, Message: r})
}

// lose tells the owner that the dialog is over, and sends a BYE whose answer nobody needs to wait for.
func (d *Dialog) lose(end End) {
	if d.phase == over || d.phase == closing {
		return
	}
	d.e.log.Info("dialog lost", "call_id", d.callID, "code", end.Code, "reason", end.Reason)
	if d.leave != nil {
		end = d.leave.end
	}
	d.tell(end)
	d.depart(&leaving{end: end, reason: fmt.Sprintf("SIP;cause=%d", end.Code)})
}

func (m *modification) refused(err *RefusedError) {
	m.closeRequest()
	m.finish(err)
}

// again sends the request anew after a time, with all that is true then.
func (m *modification) again(after time.Duration) {
	d := m.d
	m.closeRequest()
	if d.open == m {
		d.open = nil
	}
	if d.phase == over || d.phase == closing {
		m.settle(ErrOver)
		return
	}
	m.held = true
	s := d.more()
	s.waiting = append([]*modification{m}, s.waiting...)
	m.timer = time.AfterFunc(after, func() {
		d.tasks.run(func() {
			m.held = false
			d.proceed()
		})
	})
	d.proceed()
}

// closeRequest notes that the final response came.
func (m *modification) closeRequest() {
	m.over = true
	if m.timer != nil {
		m.timer.Stop()
	}
}

// finish ends m, and lets the next one leave.
func (m *modification) finish(err error) {
	d := m.d
	if d.open == m {
		d.open = nil
	}
	if m.make == nil && err != nil && d.phase == established {
		d.timer.notRefreshed()
	}
	m.settle(err)
	d.proceed()
}

// settle tells whoever waits what came of m.
func (m *modification) settle(err error) {
	done := m.done
	m.done = nil
	if done != nil {
		done(err)
	}
}

// giveUpModifications tells whoever waits that the dialog is over.
func (d *Dialog) giveUpModifications() {
	var all []*modification
	if s := d.seldom; s != nil {
		all, s.waiting = s.waiting, nil
	}
	if d.open != nil {
		all = append(all, d.open)
	}
	d.open = nil
	for _, m := range all {
		if m.timer != nil {
			m.timer.Stop()
		}
		m.req.settle()
		m.settle(ErrOver)
	}
}

// learnAllow keeps whether the peer takes UPDATE (RFC 3311 §4).
func (d *Dialog) learnAllow(m *sip.Message) {
	if !m.Has("Allow") {
		return
	}
	d.peerUpdates = false
	for _, method := range m.List("Allow") {
		if strings.TrimSpace(method) == "UPDATE" {
			d.peerUpdates = true
		}
	}
}
