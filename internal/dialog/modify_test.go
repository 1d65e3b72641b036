package dialog

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/parley-msrp/parley/internal/sip"
)

const thirdSDP = "v=0\r\no=- 2 2 IN IP4 192.0.2.1\r\ns=third\r\n"

// modify starts an own offer of thirdSDP, whose end is told as an event.
func (r *rig) modify(d *Dialog, update bool) {
	r.t.Helper()
	r.set(func(do *hooks) { do.make = func() []byte { return []byte(thirdSDP) } })
	check0(r.t, d.Modify(update, func() []byte { return r.MakeOffer(d) }, func(err error) {
		var refused *RefusedError
		switch {
		case errors.As(err, &refused):
			r.tell("refused %d", refused.Code)
		default:
			r.tell("modified: %v", err)
		}
	}))
}

// standing is an established call that the peer made, and its dialog.
func (r *rig) standing(head ...string) (*call, *Dialog) {
	r.t.Helper()
	c := r.newCall()
	c.setUp(head...)
	r.expect("established")
	return c, r.e.table.find(c.id, c.other)
}

// calling is an established call that the unit under test made.
func (r *rig) calling(head ...string) (*call, *Dialog) {
	r.t.Helper()
	d := r.invite()
	inv := r.want("INVITE")
	r.answer(inv, 200, "callee", append(head, r.contactRow()), answerSDP)
	r.expect(fmt.Sprintf("answered %d", len(answerSDP)))
	r.want("ACK")
	r.expect("established")
	return r.answering(inv, "callee"), d
}

func TestModify(t *testing.T) {
	both := func(name string, test func(*testing.T, *rig, *call, *Dialog)) {
		overSockets(t, name+", as called", Config{}, func(t *testing.T, r *rig) {
			c, d := r.standing("Allow: INVITE, UPDATE")
			test(t, r, c, d)
		})
		overSockets(t, name+", as caller", Config{}, func(t *testing.T, r *rig) {
			c, d := r.calling("Allow: INVITE, UPDATE")
			test(t, r, c, d)
		})
	}

	both("S-026/own re-INVITE: answer, ACK, target refresh", func(t *testing.T, r *rig, c *call, d *Dialog) {
		r.modify(d, false)
		r.expect("make offer")
		inv := c.want("INVITE")
		if inv.body != thirdSDP || !inv.has("Contact") || inv.get("Supported") != spokenAsCaller || inv.get("Allow") != allow || inv.tag("To") != c.own {
			t.Errorf("got\n%s", inv.raw)
		}
		moved := "Contact: <" + strings.Replace(c.uri(), "peer@", "moved@", 1) + ">"
		c.answer(inv, 180, "", nil, "")
		c.answer(inv, 200, "", []string{moved}, otherSDP)
		r.expect(answeredOther)
		ack := c.want("ACK")
		if ack.seq() != inv.seq() || !strings.HasPrefix(ack.start, "ACK sip:moved@") {
			t.Errorf("got\n%s", ack.raw)
		}
		r.expect("modified: <nil>")
		c.answer(inv, 200, "", []string{moved}, otherSDP) // its ACK was lost
		if again := c.want("ACK"); again.raw != ack.raw {
			t.Errorf("S-033: got\n%s\nwant\n%s", again.raw, ack.raw)
		}
		// What was agreed is what an offer that changes nothing repeats.
		same := c.request("INVITE").sdp(otherSDP)
		c.send(same)
		if ok := c.want("200 INVITE"); ok.body != thirdSDP {
			t.Errorf("got\n%s", ok.raw)
		}
		c.ack(same)
		c.bye(r)
	})

	both("S-026/own UPDATE: answer, target refresh", func(t *testing.T, r *rig, c *call, d *Dialog) {
		r.modify(d, true)
		r.expect("make offer")
		q := c.want("UPDATE")
		if q.body != thirdSDP || !q.has("Contact") {
			t.Errorf("got\n%s", q.raw)
		}
		c.answer(q, 200, "", []string{"Contact: <" + strings.Replace(c.uri(), "peer@", "moved@", 1) + ">"}, otherSDP)
		r.expect(answeredOther)
		r.expect("modified: <nil>")
		d.End("")
		bye := c.want("BYE")
		if !strings.HasPrefix(bye.start, "BYE sip:moved@") || bye.seq() != q.seq()+1 {
			t.Errorf("S-010: got\n%s", bye.raw)
		}
		c.answer(bye, 200, "", nil, "")
		r.expect("ended local 200 established=true")
	})

	overSockets(t, "S-026/no UPDATE to a peer that does not allow it", Config{}, func(_ *testing.T, r *rig) {
		c, d := r.standing("Allow: INVITE, ACK, BYE")
		r.modify(d, true)
		r.expect("make offer")
		inv := c.want("INVITE")
		c.answer(inv, 488, "", nil, "")
		c.want("ACK")
		r.expect("refused 488")
		c.bye(r)
	})

	both("S-009/other refusals leave everything as it was", func(t *testing.T, r *rig, c *call, d *Dialog) {
		for i, code := range []int{488, 403, 500, 503, 600} {
			r.modify(d, i%2 == 1)
			r.expect("make offer")
			q := c.next()
			c.answer(q, code, "", nil, "")
			if i%2 == 0 {
				c.want("ACK")
			}
			r.expect(fmt.Sprintf("refused %d", code))
		}
		inv := c.request("INVITE")
		c.send(inv)
		r.expect("make offer")
		c.want("200 INVITE")
		c.ackWith(inv, otherSDP)
		r.expect(answeredOther)
		c.bye(r)
	})

	for _, code := range []int{481, 408} {
		for _, update := range []bool{false, true} {
			both(fmt.Sprintf("S-007/%d to an own request (UPDATE %t): BYE, one end event", code, update), func(t *testing.T, r *rig, c *call, d *Dialog) {
				r.modify(d, update)
				r.expect("make offer")
				q := c.next()
				c.answer(q, code, "", nil, "")
				if !update {
					c.want("ACK")
				}
				r.expect("modified: " + ErrOver.Error())
				r.expect(fmt.Sprintf("ended lost %d established=true", code))
				c.answer(c.want("BYE"), 481, "", nil, "")
				r.quiet()
			})
		}
	}

	both("D-004/an answer that cannot be used: ACK, then BYE", func(t *testing.T, r *rig, c *call, d *Dialog) {
		r.set(func(do *hooks) { do.answered = func(*Dialog) *Refusal { return &Refusal{Code: 488} } })
		r.modify(d, false)
		r.expect("make offer")
		c.answer(c.want("INVITE"), 200, "", []string{c.contactRow()}, otherSDP)
		r.expect(answeredOther)
		c.want("ACK")
		r.expect("refused 488")
		c.answer(c.want("BYE"), 200, "", nil, "")
		r.expect("ended bad answer 488 established=true")
	})

	both("S-009/while the own re-INVITE is open: INVITE and UPDATE with offer 491, UPDATE without 200", func(t *testing.T, r *rig, c *call, d *Dialog) {
		r.modify(d, false)
		r.expect("make offer")
		own := c.want("INVITE")
		inv := c.request("INVITE").sdp(thirdSDP)
		c.send(inv)
		c.ackFinal(inv, c.want("491 INVITE"))
		c.send(c.request("UPDATE").sdp(thirdSDP))
		c.want("491 UPDATE")
		c.send(c.request("UPDATE"))
		c.want("200 UPDATE")
		c.answer(own, 200, "", []string{c.contactRow()}, otherSDP)
		r.expect(answeredOther)
		c.want("ACK")
		r.expect("modified: <nil>")
		c.bye(r)
	})

	both("S-006/BYE while the own re-INVITE is open", func(t *testing.T, r *rig, c *call, d *Dialog) {
		r.modify(d, false)
		r.expect("make offer")
		own := c.want("INVITE")
		c.send(c.request("BYE"))
		c.want("200 BYE")
		r.expect("modified: " + ErrOver.Error())
		r.expect("ended remote 200 established=true")
		c.answer(own, 487, "", nil, "")
		c.want("ACK")
		r.quiet()
	})

	both("S-005/a 2xx to the own re-INVITE after our BYE is acknowledged", func(t *testing.T, r *rig, c *call, d *Dialog) {
		r.modify(d, false)
		r.expect("make offer")
		own := c.want("INVITE")
		d.End("")
		bye := c.want("BYE")
		c.answer(own, 200, "", []string{c.contactRow()}, otherSDP)
		c.want("ACK")
		r.expect("modified: <nil>")
		c.answer(bye, 200, "", nil, "")
		r.expect("ended local 200 established=true")
	})

	both("several at once go one after the other, too many are refused", func(t *testing.T, r *rig, c *call, d *Dialog) {
		for range maxModifications {
			r.modify(d, true)
		}
		if err := d.Modify(true, nil, func(error) {}); err != ErrBusy {
			t.Errorf("got %v", err)
		}
		for range maxModifications {
			r.expect("make offer")
			c.answer(c.want("UPDATE"), 200, "", nil, otherSDP)
			if got := <-r.events; got != answeredOther && got != "modified: <nil>" {
				t.Error(got)
			} else if got == answeredOther {
				r.expect("modified: <nil>")
			}
		}
		r.modify(d, true)
		r.expect("make offer")
		c.answer(c.want("UPDATE"), 200, "", nil, otherSDP)
		r.expect("modified: <nil>")
		c.bye(r)
	})
}

func TestModifyTimers(t *testing.T) {
	for _, x := range []struct {
		name        string
		caller      bool
		least, most time.Duration
	}{
		{"we made the Call-ID", true, 2100 * time.Millisecond, 4 * time.Second},
		{"the peer made the Call-ID", false, 0, 2 * time.Second},
	} {
		for _, update := range []bool{false, true} {
			underFakeTime(t, fmt.Sprintf("S-009/491 (UPDATE %t), %s: one retry in its window", update, x.name), sip.UDP, Config{}, func(t *testing.T, r *rig, _ *memNet) {
				var c *call
				var d *Dialog
				if x.caller {
					c, d = r.calling("Allow: UPDATE")
				} else {
					c, d = r.standing("Allow: UPDATE")
				}
				r.modify(d, update)
				r.expect("make offer")
				first := c.next()
				c.answer(first, 491, "", nil, "")
				if !update {
					c.want("ACK")
				}
				// The peer's own offer goes first.
				inv := c.request("INVITE").sdp(offerSDP + "a=1\r\n")
				c.send(inv)
				r.expect("offer")
				c.want("200 INVITE")
				c.ack(inv)
				r.expect("make offer")
				second := c.next()
				if wait := second.at.Sub(first.at); wait < x.least || wait > x.most || wait%(10*time.Millisecond) != 0 {
					t.Errorf("again after %v, want %v to %v in steps of 10 ms", wait, x.least, x.most)
				}
				if second.seq() != first.seq()+1 || second.method() != first.method() {
					t.Errorf("got\n%s", second.raw)
				}
				c.answer(second, 491, "", nil, "")
				if !update {
					c.want("ACK")
				}
				r.expect("refused 491")
				c.silent(10 * time.Second)
				c.bye(r)
			})
		}
	}

	underFakeTime(t, "S-009/the own re-INVITE waits for the ACK of a received one", sip.UDP, Config{}, func(t *testing.T, r *rig, _ *memNet) {
		c, d := r.standing()
		inv := c.request("INVITE").sdp(offerSDP)
		c.send(inv)
		c.want("200 INVITE")
		r.modify(d, false)
		c.want("200 INVITE") // again, for want of an ACK
		c.want("200 INVITE")
		c.ack(inv)
		r.expect("make offer")
		c.answer(c.want("INVITE"), 488, "", nil, "")
		c.want("ACK")
		r.expect("refused 488")
		c.bye(r)
	})

	underFakeTime(t, "S-007/no answer to an own re-INVITE: BYE, one end event", sip.TCP, Config{}, func(t *testing.T, r *rig, _ *memNet) {
		c, d := r.standing()
		r.modify(d, false)
		r.expect("make offer")
		inv := c.want("INVITE")
		bye := c.want("BYE")
		if wait := bye.at.Sub(inv.at); wait != 32*time.Second {
			t.Errorf("BYE after %v", wait)
		}
		r.expect("modified: " + ErrOver.Error())
		r.expect("ended lost 408 established=true")
		c.answer(bye, 481, "", nil, "")
		r.quiet()
	})

	underFakeTime(t, "S-009/a re-INVITE that is never decided is cancelled after the set-up time", sip.UDP, Config{SetupTimeout: 40 * time.Second}, func(t *testing.T, r *rig, _ *memNet) {
		c, d := r.standing()
		r.modify(d, false)
		r.expect("make offer")
		inv := c.want("INVITE")
		c.answer(inv, 180, "", nil, "")
		cancel := c.want("CANCEL")
		if wait := cancel.at.Sub(inv.at); wait != 40*time.Second || cancel.get("Supported") != spokenAsCaller {
			t.Errorf("after %v\n%s", wait, cancel.raw)
		}
		c.answer(cancel, 200, "", nil, "")
		c.answer(inv, 487, "", nil, "")
		c.want("ACK")
		r.expect("refused 487")
		c.bye(r)
	})
}
