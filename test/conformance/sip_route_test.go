package conformance

import (
	"slices"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/test/conformance/node"
	"github.com/parley-msrp/parley/test/peer"
)

// TestRoute is about the way of requests and responses: routes, targets, hops.
func TestRoute(t *testing.T) {
	t.Parallel()
	n := start(t, node.Config{Route: policyRoute})
	offer := peer.Offer("*", deadPath)

	row(t, "S-010/Record-Route of the answer and Route of what follows", func(t *testing.T) {
		for _, proto := range []string{"udp", "tcp"} {
			c := &call{n: n, a: newAgent(t, n, proto)}
			c.d = c.a.NewDialog("bob")
			top := "<sip:" + c.a.Addr.String() + ";transport=" + proto + ";lr;x=1>;y=2"
			rest := "<sip:p2.example.invalid;lr>"
			invite := c.d.Invite(offer).Add("Record-Route", top+", "+rest)
			r := c.d.Place(t, patience(), invite)
			if got := r.List("Record-Route"); !slices.Equal(got, []string{top, rest}) {
				t.Fatalf("Record-Route %q in %s", got, r.Start)
			}
			c.take(t, r)
			ack := c.d.Request("ACK").Del("Contact").Del("Route") // the driver plays the proxies too
			c.a.Send(t, ack)
			n.Await(t, c.id, "E_MSRP_SESSION_NEW", 1)
			n.EndSession(t, c.id)
			bye := c.byeCame(t)
			if got := bye.List("Route"); len(got) != 2 || peer.AddressURI(got[0]) != peer.AddressURI(top) || peer.AddressURI(got[1]) != "sip:p2.example.invalid;lr" || bye.URI() != c.a.ContactURI() {
				t.Errorf("%s", bye.Raw)
			}
		}
	})

	row(t, "S-010/as caller, reversed", func(t *testing.T) {
		c, invite := invited(t, n, setup{})
		first := "<sip:" + c.a.Addr.String() + ";lr>"
		r := c.d.Response(invite, 200, "OK").WithSDP(offer)
		c.a.Respond(t, invite, r.Add("Record-Route", "<sip:far.example.invalid;lr>").Add("Record-Route", first))
		ack := c.a.Request(t, patience(), "ACK")
		n.EndSession(t, c.id)
		for _, m := range []*peer.Message{ack, c.byeCame(t)} {
			if got := m.List("Route"); len(got) != 2 || peer.AddressURI(got[0]) != peer.AddressURI(first) || peer.AddressURI(got[1]) != "sip:far.example.invalid;lr" || m.URI() != c.a.ContactURI() {
				t.Errorf("%s", m.Raw)
			}
		}
	})

	row(t, "S-010/first hop without lr", func(t *testing.T) {
		c, invite := invited(t, n, setup{})
		strict := "sip:" + c.a.Addr.String()
		r := c.d.Response(invite, 200, "OK").WithSDP(offer)
		c.a.Respond(t, invite, r.Add("Record-Route", "<sip:far.example.invalid;lr>").Add("Record-Route", "<"+strict+">"))
		ack := c.a.Request(t, patience(), "ACK")
		n.EndSession(t, c.id)
		for _, m := range []*peer.Message{ack, c.byeCame(t)} {
			if got := m.List("Route"); len(got) != 2 || m.URI() != strict || peer.AddressURI(got[0]) != "sip:far.example.invalid;lr" || peer.AddressURI(got[1]) != c.a.ContactURI() {
				t.Errorf("%s", m.Raw)
			}
		}
	})

	row(t, "S-010/target refresh", func(t *testing.T) {
		c := answered(t, n, setup{})
		target := "sip:moved@" + c.a.Addr.String() + ";z=1"
		r := c.d.Place(t, patience(), c.d.Invite(peer.Offer("*", c.s.Own)).Set("Contact", "<"+target+">"))
		if r.Code() != 200 {
			t.Fatal(r.Start)
		}
		c.d.Ack(t)
		n.EndSession(t, c.id)
		if bye := c.byeCame(t); bye.URI() != target {
			t.Errorf("BYE %s, want %s", bye.URI(), target)
		}
	})

	for _, proto := range []string{"udp", "tcp"} {
		row(t, "S-011/Contact by "+proto, func(t *testing.T) {
			reachable := func(m *peer.Message) {
				t.Helper()
				list := m.List("Contact")
				if len(list) != 1 {
					t.Fatalf("Contact %q", list)
				}
				uri := peer.AddressURI(list[0])
				if !strings.HasPrefix(uri, "sip:") || !strings.Contains(uri, n.SIP) || proto == "tcp" != strings.Contains(uri, "transport=tcp") {
					t.Errorf("Contact %s by %s", list[0], proto)
				}
			}
			c := answered(t, n, setup{proto: proto})
			_, r := c.d.Call(t, patience(), peer.Offer("*", c.s.Own))
			c.d.Ack(t)
			reachable(r)
			if r := c.a.Ask(t, patience(), c.d.Request("OPTIONS")); r.Code() != 200 {
				t.Errorf("in-dialog request to the Contact: %s", r.Start)
			}
			_, invite := invited(t, n, setup{proto: proto})
			reachable(invite)
		})
		row(t, "S-011/one To tag by "+proto, func(t *testing.T) {
			a := newAgent(t, n, proto)
			d := a.NewDialog("bob")
			invite, r := d.Call(t, patience(), offer)
			tags := map[string]bool{r.Tag("To"): true, a.Ask(t, patience(), peer.Cancel(invite)).Tag("To"): true}
			for _, m := range a.Drop(provisional) {
				if m.Code() != 100 {
					tags[m.Tag("To")] = true
				}
			}
			d.Ack(t)
			tags[d.Bye(t, patience()).Tag("To")] = true
			if len(tags) != 1 || tags[""] {
				t.Errorf("To tags %v", tags)
			}
			other := a.NewDialog("bob")
			if _, r := other.Call(t, patience(), offer); tags[r.Tag("To")] {
				t.Errorf("tag %s again in another call", r.Tag("To"))
			}
			other.Ack(t)
			other.Bye(t, patience())
		})
	}

	row(t, "S-012/generated", func(t *testing.T) {
		c, invite := invited(t, n, setup{})
		ackFor := c.d.Response(invite, 200, "OK").WithSDP(offer)
		c.a.Respond(t, invite, ackFor)
		ack := c.a.Request(t, patience(), "ACK")
		n.EndSession(t, c.id)
		for _, m := range []*peer.Message{invite, ack, c.byeCame(t)} {
			if m.Get("Max-Forwards") != "70" {
				t.Errorf("%s: Max-Forwards %q", m.Start, m.Get("Max-Forwards"))
			}
		}
	})

	row(t, "S-012/received", func(t *testing.T) {
		a := newAgent(t, n, "udp")
		plain := a.Ask(t, patience(), a.NewDialog("bob").Request("OPTIONS"))
		for _, value := range []string{"0", ""} {
			d := a.NewDialog("bob")
			change := func(m *peer.Message) *peer.Message {
				if value == "" {
					return m.Del("Max-Forwards")
				}
				return m.Set("Max-Forwards", value)
			}
			if r := a.Ask(t, patience(), change(d.Request("OPTIONS"))); r.Code() != plain.Code() || r.Get("Allow") == "" {
				t.Errorf("OPTIONS with %q: %s", value, r.Start)
			}
			d = a.NewDialog("bob")
			r := placed(t, d, change(d.Invite(offer)), 200)
			(&call{n: n, id: sessionID(peer.ParseSDP(r.Body).Media[0].Path())}).gone(t)
		}
	})
}
