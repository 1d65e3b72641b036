package dialog

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-msrp/parley/internal/sip"
)

// keepIncoming hands the Incoming over to the test.
func (r *rig) keepIncoming() <-chan *Incoming {
	ch := make(chan *Incoming, 16)
	r.set(func(do *hooks) { do.invite = func(in *Incoming) { ch <- in } })
	return ch
}

func TestCalled(t *testing.T) {
	overSockets(t, "S-001/auto-accept goes straight to 200, ACK and BYE follow", Config{}, func(t *testing.T, r *rig) {
		c := r.newCall()
		_, ok := c.setUp()
		r.expect("established")
		if ok.body != answerSDP || ok.get("Content-Type") != "application/sdp" {
			t.Errorf("no answer in\n%s", ok.raw)
		}
		if got := ok.get("Server"); got != "Parley-Test/1" {
			t.Errorf("Server %q", got)
		}
		c.send(c.request("BYE"))
		c.want("200 BYE")
		r.expect("ended remote 200 established=true")
		r.quiet()
	})

	overSockets(t, "S-006/ACK followed at once by BYE is handled in order", Config{}, func(t *testing.T, r *rig) {
		for range 200 {
			c := r.newCall()
			inv := c.invite()
			c.send(inv)
			c.learn(c.want("200 INVITE"))
			c.ack(inv)
			c.send(c.request("BYE"))
			c.want("200 BYE")
			r.expect("established")
			r.expect("ended remote 200 established=true")
		}
		r.quiet()
	})

	overSockets(t, "S-010/all Record-Route values are copied in order, and the BYE takes that route", Config{}, func(t *testing.T, r *rig) {
		c := r.newCall()
		rows := []string{"<sip:" + c.addr + ";lr;transport=" + c.proto + ";x=1>, <sip:192.0.2.77;lr>", `"P, 3" <sip:p3.example.com;lr;y="a,b">`}
		_, ok := c.setUp("Record-Route: "+rows[0], "Record-Route: "+rows[1])
		r.expect("established")
		if got := ok.all("Record-Route"); !slices.Equal(got, rows) {
			t.Errorf("Record-Route %q, want %q", got, rows)
		}
		r.e.table.find(c.id, c.other).End("")
		bye := c.want("BYE")
		if want := "BYE " + c.uri() + " SIP/2.0"; bye.start != want {
			t.Errorf("%q, want %q", bye.start, want)
		}
		if got := strings.Join(bye.all("Route"), ", "); got != strings.Join(rows, ", ") {
			t.Errorf("Route %q", got)
		}
		c.answer(bye, 200, "", nil, "")
		r.expect("ended local 200 established=true")
		r.quiet()
	})

	overSockets(t, "S-011/one Contact that leads back, one To tag in all responses", Config{}, func(t *testing.T, r *rig) {
		incoming := r.keepIncoming()
		c := r.newCall()
		inv := c.invite()
		c.send(inv)
		in := <-incoming
		check0(t, in.Ring(180, ""))
		ringing := c.want("180 INVITE")
		_, err := in.Accept([]byte(answerSDP), r)
		check0(t, err)
		ok := c.want("200 INVITE")
		if tag := ok.tag("To"); tag == "" || tag != ringing.tag("To") {
			t.Errorf("tags %q and %q", ringing.tag("To"), tag)
		}
		c.learn(ok)
		c.ack(inv)
		r.expect("established")
		for _, m := range []received{ringing, ok} {
			if len(m.all("Contact")) != 1 || !strings.Contains(m.contact(), "127.0.0.1:") {
				t.Errorf("Contact in\n%s", m.raw)
			}
			if c.proto == "TCP" != strings.Contains(m.contact(), ";transport=tcp") {
				t.Errorf("Contact %q over %s", m.contact(), c.proto)
			}
		}
		if _, err := in.Accept([]byte(answerSDP), r); err != ErrOver {
			t.Errorf("second Accept: %v", err)
		}
		if err := in.Reject(Refusal{Code: 486}); err != ErrOver {
			t.Errorf("Reject after Accept: %v", err)
		}
		if err := in.Ring(180, ""); err != ErrOver {
			t.Errorf("Ring after Accept: %v", err)
		}
		c.send(c.request("BYE"))
		c.want("200 BYE")
		r.expect("ended remote 200 established=true")
	})

	overSockets(t, "S-022/a refusal goes out as given, and no dialog stays", Config{}, func(t *testing.T, r *rig) {
		r.set(func(do *hooks) {
			do.invite = func(in *Incoming) {
				_ = in.Reject(Refusal{Code: 486, Headers: []sip.Header{{Name: "Reason", Value: "SIP;cause=486"}, {Name: "X", Value: "a\r\nY: b"}}})
			}
		})
		c := r.newCall()
		inv := c.invite()
		c.send(inv)
		busy := c.want("486 INVITE")
		if busy.start != "SIP/2.0 486 Busy Here" || busy.get("Reason") != "SIP;cause=486" || busy.has("Y") || busy.tag("To") == "" {
			t.Errorf("got\n%s", busy.raw)
		}
		c.ackFinal(inv, busy)
		r.quiet()
	})

	overSockets(t, "S-004/CANCEL gets 200, the INVITE 487, with the same To tag", Config{}, func(t *testing.T, r *rig) {
		incoming := r.keepIncoming()
		c := r.newCall()
		inv := c.invite()
		c.send(inv)
		in := <-incoming
		in.OnOver(func(e End) { r.tell("over %s %d", causes[e.Cause], e.Code) })
		cancel := *inv
		cancel.method, cancel.body, cancel.head = "CANCEL", "", []string{"Require: x"}
		c.send(&cancel)
		ok := c.want("200 CANCEL")
		final := c.want("487 INVITE")
		if ok.tag("To") != final.tag("To") {
			t.Errorf("tags %q and %q", ok.tag("To"), final.tag("To"))
		}
		c.ackFinal(inv, final)
		r.expect("over remote 487")
		r.quiet()
		if _, err := in.Accept([]byte(answerSDP), r); err != ErrOver {
			t.Errorf("Accept: %v", err)
		}
		in.OnOver(func(e End) { r.tell("late over %d", e.Code) })
		r.expect("late over 487")
	})

	overSockets(t, "S-004/CANCEL after the 200 has no effect", Config{}, func(t *testing.T, r *rig) {
		c := r.newCall()
		inv, _ := c.setUp()
		r.expect("established")
		cancel := *inv
		cancel.method, cancel.body, cancel.head = "CANCEL", "", nil
		c.send(&cancel)
		c.want("200 CANCEL")
		c.send(c.request("BYE"))
		c.want("200 BYE")
		r.expect("ended remote 200 established=true")
	})

	overSockets(t, "S-006/BYE on the early dialog gets 200, the INVITE 487", Config{}, func(t *testing.T, r *rig) {
		incoming := r.keepIncoming()
		c := r.newCall()
		inv := c.invite()
		c.send(inv)
		in := <-incoming
		in.OnOver(func(e End) { r.tell("over %s %d", causes[e.Cause], e.Code) })
		check0(t, in.Ring(180, ""))
		c.learn(c.want("180 INVITE"))
		c.send(c.request("BYE"))
		c.want("200 BYE")
		c.ackFinal(inv, c.want("487 INVITE"))
		r.expect("over remote 487")
		r.quiet()
	})

	overSockets(t, "S-006/a wrong tag gets 481 and does nothing", Config{}, func(t *testing.T, r *rig) {
		c := r.newCall()
		c.setUp()
		r.expect("established")
		for _, change := range []func(*request){
			func(q *request) { q.from = "<sip:peer@example.org>;tag=wrong" },
			func(q *request) { q.to = "<sip:parley@example.com>;tag=wrong" },
			func(q *request) { q.to = "<sip:parley@example.com>" },
			func(q *request) { q.callID = "wrong" },
		} {
			bye := c.request("BYE")
			change(bye)
			c.send(bye)
			c.want("481 BYE")
		}
		c.send(c.request("BYE"))
		c.want("200 BYE")
		r.expect("ended remote 200 established=true")
	})

	overSockets(t, "S-006/both sides send BYE: 200 to each, one end", Config{}, func(t *testing.T, r *rig) {
		c := r.newCall()
		c.setUp()
		r.expect("established")
		d := r.e.table.find(c.id, c.other)
		d.End(`SIP;cause=200;text="enough"`)
		d.End("")
		bye := c.want("BYE")
		if got := bye.get("Reason"); got != `SIP;cause=200;text="enough"` {
			t.Errorf("Reason %q", got)
		}
		c.send(c.request("BYE"))
		c.want("200 BYE")
		c.answer(bye, 200, "", nil, "")
		r.expect("ended local 200 established=true")
		r.quiet()
	})

	overSockets(t, "S-007/BYE answered 481 ends the dialog without a second BYE", Config{}, func(t *testing.T, r *rig) {
		c := r.newCall()
		c.setUp()
		r.expect("established")
		r.e.table.find(c.id, c.other).End("")
		c.answer(c.want("BYE"), 481, "", nil, "")
		r.expect("ended local 200 established=true")
		r.quiet()
		c.send(c.request("OPTIONS"))
		c.want("481 OPTIONS")
	})

	overSockets(t, "S-042/no From tag, tel URI in To: the dialog works", Config{}, func(t *testing.T, r *rig) {
		c := r.newCall()
		c.own = ""
		inv := c.invite()
		inv.to = "<tel:+15550100>"
		c.send(inv)
		c.learn(c.want("200 INVITE"))
		c.ack(inv)
		r.expect("established")
		c.send(c.request("BYE"))
		c.want("200 BYE")
		r.expect("ended remote 200 established=true")
		r.quiet()
	})
}

func TestCalledTimers(t *testing.T) {
	for _, proto := range []sip.Proto{sip.UDP, sip.TCP} {
		underFakeTime(t, "S-002/200 is resent until the ACK, BYE at 64*T1, over "+proto.String(), proto, Config{}, func(t *testing.T, r *rig, _ *memNet) {
			c := r.newCall()
			start := time.Now()
			c.send(c.invite())
			var at []time.Duration
			var first string
			for {
				m := c.next()
				if m.what() == "BYE" {
					if got := m.at.Sub(start); got != 32*time.Second {
						t.Errorf("BYE after %v", got)
					}
					c.answer(m, 200, "", nil, "")
					break
				}
				if first == "" {
					first = m.raw
				}
				if m.raw != first {
					t.Errorf("another 200:\n%s", m.raw)
				}
				at = append(at, m.at.Sub(start))
			}
			want := []time.Duration{0, 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500}
			for i := range want {
				want[i] *= time.Millisecond
			}
			if !slices.Equal(at, want) {
				t.Errorf("200 at %v, want %v", at, want)
			}
			r.expect("ended timeout 408 established=false")
			r.quiet()
		})
	}

	underFakeTime(t, "S-002/the owner hears of the missing ACK at once, though the BYE stays unanswered", sip.UDP, Config{}, func(t *testing.T, r *rig, _ *memNet) {
		c := r.newCall()
		start := time.Now()
		c.send(c.invite())
		r.expect("ended timeout 408 established=false")
		if got := time.Since(start); got != 32*time.Second {
			t.Errorf("after %v", got)
		}
		time.Sleep(33 * time.Second)
		r.quiet()
	})

	underFakeTime(t, "S-034/ACK with another CSeq does not stop the 200", sip.UDP, Config{}, func(t *testing.T, r *rig, _ *memNet) {
		c := r.newCall()
		inv := c.invite()
		c.send(inv)
		c.learn(c.want("200 INVITE"))
		other := *inv
		other.seq++
		c.ack(&other)
		c.want("200 INVITE")
		c.ack(inv)
		r.expect("established")
		c.silent(time.Minute)
	})

	underFakeTime(t, "S-034/ACK of an unknown dialog is never answered", sip.UDP, Config{}, func(t *testing.T, r *rig, _ *memNet) {
		c := r.newCall()
		inv := c.invite()
		c.other = "unknown"
		c.ack(inv)
		inv.with("Content-Type: text/foo")
		c.ack(inv)
		c.silent(time.Minute)
	})

	underFakeTime(t, "S-003/INVITE again: same 1xx, nothing after the ACK, one session", sip.UDP, Config{}, func(t *testing.T, r *rig, _ *memNet) {
		incoming := r.keepIncoming()
		c := r.newCall()
		inv := c.invite()
		c.send(inv)
		in := <-incoming
		check0(t, in.Ring(180, "Alerting"))
		first := c.want("180 INVITE")
		c.send(inv)
		if again := c.want("180 INVITE"); again.raw != first.raw {
			t.Errorf("another 180:\n%s", again.raw)
		}
		_, err := in.Accept([]byte(answerSDP), r)
		check0(t, err)
		c.learn(c.want("200 INVITE"))
		c.ack(inv)
		r.expect("established")
		c.send(inv)
		c.silent(time.Second)
		if len(incoming) != 0 || r.e.Len() != 1 {
			t.Error("more than one session")
		}
	})

	underFakeTime(t, "S-006/end before the ACK: BYE only after it", sip.UDP, Config{}, func(t *testing.T, r *rig, _ *memNet) {
		c := r.newCall()
		inv := c.invite()
		c.send(inv)
		c.learn(c.want("200 INVITE"))
		r.e.table.find(c.id, c.other).End("")
		c.want("200 INVITE")
		c.ack(inv)
		c.answer(c.want("BYE"), 200, "", nil, "")
		r.expect("ended local 200 established=false")
		r.quiet()
	})

	underFakeTime(t, "S-006/end before an ACK that never comes: BYE at 64*T1", sip.UDP, Config{}, func(t *testing.T, r *rig, n *memNet) {
		c := r.newCall()
		start := time.Now()
		c.send(c.invite())
		c.learn(c.want("200 INVITE"))
		n.mu.Lock()
		n.copies = dropping("SIP/2.0 200")
		n.mu.Unlock()
		r.e.table.find(c.id, c.other).End("")
		bye := c.want("BYE")
		if got := bye.at.Sub(start); got != 32*time.Second {
			t.Errorf("BYE after %v", got)
		}
		c.answer(bye, 200, "", nil, "")
		r.expect("ended local 200 established=false")
	})

	underFakeTime(t, "S-036/BYE unanswered: 11 times, then ended", sip.UDP, Config{}, func(t *testing.T, r *rig, _ *memNet) {
		c := r.newCall()
		c.setUp()
		r.expect("established")
		start := time.Now()
		r.e.table.find(c.id, c.other).End("")
		r.expect("ended local 200 established=true")
		if got := time.Since(start); got != 32*time.Second {
			t.Errorf("ended after %v", got)
		}
		n := 0
		for len(c.in) > 0 {
			c.want("BYE")
			n++
		}
		if n != 11 {
			t.Errorf("%d BYEs", n)
		}
		r.quiet()
	})

	underFakeTime(t, "S-001/100 after 200 ms where the user takes its time", sip.UDP, Config{}, func(t *testing.T, r *rig, _ *memNet) {
		incoming := r.keepIncoming()
		c := r.newCall()
		start := time.Now()
		c.send(c.invite("Timestamp: 54"))
		in := <-incoming
		trying := c.want("100 INVITE")
		if got := trying.at.Sub(start); got > 200*time.Millisecond || trying.get("Timestamp") != "54" {
			t.Errorf("after %v\n%s", got, trying.raw)
		}
		check0(t, in.Reject(Refusal{Code: 603}))
		c.want("603 INVITE")
	})

	underFakeTime(t, "S-037/undecided: a 1xx at least each minute, 480 when the set-up time is over", sip.UDP, Config{SetupTimeout: 3 * time.Minute}, func(t *testing.T, r *rig, _ *memNet) {
		incoming := r.keepIncoming()
		c := r.newCall()
		last := time.Now()
		c.send(c.invite())
		(<-incoming).OnOver(func(e End) { r.tell("over %s %d", causes[e.Cause], e.Code) })
		n := 0
		for {
			m := c.next()
			if m.what() == "480 INVITE" {
				break
			}
			if m.what() == "100 INVITE" {
				continue
			}
			if got := m.at.Sub(last); got > time.Minute || m.what() != "183 INVITE" {
				t.Errorf("%s after %v", m.what(), got)
			}
			last = m.at
			n++
		}
		if n != 3 {
			t.Errorf("%d provisional responses", n)
		}
		r.expect("over timeout 480")
		r.quiet()
	})

	underFakeTime(t, "S-037/a repeated 1xx is the one that was sent last", sip.UDP, Config{SetupTimeout: 3 * time.Minute}, func(t *testing.T, r *rig, _ *memNet) {
		incoming := r.keepIncoming()
		c := r.newCall()
		c.send(c.invite())
		check0(t, (<-incoming).Ring(180, "Alerting"))
		first := c.want("180 INVITE")
		if again := c.want("180 INVITE"); again.raw != first.raw || again.at.Sub(first.at) > time.Minute {
			t.Errorf("after %v\n%s", again.at.Sub(first.at), again.raw)
		}
	})

	underFakeTime(t, "S-037/Expires passed: 487", sip.UDP, Config{}, func(t *testing.T, r *rig, _ *memNet) {
		incoming := r.keepIncoming()
		c := r.newCall()
		start := time.Now()
		c.send(c.invite("Expires: 5"))
		(<-incoming).OnOver(func(e End) { r.tell("over %s %d", causes[e.Cause], e.Code) })
		c.want("100 INVITE")
		if m := c.want("487 INVITE"); m.at.Sub(start) != 5*time.Second {
			t.Errorf("after %v", m.at.Sub(start))
		}
		r.expect("over timeout 487")
	})

	underFakeTime(t, "S-002/doubled and lost datagrams make one session with one end", sip.UDP, Config{}, func(t *testing.T, r *rig, n *memNet) {
		i := 0
		n.copies = func([]byte) int { i++; return []int{2, 1, 0, 2, 3, 0}[i%6] }
		c := r.newCall()
		inv := c.invite()
		for c.other == "" {
			c.send(inv)
			select {
			case m := <-c.in:
				c.learn(m)
			case <-time.After(time.Second):
			}
		}
		established := false
		for !established {
			c.ack(inv)
			select {
			case got := <-r.events:
				established = got == "established"
			case <-time.After(time.Second):
			}
		}
		bye := c.request("BYE")
		for ended := false; !ended; {
			c.send(bye)
			select {
			case got := <-r.events:
				ended = got == "ended remote 200 established=true"
			case <-time.After(time.Second):
			}
		}
		r.quiet()
	})
}
