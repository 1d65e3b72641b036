package dialog

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parley-msrp/parley/internal/sip"
)

// bye ends an established call from the peer's side.
func (c *call) bye(r *rig) {
	c.t.Helper()
	c.send(c.request("BYE"))
	c.want("200 BYE")
	r.expect("ended remote 200 established=true")
	r.quiet()
}

func wantRetryAfter(t *testing.T, m received) {
	t.Helper()
	if n, err := strconv.Atoi(m.get("Retry-After")); err != nil || n < 0 || n > 10 {
		t.Errorf("Retry-After %q", m.get("Retry-After"))
	}
}

func TestInDialog(t *testing.T) {
	inDialog(t, "S-043/a re-INVITE that changes nothing is answered with the last description", func(t *testing.T, r *rig, c *call) {
		for range 3 {
			inv := c.request("INVITE").sdp(offerSDP)
			c.send(inv)
			ok := c.want("200 INVITE")
			if ok.body != answerSDP || !strings.Contains(ok.contact(), "127.0.0.1") || !ok.has("Allow") {
				t.Errorf("got\n%s", ok.raw)
			}
			c.ack(inv)
		}
		c.bye(r)
	})

	inDialog(t, "S-026/a re-INVITE or UPDATE with another offer is asked for an answer", func(t *testing.T, r *rig, c *call) {
		inv := c.request("INVITE").sdp(offerSDP + "a=1\r\n")
		c.send(inv)
		r.expect("offer")
		if ok := c.want("200 INVITE"); ok.body != otherSDP {
			t.Errorf("got\n%s", ok.raw)
		}
		c.ack(inv)
		c.send(c.request("UPDATE").sdp(offerSDP + "a=2\r\n"))
		r.expect("offer")
		if ok := c.want("200 UPDATE"); ok.body != otherSDP || !ok.has("Contact") {
			t.Errorf("got\n%s", ok.raw)
		}
		c.send(c.request("UPDATE").sdp(offerSDP + "a=2\r\n"))
		c.want("200 UPDATE")
		c.bye(r)
	})

	inDialog(t, "S-018/a refused offer changes nothing", func(t *testing.T, r *rig, c *call) {
		refuse := true
		r.set(func(do *hooks) {
			do.offer = func([]byte) ([]byte, *Refusal) {
				if refuse {
					return nil, &Refusal{Code: 488, Headers: []sip.Header{{Name: "Warning", Value: `305 x "no"`}}}
				}
				return []byte(otherSDP), nil
			}
		})
		inv := c.request("INVITE").sdp(offerSDP + "a=1\r\n")
		inv.contact = "<sip:peer@192.0.2.66:9>"
		c.send(inv)
		r.expect("offer")
		no := c.want("488 INVITE")
		if no.get("Warning") != `305 x "no"` {
			t.Errorf("got\n%s", no.raw)
		}
		c.ackFinal(inv, no)
		// The description before it is still the last one.
		inv = c.request("INVITE").sdp(offerSDP)
		c.send(inv)
		if ok := c.want("200 INVITE"); ok.body != answerSDP {
			t.Errorf("got\n%s", ok.raw)
		}
		c.ack(inv)
		r.e.table.find(c.id, c.other).End("")
		bye := c.want("BYE")
		if want := "BYE " + c.uri() + " SIP/2.0"; bye.start != want {
			t.Errorf("%q, want %q", bye.start, want)
		}
		c.answer(bye, 200, "", nil, "")
		r.expect("ended local 200 established=true")
	})

	inDialog(t, "S-043/Require in a re-INVITE: 420, path and Contact stay", func(t *testing.T, r *rig, c *call) {
		inv := c.request("INVITE").with("Require: foo").sdp(offerSDP + "a=1\r\n")
		inv.contact = "<sip:peer@192.0.2.66:9>"
		c.send(inv)
		no := c.want("420 INVITE")
		if no.get("Unsupported") != "foo" {
			t.Errorf("got\n%s", no.raw)
		}
		c.ackFinal(inv, no)
		r.e.table.find(c.id, c.other).End("")
		bye := c.want("BYE")
		if want := "BYE " + c.uri() + " SIP/2.0"; bye.start != want {
			t.Errorf("%q, want %q", bye.start, want)
		}
		c.answer(bye, 200, "", nil, "")
		r.expect("ended local 200 established=true")
	})

	inDialog(t, "S-010/target refresh by UPDATE without offer and by re-INVITE", func(t *testing.T, r *rig, c *call) {
		for _, method := range []string{"UPDATE", "INVITE"} {
			q := c.request(method)
			if method == "INVITE" {
				q.sdp(offerSDP)
			}
			q.contact = "<" + strings.Replace(c.uri(), "peer@", method+"@", 1) + ">"
			c.send(q)
			if ok := c.want("200 " + method); method == "UPDATE" && (ok.body != "" || !ok.has("Contact")) {
				t.Errorf("got\n%s", ok.raw)
			}
			if method == "INVITE" {
				c.ack(q)
			}
		}
		r.e.table.find(c.id, c.other).End("")
		bye := c.want("BYE")
		if !strings.HasPrefix(bye.start, "BYE sip:INVITE@") {
			t.Errorf("%q", bye.start)
		}
		c.answer(bye, 200, "", nil, "")
		r.expect("ended local 200 established=true")
	})

	inDialog(t, "S-008/CSeq lower or equal: 500; gaps are accepted", func(t *testing.T, r *rig, c *call) {
		high := c.request("OPTIONS")
		high.seq += 50
		c.send(high)
		c.want("200 OPTIONS")
		c.send(c.request("OPTIONS"))
		c.want("500 OPTIONS")
		c.seq = high.seq - 1
		c.send(c.request("UPDATE"))
		c.want("500 UPDATE")
		c.bye(r)
	})

	inDialog(t, "S-014/INFO in a dialog: 405 with Allow, and the dialog lives", func(t *testing.T, r *rig, c *call) {
		info := c.request("INFO").with("Content-Type: application/x-thing", "Info-Package: foo")
		info.body = "thing"
		c.send(info)
		if no := c.want("405 INFO"); no.get("Allow") != allow {
			t.Errorf("got\n%s", no.raw)
		}
		c.bye(r)
	})

	inDialog(t, "S-020/OPTIONS in a dialog: 200 without effect, also at the limit", func(t *testing.T, r *rig, c *call) {
		r.set(func(do *hooks) { do.options = 486 })
		c.send(c.request("OPTIONS"))
		ok := c.want("200 OPTIONS")
		if ok.body != capabilitiesSDP {
			t.Errorf("got\n%s", ok.raw)
		}
		c.bye(r)
	})

	inDialog(t, "S-025/PRACK: 481; SUBSCRIBE 489; NOTIFY 481; REFER 405", func(t *testing.T, r *rig, c *call) {
		for _, x := range []struct{ method, want string }{
			{"PRACK", "481"}, {"SUBSCRIBE", "489"}, {"NOTIFY", "481"}, {"REFER", "405"}, {"MESSAGE", "405"}, {"FOO", "501"},
		} {
			c.send(c.request(x.method).with("RAck: 1 1 INVITE", "Event: refer"))
			c.want(x.want + " " + x.method)
		}
		c.bye(r)
	})

	inDialog(t, "S-016/BYE with an unknown body ends the call all the same", func(t *testing.T, r *rig, c *call) {
		bye := c.request("BYE").with("Content-Type: text/foo")
		bye.body = "thanks"
		c.send(bye)
		c.want("200 BYE")
		r.expect("ended remote 200 established=true")
	})

	inDialog(t, "S-035/after BYE: 481 to anything, silence to ACK", func(t *testing.T, r *rig, c *call) {
		c.bye(r)
		inv := c.request("INVITE").sdp(offerSDP)
		c.ack(inv)
		c.send(inv)
		no := c.want("481 INVITE")
		c.ackFinal(inv, no)
		c.send(c.request("UPDATE"))
		c.want("481 UPDATE")
	})

	overSockets(t, "S-009/a second INVITE before our final: 500 with Retry-After", Config{}, func(t *testing.T, r *rig) {
		incoming := r.keepIncoming()
		c := r.newCall()
		inv := c.invite()
		c.send(inv)
		in := <-incoming
		check0(t, in.Ring(180, ""))
		c.learn(c.want("180 INVITE"))
		second := c.request("INVITE").sdp(offerSDP)
		c.send(second)
		no := c.want("500 INVITE")
		wantRetryAfter(t, no)
		c.ackFinal(second, no)
		c.send(c.request("UPDATE").sdp(otherSDP))
		wantRetryAfter(t, c.want("500 UPDATE"))
		c.send(c.request("UPDATE"))
		c.want("200 UPDATE")
		c.send(c.request("INFO"))
		c.want("405 INFO")
		_, err := in.Accept([]byte(answerSDP), r)
		check0(t, err)
		c.want("200 INVITE")
		c.ack(inv)
		r.expect("established")
		c.bye(r)
	})

	overSockets(t, "S-009/re-INVITE while the own INVITE is open: 491", Config{}, func(t *testing.T, r *rig) {
		r.invite()
		inv := r.want("INVITE")
		c := r.answering(inv, "callee")
		r.answer(inv, 180, "callee", []string{r.contactRow()}, "")
		r.expect("progress 180")
		for _, method := range []string{"INVITE", "UPDATE"} {
			q := c.request(method).sdp(offerSDP)
			c.send(q)
			no := c.want("491 " + method)
			if method == "INVITE" {
				c.ackFinal(q, no)
			}
		}
		c.send(c.request("UPDATE"))
		c.want("200 UPDATE")
		r.answer(inv, 200, "callee", []string{r.contactRow()}, answerSDP)
		r.expect("answered " + strconv.Itoa(len(answerSDP)))
		r.want("ACK")
		r.expect("established")
		// The first description of the peer was the answer.
		q := c.request("INVITE").sdp(answerSDP)
		c.send(q)
		if ok := c.want("200 INVITE"); ok.body != offerSDP {
			t.Errorf("got\n%s", ok.raw)
		}
		c.ack(q)
		c.bye(r)
	})

	underFakeTime(t, "S-002/the 200 of a re-INVITE is resent until its ACK; without one: BYE", sip.UDP, Config{}, func(t *testing.T, r *rig, _ *memNet) {
		c := r.newCall()
		c.setUp()
		r.expect("established")
		first := c.request("INVITE").sdp(offerSDP)
		c.send(first)
		c.want("200 INVITE")
		c.want("200 INVITE")
		c.ack(first)
		c.silent(10 * time.Second)
		start := time.Now()
		c.send(c.request("INVITE").sdp(offerSDP))
		n := 0
		m := c.next()
		for ; m.what() == "200 INVITE"; m = c.next() {
			n++
		}
		if m.what() != "BYE" || n != 11 || m.at.Sub(start) != 32*time.Second {
			t.Errorf("%s after %v and %d times 200", m.what(), m.at.Sub(start), n)
		}
		c.answer(m, 200, "", nil, "")
		r.expect("ended timeout 408 established=true")
		r.quiet()
	})

	underFakeTime(t, "S-009/no more than a few 2xx wait for their ACK at once", sip.UDP, Config{}, func(t *testing.T, r *rig, _ *memNet) {
		c := r.newCall()
		c.setUp()
		r.expect("established")
		for range maxUnacked {
			c.send(c.request("INVITE").sdp(offerSDP))
			c.want("200 INVITE")
		}
		c.send(c.request("INVITE").sdp(offerSDP))
		wantRetryAfter(t, c.want("500 INVITE"))
	})
}
