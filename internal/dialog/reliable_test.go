package dialog

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/parley-msrp/parley/internal/sip"
)

// prack acknowledges a reliable provisional response.
func (c *call) prack(m received) *request {
	q := c.request("PRACK").with(fmt.Sprintf("RAck: %s %d INVITE", m.get("RSeq"), m.seq()))
	q.contact = ""
	return q
}

func TestReliable(t *testing.T) {
	// ringing is an INVITE with these headers that was answered by a 180.
	ringing := func(r *rig, head ...string) (*Incoming, *call, *request, received) {
		incoming := r.keepIncoming()
		c := r.newCall()
		inv := c.invite(head...)
		c.send(inv)
		in := <-incoming
		check0(r.t, in.Ring(180, ""))
		m := c.want("180 INVITE")
		c.learn(m)
		return in, c, inv, m
	}

	overSockets(t, "S-025/required: RSeq and Require, PRACK 200, then the 200", Config{}, func(t *testing.T, r *rig) {
		in, c, inv, m := ringing(r, "Require: 100rel")
		if n, _ := strconv.Atoi(m.get("RSeq")); n < 1 || n >= 1<<31 || m.get("Require") != "100rel" || !m.has("Contact") || m.body != "" {
			t.Errorf("got\n%s", m.raw)
		}
		for _, wrong := range []string{
			fmt.Sprintf("RAck: %s %d BYE", m.get("RSeq"), m.seq()), fmt.Sprintf("RAck: %s %d INVITE", m.get("RSeq"), m.seq()+1),
			"RAck: 1 1 INVITE", "RAck: x", "X-RAck: none",
		} {
			c.send(c.request("PRACK").with(wrong))
			for m = c.next(); m.what() == "180 INVITE"; m = c.next() {
			}
			if m.what() != "481 PRACK" {
				t.Errorf("%s: %s", wrong, m.what())
			}
		}
		// While it is not acknowledged no other one leaves.
		check0(t, in.Ring(182, "Queued"))
		for {
			if m = c.want("180 INVITE"); m.has("RSeq") {
				break
			}
		}
		c.send(c.prack(m))
		second := c.next()
		for ; second.what() == "180 INVITE"; second = c.next() {
		}
		if second.what() == "200 PRACK" {
			second = c.want("182 INVITE")
		} else {
			c.want("200 PRACK")
		}
		one, _ := strconv.Atoi(m.get("RSeq"))
		if two, _ := strconv.Atoi(second.get("RSeq")); two != one+1 {
			t.Errorf("RSeq %d after %d", two, one)
		}
		_, err := in.Accept([]byte(answerSDP), r)
		check0(t, err)
		for m = c.next(); m.what() == "182 INVITE"; m = c.next() {
		}
		if m.what() != "200 INVITE" || m.has("RSeq") || m.has("Require") {
			t.Errorf("got\n%s", m.raw)
		}
		// A PRACK that crosses the 200 is still right, once.
		c.send(c.prack(second))
		c.want("200 PRACK")
		c.send(c.prack(second))
		c.want("481 PRACK")
		c.ack(inv)
		r.expect("established")
		c.bye(r)
	})

	for _, x := range []struct {
		name     string
		reliable bool
		head     string
		want     bool
	}{
		{"supported and not configured", false, "Supported: 100rel", false},
		{"supported and configured", true, "Supported: 100rel", true},
		{"never without 100rel in the request", true, "Supported: timer", false},
	} {
		overSockets(t, "S-025/"+x.name, Config{Reliable: x.reliable}, func(t *testing.T, r *rig) {
			in, c, inv, m := ringing(r, x.head)
			if m.has("RSeq") != x.want || (m.get("Require") == "100rel") != x.want {
				t.Errorf("got\n%s", m.raw)
			}
			if x.want {
				c.send(c.prack(m))
				c.want("200 PRACK")
			} else {
				c.send(c.request("PRACK").with("RAck: 1 1 INVITE"))
				c.want("481 PRACK")
			}
			check0(t, in.Reject(Refusal{Code: 486}))
			c.ackFinal(inv, c.want("486 INVITE"))
			r.quiet()
		})
	}

	overSockets(t, "S-025/required, answered at once: 200 without 1xx", Config{}, func(_ *testing.T, r *rig) {
		c := r.newCall()
		c.setUp("Require: 100rel")
		r.expect("established")
		c.bye(r)
	})

	overSockets(t, "S-025/an offer in PRACK: 488, and the response is acknowledged", Config{}, func(_ *testing.T, r *rig) {
		in, c, inv, m := ringing(r, "Require: 100rel")
		c.send(c.prack(m).sdp(otherSDP))
		c.want("488 PRACK")
		check0(r.t, in.Reject(Refusal{Code: 486}))
		c.ackFinal(inv, c.want("486 INVITE"))
		r.quiet()
	})

	overSockets(t, "S-025/required and no offer: no 1xx, for that would carry ours", Config{}, func(_ *testing.T, r *rig) {
		incoming := r.keepIncoming()
		c := r.newCall()
		inv := c.request("INVITE").with("Require: 100rel")
		c.send(inv)
		in := <-incoming
		check0(r.t, in.Ring(180, ""))
		_, err := in.Accept([]byte(answerSDP), r)
		check0(r.t, err)
		c.learn(c.want("200 INVITE"))
		c.ackWith(inv, otherSDP)
		r.expect(answeredOther)
		r.expect("established")
		c.bye(r)
	})

	for _, proto := range []sip.Proto{sip.UDP, sip.TCP} {
		underFakeTime(t, "S-025/resent at T1 doubling without T2 cap, 504 after 64*T1, over "+proto.String(), proto, Config{}, func(t *testing.T, r *rig, _ *memNet) {
			_, c, inv, first := ringing(r, "Require: 100rel")
			for _, at := range []float64{0.5, 1.5, 3.5, 7.5, 15.5, 31.5} {
				if m := c.want("180 INVITE"); m.at.Sub(first.at).Seconds() != at || m.raw != first.raw {
					t.Errorf("after %v, want %v\n%s", m.at.Sub(first.at), at, m.raw)
				}
			}
			no := c.want("504 INVITE")
			if got := no.at.Sub(first.at); got != 32*time.Second {
				t.Errorf("504 after %v", got)
			}
			c.ackFinal(inv, no)
			r.quiet()
		})
	}

	underFakeTime(t, "S-037/undecided for long: a reliable 1xx within 2.5 minutes", sip.UDP, Config{SetupTimeout: time.Hour}, func(t *testing.T, r *rig, _ *memNet) {
		in, c, inv, m := ringing(r, "Require: 100rel")
		for range 3 {
			c.send(c.prack(m))
			c.want("200 PRACK")
			last := m.at
			m = c.want("180 INVITE")
			if gap := m.at.Sub(last); gap > 150*time.Second || gap < time.Minute {
				t.Errorf("gap of %v", gap)
			}
		}
		c.send(c.prack(m))
		c.want("200 PRACK")
		check0(t, in.Reject(Refusal{Code: 486}))
		c.ackFinal(inv, c.want("486 INVITE"))
	})
}
