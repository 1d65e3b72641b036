package conformance

import (
	"fmt"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/test/conformance/node"
	"github.com/parley-msrp/parley/test/peer"
)

// TestAck is about ACK, and what belongs to no dialog.
func TestAck(t *testing.T) {
	t.Parallel()
	n := start(t, node.Config{Route: policyRoute})

	row(t, "S-033/each repeat of the 200 gets the same ACK", func(t *testing.T) {
		l := peer.ListenMSRP(t)
		c, invite := invited(t, n, setup{})
		c.s.Own = l.Path(peer.Ident())
		ok := c.d.Response(invite, 200, "OK").WithSDP(peer.Offer("*", c.s.Own))
		var first string
		for range 5 {
			c.a.Respond(t, invite, ok)
			ack := string(c.a.Request(t, patience(), "ACK").Raw)
			if first == "" {
				first = ack
			}
			if ack != first {
				t.Errorf("%s\nthen\n%s", first, ack)
			}
		}
		c.c = l.Accept(t, patience())
		c.c.Answer(c.c.Request(t, patience(), "SEND"), 200, "OK")
		c.endWith(t)
		c.received(t)
		if e := n.Events(c.id, "E_MSRP_SESSION_NEW"); len(e) != 1 {
			t.Errorf("%d times new", len(e))
		}
	})

	row(t, "S-033/responses that match nothing", func(t *testing.T) {
		l := peer.ListenMSRP(t)
		c, invite := invited(t, n, setup{})
		via := invite.Get("Via")
		isACK := func(m *peer.Message) bool { return m.Method() == "ACK" || m.Method() == "BYE" }
		sdp := peer.Offer("*", deadPath)
		for name, change := range map[string]func(*peer.Message){
			"foreign branch":  func(m *peer.Message) { m.Set("Via", strings.Replace(via, peer.Param(via, "branch"), peer.Branch(), 1)) },
			"foreign sent-by": func(m *peer.Message) { m.Set("Via", strings.Replace(via, n.SIP, "192.0.2.1:5060", 1)) },
			"two Vias":        func(m *peer.Message) { m.Set("Via", via+", SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx") },
		} {
			r := c.d.Response(invite, 200, "OK").WithSDP(sdp)
			change(r)
			c.a.Respond(t, invite, r)
			quiet(t, c.a, name, isACK)
		}
		c.s.Own = l.Path(peer.Ident())
		c.accept(t, invite, peer.Offer("*", c.s.Own))
		c.c = l.Accept(t, patience())
		c.c.Answer(c.c.Request(t, patience(), "SEND"), 200, "OK")
		c.received(t)
	})

	row(t, "S-034/ACK of a 200", func(t *testing.T) {
		c, invite := invited(t, n, setup{})
		r := c.d.Response(invite, 200, "OK").WithSDP(peer.Offer("*", deadPath))
		target := "sip:elsewhere@" + c.a.Addr.String() + ";x=1"
		c.a.Respond(t, invite, r.Set("Contact", "<"+target+">"))
		ack := c.a.Request(t, patience(), "ACK")
		if ack.TopBranch() == invite.TopBranch() || ack.CSeq() != invite.CSeq() || ack.URI() != target || ack.Tag("To") != c.d.LocalTag || len(ack.List("Via")) != 1 {
			t.Errorf("%s", ack.Raw)
		}
		for _, w := range ack.CheckSIP() {
			t.Error(w)
		}
		c.endWith(t)
	})

	row(t, "S-034/ACK of a refusal", func(t *testing.T) {
		for _, proto := range []string{"udp", "tcp"} {
			c, invite := invited(t, n, setup{proto: proto})
			refusal := c.d.Response(invite, 486, "Busy Here")
			for range 2 {
				c.a.Respond(t, invite, refusal)
				ack := c.a.Request(t, patience(), "ACK")
				if ack.TopBranch() != invite.TopBranch() || ack.URI() != invite.URI() || ack.Get("To") != refusal.Get("To") || ack.Get("From") != invite.Get("From") ||
					ack.CSeq() != invite.CSeq() || len(ack.List("Via")) != 1 || ack.Proto != proto {
					t.Errorf("%s\nfor\n%s", ack.Raw, invite.Raw)
				}
				if proto == "tcp" { // a repeat does not occur there
					break
				}
			}
			if e := n.Await(t, c.id, "E_MSRP_SESSION_FAILED", 1)[0]; fmt.Sprint(e.Data["code"]) != "486" {
				t.Errorf("%s", e.Raw)
			}
		}
	})

	row(t, "S-034/ACKs that belong nowhere", func(t *testing.T) {
		a := newAgent(t, n, "udp")
		d := a.NewDialog("bob")
		d.RemoteTag = "nowhere"
		ack := d.Request("ACK")
		a.Send(t, ack)
		ack = d.Request("ACK").Set("Content-Type", "x/y")
		ack.Body = []byte("what is this")
		a.Send(t, ack)
		quiet(t, a, "an answer to an ACK", func(m *peer.Message) bool { return true })
	})

	row(t, "S-034/ACK with another CSeq", func(t *testing.T) {
		a := newAgent(t, n, "udp")
		d := a.NewDialog("bob")
		_, r := d.Call(t, patience(), peer.Offer("*", deadPath))
		if r.Code() != 200 {
			t.Fatal(r.Start)
		}
		d.CSeq++
		d.Ack(t)
		a.Await(t, patience(), "the 200 again", func(m *peer.Message) bool { return m.Code() == 200 && m.Get("Call-ID") == d.CallID })
		d.CSeq--
		d.Ack(t)
		n.Await(t, sessionID(peer.ParseSDP(r.Body).Media[0].Path()), "E_MSRP_SESSION_NEW", 1)
		d.Bye(t, patience())
	})

	row(t, "S-034/ACK with an unknown body", func(t *testing.T) {
		a := newAgent(t, n, "udp")
		d := a.NewDialog("bob")
		_, r := d.Call(t, patience(), peer.Offer("*", deadPath))
		if r.Code() != 200 {
			t.Fatal(r.Start)
		}
		ack := d.Request("ACK").Set("Content-Type", "x/y")
		ack.Body = []byte("what is this")
		a.Send(t, ack)
		n.Await(t, sessionID(peer.ParseSDP(r.Body).Media[0].Path()), "E_MSRP_SESSION_NEW", 1)
		d.Bye(t, patience())
	})

	row(t, "S-035/requests without dialog", func(t *testing.T) {
		a := newAgent(t, n, "udp")
		for _, method := range []string{"BYE", "PRACK", "UPDATE", "INFO", "INVITE"} {
			for _, tag := range []string{"", "nowhere"} {
				if method == "INVITE" && tag == "" {
					continue
				}
				d := a.NewDialog("bob")
				d.RemoteTag = tag
				m := d.Request(method)
				switch method {
				case "INVITE":
					m.WithSDP(peer.Offer("*", deadPath))
				case "PRACK":
					m.Add("RAck", "1 1 INVITE")
				}
				r := a.Ask(t, patience(), m)
				if r.Code() != 481 {
					t.Errorf("%s with To tag %q: %s, want 481", method, tag, r.Start)
				}
				if method == "INVITE" {
					a.Send(t, peer.AckRefusal(m, r))
				}
			}
		}
	})

	row(t, "S-035/after BYE", func(t *testing.T) {
		c := answered(t, n, setup{})
		c.bye(t)
		_, r := c.d.Call(t, patience(), peer.Offer("*", c.s.Own))
		if r.Code() != 481 {
			t.Errorf("re-INVITE: %s", r.Start)
		}
		if r := c.a.Ask(t, patience(), c.d.Request("UPDATE")); r.Code() != 481 {
			t.Errorf("UPDATE: %s", r.Start)
		}
		c.d.Ack(t)
		quiet(t, c.a, "an answer to an ACK", ofCall(c.d.CallID))
	})
}

func TestFinalResponse(t *testing.T) {
	t.Parallel()
	n := start(t, node.Config{Route: policyRoute})

	row(t, "S-038/unknown codes", func(t *testing.T) {
		c, invite := invited(t, n, setup{})
		c.d.Answer(t, invite, 199, "Something")
		if l := n.Session(t, c.id); l == nil || l.State == 2 {
			t.Errorf("%+v", l)
		}
		c.d.Answer(t, invite, 499, "Something Else")
		c.a.Request(t, patience(), "ACK")
		if e := n.Await(t, c.id, "E_MSRP_SESSION_FAILED", 1)[0]; fmt.Sprint(e.Data["code"]) != "499" || e.Text("reason") == "" {
			t.Errorf("%s", e.Raw)
		}
		c.gone(t)
	})

	row(t, "S-038/unknown 2xx", func(t *testing.T) {
		l := peer.ListenMSRP(t)
		c, invite := invited(t, n, setup{})
		c.d.Answer(t, invite, 183, "Session Progress")
		c.a.Respond(t, invite, c.d.Response(invite, 299, "Fine").WithSDP(peer.Offer("*", l.Path(peer.Ident()))))
		c.a.Request(t, patience(), "ACK")
		c.endWith(t)
		l.Accept(t, patience()).Request(t, patience(), "SEND")
		n.Await(t, c.id, "E_MSRP_SESSION_NEW", 1)
	})

	row(t, "S-038/redirection is told, not followed", func(t *testing.T) {
		c, invite := invited(t, n, setup{})
		c.a.Respond(t, invite, c.d.Response(invite, 302, "Moved").Set("Contact", "<"+invite.URI()+">"))
		c.a.Request(t, patience(), "ACK")
		if e := n.Await(t, c.id, "E_MSRP_SESSION_FAILED", 1)[0]; fmt.Sprint(e.Data["code"]) != "302" {
			t.Errorf("%s", e.Raw)
		}
		quiet(t, c.a, "after a 302", func(m *peer.Message) bool { return m.Method() == "INVITE" })
	})

	row(t, "S-022/codes of policy", func(t *testing.T) {
		other := answered(t, n, setup{})
		a := newAgent(t, n, "udp")
		for user, code := range map[string]int{"busy": 486, "decline": 603, "nobody": 404} {
			if _, r := a.NewDialog(user).Call(t, patience(), peer.Offer("*", deadPath)); r.Code() != code {
				t.Errorf("%s: %s, want %d", user, r.Start, code)
			}
		}
		d := a.NewDialog("bob")
		d.Target = "tel:+15550100"
		if _, r := d.Call(t, patience(), peer.Offer("*", deadPath)); r.Code() != 416 {
			t.Errorf("tel: %s, want 416", r.Start)
		}
		other.received(t)
	})
}
