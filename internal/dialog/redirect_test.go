package dialog

import (
	"fmt"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/internal/sip"
)

// to is the URI of a user of the peer's.
func (p *peer) to(user string) string {
	return strings.Replace((&call{peer: p}).uri(), "peer@", user+"@", 1)
}

// redirected answers an INVITE with a 3xx, and takes its ACK.
func (r *rig) redirected(inv received, code int, contacts ...string) {
	r.t.Helper()
	r.answer(inv, code, "tag-"+fmt.Sprint(inv.seq()), []string{"Contact: " + strings.Join(contacts, ", ")}, "")
	r.want("ACK")
}

// invited is the next INVITE, which must go to that user.
func (r *rig) invited(user string, seq int) received {
	r.t.Helper()
	inv := r.want("INVITE")
	if !strings.HasPrefix(inv.start, "INVITE "+r.to(user)+" ") || inv.seq() != seq || inv.tag("To") != "" || inv.body != offerSDP {
		r.t.Errorf("want user %s, CSeq %d, got\n%s", user, seq, inv.raw)
	}
	return inv
}

func TestRedirect(t *testing.T) {
	follow := Config{MaxRedirects: 3}

	overSockets(t, "S-038/off by default: 302 ends the call, its Contacts are known", Config{}, func(t *testing.T, r *rig) {
		r.invite()
		r.redirected(r.want("INVITE"), 302, "<"+r.to("a")+">")
		r.expect("ended refused 302 established=false")
		r.quiet()
	})

	overSockets(t, "S-038/Contacts by q, then established with the one that takes it", follow, func(t *testing.T, r *rig) {
		r.invite()
		first := r.want("INVITE")
		r.answer(first, 180, "early", []string{r.contactRow()}, "")
		r.expect("progress 180")
		r.redirected(first, 302, "<"+r.to("low")+">;q=0.1", "<"+r.to("best")+">", "<tel:+15550100>", "<"+r.to("mid")+">;q=0.5")
		inv := r.invited("best", first.seq()+1)
		if inv.get("Call-ID") != first.get("Call-ID") || inv.get("From") != first.get("From") {
			t.Errorf("got\n%s", inv.raw)
		}
		r.answer(inv, 486, "busy", nil, "")
		r.want("ACK")
		inv = r.invited("mid", first.seq()+2)
		r.answer(inv, 200, "callee", []string{r.contactRow()}, answerSDP)
		r.expect(fmt.Sprintf("answered %d", len(answerSDP)))
		r.want("ACK")
		r.expect("established")
		r.answering(inv, "callee").bye(r)
	})

	overSockets(t, "S-038/a 302 to itself: no loop", follow, func(t *testing.T, r *rig) {
		d := r.invite()
		inv := r.want("INVITE")
		r.redirected(inv, 302, "<"+d.target+">", "<"+strings.ToUpper(d.target[:4])+d.target[4:]+">")
		r.expect("ended refused 302 established=false")
		r.quiet()
	})

	overSockets(t, "S-038/a ring of redirects and an endless chain end", follow, func(t *testing.T, r *rig) {
		r.invite()
		inv := r.want("INVITE")
		r.redirected(inv, 302, "<"+r.to("one")+">")
		r.redirected(r.invited("one", inv.seq()+1), 301, "<"+r.to("peer")+">", "<"+r.to("two")+">")
		r.redirected(r.invited("two", inv.seq()+2), 300, "<"+r.to("one")+">", "<"+r.to("three")+">")
		r.redirected(r.invited("three", inv.seq()+3), 399, "<"+r.to("four")+">")
		r.expect("ended refused 399 established=false")
		r.quiet()
	})

	overSockets(t, "S-038/a 6xx ends it, whoever is left", follow, func(t *testing.T, r *rig) {
		r.invite()
		inv := r.want("INVITE")
		r.redirected(inv, 302, "<"+r.to("one")+">", "<"+r.to("two")+">")
		r.answer(r.invited("one", inv.seq()+1), 603, "no", nil, "")
		r.want("ACK")
		r.expect("ended refused 603 established=false")
		r.quiet()
	})

	overSockets(t, "S-038/End in between: CANCEL to where it is now, and no further one", follow, func(t *testing.T, r *rig) {
		d := r.invite()
		inv := r.want("INVITE")
		r.redirected(inv, 302, "<"+r.to("one")+">", "<"+r.to("two")+">")
		inv = r.invited("one", inv.seq()+1)
		r.answer(inv, 180, "x", nil, "")
		r.expect("progress 180")
		d.End("")
		cancel := r.want("CANCEL")
		r.answer(cancel, 200, "x", nil, "")
		r.answer(inv, 487, "x", nil, "")
		r.want("ACK")
		r.expect("ended local 487 established=false")
		r.quiet()
	})
}

func TestRedirectTargets(t *testing.T) {
	t.Run("S-038/no silent step from sips", func(t *testing.T) {
		e := New(Config{MaxRedirects: 5}, nil)
		d := &Dialog{e: e, phase: calling, leg: leg{target: "sips:a@example.com"}}
		o := &outgoing{d: d}
		m := sip.NewRequest("", "")
		m.Status = 302
		m.Add("Contact", "<sip:b@example.com>, <sip:c@example.com>;q=0.5")
		if o.elsewhere(End{Cause: Refused, Code: 302, Message: m}) {
			t.Errorf("goes to %s", d.target)
		}
	})
	t.Run("S-038/the Contacts of a 3xx are bounded and ordered", func(t *testing.T) {
		m := sip.NewRequest("", "")
		m.Status = 300
		m.Add("Contact", "broken, <sip:x@y;method=BYE>, <sip:bad@y>;q=NaN, <sip:h@y?Subject=x>;q=0.7, sip:plain@y;q=0.9")
		for n := range 100 {
			m.Add("Contact", fmt.Sprintf("<sip:%d@y>;q=0.1", n))
		}
		got := Contacts(m)
		if len(got) != maxContacts || got[0] != "sip:plain@y" || got[1] != "sip:h@y" || got[2] != "sip:0@y" || got[len(got)-1] != "sip:bad@y" {
			t.Errorf("got %q", got)
		}
	})
}
