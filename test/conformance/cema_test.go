package conformance

import (
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/test/conformance/node"
	"github.com/parley-msrp/parley/test/peer"
)

// anchoring runs an instance that knows CEMA, whose further lines of the msrp section are media.
func anchoring(t *testing.T, c node.Config) *node.Node {
	t.Helper()
	c.Media = "  cema: \"on\"\n" + c.Media
	return start(t, c)
}

// through makes a description whose path leads nowhere, and whose c= and m= lead to a listener: what something in between makes of one.
func through(l *peer.Listener, path string, attributes ...string) string {
	host, port, _ := net.SplitHostPort(l.Addr().String())
	b := peer.SDPHead(host) + peer.MessageLine(port, "*", path)
	for _, a := range attributes {
		b += "a=" + a + "\r\n"
	}
	return b
}

// farPath is a path that nobody can connect to.
func farPath() string { return "msrp://192.0.2.77:7777/" + peer.Ident() + ";tcp" }

func hasCEMA(d peer.SDP) bool {
	if len(d.Media) == 0 {
		return false
	}
	v, has := d.Media[0].Attr("msrp-cema")
	return has && v == "" && slices.Contains(d.Media[0].Attrs, "msrp-cema")
}

// calledWith makes a call from the peer by an offer.
func calledWith(t *testing.T, n *node.Node, path, offer string) *call {
	t.Helper()
	c := &call{n: n, a: peer.NewAgent(t, "udp", n.SIP)}
	c.d = c.a.NewDialog("bob")
	c.s.Own = path
	_, r := c.d.Call(t, patience(), offer)
	c.take(t, r)
	c.d.Ack(t)
	c.endWith(t)
	return c
}

// TestCEMA is about connections that something in between takes (RFC 6714).
func TestCEMA(t *testing.T) {
	t.Parallel()
	n := anchoring(t, node.Config{})
	off := start(t, node.Config{})

	row(t, "X-011/both attributes in offer and answer", func(t *testing.T) {
		c, invite := invited(t, n, setup{})
		if !hasCEMA(c.sdp) || setupOf(c.sdp) != "actpass" {
			t.Errorf("offer %+v", c.sdp)
		}
		c.d.Answer(t, invite, 486, "Busy Here")
		c.a.Request(t, patience(), "ACK")
		for _, attributes := range []string{"a=msrp-cema\r\na=setup:active\r\n", "a=setup:actpass\r\n", ""} {
			if _, d := offered(t, n, peer.Offer("*", deadPath)+attributes); !hasCEMA(d) || setupOf(d) != "passive" {
				t.Errorf("answer to %q: %+v", attributes, d)
			}
		}
		if d := lateOffer(t, n).sdp; !hasCEMA(d) || setupOf(d) != "actpass" {
			t.Errorf("late offer %+v", d)
		}
	})
	row(t, "X-011/not where it is off", func(t *testing.T) {
		if _, d := offered(t, off, peer.Offer("*", deadPath)+"a=msrp-cema\r\na=setup:active\r\n"); hasCEMA(d) || setupOf(d) != "passive" {
			t.Errorf("answer %+v", d)
		}
	})

	for name, attributes := range map[string][]string{
		"msrp-cema in the answer":                 {"msrp-cema", "setup:passive"},
		"no msrp-cema in the answer, but passive": {"setup:passive"},
	} {
		row(t, "X-012/as offerer, "+name, func(t *testing.T) {
			l := peer.ListenMSRP(t)
			c, invite := invited(t, n, setup{})
			c.s.Own = farPath()
			c.accept(t, invite, through(l, c.s.Own, attributes...))
			c.connected(t, l) // To-Path is the far path
			c.talk(t)
		})
	}
	row(t, "X-012/as answerer", func(t *testing.T) {
		l := peer.ListenMSRP(t)
		path := farPath()
		c := calledWith(t, n, path, through(l, path, "msrp-cema", "setup:passive"))
		if !hasCEMA(c.sdp) || setupOf(c.sdp) != "active" {
			t.Errorf("answer %+v", c.sdp)
		}
		c.connected(t, l)
		c.talk(t)
	})
	row(t, "X-012/after a late offer", func(t *testing.T) {
		l := peer.ListenMSRP(t)
		c := lateOffer(t, n)
		c.s.Own = farPath()
		ackWith(t, c.d, through(l, c.s.Own, "msrp-cema", "setup:passive"))
		c.connected(t, l)
		c.talk(t)
	})
	row(t, "X-012/over TLS the certificate is still that of the peer", func(t *testing.T) {
		secure := anchoring(t, node.Config{MyURI: "msrps://HOST:2855;tcp", MSRP: "tls:HOST:2855"})
		own, other := peer.NewAuthority().Issue("peer.example"), peer.NewAuthority().Issue("between.example")
		for _, ok := range []bool{true, false} {
			shown := map[bool]tls.Certificate{true: own, false: other}[ok]
			l := peer.ListenMSRP(t)
			c, invite := invited(t, secure, setup{})
			c.s.Own = strings.Replace(farPath(), "msrp:", "msrps:", 1)
			c.accept(t, invite, peer.OverTLS(through(l, c.s.Own, "msrp-cema", "setup:passive"), fingerprintOf(own)))
			conn, _, err := l.AcceptTLS(t, patience(), shown)
			if !ok {
				c.byeCame(t)
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			c.c = conn
			c.c.Answer(c.c.Request(t, patience(), "SEND"), 200, "OK")
			c.talk(t)
		}
	})
	row(t, "X-012/an answerer behind a relay, whose c= and m= are of its path: the path leads, no new offer", func(t *testing.T) {
		l, far := peer.ListenMSRP(t), peer.ListenMSRP(t)
		c, invite := invited(t, n, setup{proto: "tcp"}) // nothing comes twice
		c.s.Own = l.Path("relay") + " " + far.Path(peer.Ident())
		c.accept(t, invite, through(far, c.s.Own, "setup:passive"))
		c.connected(t, l)
		c.talk(t)
		far.None(t, moment)
		if again := c.a.Drop(func(m *peer.Message) bool { return m.IsRequest() && m.Method() == "INVITE" }); len(again) != 0 {
			t.Errorf("%s", again[0].Raw)
		}
	})

	row(t, "X-013/active, and c= and m= of something else: a new offer without msrp-cema", func(t *testing.T) {
		l := peer.ListenMSRP(t)
		c, invite := invited(t, n, setup{proto: "tcp"}) // nothing comes twice
		c.s.Own = farPath()
		c.accept(t, invite, through(l, c.s.Own, "setup:active"))
		again := c.a.Request(t, patience(), "INVITE")
		d := peer.ParseSDP(again.Body)
		if len(d.Media) != 1 || hasCEMA(d) || setupOf(d) != "actpass" || d.Media[0].Path() != c.s.Remote || version(d) != version(c.sdp)+1 {
			t.Errorf("%s", again.Body)
		}
		c.a.Respond(t, again, c.d.Response(again, 200, "OK").WithSDP(through(l, c.s.Own, "setup:active")))
		c.a.Request(t, patience(), "ACK")
		c.c = peer.DialMSRP(t, hostPort(c.s.Remote))
		c.ok(t, c.s.Bodiless())
		c.talk(t)
		l.None(t, moment)
		if r, d := c.reoffer(t, "INVITE", peer.Offer("text/plain", c.s.Own)+"a=setup:actpass\r\na=msrp-cema\r\n"); r.Code() != 200 || !hasCEMA(d) {
			t.Errorf("the peer knows CEMA after all: %s", r.Raw)
		}
	})
	row(t, "X-013/after that, what c= and m= name means nothing", func(t *testing.T) {
		l := peer.ListenMSRP(t)
		c, invite := invited(t, n, setup{proto: "tcp"})
		c.s.Own = farPath()
		c.accept(t, invite, through(l, c.s.Own, "setup:active"))
		again := c.a.Request(t, patience(), "INVITE")
		c.a.Respond(t, again, c.d.Response(again, 200, "OK").WithSDP(through(l, c.s.Own, "setup:active")))
		c.a.Request(t, patience(), "ACK")
		c.c = peer.DialMSRP(t, hostPort(c.s.Remote))
		c.ok(t, c.s.Bodiless())
		if r, d := c.reoffer(t, "INVITE", through(l, c.s.Own, "setup:actpass", "sendonly")); r.Code() != 200 || hasCEMA(d) || setupOf(d) != "passive" {
			t.Errorf("%s", r.Raw)
		}
		c.marker(t)
		l.None(t, moment)
	})
	row(t, "X-013/an answerer behind a relay: a new offer without msrp-cema, and nothing is connected to before", func(t *testing.T) {
		l, middle := peer.ListenMSRP(t), peer.ListenMSRP(t)
		c, invite := invited(t, n, setup{proto: "tcp"}) // nothing comes twice
		c.s.Own = l.Path("relay") + " " + farPath()
		c.accept(t, invite, through(middle, c.s.Own, "setup:passive"))
		again := c.a.Request(t, patience(), "INVITE")
		if hasCEMA(peer.ParseSDP(again.Body)) {
			t.Errorf("%s", again.Body)
		}
		l.None(t, moment)
		c.a.Respond(t, again, c.d.Response(again, 200, "OK").WithSDP(through(middle, c.s.Own, "setup:passive")))
		c.a.Request(t, patience(), "ACK")
		c.connected(t, l)
		c.talk(t)
		middle.None(t, moment)
	})

	elsewhere := strings.Replace(peer.Offer("*", deadPath), "c=IN IP4 127.0.0.1", "c=IN IP4 192.0.2.1", 1)
	row(t, "X-014/CEMA off: c= and m= mean nothing", func(t *testing.T) {
		l := peer.ListenMSRP(t)
		path := l.Path(peer.Ident())
		c := calledWith(t, off, path, strings.Replace(peer.Offer("*", path), "c=IN IP4 127.0.0.1", "c=IN IP4 192.0.2.1", 1)+"a=setup:passive\r\n")
		c.connected(t, l)
		c.talk(t)
	})
	row(t, "X-014/CEMA on: refused", func(t *testing.T) {
		refused488(t, n, elsewhere)
		refused488(t, n, elsewhere+"a=setup:active\r\n")
		if r, d := offered(t, n, elsewhere+"c=IN IP4 127.0.0.1\r\n"); r.Code() != 200 {
			t.Errorf("c= of the line: %s %+v", r.Start, d)
		}
		_, d := offered(t, n, elsewhere+goodLine+"c=IN IP4 127.0.0.1\r\n")
		if len(d.Media) != 2 || d.Media[0].Port() != "0" || d.Media[1].Port() != "2855" {
			t.Errorf("%+v", d.Media)
		}
	})
	row(t, "X-014/refused in mid-call", func(t *testing.T) {
		c := answered(t, n, setup{})
		if r, _ := c.reoffer(t, "INVITE", elsewhere); r.Code() != 488 {
			t.Errorf("%s", r.Start)
		}
		c.talk(t)
	})
	row(t, "X-014/port 9 of an active side", func(t *testing.T) {
		line := peer.MessageLine("9", "*", "msrp://127.0.0.1:7777/x;tcp")
		refused488(t, n, peer.SDPHead("127.0.0.1")+line)
		if r, _ := offered(t, n, peer.SDPHead("127.0.0.1")+line+"a=setup:active\r\n"); r.Code() != 200 {
			t.Errorf("%s", r.Start)
		}
	})
	row(t, "X-014/a path of .invalid passes", func(t *testing.T) {
		if r, d := offered(t, n, peer.SDPHead("192.0.2.1")+peer.MessageLine("9", "*", "msrp://a.invalid:7777/x;tcp")); r.Code() != 200 || !hasCEMA(d) {
			t.Errorf("%s", r.Start)
		}
	})
	row(t, "X-014/lenient", func(t *testing.T) {
		lenient := start(t, node.Config{Media: "  cema: lenient\n"})
		if r, d := offered(t, lenient, elsewhere); r.Code() != 200 || !hasCEMA(d) {
			t.Errorf("%s", r.Raw)
		}
	})

	two := "msrp://127.0.0.1:9/relay;tcp msrp://127.0.0.1:10/" + peer.Ident() + ";tcp"
	for role, want := range map[string]bool{"": false, "active": false, "actpass": false, "passive": true} {
		row(t, fmt.Sprintf("X-015/an offerer behind a relay, %q", role), func(t *testing.T) {
			r, d := offered(t, n, peer.Offer("*", two)+roleLine(role)+"a=msrp-cema\r\n")
			if r.Code() != 200 || hasCEMA(d) != want || setupOf(d) == "-" {
				t.Errorf("%s", r.Raw)
			}
		})
	}
	relayed := func(c *node.Config) { c.Media = "  cema: \"on\"\n" }
	row(t, "X-015/both behind relays", func(t *testing.T) {
		b := startBehind(t, challenging, relayed)
		if _, d := offered(t, b.Node, peer.Offer("*", two)+"a=setup:actpass\r\na=msrp-cema\r\n"); hasCEMA(d) || setupOf(d) != "passive" {
			t.Errorf("%+v", d)
		}
	})
	row(t, "X-015/behind a relay, and cannot be passive", func(t *testing.T) {
		b := startBehind(t, challenging, relayed)
		if _, d := offered(t, b.Node, peer.Offer("*", peerPath)+"a=setup:passive\r\na=msrp-cema\r\n"); hasCEMA(d) || setupOf(d) != "active" {
			t.Errorf("%+v", d)
		}
	})

	row(t, "X-016/c= and m= of the relay", func(t *testing.T) {
		b := startBehind(t, challenging, relayed)
		c := b.calls(t, peerPath)
		if got := c.sdp.Line("c="); got != "IN IP4 relay.example" || c.sdp.Media[0].Port() != "2855" || setupOf(c.sdp) != "actpass" || !hasCEMA(c.sdp) {
			t.Errorf("offer %+v", c.sdp)
		}
		_, d := offered(t, b.Node, peer.Offer("*", deadPath)+"a=setup:actpass\r\na=msrp-cema\r\n")
		if d.Line("c=") != "IN IP4 relay.example" || d.Media[0].Port() != "2855" || setupOf(d) != "passive" || !hasCEMA(d) {
			t.Errorf("answer %+v", d)
		}
	})
	row(t, "D-002/behind a relay: c= and m= of the own URI", func(t *testing.T) {
		b := startBehind(t, challenging)
		c := b.calls(t, peerPath)
		host, port, _ := net.SplitHostPort(b.MSRP)
		if c.sdp.Line("c=") != "IN IP4 "+host || c.sdp.Media[0].Port() != port || len(strings.Fields(c.s.Remote)) != 2 {
			t.Errorf("%+v", c.sdp)
		}
	})

	row(t, "X-017/names by DNS, each record, never .invalid", func(t *testing.T) {
		dns := peer.NewDNS(t).A("two.example", "192.0.2.5").A("two.example", "192.0.2.6").A("six.example", "2001:db8::7")
		named := anchoring(t, node.Config{SIP: fmt.Sprintf("  dns_servers: [%q]\n", dns.Addr)})
		for _, x := range []struct {
			c, path string
			code    int
		}{
			{"IP4 192.0.2.6", "msrp://two.example:9/x;tcp", 200},
			{"IP4 192.0.2.7", "msrp://two.example:9/x;tcp", 488},
			{"IP4 192.0.2.6", "msrp://two.example:10/x;tcp", 488},
			{"IP6 2001:db8:0:0::7", "msrp://six.example:9/x;tcp", 200},
			{"IP6 2001:db8::7", "msrp://[2001:db8:0:0:0:0:0:7]:9/x;tcp", 200},
			{"IP4 192.0.2.6", "msrp://none.example:9/x;tcp", 200},
			{"IP4 192.0.2.6", "msrp://host.invalid:9/x;tcp", 200},
		} {
			offer := strings.Replace(peer.SDPHead("192.0.2.1"), "c=IN IP4 192.0.2.1", "c=IN "+x.c, 1) + peer.MessageLine("9", "*", x.path)
			if r, _ := offered(t, named, offer); r.Code() != x.code {
				t.Errorf("%s, %s: %s, want %d", x.c, x.path, r.Start, x.code)
			}
		}
		asked := strings.Join(dns.Asked(), ", ")
		if strings.Contains(asked, "invalid") || !strings.Contains(asked, "A two.example") {
			t.Errorf("asked for %s", asked)
		}
	})
	row(t, "X-017/as offerer: the second record of the path's name", func(t *testing.T) {
		dns := peer.NewDNS(t).A("two.example", "192.0.2.5").A("two.example", "127.0.0.1")
		named := anchoring(t, node.Config{SIP: fmt.Sprintf("  dns_servers: [%q]\n", dns.Addr)})
		l := peer.ListenMSRP(t)
		c, invite := invited(t, named, setup{proto: "tcp"}) // nothing comes twice
		c.s.Own = strings.Replace(l.Path(peer.Ident()), "127.0.0.1", "two.example", 1)
		c.accept(t, invite, through(l, c.s.Own, "setup:active"))
		c.waits(t, l) // no new offer: the peer connects
		if again := c.a.Drop(func(m *peer.Message) bool { return m.IsRequest() && m.Method() == "INVITE" }); len(again) != 0 {
			t.Errorf("%s", again[0].Raw)
		}
	})

	row(t, "X-018/URIs are checked as without", func(t *testing.T) {
		l := peer.ListenMSRP(t)
		c, invite := invited(t, n, setup{})
		c.s.Own = farPath()
		c.accept(t, invite, through(l, c.s.Own, "msrp-cema", "setup:passive"))
		c.connected(t, l)
		c.want(t, c.s.Send("x").Set("To-Path", "msrp://"+l.Addr().String()+"/"+c.id+";tcp"), 481)
		c.want(t, c.s.Send("x").Set("To-Path", strings.Replace(c.s.Remote, c.id, peer.Ident(), 1)), 481)
		c.want(t, c.s.Send("x").Set("From-Path", strings.Replace(c.s.Own, sessionID(c.s.Own), peer.Ident(), 1)), 403)
		c.talk(t)
	})
}
