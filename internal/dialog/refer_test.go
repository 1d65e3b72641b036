package dialog

import (
	"strings"
	"testing"
)

// referred is a rig whose dialogs take REFER.
type referred struct {
	*rig
	refer func(*Referral) *Refusal
}

func (r *referred) Refer(_ *Dialog, ref *Referral) *Refusal {
	r.tell("refer %s replaces=%q by=%q", ref.Target, ref.Replaces, ref.ReferredBy)
	return r.refer(ref)
}

// takingRefer is an established call of the peer's that takes REFER.
func (r *rig) takingRefer(refer func(*Referral) *Refusal) *call {
	r.t.Helper()
	r.set(func(h *hooks) {
		h.invite = func(in *Incoming) {
			_, err := in.Accept([]byte(answerSDP), &referred{r, refer})
			check0(r.t, err)
		}
	})
	c, _ := r.standing()
	return c
}

// accepted takes the 202 of a REFER and the first NOTIFY; over TCP they come on connections of their own.
func (c *call) accepted() {
	c.t.Helper()
	a, b := c.next(), c.next()
	if a.what() == "NOTIFY" {
		a, b = b, a
	}
	if a.what() != "202 REFER" {
		c.t.Errorf("got\n%s", a.raw)
	}
	c.notification(b, "active;expires=", "SIP/2.0 100 Trying")
}

// notified takes the next NOTIFY, which must say this.
func (c *call) notified(state, fragment string) {
	c.t.Helper()
	c.notification(c.want("NOTIFY"), state, fragment)
}

func (c *call) notification(n received, state, fragment string) {
	c.t.Helper()
	if n.get("Event") != "refer" || !strings.HasPrefix(n.get("Subscription-State"), state) || n.body != fragment+"\r\n" ||
		n.get("Content-Type") != "message/sipfrag;version=2.0" || !n.has("Contact") || n.tag("To") != c.own {
		c.t.Errorf("want %s, %s, got\n%s", state, fragment, n.raw)
	}
	c.answer(n, 200, "", nil, "")
}

func TestRefer(t *testing.T) {
	on := Config{Refer: true}

	overSockets(t, "S-044/REFER in dialog: 202, NOTIFY with 100, NOTIFY with what became of it, then BYE", on, func(t *testing.T, r *rig) {
		refs := make(chan *Referral, 1)
		c := r.takingRefer(func(ref *Referral) *Refusal { refs <- ref; return nil })
		c.send(c.request("REFER").with("Refer-To: <sip:focus@192.0.2.7;transport=tcp?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2&Subject=x>", "Referred-By: <sip:peer@example.org>"))
		r.expect(`refer sip:focus@192.0.2.7;transport=tcp replaces="a@b;to-tag=1;from-tag=2" by="<sip:peer@example.org>"`)
		c.accepted()
		second := c.request("REFER").with("Refer-To: <sip:other@192.0.2.7>")
		c.send(second)
		wantRetryAfter(t, c.want("500 REFER"))
		(<-refs).Done(200, "OK", `SIP;cause=200;text="moved"`)
		c.notified("terminated;reason=noresource", "SIP/2.0 200 OK")
		c.answer(c.want("BYE"), 200, "", nil, "")
		r.expect("ended local 200 established=true")
		r.quiet()
	})

	known := keys()
	known.Refer = true
	overSockets(t, "S-027/a NOTIFY that is challenged", known, func(t *testing.T, r *rig) {
		refs := make(chan *Referral, 1)
		c := r.takingRefer(func(ref *Referral) *Refusal { refs <- ref; return nil })
		c.send(c.request("REFER").with("Refer-To: <sip:focus@192.0.2.7>"))
		r.expect(`refer sip:focus@192.0.2.7 replaces="" by=""`)
		c.accepted()
		(<-refs).Done(486, "Busy Here", "")
		first := c.want("NOTIFY")
		c.answer(first, 401, "", []string{"WWW-Authenticate: " + challenge("example.org", "SHA-256", "n1")}, "")
		second := c.want("NOTIFY")
		proves(t, "NOTIFY", second.get("Authorization"), "secret")
		if second.seq() != first.seq()+1 {
			t.Errorf("%s\nthen\n%s", first.raw, second.raw)
		}
		c.notification(second, "terminated;reason=noresource", "SIP/2.0 486 Busy Here")
		c.bye(r)
	})

	overSockets(t, "S-044/REFER that fails leaves the dialog, which may be referred again", on, func(t *testing.T, r *rig) {
		c := r.takingRefer(func(ref *Referral) *Refusal {
			ref.Done(486, "Busy\r\nHere", "") // before anything was sent
			return nil
		})
		for range 2 {
			c.send(c.request("REFER").with("Refer-To: sip:focus@192.0.2.7"))
			r.expect(`refer sip:focus@192.0.2.7 replaces="" by=""`)
			c.accepted()
			c.notified("terminated;reason=noresource", "SIP/2.0 486 BusyHere")
		}
		c.bye(r)
	})

	overSockets(t, "S-044/Refer-Sub: false: no subscription and no NOTIFY", on, func(t *testing.T, r *rig) {
		c := r.takingRefer(func(ref *Referral) *Refusal {
			ref.Done(200, "OK", "SIP;cause=200")
			return nil
		})
		c.send(c.request("REFER").with("Refer-To: <sip:focus@192.0.2.7>", "Refer-Sub: false", "Require: norefersub"))
		r.expect(`refer sip:focus@192.0.2.7 replaces="" by=""`)
		ok, bye := c.next(), c.next()
		if ok.what() == "BYE" {
			ok, bye = bye, ok
		}
		if ok.what() != "202 REFER" || ok.get("Refer-Sub") != "false" {
			t.Errorf("got\n%s", ok.raw)
		}
		c.answer(bye, 200, "", nil, "")
		r.expect("ended local 200 established=true")
		r.quiet()
	})

	overSockets(t, "S-044/REFER that cannot be taken: 400, and the owner's own refusal", on, func(t *testing.T, r *rig) {
		c := r.takingRefer(func(*Referral) *Refusal { return &Refusal{Code: 403} })
		for _, to := range []string{
			"X: y", "Refer-To: <tel:+15550100>", "Refer-To: <sip:a@b>, <sip:c@d>", "Refer-To: <sip:a@b;method=BYE>",
			"Refer-To: <sip:a@b?Replaces=x>", "Refer-To: <sip:a@b?Replaces=x%3Bto-tag%3D1%3Bfrom-tag%3D2%0d%0aX:y>", "Refer-To: <sip:a@b?Replaces=%zz>",
		} {
			c.send(c.request("REFER").with(to))
			c.want("400 REFER")
		}
		c.send(c.request("REFER").with("Refer-To: <sip:a@b>"))
		r.expect(`refer sip:a@b replaces="" by=""`)
		c.want("403 REFER")
		c.bye(r)
	})

	overSockets(t, "S-044/REFER: strangers 403, off 405, Allow says so", Config{}, func(t *testing.T, r *rig) {
		c := r.takingRefer(nil)
		c.send(c.request("REFER").with("Refer-To: <sip:a@b>"))
		if no := c.want("405 REFER"); no.get("Allow") != allow {
			t.Errorf("got\n%s", no.raw)
		}
		stranger := r.newCall()
		stranger.send(stranger.request("REFER").with("Refer-To: <sip:a@b>"))
		stranger.want("403 REFER")
		c.bye(r)
	})

	overSockets(t, "S-043/REFER is in Allow where it works", on, func(t *testing.T, r *rig) {
		stranger := r.newCall()
		stranger.send(stranger.request("REFER").with("Refer-To: <sip:a@b>"))
		stranger.want("403 REFER")
		o := r.newCall()
		o.send(o.request("OPTIONS"))
		if ok := o.want("200 OPTIONS"); !strings.HasSuffix(ok.get("Allow"), ", REFER") || !strings.Contains(ok.get("Supported"), "norefersub") {
			t.Errorf("got\n%s", ok.raw)
		}
	})
}
