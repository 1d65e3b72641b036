package conformance

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/test/conformance/node"
	"github.com/parley-msrp/parley/test/peer"
)

// TestExtension is about schemes, methods and extensions.
func TestExtension(t *testing.T) {
	t.Parallel()
	n := start(t, node.Config{Route: policyRoute})
	offer := peer.Offer("*", deadPath)
	dialog := func(t *testing.T) *peer.Dialog {
		t.Helper()
		return newAgent(t, n, "udp").NewDialog("bob")
	}

	row(t, "S-043/Allow lists what works", func(t *testing.T) {
		d := dialog(t)
		_, r := d.Call(t, patience(), offer)
		allow := r.List("Allow")
		if len(r.All("Supported")) == 0 || len(allow) < 5 {
			t.Errorf("Allow %q, Supported %q", allow, r.All("Supported"))
		}
		d.Ack(t)
		for _, m := range allow {
			var got *peer.Message
			switch m {
			case "ACK", "CANCEL", "INVITE", "BYE":
				continue
			case "PRACK":
				got = d.Agent.Ask(t, patience(), d.Request(m).Add("RAck", "1 1 INVITE"))
			case "REFER":
				got = d.Agent.Ask(t, patience(), d.Request(m).Add("Refer-To", "<sip:x@y.invalid>"))
			default:
				got = d.Agent.Ask(t, patience(), d.Request(m))
			}
			if got.Code() == 405 || got.Code() == 501 {
				t.Errorf("%s is in Allow, but: %s", m, got.Start)
			}
		}
		for _, m := range []string{"INFO", "UPDATE", "PRACK", "NOTIFY", "SUBSCRIBE", "REFER", "MESSAGE", "PUBLISH"} {
			if slices.Contains(allow, m) {
				continue
			}
			if got := d.Agent.Ask(t, patience(), d.Request(m)); got.Code() != 405 && (m != "SUBSCRIBE" || got.Code() != 489) && ((m != "NOTIFY" && m != "PRACK") || got.Code() != 481) && (m != "REFER" || got.Code() != 403) {
				t.Errorf("%s is not in Allow, but: %s", m, got.Start)
			}
		}
		d.Bye(t, patience())
		_, invite := invited(t, n, setup{})
		if got := invite.List("Allow"); !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(allow))) || len(invite.All("Supported")) == 0 {
			t.Errorf("INVITE: Allow %q, 200: %q", got, allow)
		}
	})

	row(t, "S-043/no extension that was not asked for", func(t *testing.T) {
		d := dialog(t)
		if r := placed(t, d, d.Invite(offer), 200); r.Get("Require") != "" || r.Get("Session-Expires") != "" {
			t.Errorf("%s", r.Raw)
		}
	})

	row(t, "S-043/order of checks", func(t *testing.T) {
		d := dialog(t)
		m := d.Request("FOO").Add("Require", "foo")
		m.Start = "FOO tel:1 SIP/2.0"
		if r := d.Agent.Ask(t, patience(), m); r.Code() != 501 {
			t.Errorf("method before URI: %s", r.Start)
		}
		d = dialog(t)
		d.Target = "tel:+15550100"
		placed(t, d, d.Invite(offer).Add("Require", "foo"), 416)
		d = dialog(t)
		m = d.Invite("").Set("Content-Type", "text/foo").Add("Require", "foo")
		m.Body = []byte("x")
		placed(t, d, m, 420)
	})

	row(t, "S-043/a refused re-INVITE changes nothing", func(t *testing.T) {
		c := answered(t, n, setup{})
		m := c.d.Invite(peer.Offer("*", otherPath)).Set("Contact", "<sip:moved@192.0.2.9>").Add("Require", "foo")
		if r := c.d.Agent.Ask(t, patience(), m); r.Code() != 420 {
			t.Fatal(r.Start)
		} else {
			c.a.Send(t, peer.AckRefusal(m, r))
		}
		n.SendMessage(t, c.id, "text/plain", "to the old path")
		if f := c.c.Request(t, patience(), "SEND"); f.Get("To-Path") != c.s.Own {
			t.Errorf("To-Path %q", f.Get("To-Path"))
		}
		n.EndSession(t, c.id)
		if bye := c.byeCame(t); bye.URI() != c.a.ContactURI() {
			t.Errorf("BYE %s", bye.URI())
		}
	})

	row(t, "S-043/CSeq rises by one", func(t *testing.T) {
		c := started(t, n, setup{})
		n.EndSession(t, c.id)
		bye := c.byeCame(t)
		_, invite := invited(t, n, setup{})
		if bye.CSeq() < 1 || bye.CSeq() >= 1<<31 || invite.CSeq() >= 1<<31 {
			t.Errorf("CSeq %d and %d", bye.CSeq(), invite.CSeq())
		}
		c2, invite := invited(t, n, setup{})
		c2.accept(t, invite, offer)
		n.EndSession(t, c2.id)
		if bye := c2.byeCame(t); bye.CSeq() != invite.CSeq()+1 {
			t.Errorf("BYE %d after INVITE %d", bye.CSeq(), invite.CSeq())
		}
	})

	row(t, "S-044/events", func(t *testing.T) {
		a := newAgent(t, n, "udp")
		if r := a.Ask(t, patience(), a.NewDialog("bob").Request("SUBSCRIBE").Add("Event", "foo").Add("Expires", "60")); r.Code() != 489 {
			t.Errorf("SUBSCRIBE: %s, want 489", r.Start)
		}
		if r := a.Ask(t, patience(), a.NewDialog("bob").Request("NOTIFY").Add("Event", "refer").Add("Subscription-State", "active")); r.Code() != 481 {
			t.Errorf("NOTIFY: %s, want 481", r.Start)
		}
	})

	row(t, "S-044/REFER of a stranger", func(t *testing.T) {
		a := newAgent(t, n, "udp")
		if r := a.Ask(t, patience(), a.NewDialog("bob").Request("REFER").Add("Refer-To", "<sip:victim@"+a.Addr.String()+">")); r.Code() != 403 {
			t.Errorf("REFER: %s, want 403", r.Start)
		}
		quiet(t, a, "after REFER", func(m *peer.Message) bool { return m.Method() == "INVITE" })
	})

	row(t, "S-044/Replaces", func(t *testing.T) {
		a := newAgent(t, n, "udp")
		d := a.NewDialog("bob")
		r := d.Place(t, patience(), d.Invite(offer).Add("Require", "replaces").Add("Replaces", "x;to-tag=1;from-tag=2"))
		if r.Code() != 420 && r.Code() != 481 {
			t.Errorf("Require: replaces: %s", r.Start)
		}
		if r.Code() == 420 {
			d = a.NewDialog("bob")
			placed(t, d, d.Invite(offer).Add("Replaces", "x;to-tag=1;from-tag=2"), 200)
		}
	})

	row(t, "S-042/IPv6", func(t *testing.T) {
		n := start(t, node.Config{IPv6: true})
		for _, proto := range []string{"udp", "tcp"} {
			c := answered(t, n, setup{proto: proto})
			c.received(t)
			c.bye(t)
			s, invite := invited(t, n, setup{proto: proto})
			if !strings.Contains(invite.Get("Via"), " ["+"::1"+"]:") || !strings.Contains(invite.Get("Contact"), "@[::1]:") && !strings.Contains(invite.Get("Contact"), "sip:[::1]:") {
				t.Errorf("%s", invite.Raw)
			}
			s.d.Answer(t, invite, 486, "Busy Here")
			s.a.Request(t, patience(), "ACK")
		}
		a := newAgent(t, n, "udp")
		via := "SIP/2.0/UDP [::1]:" + fmt.Sprint(a.Addr.Port()) + ";received=[::1];branch=" + peer.Branch() + ";rport"
		r := a.Ask(t, patience(), a.NewDialog("bob").Request("OPTIONS").Set("Via", via))
		if got := peer.Param(r.Get("Via"), "received"); got != "::1" {
			t.Errorf("received %q", got)
		}
	})

	row(t, "S-042/other schemes and no tag", func(t *testing.T) {
		d := dialog(t)
		d.Remote, d.Local = "tel:+15550100", "foo:bar"
		r := placed(t, d, d.Invite(offer).Add("P-Asserted-Identity", "<tel:+15550101>"), 200)
		n.Await(t, sessionID(peer.ParseSDP(r.Body).Media[0].Path()), "E_MSRP_SESSION_END", 1)
		d = dialog(t)
		d.Target = "tel:+15550100"
		placed(t, d, d.Invite(offer), 416)
		d = dialog(t)
		d.Target = "urn:service:test"
		placed(t, d, d.Invite(offer), 416)
		d = dialog(t)
		d.LocalTag = ""
		r = placed(t, d, d.Invite(offer), 200)
		n.Await(t, sessionID(peer.ParseSDP(r.Body).Media[0].Path()), "E_MSRP_SESSION_END", 1)
	})

	row(t, "S-042/no To tag in the answer", func(t *testing.T) {
		l := peer.ListenMSRP(t)
		c, invite := invited(t, n, setup{})
		c.d.LocalTag = ""
		c.s.Own = l.Path(peer.Ident())
		c.accept(t, invite, peer.Offer("*", c.s.Own))
		c.c = l.Accept(t, patience())
		c.c.Answer(c.c.Request(t, patience(), "SEND"), 200, "OK")
		c.received(t)
		n.EndSession(t, c.id)
		if bye := c.byeCame(t); bye.Tag("To") != "" {
			t.Errorf("BYE To %s", bye.Get("To"))
		}
	})
}
