package dialog

import (
	"slices"
	"strings"
	"testing"

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
				_ = in.Reject(Refusal{Code: 486, Headers: []sip.Header{{Name: "Reason", Value: "SIP;cause=486"}, {Name: "Y: b\r\nX", Value: "a"}}})
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
