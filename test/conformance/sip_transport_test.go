package conformance

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/test/conformance/node"
	"github.com/parley-msrp/parley/test/peer"
)

// TestTransport is about sizes, ways of the answers, and streams.
func TestTransport(t *testing.T) {
	t.Parallel()
	n := start(t, node.Config{})
	offer := peer.Offer("*", deadPath)
	types := strings.TrimSuffix(strings.Repeat("application/x-long-type ", 60), " ") // an INVITE of more than 1300 octets

	row(t, "S-013/large request by TCP", func(t *testing.T) {
		c, invite := invited(t, n, setup{own: types})
		if invite.Proto != "tcp" || !strings.HasPrefix(invite.Get("Via"), "SIP/2.0/TCP ") || len(invite.Raw) <= 1300 {
			t.Errorf("%d octets by %s, Via %s", len(invite.Raw), invite.Proto, invite.Get("Via"))
		}
		c.d.Answer(t, invite, 180, "Ringing")
		n.EndSession(t, c.id)
		cancel := c.a.Request(t, patience(), "CANCEL")
		if cancel.Proto != "tcp" {
			t.Errorf("CANCEL by %s", cancel.Proto)
		}
		c.d.Answer(t, cancel, 200, "OK")
		c.d.Answer(t, invite, 487, "Request Terminated")
		if ack := c.a.Request(t, patience(), "ACK"); ack.Proto != "tcp" {
			t.Errorf("ACK by %s", ack.Proto)
		}
	})

	row(t, "S-013/small request by UDP", func(t *testing.T) {
		c, invite := invited(t, n, setup{})
		if invite.Proto != "udp" || !strings.HasPrefix(invite.Get("Via"), "SIP/2.0/UDP ") || len(invite.Raw) > 1300 {
			t.Errorf("%d octets by %s, Via %s", len(invite.Raw), invite.Proto, invite.Get("Via"))
		}
		c.d.Answer(t, invite, 486, "Busy Here")
		c.a.Request(t, patience(), "ACK")
	})

	row(t, "S-013/UDP where TCP is refused", func(t *testing.T) {
		a := newAgent(t, n, "udp")
		a.StopTCP()
		n.StartSession(t, types, "sip:bob@"+a.Addr.String())
		invite := a.Request(t, patience(), "INVITE")
		if invite.Proto != "udp" || !strings.HasPrefix(invite.Get("Via"), "SIP/2.0/UDP ") || len(invite.Raw) <= 1300 {
			t.Errorf("%d octets by %s, Via %s", len(invite.Raw), invite.Proto, invite.Get("Via"))
		}
		d := a.Answering(invite)
		d.Answer(t, invite, 486, "Busy Here")
		a.Request(t, patience(), "ACK")
	})

	row(t, "S-013/TCP on the UDP listener's port", func(t *testing.T) {
		n := start(t, node.Config{Listen: []string{"udp:HOST:5060"}})
		c := answered(t, n, setup{proto: "tcp"})
		c.received(t)
		c.bye(t)
		c, invite := invited(t, n, setup{own: types})
		if invite.Proto != "tcp" {
			t.Errorf("by %s", invite.Proto)
		}
		c.d.Answer(t, invite, 486, "Busy Here")
		c.a.Request(t, patience(), "ACK")
	})

	row(t, "S-013/where UDP answers go", func(t *testing.T) {
		a := newAgent(t, n, "udp")
		other, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		from := func(via string) *peer.Message { // sent from the other socket
			t.Helper()
			m := a.NewDialog("bob").Request("OPTIONS").Set("Via", via+";branch="+peer.Branch())
			if _, err := other.WriteToUDPAddrPort(m.Bytes(), netip.MustParseAddrPort(n.SIP)); err != nil {
				t.Fatal(err)
			}
			return m
		}
		port := fmt.Sprint(a.Addr.Port())
		for name, via := range map[string]string{
			"sent-by port":                 "SIP/2.0/UDP 127.0.0.1:" + port,
			"sent-by port, received added": "SIP/2.0/UDP host.example.invalid:" + port,
			"maddr":                        "SIP/2.0/UDP 192.0.2.1:" + port + ";maddr=127.0.0.1",
		} {
			r := a.Final(t, patience(), from(via))
			if r.Source().String() != n.SIP {
				t.Errorf("%s: answer from %s", name, r.Source())
			}
			if got := peer.Param(r.Get("Via"), "received"); strings.Contains(name, "received") && got != "127.0.0.1" {
				t.Errorf("%s: received %q", name, got)
			}
		}
		// with rport: back to where it came from
		m := a.NewDialog("bob").Request("OPTIONS")
		r := a.Ask(t, patience(), m.Set("Via", strings.Replace(m.Get("Via"), a.Addr.String(), "192.0.2.1:9", 1)))
		if v := r.Get("Via"); peer.Param(v, "received") != "127.0.0.1" || peer.Param(v, "rport") != port {
			t.Errorf("Via %s", v)
		}
		if r := a.Ask(t, patience(), a.NewDialog("bob").Request("OPTIONS")); peer.Param(r.Get("Via"), "received") != "127.0.0.1" {
			t.Errorf("rport without received: Via %s", r.Get("Via"))
		}
	})

	row(t, "S-013/request of 60 kB by UDP", func(t *testing.T) {
		d := newAgent(t, n, "udp").NewDialog("bob")
		r := placed(t, d, d.Invite(offer+strings.Repeat("a=x-filler:"+strings.Repeat("f", 500)+"\r\n", 115)), 200)
		n.Await(t, sessionID(peer.ParseSDP(r.Body).Media[0].Path()), "E_MSRP_SESSION_END", 1)
	})

	row(t, "S-036/nobody there", func(t *testing.T) {
		for _, proto := range []string{"udp", "tcp"} {
			a := newAgent(t, n, proto)
			a.Close()
			id := n.StartSession(t, "text/plain", "sip:bob@"+a.Addr.String()+";transport="+proto)
			if e := n.Await(t, id, "E_MSRP_SESSION_FAILED", 1)[0]; fmt.Sprint(e.Data["code"]) != "503" {
				t.Errorf("%s", e.Raw)
			}
		}
	})
}

func TestStream(t *testing.T) {
	t.Parallel()
	n := start(t, node.Config{})
	offer := peer.Offer("*", deadPath)

	row(t, "S-041/CRLF before and between", func(t *testing.T) {
		a := newAgent(t, n, "tcp")
		a.SendRaw(t, append([]byte("\r\n\r\n\r\n"), a.NewDialog("bob").Request("OPTIONS").Bytes()...))
		if r := a.Await(t, patience(), "answer", func(m *peer.Message) bool { return m.Code() >= 200 }); r.Code() != 200 {
			t.Error(r.Start)
		}
		b := a.Blanks()
		a.SendRaw(t, []byte("\r\n\r\n"))
		a.AwaitBlank(t, patience(), b+1)
		b = a.Blanks()
		d := a.NewDialog("bob")
		m := d.Request("INFO").Set("Content-Type", "text/plain")
		m.Body = []byte("\r\n\r\n\r\n\r\nbody\r\n\r\n")
		a.Ask(t, patience(), m)
		a.Ask(t, patience(), a.NewDialog("bob").Request("OPTIONS"))
		if a.Blanks() != b {
			t.Error("a keep-alive inside a body was answered")
		}
	})

	row(t, "S-041/stream in pieces and several in one", func(t *testing.T) {
		a := newAgent(t, n, "tcp")
		one, two := a.NewDialog("bob").Request("OPTIONS"), a.NewDialog("bob").Request("OPTIONS")
		b := append(one.Bytes(), two.Bytes()...)
		a.SendRaw(t, b)
		for _, m := range []*peer.Message{one, two} {
			if r := a.Final(t, patience(), m); r.Code() != 200 {
				t.Error(r.Start)
			}
		}
		d := a.NewDialog("bob")
		three := d.Invite(offer)
		for _, c := range three.Bytes() {
			a.SendRaw(t, []byte{c})
		}
		r := a.Final(t, patience(), three)
		if r.Code() != 200 {
			t.Fatal(r.Start)
		}
		d.Learn(r)
		d.Ack(t)
		d.Bye(t, patience())
		n.Await(t, sessionID(peer.ParseSDP(r.Body).Media[0].Path()), "E_MSRP_SESSION_END", 1)
	})

	row(t, "S-041/a new connection where the old one has closed", func(t *testing.T) {
		c := answered(t, n, setup{proto: "tcp"})
		c.a.Hangup()
		n.EndSession(t, c.id)
		c.byeCame(t) // at the Contact, by a connection of its own
		c.gone(t)
	})

	row(t, "S-041/answer to a caller that has hung up", func(t *testing.T) {
		a := newAgent(t, n, "tcp")
		d := a.NewDialog("bob")
		m := d.Invite(offer)
		a.Send(t, m)
		a.Hangup()
		r := a.Final(t, patience(), m) // at the sent-by port, by another connection
		d.Learn(r)
		d.Ack(t)
		if bye := d.Bye(t, patience()); r.Code() != 200 || bye.Code() != 200 {
			t.Errorf("%s, BYE %s", r.Start, bye.Start)
		}
		n.Await(t, sessionID(peer.ParseSDP(r.Body).Media[0].Path()), "E_MSRP_SESSION_END", 1)
	})

	row(t, "S-041/answers by the request's connection", func(t *testing.T) {
		a := newAgent(t, n, "tcp")
		d := a.NewDialog("bob")
		r := placed(t, d, d.Invite(offer), 200)
		if r.Source().String() != n.SIP {
			t.Errorf("from %s", r.Source())
		}
		n.Await(t, sessionID(peer.ParseSDP(r.Body).Media[0].Path()), "E_MSRP_SESSION_END", 1)
	})
}
