package conformance

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/parley-msrp/parley/test/conformance/node"
	"github.com/parley-msrp/parley/test/peer"
)

// policyRoute refuses by the user part of the request URI, and takes the rest.
const policyRoute = `
def request(msg):
    for user, code, reason in [("busy", 486, "Busy Here"), ("decline", 603, "Decline"), ("nobody", 404, "Not Found")]:
        if ("sip:" + user + "@") in msg.ruri:
            reject(code, reason)
            return
    msrp_ua_answer("text/plain *")
`

func newAgent(t *testing.T, n *node.Node, proto string) *peer.Agent {
	t.Helper()
	return peer.NewAgent(t, proto, n.SIP)
}

// quiet checks that no message for which match says yes has come: it asks with OPTIONS, so that what was under way is here.
func quiet(t *testing.T, a *peer.Agent, what string, match func(*peer.Message) bool) {
	t.Helper()
	if r := a.Ask(t, patience(), a.NewDialog("bob").Request("OPTIONS")); r.Code() != 200 {
		t.Errorf("OPTIONS: %s", r.Start)
	}
	for _, m := range a.Drop(match) {
		t.Errorf("%s: %s (%s)", what, m.Start, m.Get("CSeq"))
	}
}

func ofCall(id string) func(*peer.Message) bool {
	return func(m *peer.Message) bool { return m.Get("Call-ID") == id }
}

func provisional(m *peer.Message) bool { return m.Code() >= 100 && m.Code() < 200 }

// endedBy lets the program end a call and answers its BYE with that code.
func endedBy(t *testing.T, n *node.Node, proto string, code int) {
	t.Helper()
	c := answered(t, n, setup{proto: proto})
	n.EndSession(t, c.id)
	c.over = true
	bye := c.a.Request(t, patience(), "BYE")
	c.d.Answer(t, bye, code, "Odd")
	c.gone(t)
	quiet(t, c.a, "after the answer to BYE", func(m *peer.Message) bool { return m.IsRequest() })
	if e := n.Events(c.id, "E_MSRP_SESSION_END"); len(e) != 0 {
		t.Errorf("an end that the application asked for was told: %v", e)
	}
	if r := c.d.Bye(t, patience()); r.Code() != 481 {
		t.Errorf("BYE into what is over: %s", r.Start)
	}
}

func TestDrain(t *testing.T) {
	t.Parallel()
	t.Run("S-022/503 while draining", func(t *testing.T) {
		n := start(t, node.Config{})
		c := answered(t, n, setup{})
		c.received(t)
		n.Terminate()
		bye := c.a.Request(t, patience(), "BYE") // it waits for the answer now
		a := newAgent(t, n, "udp")
		_, r := a.NewDialog("bob").Call(t, patience(), peer.Offer("*", deadPath))
		if r.Code() != 503 || r.Get("Retry-After") == "" {
			t.Errorf("%s, Retry-After %q", r.Start, r.Get("Retry-After"))
		}
		c.over = true
		c.d.Answer(t, bye, 200, "OK")
		began := time.Now()
		if err := n.Exited(t, 10*time.Second); err != nil {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
	t.Run("S-006/BYE to live calls in both roles at the end", func(t *testing.T) {
		n := start(t, node.Config{})
		calls := []*call{answered(t, n, setup{}), answered(t, n, setup{proto: "tcp"}), started(t, n, setup{}), started(t, n, setup{proto: "tcp"})}
		n.Terminate()
		for _, c := range calls {
			c.byeCame(t)
		}
		if err := n.Exited(t, 10*time.Second); err != nil {
			t.Error(err)
		}
	})
}

// TestCall is about INVITE, CANCEL, BYE and what lies between them.
func TestCall(t *testing.T) {
	t.Parallel()
	n := start(t, node.Config{Route: policyRoute})

	for _, proto := range []string{"udp", "tcp"} {
		row(t, "S-001/accepted at once by "+proto, func(t *testing.T) {
			c := answered(t, n, setup{proto: proto})
			for _, m := range c.a.Drop(provisional) {
				if m.Code() != 100 {
					t.Errorf("%s", m.Start)
				}
			}
			c.received(t)
			if r := c.a.Ask(t, patience(), c.d.Request("OPTIONS")); r.Code() != 200 {
				t.Error(r.Start)
			}
			c.bye(t)
			for _, m := range c.a.Drop(provisional) {
				t.Errorf("%s to %s", m.Start, m.Method())
			}
		})

		row(t, "S-002/200 until the ACK by "+proto, func(t *testing.T) {
			a := newAgent(t, n, proto)
			d := a.NewDialog("bob")
			_, r := d.Call(t, patience(), peer.Offer("*", deadPath))
			if r.Code() != 200 {
				t.Fatal(r.Start)
			}
			last := r.At
			for _, gap := range []time.Duration{500 * time.Millisecond, time.Second} { // T1, 2·T1
				again := a.Await(t, patience(), "the 200 again", func(m *peer.Message) bool { return m.Code() == 200 && m.Get("Call-ID") == d.CallID })
				if took := again.At.Sub(last); took < gap*9/10 || string(again.Raw) != string(r.Raw) {
					t.Errorf("after %v, want %v:\n%s\nfirst:\n%s", took, gap, again.Raw, r.Raw)
				}
				last = again.At
			}
			d.Ack(t)
			n.Await(t, sessionID(peer.ParseSDP(r.Body).Media[0].Path()), "E_MSRP_SESSION_NEW", 1)
			if r := d.Bye(t, patience()); r.Code() != 200 {
				t.Error(r.Start)
			}
			quiet(t, a, "after the ACK", func(m *peer.Message) bool { return m.Method() == "INVITE" })
		})

		row(t, "S-003/after a refusal by "+proto, func(t *testing.T) {
			a := newAgent(t, n, proto)
			invite := a.NewDialog("busy").Invite(peer.Offer("*", deadPath))
			first := a.Ask(t, patience(), invite)
			again := a.Ask(t, patience(), invite)
			if first.Code() != 486 || string(first.Bytes()) != string(again.Bytes()) {
				t.Errorf("%s\nthen\n%s", first.Raw, again.Raw)
			}
			a.Send(t, peer.AckRefusal(invite, first))
		})
		row(t, "S-003/after 200 and ACK by "+proto, func(t *testing.T) {
			a := newAgent(t, n, proto)
			d := a.NewDialog("bob")
			invite, r := d.Call(t, patience(), peer.Offer("*", deadPath))
			id := sessionID(peer.ParseSDP(r.Body).Media[0].Path())
			d.Ack(t)
			n.Await(t, id, "E_MSRP_SESSION_NEW", 1)
			a.Drop(ofCall(d.CallID))
			a.Send(t, invite)
			a.Send(t, invite)
			quiet(t, a, "an answer to an INVITE that was answered and acknowledged", ofCall(d.CallID))
			if n.Session(t, id) == nil {
				t.Error("the session is gone")
			}
			d.Bye(t, patience())
		})
		row(t, "S-003/another branch by "+proto, func(t *testing.T) {
			a := newAgent(t, n, proto)
			d := a.NewDialog("bob")
			invite, r := d.Call(t, patience(), peer.Offer("*", deadPath))
			if r.Code() != 200 {
				t.Fatal(r.Start)
			}
			merged := invite.Clone().Set("Via", a.Via())
			if r := a.Ask(t, patience(), merged); r.Code() != 482 {
				t.Errorf("%s, want 482", r.Start)
			} else {
				a.Send(t, peer.AckRefusal(merged, r))
			}
			d.Ack(t)
			d.Bye(t, patience())
		})

		row(t, "S-004/CANCEL after the 200 by "+proto, func(t *testing.T) {
			a := newAgent(t, n, proto)
			d := a.NewDialog("bob")
			invite, r := d.Call(t, patience(), peer.Offer("*", deadPath))
			path := peer.ParseSDP(r.Body).Media[0].Path()
			d.Ack(t)
			cancelled := a.Ask(t, patience(), peer.Cancel(invite).Add("Require", "nonsense"))
			if cancelled.Code() != 200 || cancelled.Tag("To") != r.Tag("To") {
				t.Errorf("%s, To %s, want tag %s", cancelled.Start, cancelled.Get("To"), r.Tag("To"))
			}
			if n.Session(t, sessionID(path)) == nil {
				t.Error("the session is gone")
			}
			if r := d.Bye(t, patience()); r.Code() != 200 {
				t.Error(r.Start)
			}
		})
		row(t, "S-004/CANCEL of nothing by "+proto, func(t *testing.T) {
			a := newAgent(t, n, proto)
			invite := a.NewDialog("bob").Invite(peer.Offer("*", deadPath))
			if r := a.Ask(t, patience(), peer.Cancel(invite)); r.Code() != 481 {
				t.Errorf("%s, want 481", r.Start)
			}
		})
		row(t, "S-004/as caller, after a 1xx only, by "+proto, func(t *testing.T) {
			c, invite := invited(t, n, setup{proto: proto})
			n.EndSession(t, c.id)
			quiet(t, c.a, "before any 1xx", func(m *peer.Message) bool { return m.Method() == "CANCEL" })
			c.d.Answer(t, invite, 180, "Ringing")
			cancel := c.a.Request(t, patience(), "CANCEL")
			if cancel.TopBranch() != invite.TopBranch() || cancel.URI() != invite.URI() || cancel.CSeq() != invite.CSeq() ||
				cancel.Get("To") != invite.Get("To") || cancel.Get("From") != invite.Get("From") || len(cancel.List("Via")) != 1 || cancel.Proto != invite.Proto {
				t.Errorf("%s\nfor\n%s", cancel.Raw, invite.Raw)
			}
			c.d.Answer(t, cancel, 200, "OK")
			c.d.Answer(t, invite, 487, "Request Terminated")
			if ack := c.a.Request(t, patience(), "ACK"); ack.TopBranch() != invite.TopBranch() {
				t.Errorf("ACK %s", ack.Raw)
			}
			c.gone(t)
		})

		row(t, "S-005/forked 200s by "+proto, func(t *testing.T) {
			l := peer.ListenMSRP(t)
			c, invite := invited(t, n, setup{proto: proto})
			c.s.Own = l.Path(peer.Ident())
			sdp := peer.Offer("*", c.s.Own)
			other := c.a.Answering(invite)
			c.a.Respond(t, invite, c.d.Response(invite, 200, "OK").WithSDP(sdp))
			c.a.Respond(t, invite, other.Response(invite, 200, "OK").WithSDP(peer.Offer("*", deadPath)))
			tags := []string{c.a.Request(t, patience(), "ACK").Tag("To"), c.a.Request(t, patience(), "ACK").Tag("To")}
			if want := []string{c.d.LocalTag, other.LocalTag}; !slices.Equal(slices.Sorted(slices.Values(tags)), slices.Sorted(slices.Values(want))) {
				t.Errorf("ACKs to %v, want %v", tags, want)
			}
			bye := c.a.Request(t, patience(), "BYE")
			if bye.Tag("To") != other.LocalTag {
				t.Errorf("BYE to %s, want the second, %s", bye.Tag("To"), other.LocalTag)
			}
			other.Answer(t, bye, 200, "OK")
			c.c = l.Accept(t, patience())
			c.c.Answer(c.c.Request(t, patience(), "SEND"), 200, "OK")
			c.endWith(t)
			c.received(t)
		})
		row(t, "S-005/200 that crosses the CANCEL by "+proto, func(t *testing.T) {
			c, invite := invited(t, n, setup{proto: proto})
			c.d.Answer(t, invite, 180, "Ringing")
			n.EndSession(t, c.id)
			cancel := c.a.Request(t, patience(), "CANCEL")
			c.a.Respond(t, invite, c.d.Response(invite, 200, "OK").WithSDP(peer.Offer("*", deadPath)))
			c.d.Answer(t, cancel, 200, "OK")
			c.a.Request(t, patience(), "ACK")
			bye := c.a.Request(t, patience(), "BYE")
			c.d.Answer(t, bye, 200, "OK")
			c.gone(t)
		})

		row(t, "S-006/BYE by "+proto, func(t *testing.T) {
			c := answered(t, n, setup{proto: proto})
			d := *c.d
			d.RemoteTag = "wrong"
			if r := c.a.Ask(t, patience(), d.Request("BYE")); r.Code() != 481 {
				t.Errorf("wrong tag: %s", r.Start)
			}
			c.d.CSeq = d.CSeq
			c.received(t) // it lives on
			c.bye(t)
			n.Await(t, c.id, "E_MSRP_SESSION_END", 1)
			if r := c.d.Bye(t, patience()); r.Code() != 481 {
				t.Errorf("again: %s", r.Start)
			}
			c.gone(t)
			if e := n.Events(c.id, "E_MSRP_SESSION_END"); len(e) != 1 {
				t.Errorf("%d ends", len(e))
			}
		})
		row(t, "S-006/BYEs that cross by "+proto, func(t *testing.T) {
			c := answered(t, n, setup{proto: proto})
			c.c.Reset() // makes it end the call
			c.unrecovered(t)
			bye := c.a.Request(t, patience(), "BYE")
			c.bye(t)
			c.d.Answer(t, bye, 200, "OK")
			c.gone(t)
			n.Await(t, c.id, "E_MSRP_SESSION_END", 1)
			quiet(t, c.a, "after both BYEs", func(m *peer.Message) bool { return m.IsRequest() })
			if e := n.Events(c.id, "E_MSRP_SESSION_END"); len(e) != 1 {
				t.Errorf("%d ends", len(e))
			}
		})
		row(t, "S-006/end_session before the ACK by "+proto, func(t *testing.T) {
			a := newAgent(t, n, proto)
			d := a.NewDialog("bob")
			_, r := d.Call(t, patience(), peer.Offer("*", deadPath))
			id := sessionID(peer.ParseSDP(r.Body).Media[0].Path())
			n.EndSession(t, id)
			quiet(t, a, "before the ACK", func(m *peer.Message) bool { return m.Method() == "BYE" })
			d.Ack(t)
			bye := a.Request(t, patience(), "BYE")
			d.Answer(t, bye, 200, "OK")
		})
		for _, code := range []int{481, 408, 500} {
			row(t, fmt.Sprintf("S-006/BYE answered %d by %s", code, proto), func(t *testing.T) { endedBy(t, n, proto, code) })
		}
		row(t, "S-007/BYE answered 481 by "+proto, func(t *testing.T) { endedBy(t, n, proto, 481) })

		row(t, "S-008/order of CSeq by "+proto, func(t *testing.T) {
			c := answered(t, n, setup{proto: proto})
			ask := func(cseq, want int) {
				t.Helper()
				c.d.CSeq = cseq - 1
				_, r := c.d.Call(t, patience(), peer.Offer("*", c.s.Own))
				if r.Code() != want {
					t.Errorf("CSeq %d: %s, want %d", cseq, r.Start, want)
				}
				if r.Code() == 200 {
					c.d.Ack(t)
				}
			}
			ask(5, 200)
			ask(3, 500)
			ask(5, 500)
			ask(50, 200)
			c.d.CSeq = 48
			if r := c.a.Ask(t, patience(), c.d.Request("BYE")); r.Code() != 500 {
				t.Errorf("BYE with CSeq 49: %s", r.Start)
			}
			c.d.CSeq = 50
			c.received(t)
			c.bye(t)
		})
		row(t, "S-008/first request of the called side by "+proto, func(t *testing.T) {
			c := started(t, n, setup{proto: proto})
			c.d.CSeq = 776
			c.bye(t)
			n.Await(t, c.id, "E_MSRP_SESSION_END", 1)
		})
	}

	row(t, "S-004/CANCEL after 486 and ACK by tcp", func(t *testing.T) {
		a := newAgent(t, n, "tcp")
		d := a.NewDialog("busy")
		invite, r := d.Call(t, patience(), peer.Offer("*", deadPath))
		if r.Code() != 486 {
			t.Fatal(r.Start)
		}
		if r := a.Ask(t, patience(), peer.Cancel(invite)); r.Code() != 481 {
			t.Errorf("%s, want 481", r.Start)
		}
	})
}

// placed sends an INVITE that was made by d.Invite and changed, expects that code and clears the call away.
func placed(t *testing.T, d *peer.Dialog, invite *peer.Message, want int) *peer.Message {
	t.Helper()
	r := d.Place(t, patience(), invite)
	if r.Code() != want {
		t.Errorf("%s, want %d", r.Start, want)
	}
	if r.Code() < 300 {
		d.Ack(t)
		if bye := d.Bye(t, patience()); bye.Code() != 200 {
			t.Errorf("BYE: %s", bye.Start)
		}
	}
	return r
}
