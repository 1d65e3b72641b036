package dialog

import (
	"strconv"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/internal/sip"
)

// ackWith sends the ACK of a 2xx to inv with a session description.
func (c *call) ackWith(inv *request, body string) {
	r := c.request("ACK")
	c.seq--
	r.seq = inv.seq
	r.contact = ""
	if body != "" {
		r.sdp(body)
	}
	c.send(r)
}

var answeredOther = "answered " + strconv.Itoa(len(otherSDP))

func TestLateOffer(t *testing.T) {
	late := func(name string, test func(*testing.T, *rig, *call, *request)) {
		overSockets(t, name, Config{}, func(t *testing.T, r *rig) {
			c := r.newCall()
			inv := c.request("INVITE")
			c.send(inv)
			ok := c.want("200 INVITE")
			if ok.body != answerSDP || ok.get("Content-Type") != sdpType {
				t.Errorf("got\n%s", ok.raw)
			}
			c.learn(ok)
			test(t, r, c, inv)
		})
	}
	ended := func(r *rig, c *call, established bool) {
		bye := c.want("BYE")
		c.answer(bye, 200, "", nil, "")
		r.expect("ended bad answer 488 established=" + strconv.FormatBool(established))
		r.quiet()
	}

	late("S-023/offer in the 200, answer in its ACK", func(t *testing.T, r *rig, c *call, inv *request) {
		c.ackWith(inv, otherSDP)
		r.expect(answeredOther)
		r.expect("established")
		// That answer is the peer's last description now, and our offer is ours.
		again := c.request("INVITE").sdp(otherSDP)
		c.send(again)
		if ok := c.want("200 INVITE"); ok.body != answerSDP {
			t.Errorf("got\n%s", ok.raw)
		}
		c.ack(again)
		c.bye(r)
	})

	late("S-023/ACK without answer: BYE", func(_ *testing.T, r *rig, c *call, inv *request) {
		c.ack(inv)
		ended(r, c, false)
	})

	late("S-023/ACK with an answer of an unknown type: BYE", func(_ *testing.T, r *rig, c *call, inv *request) {
		ack := c.request("ACK").with("Content-Type: text/foo")
		ack.seq, ack.body, ack.contact = inv.seq, "x", ""
		c.send(ack)
		ended(r, c, false)
	})

	late("S-023/ACK with an answer that cannot be used: BYE", func(_ *testing.T, r *rig, c *call, inv *request) {
		r.set(func(do *hooks) {
			do.answered = func(*Dialog) *Refusal { return &Refusal{Code: 488, Reason: "no path"} }
		})
		c.ackWith(inv, otherSDP)
		r.expect(answeredOther)
		ended(r, c, false)
	})

	late("S-009/before the ACK that answers our offer: INVITE 500 with Retry-After, UPDATE with offer 491", func(t *testing.T, r *rig, c *call, inv *request) {
		second := c.request("INVITE").sdp(otherSDP)
		c.send(second)
		no := c.want("500 INVITE")
		wantRetryAfter(t, no)
		c.ackFinal(second, no)
		c.send(c.request("UPDATE").sdp(otherSDP))
		c.want("491 UPDATE")
		c.send(c.request("UPDATE"))
		c.want("200 UPDATE")
		c.ackWith(inv, otherSDP)
		r.expect(answeredOther)
		r.expect("established")
		c.bye(r)
	})

	inDialog(t, "S-024/re-INVITE without offer: what stands is offered, and its answer changes nothing", func(t *testing.T, r *rig, c *call) {
		for range 3 {
			inv := c.request("INVITE")
			inv.contact = "<" + strings.Replace(c.uri(), "peer@", "moved@", 1) + ">"
			c.send(inv)
			r.expect("make offer")
			if ok := c.want("200 INVITE"); ok.body != answerSDP || !ok.has("Contact") {
				t.Errorf("got\n%s", ok.raw)
			}
			c.ackWith(inv, offerSDP)
		}
		r.e.table.find(c.id, c.other).End("")
		bye := c.want("BYE")
		if !strings.HasPrefix(bye.start, "BYE sip:moved@") {
			t.Errorf("S-010: %s", bye.start)
		}
		c.answer(bye, 200, "", nil, "")
		r.expect("ended local 200 established=true")
	})

	inDialog(t, "S-024/another answer than before is told", func(_ *testing.T, r *rig, c *call) {
		inv := c.request("INVITE")
		c.send(inv)
		r.expect("make offer")
		c.want("200 INVITE")
		c.ackWith(inv, otherSDP)
		r.expect(answeredOther)
		c.bye(r)
	})

	inDialog(t, "S-023/re-INVITE without offer, ACK without answer: BYE", func(_ *testing.T, r *rig, c *call) {
		inv := c.request("INVITE")
		c.send(inv)
		r.expect("make offer")
		c.want("200 INVITE")
		c.ack(inv)
		ended(r, c, true)
	})

	inDialog(t, "S-024/nothing to offer: 488, and the dialog goes on", func(_ *testing.T, r *rig, c *call) {
		r.set(func(do *hooks) { do.make = func() []byte { return nil } })
		inv := c.request("INVITE")
		c.send(inv)
		r.expect("make offer")
		c.ackFinal(inv, c.want("488 INVITE"))
		c.bye(r)
	})

	underFakeTime(t, "S-002/an offer in the 200 that is never answered: BYE at 32 s", sip.UDP, Config{}, func(t *testing.T, r *rig, _ *memNet) {
		c := r.newCall()
		c.send(c.request("INVITE"))
		first := c.want("200 INVITE")
		m := first
		for ; m.what() == "200 INVITE"; m = c.next() {
		}
		if m.what() != "BYE" || m.at.Sub(first.at).Seconds() != 32 {
			t.Errorf("%s after %v", m.what(), m.at.Sub(first.at))
		}
		c.answer(m, 200, "", nil, "")
		r.expect("ended timeout 408 established=false")
		r.quiet()
	})
}
