package dialog

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/parley-msrp/parley/internal/sip"
)

// progressInterval is how often an undecided INVITE gets a provisional response other than 100: at least each minute, or
// proxies give it up (RFC 3261 §13.3.1.1; S-037).
const progressInterval = 55 * time.Second

// Incoming is an INVITE waiting for its final answer. Safe for concurrent use.
type Incoming struct {
	d        *Dialog
	tx       *sip.ServerTx
	user     string // by Config.Guard
	offer    []byte
	replaces *Dialog      // that this one is to replace; nil: none
	claimed  bool         // Claim has settled it; Accept follows
	head     []sip.Header // what each response that makes a dialog carries: Record-Route, and last the endpoint's Contact

	mu       sync.Mutex
	settled  bool   // a final response is decided on
	contact  string // own Contact value; "": that in head
	code     int    // the provisional response to repeat
	reason   string
	progress *time.Timer
	deadline *time.Timer
	reliable reliability
	late     rack // of the reliable response without PRACK when the final one was decided on
	end      *End // it ended without Accept and Reject
	onOver   func(End)

	final unackedFinal // the 2xx
}

// Message is the INVITE.
func (in *Incoming) Message() *sip.Message { return in.tx.Request() }

// User is whose the INVITE is, by Config.Guard; "" where that does not tell.
func (in *Incoming) User() string { return in.user }

// Flow is the way that it came.
func (in *Incoming) Flow() sip.Flow { return in.tx.Flow() }

// CallID is the SIP Call-ID.
func (in *Incoming) CallID() string { return in.d.callID }

// Offer is the session description found in the body (multipart looked through, S-016); nil where there is none.
func (in *Incoming) Offer() []byte { return in.offer }

// UseContact sets the own Contact of the dialog from now on; the zero URI is the endpoint's, and so is another one where the INVITE asks for a
// sips URI and u is none. Once the INVITE is decided it does nothing.
func (in *Incoming) UseContact(u sip.URI) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.settled {
		return
	}
	in.contact = ""
	if u != (sip.URI{}) && (u.Scheme == "sips" || !in.d.e.asksForSIPS(in.tx.Request())) {
		in.contact = in.d.e.contactValue(u)
	}
}

// ownContact is what UseContact set last.
func (in *Incoming) ownContact() string {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.contact
}

// headers are those of a provisional response that makes a dialog; in.mu is held.
func (in *Incoming) headers() []sip.Header {
	return in.complete(append(make([]sip.Header, 0, cap(in.head)), in.head...))
}

// lastHeaders are those of the 2xx, which nothing follows that would need the head. The INVITE is settled.
func (in *Incoming) lastHeaders() []sip.Header { return in.complete(in.head) }

func (in *Incoming) complete(h []sip.Header) []sip.Header {
	if in.contact != "" {
		h[len(h)-1].Value = in.contact
	}
	return in.d.e.appendCapabilities(h)
}

// Ring sends a provisional response above 100, which is then repeated each minute. It fails with ErrOver once the INVITE is over. To a caller that
// requires reliable ones (RFC 3262) but leaves the offer to this side none is sent: it would have to carry the offer.
func (in *Incoming) Ring(code int, reason string) error {
	if code <= 100 || code > 199 {
		return &InputError{Field: "code", Err: fmt.Errorf("%d is none of 101 to 199", code)}
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.settled {
		return ErrOver
	}
	in.code, in.reason = code, oneLine(reason)
	in.provisional()
	return nil
}

// provisional sends the provisional response; in.mu is held, so that none follows a final one.
func (in *Incoming) provisional() {
	switch {
	case in.reliable.silent:
		return
	case in.reliable.on:
		in.sendReliably()
		return
	}
	in.d.e.reply(in.tx, in.code, in.reason, in.headers(), nil)
	in.repeatAfter(progressInterval)
}

// repeatAfter has the provisional response sent again; in.mu is held.
func (in *Incoming) repeatAfter(d time.Duration) {
	if in.progress == nil { // the INVITE is still being handed over
		in.progress = time.AfterFunc(d, in.stillUndecided)
		return
	}
	in.progress.Reset(d)
}

func (in *Incoming) stillUndecided() {
	in.mu.Lock()
	defer in.mu.Unlock()
	if !in.settled {
		in.provisional()
	}
}

// Accept sends the 200 with own as session description, and makes the dialog: own is the answer to Offer, or where that is nil an offer, whose
// answer o.Answered gets from the ACK (S-023). It fails with ErrOver when the INVITE was decided, cancelled or given up before. o may be called
// before it returns. own must not be changed afterwards.
func (in *Incoming) Accept(own []byte, o Owner) (*Dialog, error) {
	switch {
	case o == nil:
		return nil, &InputError{Field: "owner", Err: errRequired}
	case len(own) == 0:
		return nil, &InputError{Field: "own", Err: errRequired}
	case !in.claimed && !in.settle():
		return nil, ErrOver
	}
	d := in.d
	if d.tasks.take() {
		d.accept(in, own, o)
		d.tasks.leave(d.e.spawn)
	} else {
		d.tasks.call(func() { d.accept(in, own, o) }, d.e.spawn)
	}
	return d, nil
}

// Reject refuses. ErrOver as for Accept.
func (in *Incoming) Reject(r Refusal) error {
	if r.Code < 300 || r.Code > 699 {
		return &InputError{Field: "code", Err: fmt.Errorf("%d is none of 300 to 699", r.Code)}
	}
	if !in.settle() {
		return ErrOver
	}
	d := in.d
	d.tasks.call(func() {
		d.e.refuse(in.tx, r.timed())
		d.finish(End{}) // nobody owns it: nobody is told
	}, d.e.spawn)
	return nil
}

// OnOver sets a function that is called once if the INVITE ends without Accept or Reject: CANCEL, BYE, set-up time over,
// shutting down. It is called at once if that was before. It must not block.
func (in *Incoming) OnOver(f func(End)) {
	in.mu.Lock()
	end := in.end
	in.onOver = f
	in.mu.Unlock()
	if end != nil && f != nil {
		f(*end)
	}
}

// settle decides that a final response is to be sent: true for one caller only, which then sends it.
func (in *Incoming) settle() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.settled {
		return false
	}
	in.settled = true
	if in.reliable.open != nil {
		in.late = in.reliable.open.rack
	}
	in.reliable.stop()
	if in.progress != nil {
		in.progress.Stop()
	}
	if in.deadline != nil {
		in.deadline.Stop()
	}
	in.d.e.undecided.remove(in)
	return true
}

// giveUp refuses the INVITE with code, unless it was decided before, and tells who waits for its end.
func (in *Incoming) giveUp(code int, end End) bool {
	if !in.settle() {
		return false
	}
	d := in.d
	d.tasks.run(func() {
		d.e.refuse(in.tx, &Refusal{Code: code})
		d.finish(end)
		in.mu.Lock()
		in.end = &end
		f := in.onOver
		in.mu.Unlock()
		if f != nil {
			f(end)
		}
	})
	return true
}

// cancelled takes a CANCEL, which got its 200 already (S-004).
func (in *Incoming) cancelled(m *sip.Message) {
	in.giveUp(487, End{Cause: Remote, Code: 487, Reason: "cancelled", Message: m})
}

// invited takes a new INVITE.
func (e *Endpoint) invited(tx *sip.ServerTx, m *sip.Message, tag, user string, offer []byte) {
	in, r := e.newIncoming(tx, m, tag, user, offer)
	if r != nil {
		e.refuse(tx, r)
		return
	}
	e.user.Invite(in)
	in.arm()
}

func (e *Endpoint) newIncoming(tx *sip.ServerTx, m *sip.Message, tag, user string, offer []byte) (*Incoming, *Refusal) {
	recordRoute := m.List("Record-Route")
	peer, r := checkPeer(m, recordRoute, e.stack.Secure())
	if r != nil {
		return nil, r
	}
	old, r := e.replaced(m, tx.Flow().Remote.Addr())
	if r != nil {
		return nil, r
	}
	contact, err := e.contactOn(tx.Flow(), e.asksForSIPS(m))
	if err != nil {
		e.log.Error("no Contact for this peer", "call_id", m.CallID(), "err", err)
		return nil, &Refusal{Code: 500}
	}
	seq, _ := m.CSeq()
	d := &Dialog{e: e, user: user, phase: ringing, sequenced: true, remoteSeq: seq, peerAddr: tx.Flow().Remote.Addr().Unmap()}
	d.leg = calledLeg(m, tag, peer, recordRoute)
	d.from, _ = e.stack.LocalOn(tx.Flow()) // there is one, or contactOn had failed
	if d.size() > maxKept {
		return nil, &Refusal{Code: 513}
	}
	in := &Incoming{d: d, tx: tx, user: user, offer: offer, replaces: old, code: 183, reliable: e.reliabilityFor(m, offer)}
	rows := m.Values("Record-Route")
	in.head = make([]sip.Header, 0, len(rows)+1+headerRoom)
	for _, row := range rows {
		in.head = append(in.head, sip.Header{Name: "Record-Route", Value: row})
	}
	in.head = append(in.head, sip.Header{Name: "Contact", Value: contact})
	d.in = in
	// From here on CANCEL and Close find it.
	if !e.admission.enter(d, tx.Flow().Remote.Addr()) {
		e.countLimited()
		return nil, overloaded("Too Many Calls", drainWait)
	}
	if !e.register(d) {
		e.admission.left(d)
		e.countLimited()
		return nil, overloaded("Too Many Calls", drainWait)
	}
	e.undecided.add(in)
	return in, nil
}

// arm starts the timers of an INVITE that was not decided at once.
func (in *Incoming) arm() {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.settled {
		return
	}
	interval := progressInterval
	if in.reliable.on {
		interval = reliableInterval
	}
	if in.progress == nil {
		in.progress = time.AfterFunc(interval, in.stillUndecided)
	}
	limit, code, why := in.d.e.setupTime(), 480, "not answered in time"
	if x, ok := expires(in.tx.Request().Get("Expires")); ok && x < limit {
		limit, code, why = x, 487, "expired" // RFC 3261 §13.3.1 (S-037)
	}
	in.deadline = time.AfterFunc(limit, func() { in.giveUp(code, End{Cause: Timeout, Code: code, Reason: why}) })
}

// expires reads the Expires of an INVITE.
func expires(value string) (time.Duration, bool) {
	if value == "" {
		return 0, false
	}
	n, err := strconv.ParseUint(value, 10, 32)
	return time.Duration(n) * time.Second, err == nil
}

// firstSeq is a random CSeq that leaves room to count up below 2^31 (RFC 3261 §8.1.1.5).
func firstSeq() uint32 { return rand.Uint32N(1<<30) + 1 }
