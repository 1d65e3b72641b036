package dialog

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/parley-msrp/parley/internal/sip"
)

func TestSessionTimerAnswer(t *testing.T) {
	for _, x := range []struct {
		name           string
		own, least     time.Duration // of the configuration
		request        []string
		expires        string // of the 200; "": none
		require, minSE string
	}{
		// RFC 4028, table 2.
		{"table 2: no timer, no refresher", 0, 0, []string{"Session-Expires: 1800"}, "1800;refresher=uas", "", ""},
		{"table 2: timer, no refresher", 0, 0, []string{"Supported: timer", "Session-Expires: 1800"}, "1800;refresher=uac", "timer", ""},
		{"table 2: timer, uac", 0, 0, []string{"Supported: timer", "Session-Expires: 1800;refresher=uac"}, "1800;refresher=uac", "timer", ""},
		{"table 2: timer, uas", 0, 0, []string{"Supported: timer", "Session-Expires: 1800 ; Refresher = UAS"}, "1800;refresher=uas", "timer", ""},
		{"compact names, Require in place of Supported", 0, 0, []string{"Require: timer", "x: 300;refresher=uas"}, "300;refresher=uas", "timer", ""},
		{"nobody asks", 0, 0, []string{"Supported: timer"}, "", "", ""},
		{"nobody asks, but we do", 600 * time.Second, 0, []string{"Supported: timer"}, "600;refresher=uac", "timer", ""},
		{"we do, and the peer has no timer", 600 * time.Second, 0, nil, "600;refresher=uas", "", ""},
		{"lowered", 600 * time.Second, 0, []string{"Supported: timer", "Session-Expires: 1800"}, "600;refresher=uac", "timer", ""},
		{"not below Min-SE", 600 * time.Second, 0, []string{"Supported: timer", "Session-Expires: 1800", "Min-SE: 900"}, "900;refresher=uac", "timer", ""},
		{"not above the request", 1800 * time.Second, 0, []string{"Supported: timer", "Session-Expires: 120"}, "120;refresher=uac", "timer", ""},
		{"not below the request's Min-SE as our own wish", 100 * time.Second, 0, []string{"Supported: timer", "Min-SE: 400"}, "400;refresher=uac", "timer", ""},
		{"90 is enough", 0, 0, []string{"Supported: timer", "Session-Expires: 90"}, "90;refresher=uac", "timer", ""},
		{"too small", 0, 0, []string{"Supported: timer", "Session-Expires: 89"}, "", "", "90"},
		{"too small for our Min-SE", 0, 300 * time.Second, []string{"Supported: timer", "Session-Expires: 299"}, "", "", "300"},
		{"60 without timer support is no 422", 0, 0, []string{"Session-Expires: 60"}, "", "", ""},
		{"our Min-SE without timer support", 0, 300 * time.Second, []string{"Session-Expires: 120"}, "120;refresher=uas", "", ""},
		{"nonsense is ignored", 0, 0, []string{"Supported: timer", "Session-Expires: soon"}, "", "", ""},
		{"as large as can be", 0, 0, []string{"Supported: timer", "Session-Expires: 4294967295"}, "4294967295;refresher=uac", "timer", ""},
		{"larger", 0, 0, []string{"Supported: timer", "Session-Expires: 4294967296"}, "", "", ""},
	} {
		overSockets(t, "S-030/"+x.name, Config{SessionExpires: x.own, MinSE: x.least}, func(t *testing.T, r *rig) {
			c := r.newCall()
			inv := c.invite(x.request...)
			c.send(inv)
			if x.minSE != "" {
				no := c.want("422 INVITE")
				if no.get("Min-SE") != x.minSE {
					t.Errorf("got\n%s", no.raw)
				}
				c.ackFinal(inv, no)
				r.quiet()
				return
			}
			ok := c.want("200 INVITE")
			if ok.get("Session-Expires") != x.expires || ok.get("Require") != x.require || !strings.Contains(ok.get("Supported"), "timer") {
				t.Errorf("got\n%s", ok.raw)
			}
			c.learn(ok)
			c.ack(inv)
			r.expect("established")
			// The same rules hold in mid-call.
			c.send(c.request("UPDATE").with(x.request...))
			if ok := c.want("200 UPDATE"); ok.get("Session-Expires") != x.expires || ok.get("Require") != x.require {
				t.Errorf("got\n%s", ok.raw)
			}
			c.send(c.request("UPDATE").with("Supported: timer", "Session-Expires: 60"))
			c.want("422 UPDATE")
			c.bye(r)
		})
	}
}

// wantAfter is the next message, which must come that long after start.
func (c *call) wantAfter(what string, start time.Time, d time.Duration) received {
	c.t.Helper()
	m := c.want(what)
	if got := m.at.Sub(start); got != d {
		c.t.Errorf("%s after %v, want %v", what, got, d)
	}
	return m
}

func TestSessionTimer(t *testing.T) {
	const interval = 120 * time.Second
	fake := func(name string, c Config, test func(*testing.T, *rig)) {
		underFakeTime(t, "S-030/"+name, sip.UDP, c, func(t *testing.T, r *rig, _ *memNet) { test(t, r) })
	}
	refreshed := func(t *testing.T, m received, value string) {
		t.Helper()
		if m.get("Session-Expires") != value || !strings.Contains(m.get("Supported"), "timer") {
			t.Errorf("got\n%s", m.raw)
		}
	}

	fake("refresher by UPDATE without SDP at half the interval, again and again", Config{}, func(t *testing.T, r *rig) {
		c, _ := r.standing("Supported: timer", "Allow: INVITE, UPDATE", "Session-Expires: 120;refresher=uas")
		start := time.Now()
		for range 5 {
			m := c.wantAfter("UPDATE", start, interval/2)
			refreshed(t, m, "120;refresher=uac")
			if m.body != "" || m.has("Content-Type") {
				t.Errorf("got\n%s", m.raw)
			}
			start = time.Now()
			c.answer(m, 200, "", []string{"Session-Expires: 120;refresher=uac", "Require: timer"}, "")
		}
		c.bye(r)
	})

	fake("refresher by re-INVITE with the same description where UPDATE is not allowed", Config{}, func(t *testing.T, r *rig) {
		c, _ := r.standing("Supported: timer", "Allow: INVITE, ACK, BYE", "Session-Expires: 120;refresher=uas")
		start := time.Now()
		for i := range 3 {
			m := c.wantAfter("INVITE", start, interval/2)
			refreshed(t, m, "120;refresher=uac")
			if m.body != answerSDP {
				t.Errorf("got\n%s", m.raw)
			}
			start = time.Now()
			body := offerSDP
			if i == 1 {
				body = "" // wrong, but nothing changes
			}
			c.answer(m, 200, "", []string{c.contactRow(), "Session-Expires: 120;refresher=uac"}, body)
			c.want("ACK")
		}
		c.bye(r)
	})

	fake("the peer gives the refreshing back, or ends it", Config{}, func(t *testing.T, r *rig) {
		c, _ := r.standing("Supported: timer", "Allow: UPDATE", "Session-Expires: 120;refresher=uas")
		c.answer(c.want("UPDATE"), 200, "", []string{"Session-Expires: 120;refresher=uas"}, "")
		c.silent(80 * time.Second)
		c.send(c.request("UPDATE").with("Supported: timer", "Session-Expires: 200;refresher=uas"))
		c.want("200 UPDATE")
		m := c.wantAfter("UPDATE", time.Now(), 100*time.Second)
		refreshed(t, m, "200;refresher=uac")
		c.answer(m, 200, "", nil, "") // no Session-Expires: the timer is off
		c.silent(24 * time.Hour)
		c.bye(r)
	})

	for seconds, early := range map[int]time.Duration{90: 30 * time.Second, 120: 32 * time.Second, 1800: 32 * time.Second} {
		fake(fmt.Sprintf("not refreshed, %d s: BYE at expiry - min(32 s, interval/3)", seconds), Config{}, func(t *testing.T, r *rig) {
			c, _ := r.standing("Supported: timer", fmt.Sprintf("Session-Expires: %d;refresher=uac", seconds))
			start, due := time.Now(), time.Duration(seconds)*time.Second-early
			c.silent(due - time.Second)
			bye := c.wantAfter("BYE", start, due)
			r.expect("ended lost 408 established=true")
			c.answer(bye, 200, "", nil, "")
			r.quiet()
		})
	}

	fake("each refresh of the peer's starts the interval anew", Config{}, func(t *testing.T, r *rig) {
		c, _ := r.standing("Supported: timer", "Session-Expires: 120;refresher=uac")
		for range 5 {
			c.silent(interval / 2)
			inv := c.request("INVITE").with("Supported: timer", "Session-Expires: 120;refresher=uac").sdp(offerSDP)
			c.send(inv)
			if ok := c.want("200 INVITE"); ok.get("Session-Expires") != "120;refresher=uac" || ok.get("Require") != "timer" {
				t.Errorf("got\n%s", ok.raw)
			}
			c.ack(inv)
		}
		c.bye(r)
	})

	for _, code := range []int{408, 481, 0} {
		fake(fmt.Sprintf("the refresh gets %d: BYE", code), Config{}, func(t *testing.T, r *rig) {
			c, _ := r.standing("Supported: timer", "Allow: UPDATE", "Session-Expires: 120;refresher=uas")
			m := c.want("UPDATE")
			var bye received
			if code != 0 {
				c.answer(m, code, "", nil, "")
				bye = c.want("BYE")
			} else {
				for bye = c.next(); bye.what() == "UPDATE"; bye = c.next() {
				}
				if bye.what() != "BYE" || bye.at.Sub(m.at) != 32*time.Second {
					t.Errorf("%s after %v", bye.what(), bye.at.Sub(m.at))
				}
				code = 408
			}
			r.expect(fmt.Sprintf("ended lost %d established=true", code))
			c.answer(bye, 481, "", nil, "")
			r.quiet()
		})
	}

	fake("refreshes that are refused are tried again, and at the end: BYE", Config{}, func(t *testing.T, r *rig) {
		c, _ := r.standing("Supported: timer", "Allow: UPDATE", "Session-Expires: 120;refresher=uas")
		start, n := time.Now(), 0
		m := c.next()
		for ; m.what() == "UPDATE"; m = c.next() {
			c.answer(m, 500, "", nil, "")
			n++
		}
		if m.what() != "BYE" || m.at.Sub(start) != interval || n < 3 || n > 10 {
			t.Errorf("%s after %v and %d refreshes", m.what(), m.at.Sub(start), n)
		}
		r.expect("ended lost 408 established=true")
		c.answer(m, 200, "", nil, "")
	})

	fake("422 to a refresh: once more, with the Min-SE", Config{}, func(t *testing.T, r *rig) {
		c, _ := r.standing("Supported: timer", "Allow: UPDATE", "Session-Expires: 120;refresher=uas")
		c.answer(c.want("UPDATE"), 422, "", []string{"Min-SE: 300"}, "")
		m := c.want("UPDATE")
		refreshed(t, m, "300;refresher=uac")
		if m.get("Min-SE") != "300" {
			t.Errorf("got\n%s", m.raw)
		}
		c.answer(m, 200, "", []string{"Session-Expires: 300;refresher=uac"}, "")
		c.wantAfter("UPDATE", m.at, 150*time.Second)
	})

	fake("as caller: asked for, and refreshed by whom the 200 names", Config{SessionExpires: interval}, func(t *testing.T, r *rig) {
		r.invite()
		inv := r.want("INVITE")
		if inv.get("Session-Expires") != "120" || inv.has("Min-SE") {
			t.Errorf("got\n%s", inv.raw)
		}
		r.answer(inv, 200, "callee", []string{r.contactRow(), "Allow: UPDATE", "Session-Expires: 100;refresher=uac"}, answerSDP)
		r.expect(fmt.Sprintf("answered %d", len(answerSDP)))
		ack := r.want("ACK")
		if ack.has("Supported") {
			t.Errorf("got\n%s", ack.raw)
		}
		r.expect("established")
		c := r.answering(inv, "callee")
		m := c.wantAfter("UPDATE", ack.at, 50*time.Second)
		refreshed(t, m, "100;refresher=uac")
		c.answer(m, 200, "", []string{"Session-Expires: 100;refresher=uas"}, "")
		bye := c.wantAfter("BYE", m.at, 68*time.Second)
		if bye.get("Supported") != spokenAsCaller {
			t.Errorf("got\n%s", bye.raw)
		}
		c.answer(bye, 200, "", nil, "")
		r.expect("ended lost 408 established=true")
	})

	fake("as caller: without Session-Expires in the 200 there is no timer", Config{SessionExpires: interval}, func(_ *testing.T, r *rig) {
		c, _ := r.calling()
		c.silent(24 * time.Hour)
		c.bye(r)
	})

	fake("as caller: a peer cannot have us refresh all the time", Config{}, func(t *testing.T, r *rig) {
		c, _ := r.calling("Allow: UPDATE", "Session-Expires: 1;refresher=uac")
		c.wantAfter("UPDATE", time.Now(), 45*time.Second)
	})

	fake("as caller: 422 is answered with one more INVITE", Config{SessionExpires: interval}, func(t *testing.T, r *rig) {
		r.invite()
		first := r.want("INVITE")
		r.answer(first, 422, "x", []string{"Min-SE: 500"}, "")
		r.want("ACK")
		second := r.want("INVITE")
		if second.get("Session-Expires") != "500" || second.get("Min-SE") != "500" || second.seq() != first.seq()+1 || second.get("Call-ID") != first.get("Call-ID") || second.tag("To") != "" {
			t.Errorf("got\n%s", second.raw)
		}
		r.answer(second, 422, "y", []string{"Min-SE: 900"}, "")
		r.want("ACK")
		r.expect("ended refused 422 established=false")
		r.quiet()
	})
}
