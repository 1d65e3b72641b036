package dialog

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/parley-msrp/parley/internal/sip"
)

// Referred is an Owner that takes REFER (RFC 3515).
type Referred interface {
	Owner
	// Refer: the peer asks this side to call somebody. What becomes of that is told by r.Done. A refusal is sent at once, and r.Done is not called.
	Refer(d *Dialog, r *Referral) *Refusal
}

// Referral is a REFER that was accepted. One at a time for each dialog.
type Referral struct {
	Target     string // URI to call
	Replaces   string // value of the header that the INVITE is to carry; empty: none
	ReferredBy string // value of the header that the INVITE is to carry; empty: none

	d      *Dialog
	silent bool // no NOTIFY is wished (RFC 4488)
	asked  bool // the NOTIFY that says 100 was answered, or need not be
	done   *referralEnd
}

// referralEnd is what became of a referral.
type referralEnd struct {
	code           int
	reason, parted string
}

// expiresIn is the duration of the implicit subscription, in seconds: longer than a set-up takes.
const expiresIn = "120"

// serveRefer takes a REFER inside the dialog. One from outside of any is a stranger's (S-044).
func (d *Dialog) serveRefer(tx *sip.ServerTx, m *sip.Message) {
	owner, takes := d.owner.(Referred)
	var refused *Refusal
	r, broken := readReferral(m)
	switch {
	case !takes, !d.e.cfg.Refer:
		refused = d.e.notAllowed()
	case d.phase != established || d.leave != nil, d.more().referral != nil:
		refused = later()
	case broken != nil:
		refused = broken
	default:
		r.d = d
		d.more().referral = r
		refused = owner.Refer(d, r)
	}
	if refused != nil {
		if s := d.seldom; s != nil && s.referral == r {
			s.referral = nil
		}
		d.e.refuse(tx, refused)
		return
	}
	contact, _ := d.contactOn(m, tx.Flow())
	h := []sip.Header{{Name: "Contact", Value: contact}}
	if r.silent {
		h = append(h, sip.Header{Name: "Refer-Sub", Value: "false"}, sip.Header{Name: "Supported", Value: "norefersub"})
		r.asked = true
	}
	d.e.reply(tx, 202, "Accepted", h, nil)
	if !r.silent {
		// RFC 3515 §2.4.4: one NOTIFY at once.
		d.notify("active;expires="+expiresIn, "SIP/2.0 100 Trying", func() {
			r.asked = true
			r.conclude()
		})
	}
}

// readReferral reads what a REFER asks for: an INVITE to a SIP URI.
func readReferral(m *sip.Message) (*Referral, *Refusal) {
	rows := m.List("Refer-To")
	if len(rows) != 1 {
		return nil, &Refusal{Code: 400, Reason: "Want One Refer-To"}
	}
	to, err := sip.ParseAddress(rows[0])
	if err != nil || !to.URI.IsSIP() {
		return nil, &Refusal{Code: 400, Reason: "Want a SIP URI in Refer-To"}
	}
	if method, ok := to.URI.Param("method"); ok && !strings.EqualFold(method, "INVITE") {
		return nil, &Refusal{Code: 400, Reason: "Only INVITE Is Sent"}
	}
	r := &Referral{ReferredBy: strings.Clone(m.Get("Referred-By")), silent: strings.EqualFold(strings.TrimSpace(m.Get("Refer-Sub")), "false")}
	for h := range strings.SplitSeq(strings.TrimPrefix(to.URI.Header, "?"), "&") {
		name, value, _ := strings.Cut(h, "=")
		if !strings.EqualFold(name, "Replaces") {
			continue // other headers are not the peer's to choose
		}
		if r.Replaces, err = url.PathUnescape(value); err != nil {
			return nil, &Refusal{Code: 400, Reason: "Broken Replaces"}
		}
		if _, ok := readReplaces(r.Replaces); !ok || oneLine(r.Replaces) != r.Replaces {
			return nil, &Refusal{Code: 400, Reason: "Broken Replaces"}
		}
	}
	to.URI.Header = ""
	r.Target = strings.Clone(requestTarget(to.URI))
	return r, nil
}

// Done tells the peer what became of the referral: the status of the INVITE. Where parted is not empty the dialog is ended then, with that as Reason
// (RFC 3326). It may be called from any goroutine, once.
func (r *Referral) Done(code int, reason, parted string) {
	d := r.d
	d.tasks.call(func() {
		d.tasks.push(func() {
			r.done = &referralEnd{code, oneLine(reason), parted}
			r.conclude()
		})
	}, d.e.spawn)
}

// conclude goes on once it is known what became of the referral, and the first NOTIFY was answered.
func (r *Referral) conclude() {
	d := r.d
	s := d.seldom
	if !r.asked || r.done == nil || s == nil || s.referral != r {
		return
	}
	s.referral = nil
	part := func() {
		if r.done.parted != "" {
			d.end(r.done.parted)
		}
	}
	if r.silent {
		part()
		return
	}
	d.notify("terminated;reason=noresource", "SIP/2.0 "+strconv.Itoa(r.done.code)+" "+r.done.reason, part)
}

// notify sends a NOTIFY of the implicit subscription, and goes on with its answer, or without one.
func (d *Dialog) notify(subscription, fragment string, then func()) {
	if d.phase != established || d.leave != nil {
		then()
		return
	}
	seq := d.nextSeq()
	a := &attempt{e: d.e, tasks: &d.tasks, wallet: d.wallet(), renew: func() { seq = d.nextSeq() }}
	a.build = func(t sip.Target) (*sip.Message, error) {
		contact, err := d.contactTo(t)
		if err != nil {
			return nil, err
		}
		m, _, err := d.newRequest("NOTIFY", seq)
		if err != nil {
			return nil, err
		}
		m.Add("Contact", contact)
		m.Add("Event", "refer")
		m.Add("Subscription-State", subscription)
		m.Add("Supported", spokenAsCaller)
		d.e.addAgent(m)
		m.Add("Content-Type", "message/sipfrag;version=2.0")
		m.Body = []byte(fragment + "\r\n")
		return m, nil
	}
	a.on = func(ev sip.Event) {
		if ev.Response == nil || ev.Response.Status >= 200 {
			then()
		}
	}
	a.begin(d.e.ctx, &d.leg)
}
