package conformance

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/test/conformance/node"
	"github.com/parley-msrp/parley/test/peer"
)

// unreachable runs an instance that no peer can connect to.
func unreachable(t *testing.T, media string) *node.Node {
	t.Helper()
	return start(t, node.Config{Media: "  setup: active\n" + media})
}

// setupOf is a=setup of the first m-line; "-" where there is none, or more than one.
func setupOf(d peer.SDP) string {
	if len(d.Media) == 0 {
		return "-"
	}
	role := "-"
	for _, a := range d.Media[0].Attrs {
		if v, found := strings.CutPrefix(a, "setup:"); found {
			if role != "-" {
				return "-"
			}
			role = v
		}
	}
	return role
}

// offeredRole calls with an offer that says role, whose path leads to a listener. "" says nothing.
func offeredRole(t *testing.T, n *node.Node, role, more string) (*call, *peer.Listener) {
	t.Helper()
	l := peer.ListenMSRP(t)
	c := &call{n: n, a: peer.NewAgent(t, "udp", n.SIP)}
	c.d = c.a.NewDialog("bob")
	c.s.Own = l.Path(peer.Ident())
	_, r := c.d.Call(t, patience(), peer.Offer("*", c.s.Own)+roleLine(role)+more)
	c.take(t, r)
	c.d.Ack(t)
	c.endWith(t)
	return c, l
}

func roleLine(role string) string {
	if role == "" {
		return ""
	}
	return "a=setup:" + role + "\r\n"
}

// connected waits for the connection of the program under test and answers its SEND.
func (c *call) connected(t *testing.T, l *peer.Listener) {
	t.Helper()
	c.c = l.Accept(t, patience())
	c.bind = c.c.Request(t, patience(), "SEND")
	if c.bind.HasBody || c.bind.Get("To-Path") != c.s.Own || c.bind.Get("From-Path") != c.s.Remote {
		t.Errorf("the binding SEND is %q", c.bind.Head)
	}
	c.c.Answer(c.bind, 200, "OK")
}

// waits shows that the program under test waits for a connection, by binding one and talking over it.
func (c *call) waits(t *testing.T, l *peer.Listener) {
	t.Helper()
	c.c = peer.DialMSRP(t, hostPort(c.s.Remote))
	c.ok(t, c.s.Bodiless())
	c.talk(t)
	l.None(t, moment)
}

// talk exchanges a message in each direction.
func (c *call) talk(t *testing.T) {
	t.Helper()
	text := "from the program " + peer.Ident()
	c.n.SendMessage(t, c.id, "text/plain", text)
	f := c.c.Request(t, patience(), "SEND")
	if string(f.Body) != text || f.Get("To-Path") != c.s.Own {
		t.Errorf("%q %q", f.Head, f.Body)
	}
	c.c.Answer(f, 200, "OK")
	c.marker(t)
}

// portsOf are the port of the first m-line and that of its path.
func portsOf(c *call) (line, path string) {
	_, path, _ = net.SplitHostPort(hostPort(c.s.Remote))
	return c.sdp.Media[0].Port(), path
}

// TestSetup is about who connects (RFC 6135).
func TestSetup(t *testing.T) {
	t.Parallel()
	n := start(t, node.Config{})
	nat := unreachable(t, "")

	row(t, "X-001/one a=setup in every description", func(t *testing.T) {
		c := answered(t, n, setup{})
		if got := setupOf(c.sdp); got != "passive" {
			t.Errorf("answer: %s", got)
		}
		if _, d := c.reoffer(t, "INVITE", peer.Offer("text/plain", c.s.Own)); setupOf(d) != "passive" {
			t.Errorf("answer in mid-call: %+v", d)
		}
		if got := setupOf(lateOffer(t, n).sdp); got != "actpass" {
			t.Errorf("late offer: %s", got)
		}
		c, invite := invited(t, n, setup{})
		if got := setupOf(c.sdp); got != "actpass" {
			t.Errorf("offer: %s", got)
		}
		c.d.Answer(t, invite, 486, "Busy Here")
		c.a.Request(t, patience(), "ACK")
	})
	row(t, "X-001/holdconn in an offer is as if it were not there", func(t *testing.T) {
		c, l := offeredRole(t, n, "holdconn", "")
		if got := setupOf(c.sdp); got != "passive" {
			t.Errorf("answer %s", got)
		}
		c.waits(t, l)
	})
	row(t, "X-001/what nobody knows is as if it were not there", func(t *testing.T) {
		c, l := offeredRole(t, n, "sideways", "")
		if got := setupOf(c.sdp); got != "passive" {
			t.Errorf("answer %s", got)
		}
		c.waits(t, l)
	})

	row(t, "X-002/public: actpass", func(t *testing.T) {
		if got := setupOf(started(t, n, setup{}).sdp); got != "actpass" {
			t.Errorf("offer %s", got)
		}
	})
	row(t, "X-002/behind a NAT: active", func(t *testing.T) {
		if got := setupOf(started(t, nat, setup{}).sdp); got != "active" {
			t.Errorf("offer %s", got)
		}
		if got := setupOf(lateOffer(t, nat).sdp); got != "active" {
			t.Errorf("late offer %s", got)
		}
	})
	row(t, "X-002/behind a NAT with a relay: actpass", func(t *testing.T) {
		b := startBehind(t, challenging, func(c *node.Config) { c.Media = "  setup: active\n" })
		if got := setupOf(b.calls(t, peerPath).sdp); got != "actpass" {
			t.Errorf("offer %s", got)
		}
		if got := setupOf(b.called(t, peerPath).sdp); got != "passive" {
			t.Errorf("answer %s", got)
		}
	})

	for _, x := range []struct {
		n             *node.Node
		where         string
		offer, answer string
	}{
		{n, "public", "active", "passive"},
		{n, "public", "passive", "active"},
		{n, "public", "actpass", "passive"},
		{n, "public", "", "passive"},
		{nat, "behind a NAT", "active", "passive"},
		{nat, "behind a NAT", "passive", "active"},
		{nat, "behind a NAT", "actpass", "active"},
	} {
		row(t, fmt.Sprintf("X-003/%s, offer %q", x.where, x.offer), func(t *testing.T) {
			c, l := offeredRole(t, x.n, x.offer, "")
			if got := setupOf(c.sdp); got != x.answer {
				t.Errorf("answer %s, want %s", got, x.answer)
			}
			switch {
			case x.answer == "active":
				c.connected(t, l)
				c.talk(t)
			case x.n == n:
				c.waits(t, l)
			default:
				l.None(t, moment)
			}
		})
	}
	for _, x := range []struct {
		n      *node.Node
		answer string
		active bool // the program under test
	}{{n, "actpass", true}, {n, "active", false}, {n, "passive", true}, {n, "holdconn", true}, {n, "", true}, {nat, "active", true}, {nat, "passive", true}} {
		name := fmt.Sprintf("X-003/answer %q", x.answer)
		if x.n == nat {
			name += " behind a NAT"
		}
		if x.answer == "" {
			name = "X-008/answer without"
		}
		row(t, name, func(t *testing.T) {
			l := peer.ListenMSRP(t)
			c, invite := invited(t, x.n, setup{})
			c.s.Own = l.Path(peer.Ident())
			c.accept(t, invite, peer.Offer("*", c.s.Own)+roleLine(x.answer))
			if x.active {
				c.connected(t, l)
				c.talk(t)
			} else {
				c.waits(t, l)
			}
		})
	}

	row(t, "X-004/the listener is open before the answer", func(t *testing.T) {
		c, invite := invited(t, n, setup{})
		if got := setupOf(c.sdp); got != "actpass" {
			t.Errorf("offer %s", got)
		}
		c.c = peer.DialMSRP(t, hostPort(c.s.Remote))
		l := peer.ListenMSRP(t)
		c.s.Own = l.Path(peer.Ident())
		c.ok(t, c.s.Bodiless())
		c.accept(t, invite, peer.Offer("*", c.s.Own)+roleLine("active"))
		c.talk(t)
		l.None(t, moment)
	})

	row(t, "X-005/port 9 in the offer", func(t *testing.T) {
		c := started(t, nat, setup{})
		if line, path := portsOf(c); line != "9" || path != "9" {
			t.Errorf("m= has port %s, the path %s", line, path)
		}
		c.talk(t)
	})
	row(t, "X-005/port 9 in the answer", func(t *testing.T) {
		c, l := offeredRole(t, nat, "actpass", "")
		if line, path := portsOf(c); line != "9" || path != "9" {
			t.Errorf("m= has port %s, the path %s", line, path)
		}
		c.connected(t, l)
		c.talk(t)
	})
	for name, media := range map[string]string{"CEMA off": "", "CEMA on": "  cema: \"on\"\n"} {
		for _, port := range []string{"9", "7777"} {
			row(t, fmt.Sprintf("X-005/port 9 of a peer whose path has %s, %s", port, name), func(t *testing.T) {
				m := start(t, node.Config{Media: media})
				c := &call{n: m, a: peer.NewAgent(t, "udp", m.SIP)}
				c.d = c.a.NewDialog("bob")
				c.s.Own = "msrp://127.0.0.1:" + port + "/" + peer.Ident() + ";tcp"
				_, r := c.d.Call(t, patience(), peer.SDPHead("127.0.0.1")+peer.MessageLine("9", "*", c.s.Own)+roleLine("active"))
				c.take(t, r)
				c.d.Ack(t)
				c.endWith(t)
				if got := setupOf(c.sdp); got != "passive" {
					t.Errorf("answer %s", got)
				}
				c.c = peer.DialMSRP(t, hostPort(c.s.Remote))
				c.ok(t, c.s.Bodiless())
				c.talk(t)
			})
		}
	}

	row(t, "X-006/the answerer connects", func(t *testing.T) {
		c, l := offeredRole(t, n, "passive", "")
		c.connected(t, l)
		c.talk(t)
		l.None(t, moment)
	})
	row(t, "X-006/with the message that waits", func(t *testing.T) {
		l := peer.ListenMSRP(t)
		c, invite := invited(t, n, setup{})
		c.s.Own = l.Path(peer.Ident())
		c.accept(t, invite, peer.Offer("*", c.s.Own)+roleLine("passive"))
		c.connected(t, l)
	})

	row(t, "X-007/a=connection means nothing", func(t *testing.T) {
		c := answered(t, n, setup{})
		for _, a := range c.sdp.Media[0].Attrs {
			if strings.HasPrefix(a, "connection") {
				t.Errorf("a=%s", a)
			}
		}
		r, d := c.reoffer(t, "INVITE", peer.Offer("*", c.s.Own)+"a=setup:actpass\r\na=connection:new\r\n")
		if r.Code() != 200 || d.Media[0].Path() != c.s.Remote || setupOf(d) != "passive" {
			t.Fatalf("%s", r.Raw)
		}
		c.talk(t)
	})

	row(t, "X-009/passive as offerer: TLS server", func(t *testing.T) {
		secure := overTLS(t, "")
		c, invite := invited(t, secure, setup{})
		own := peer.NewAuthority().Issue("peer.example")
		l := peer.ListenMSRP(t)
		c.s.Own = strings.Replace(l.Path(peer.Ident()), "msrp:", "msrps:", 1)
		c.accept(t, invite, peer.OverTLS(peer.Offer("*", c.s.Own), fingerprintOf(own), "setup:active"))
		c.connectTLS(t, &own)
		c.ok(t, c.s.Bodiless())
		c.talk(t)
		l.None(t, moment)
	})
	row(t, "X-009/active as answerer: TLS client", func(t *testing.T) {
		secure := overTLS(t, "")
		own := peer.NewAuthority().Issue("peer.example")
		l := peer.ListenMSRP(t)
		c := &call{n: secure, a: peer.NewAgent(t, "udp", secure.SIP)}
		c.d = c.a.NewDialog("bob")
		c.s.Own = strings.Replace(l.Path(peer.Ident()), "msrp:", "msrps:", 1)
		_, r := c.d.Call(t, patience(), peer.OverTLS(peer.Offer("*", c.s.Own), fingerprintOf(own), "setup:passive"))
		c.take(t, r)
		c.d.Ack(t)
		c.endWith(t)
		conn, _, err := l.AcceptTLS(t, patience(), own)
		if err != nil {
			t.Fatal(err)
		}
		c.c = conn
		if said, _ := c.sdp.Media[0].Attr("fingerprint"); said != peer.Fingerprint(conn.Shown()) {
			t.Errorf("a=fingerprint:%s, shown %s", said, peer.Fingerprint(conn.Shown()))
		}
		c.c.Answer(c.c.Request(t, patience(), "SEND"), 200, "OK")
		c.talk(t)
	})

	for name, make := range map[string]func(t *testing.T) (*call, *peer.Listener){
		"active as offerer": func(t *testing.T) (*call, *peer.Listener) {
			l := peer.ListenMSRP(t)
			return started(t, n, setup{listen: l}), l
		},
		"active as answerer": func(t *testing.T) (*call, *peer.Listener) {
			c, l := offeredRole(t, n, "passive", "")
			c.connected(t, l)
			return c, l
		},
	} {
		row(t, "X-010/refresh: no second connection, "+name, func(t *testing.T) {
			c, l := make(t)
			for _, role := range []string{"actpass", "active", "passive"} {
				r, d := c.reoffer(t, "INVITE", peer.Offer("*", c.s.Own)+roleLine(role))
				want := map[string]string{"actpass": "active", "active": "passive", "passive": "active"}[role]
				if r.Code() != 200 || setupOf(d) != want {
					t.Errorf("%s: answered %s, want %s\n%s", role, setupOf(d), want, r.Raw)
				}
			}
			c.talk(t)
			l.None(t, moment)
		})
	}
	row(t, "X-010/passive", func(t *testing.T) {
		c := answered(t, n, setup{})
		if r, d := c.reoffer(t, "UPDATE", peer.Offer("*", c.s.Own)+roleLine("actpass")); r.Code() != 200 || setupOf(d) != "passive" {
			t.Errorf("%s", r.Raw)
		}
		c.talk(t)
	})
	row(t, "X-010/another path: connected to by who is active then", func(t *testing.T) {
		c := answered(t, n, setup{})
		l := peer.ListenMSRP(t)
		old := c.c
		c.s.Own = l.Path(peer.Ident())
		if r, d := c.reoffer(t, "INVITE", peer.Offer("*", c.s.Own)+roleLine("passive")); r.Code() != 200 || setupOf(d) != "active" {
			t.Fatalf("%s", r.Raw)
		}
		c.connected(t, l)
		c.talk(t)
		old.Closed(t, patience())
	})

	row(t, "X-010/a connection that is lost behind a NAT: this side offers to connect again", func(t *testing.T) {
		l := peer.ListenMSRP(t)
		c := started(t, nat, setup{proto: "tcp", listen: l})
		c.c.Reset()
		again := c.a.Request(t, patience(), "INVITE")
		d := peer.ParseSDP(again.Body)
		if setupOf(d) != "active" || d.Media[0].Port() != "9" || !strings.Contains(d.Media[0].Path(), ":9/") {
			t.Errorf("%s", again.Body)
		}
		next := peer.ListenMSRP(t)
		c.s.Own, c.s.Remote = next.Path(peer.Ident()), d.Media[0].Path()
		c.a.Respond(t, again, c.d.Response(again, 200, "OK").WithSDP(peer.Offer("*", c.s.Own)+roleLine("passive")))
		c.a.Request(t, patience(), "ACK")
		c.connected(t, next)
		c.talk(t)
	})

	row(t, "S-023/late offer, answer without a=setup: the offerer connects", func(t *testing.T) {
		c, l := lateOffer(t, n), peer.ListenMSRP(t)
		c.s.Own = l.Path(peer.Ident())
		ackWith(t, c.d, peer.Offer("*", c.s.Own))
		c.connected(t, l)
		c.talk(t)
	})
	row(t, "S-023/late offer, answer active: the answerer connects", func(t *testing.T) {
		c, l := lateOffer(t, n), peer.ListenMSRP(t)
		c.s.Own = l.Path(peer.Ident())
		ackWith(t, c.d, peer.Offer("*", c.s.Own)+roleLine("active"))
		n.Await(t, c.id, "E_MSRP_SESSION_NEW", 1)
		c.waits(t, l)
	})

	row(t, "D-022/setup for the whole description", func(t *testing.T) {
		l := peer.ListenMSRP(t)
		c := &call{n: n, a: peer.NewAgent(t, "udp", n.SIP)}
		c.d = c.a.NewDialog("bob")
		c.s.Own = l.Path(peer.Ident())
		_, r := c.d.Call(t, patience(), peer.SDPHead("127.0.0.1")+roleLine("passive")+peer.MessageLine(peer.PathPort(c.s.Own), "*", c.s.Own))
		c.take(t, r)
		c.d.Ack(t)
		c.endWith(t)
		if got := setupOf(c.sdp); got != "active" {
			t.Errorf("answer %s", got)
		}
		c.connected(t, l)
	})
	row(t, "D-022/msrp-cema for the whole description means nothing", func(t *testing.T) {
		anchored := start(t, node.Config{Media: "  cema: \"on\"\n"})
		elsewhere := strings.Replace(peer.Offer("*", deadPath), "c=IN IP4 127.0.0.1", "c=IN IP4 127.9.9.9", 1)
		refused488(t, anchored, strings.Replace(elsewhere, "t=0 0\r\n", "t=0 0\r\na=msrp-cema\r\n", 1))
		if r, _ := offered(t, anchored, elsewhere+"a=msrp-cema\r\n"); r.Code() != 200 {
			t.Errorf("of the line: %s", r.Start)
		}
	})

	row(t, "X-020/off", func(t *testing.T) {
		c := answered(t, n, setup{})
		c.want(t, c.s.Send("x").Set("To-Path", "msrp://192.0.2.9:1/"+c.id+";tcp"), 481)
		c.received(t)
	})
	row(t, "X-020/the session-id alone counts", func(t *testing.T) {
		lax := start(t, node.Config{Media: "  match: session_id\n"})
		c := answered(t, lax, setup{})
		for _, host := range []string{"192.0.2.9:1", "elsewhere.example"} {
			f := c.s.Send(host).Set("To-Path", "msrp://"+host+"/"+c.id+";tcp")
			c.ok(t, f)
		}
		c.want(t, c.s.Send("x").Set("To-Path", strings.Replace(c.s.Remote, c.id, peer.Ident(), 1)), 481)
		c.want(t, c.s.Send("x").Set("To-Path", strings.Replace(c.s.Remote, "msrp:", "msrps:", 1)), 481)
		c.want(t, c.s.Send("x").Set("To-Path", strings.Replace(c.s.Remote, ";tcp", ";ws", 1)), 481)
		c.received(t, "192.0.2.9:1", "elsewhere.example")
	})
}
