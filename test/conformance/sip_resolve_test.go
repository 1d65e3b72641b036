package conformance

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/test/conformance/node"
	"github.com/parley-msrp/parley/test/peer"
)

// TestResolve is about where the requests of the program under test go: by names, by a proxy, and from which listener.
func TestResolve(t *testing.T) {
	t.Parallel()
	dns := peer.NewDNS(t)
	dns.A("host.example", "127.0.0.1")
	n := start(t, node.Config{SIP: fmt.Sprintf("  dns_servers: [%q]\n", dns.Addr)})
	// busy refuses the INVITE that comes to an agent.
	busy := func(t *testing.T, a *peer.Agent, id string) *peer.Message {
		t.Helper()
		invite := a.Request(t, patience(), "INVITE")
		a.Answering(invite).Answer(t, invite, 486, "Busy Here")
		a.Request(t, patience(), "ACK")
		if e := n.Await(t, id, "E_MSRP_SESSION_FAILED", 1)[0]; fmt.Sprint(e.Data["code"]) != "486" {
			t.Errorf("%s", e.Raw)
		}
		return invite
	}

	row(t, "S-031/SRV: the first target is dead, the second is called with a new branch", func(t *testing.T) {
		for _, proto := range []string{"udp", "tcp"} {
			dead, overloaded, alive := newAgent(t, n, proto), newAgent(t, n, proto), newAgent(t, n, proto)
			dead.Close()
			name := "_sip._" + proto + "." + proto + ".failover.example"
			dns.SRV(name, 3, 0, alive.Addr.Port(), "host.example").SRV(name, 1, 0, dead.Addr.Port(), "host.example").SRV(name, 2, 0, overloaded.Addr.Port(), "host.example")
			id := n.StartSession(t, "text/plain", "sip:bob@"+proto+".failover.example")
			first := overloaded.Request(t, patience(), "INVITE")
			overloaded.Answering(first).Answer(t, first, 503, "Service Unavailable")
			overloaded.Request(t, patience(), "ACK")
			second := busy(t, alive, id)
			if first.TopBranch() == second.TopBranch() || first.Get("Call-ID") != second.Get("Call-ID") || first.Proto != proto || second.Proto != proto {
				t.Errorf("%s\n%s", first.Raw, second.Raw)
			}
		}
	})

	row(t, "S-031/NAPTR: the preferred transport", func(t *testing.T) {
		a := newAgent(t, n, "tcp")
		dns.NAPTR("naptr.example", 10, 20, "SIP+D2U", "_sip._udp.naptr.example").NAPTR("naptr.example", 10, 10, "SIP+D2T", "srv.elsewhere.example")
		dns.NAPTR("naptr.example", 5, 1, "SIP+D2S", "_sip._sctp.naptr.example")
		dns.SRV("srv.elsewhere.example", 1, 1, a.Addr.Port(), "host.example")
		if invite := busy(t, a, n.StartSession(t, "text/plain", "sip:bob@naptr.example")); invite.Proto != "tcp" || invite.URI() != "sip:bob@naptr.example" {
			t.Errorf("%s by %s", invite.Start, invite.Proto)
		}
	})

	row(t, "S-031/a port says it all: addresses only", func(t *testing.T) {
		a := newAgent(t, n, "udp")
		dns.A("port.example", "127.0.0.1")
		busy(t, a, n.StartSession(t, "text/plain", fmt.Sprintf("sip:bob@port.example:%d", a.Addr.Port())))
		for _, q := range dns.Asked() {
			if strings.HasSuffix(q, "port.example") && !strings.HasPrefix(q, "A") {
				t.Errorf("asked for %s", q)
			}
		}
	})

	row(t, "S-031/maddr and transport", func(t *testing.T) {
		a := newAgent(t, n, "tcp")
		uri := fmt.Sprintf("sip:bob@maddr.example:%d;transport=tcp;maddr=127.0.0.1", a.Addr.Port())
		if invite := busy(t, a, n.StartSession(t, "text/plain", uri)); invite.Proto != "tcp" {
			t.Errorf("by %s", invite.Proto)
		}
	})

	row(t, "S-031/what was found is kept as long as its TTL", func(t *testing.T) {
		a := newAgent(t, n, "udp")
		dns.SRV("_sip._udp.kept.example", 1, 1, a.Addr.Port(), "host.example")
		for range 3 {
			busy(t, a, n.StartSession(t, "text/plain", "sip:bob@kept.example"))
		}
		asked := slices.DeleteFunc(dns.Asked(), func(q string) bool { return q != "SRV _sip._udp.kept.example" })
		if len(asked) != 1 {
			t.Errorf("asked %q", asked)
		}
	})

	row(t, "S-031/a name that leads nowhere", func(t *testing.T) {
		id := n.StartSession(t, "text/plain", "sip:bob@nowhere.example")
		if e := n.Await(t, id, "E_MSRP_SESSION_FAILED", 1)[0]; fmt.Sprint(e.Data["code"]) != "503" || !strings.Contains(e.Raw, "nowhere.example") {
			t.Errorf("%s", e.Raw)
		}
	})
}

// TestProxy is about an outbound proxy.
func TestProxy(t *testing.T) {
	t.Parallel()
	proxy := peer.NewAgent(t, "tcp", "127.0.0.1:9")
	n := start(t, node.Config{SIP: fmt.Sprintf("  outbound_proxy: \"sip:%s;transport=tcp\"\n", proxy.Addr)})
	proxy.Target = n.SIP

	row(t, "S-010/the outbound proxy is the first hop, and no part of the dialog unless it says so", func(t *testing.T) {
		id := n.StartSession(t, "text/plain", "sip:bob@far.example.invalid")
		invite := proxy.Request(t, patience(), "INVITE")
		if got := invite.List("Route"); len(got) != 1 || peer.AddressURI(got[0]) != "sip:"+proxy.Addr.String()+";transport=tcp;lr" ||
			invite.URI() != "sip:bob@far.example.invalid" || invite.Proto != "tcp" {
			t.Errorf("%s", invite.Raw)
		}
		d := proxy.Answering(invite)
		bob := newAgent(t, n, "udp")
		proxy.Respond(t, invite, d.Response(invite, 200, "OK").WithSDP(peer.Offer("*", deadPath)).Set("Contact", "<"+bob.ContactURI()+">"))
		ack := bob.Request(t, patience(), "ACK")
		n.EndSession(t, id)
		bye := bob.Request(t, patience(), "BYE")
		for _, m := range []*peer.Message{ack, bye} {
			if m.URI() != bob.ContactURI() || len(m.List("Route")) != 0 {
				t.Errorf("%s", m.Raw)
			}
		}
		d.Agent = bob
		d.Answer(t, bye, 200, "OK")
	})
}

// TestListeners is about several listeners, and wildcard addresses.
func TestListeners(t *testing.T) {
	t.Parallel()
	unspecified := func(m *peer.Message) bool {
		return strings.Contains(string(m.Raw), "[::]") || strings.Contains(string(m.Raw), "0.0.0.0")
	}

	row(t, "S-013/a dialog stays on the listener that its INVITE came to", func(t *testing.T) {
		n := start(t, node.Config{Listen: []string{"udp:HOST:5060", "udp:HOST:5070"}})
		for _, proto := range []string{"udp", "tcp"} {
			at := net.JoinHostPort(n.Host, "5070")
			c := &call{n: n, a: peer.NewAgent(t, proto, at)}
			c.d = c.a.NewDialog("bob")
			_, r := c.d.Call(t, patience(), peer.Offer("*", deadPath))
			c.take(t, r)
			c.d.Ack(t)
			if got := peer.AddressURI(r.Get("Contact")); !strings.HasPrefix(got, "sip:"+at) {
				t.Errorf("Contact %s by %s", got, proto)
			}
			n.Await(t, c.id, "E_MSRP_SESSION_NEW", 1)
			n.EndSession(t, c.id)
			bye := c.byeCame(t)
			if !strings.Contains(bye.Get("Via"), " "+at+";") || proto == "udp" && bye.Source().String() != at {
				t.Errorf("BYE from %s, Via %s", bye.Source(), bye.Get("Via"))
			}
		}
	})

	row(t, "S-042/wildcard listener: every peer sees the address that it called", func(t *testing.T) {
		l, err := net.Listen("tcp", "0.0.0.0:0")
		if err != nil {
			t.Fatal(err)
		}
		_, port, _ := net.SplitHostPort(l.Addr().String())
		l.Close()
		n := start(t, node.Config{Listen: []string{"udp:0.0.0.0:" + port}})
		at := net.JoinHostPort(n.Host, port)
		for _, proto := range []string{"udp", "tcp"} {
			c := &call{n: n, a: peer.NewAgent(t, proto, at)}
			c.d = c.a.NewDialog("bob")
			_, r := c.d.Call(t, patience(), peer.Offer("*", deadPath))
			c.take(t, r)
			c.d.Ack(t)
			if got := peer.AddressURI(r.Get("Contact")); !strings.HasPrefix(got, "sip:"+at) || r.Source().String() != at || unspecified(r) {
				t.Errorf("by %s from %s: %s", proto, r.Source(), r.Raw)
			}
			n.Await(t, c.id, "E_MSRP_SESSION_NEW", 1)
			n.EndSession(t, c.id)
			bye := c.byeCame(t)
			if unspecified(bye) || !strings.Contains(bye.Get("Via"), " "+at+";") || proto == "udp" && bye.Source().String() != at {
				t.Errorf("BYE from %s, Via %s", bye.Source(), bye.Get("Via"))
			}
		}
		a := peer.NewAgent(t, "udp", at)
		id := n.StartSession(t, "text/plain", "sip:bob@"+a.Addr.String())
		invite := a.Request(t, patience(), "INVITE")
		if unspecified(invite) || !strings.Contains(invite.Get("Via"), " "+invite.Source().String()+";") {
			t.Errorf("from %s: %s", invite.Source(), invite.Raw)
		}
		a.Answering(invite).Answer(t, invite, 486, "Busy Here")
		n.Await(t, id, "E_MSRP_SESSION_FAILED", 1)
	})
}
