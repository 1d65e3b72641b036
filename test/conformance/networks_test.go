package conformance

import (
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/test/conformance/node"
	"github.com/parley-msrp/parley/test/peer"
)

// freePort is a port that nobody listens at, on any address.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// TestAddresses is about the addresses that peers are told.
func TestAddresses(t *testing.T) {
	t.Parallel()

	row(t, "D-002/a wildcard listener: each peer is told the address that leads to it", func(t *testing.T) {
		sip, msrp := freePort(t), freePort(t)
		n := start(t, node.Config{
			Listen: []string{"udp:0.0.0.0:" + sip, "udp:HOST:5060"}, MyURI: "msrp://0.0.0.0:" + msrp + ";tcp", MSRP: "tcp:0.0.0.0:" + msrp,
		})
		for _, host := range []string{"127.0.0.1", "127.7.0.1", "127.7.0.2", n.Host} {
			c := &call{n: n, a: peer.NewAgent(t, "udp", net.JoinHostPort(host, sip))}
			c.d = c.a.NewDialog("bob")
			c.s.Own = "msrp://127.0.0.1:9/" + peer.Ident() + ";tcp"
			_, r := c.d.Call(t, patience(), peer.Offer("*", c.s.Own))
			c.take(t, r)
			c.d.Ack(t)
			c.endWith(t)
			if hostPort(c.s.Remote) != host+":"+msrp || c.sdp.Line("c=") != "IN IP4 "+host || c.sdp.Media[0].Port() != msrp {
				t.Errorf("called at %s: path %s, c=%s", host, c.s.Remote, c.sdp.Line("c="))
			}
			c.c = peer.DialMSRP(t, hostPort(c.s.Remote))
			c.ok(t, c.s.Bodiless())
			c.talk(t)
		}
		c := started(t, n, setup{})
		if own, _, _ := net.SplitHostPort(hostPort(c.s.Remote)); own == "0.0.0.0" || c.sdp.Line("c=") != "IN IP4 "+own {
			t.Errorf("calling: path %s, c=%s", c.s.Remote, c.sdp.Line("c="))
		}
		c.c = peer.DialMSRP(t, hostPort(c.s.Remote)) // it leads there
		c.want(t, c.s.Bodiless(), 506)
	})

	row(t, "D-002/a NAT with a public address", func(t *testing.T) {
		n := start(t, node.Config{MyURI: "msrp://198.51.100.7:12855;tcp", Media: "  advertised_elsewhere: true\n"})
		for name, c := range map[string]*call{"answer": answered(t, n, setup{unused: true}), "offer": started(t, n, setup{})} {
			if hostPort(c.s.Remote) != "198.51.100.7:12855" || c.sdp.Line("c=") != "IN IP4 198.51.100.7" || c.sdp.Media[0].Port() != "12855" {
				t.Errorf("%s: path %s, c=%s, m=%s", name, c.s.Remote, c.sdp.Line("c="), c.sdp.Media[0].Line)
			}
			if name == "answer" {
				c.c = peer.DialMSRP(t, n.MSRP) // what the NAT does
				c.ok(t, c.s.Bodiless())
			}
			c.talk(t)
		}
	})

	row(t, "D-001/behind a relay that is reached by TLS, TCP/MSRP is answered with TCP/TLS/MSRP, and taken as answer", func(t *testing.T) {
		f := newFinding(t)
		r := peer.NewRelay(t, f.serves("127.0.0.1"), secureGrant)
		b := f.uses(t, "msrps://"+r.Addr+";tcp")
		b.relay = r
		c := b.called(t, peerPath)
		if !strings.HasPrefix(c.sdp.Media[0].Line, "message 2855 TCP/TLS/MSRP ") || !strings.HasPrefix(c.s.Remote, "msrps://relay.example:2855/") {
			t.Errorf("%+v", c.sdp.Media[0])
		}
		far, invite := invited(t, b.Node, setup{})
		if !strings.HasPrefix(far.sdp.Media[0].Line, "message 2855 TCP/TLS/MSRP ") {
			t.Errorf("%+v", far.sdp.Media[0])
		}
		far.d.Answer(t, invite, 486, "Busy Here")
		far.a.Request(t, patience(), "ACK")

		plain, cert := start(t, node.Config{TLS: fmt.Sprintf("  ca_list: %q\n", f.dir+"/ca.pem"), MSRP: `tcp:HOST:2855", "tls:HOST:2856`}), f.authority.Issue("127.0.0.1")
		l := peer.ListenMSRP(t)
		started, invite := invited(t, plain, setup{})
		started.s.Own = strings.Replace(l.Path("relay"), "msrp:", "msrps:", 1) + " msrp://far.example:7777/" + peer.Ident() + ";tcp"
		if !strings.Contains(started.sdp.Media[0].Line, " TCP/MSRP ") {
			t.Errorf("%+v", started.sdp.Media[0])
		}
		started.accept(t, invite, peer.OverTLS(peer.Offer("*", started.s.Own)))
		conn, _, err := l.AcceptTLS(t, patience(), cert)
		if err != nil {
			t.Fatal(err)
		}
		started.c = conn
		if f := conn.Request(t, patience(), "SEND"); f.Get("To-Path") != started.s.Own {
			t.Errorf("%q", f.Head)
		} else {
			conn.Answer(f, 200, "OK")
		}
		started.talk(t)
	})
}

// secureCall is a call over TLS whose peer has connected, shows a certificate, and is known by its fingerprint.
func secureCall(t *testing.T, n *node.Node, own tls.Certificate) *call {
	t.Helper()
	c := callTLS(t, n, "", "fingerprint:"+peer.Fingerprint(own.Leaf.Raw))
	c.connectTLS(t, &own)
	c.ok(t, c.s.Bodiless())
	return c
}

// TestOfferTLS is what TestOffer and TestConnectPolicy are about, over TLS.
func TestOfferTLS(t *testing.T) {
	t.Parallel()
	n := overTLS(t, "")
	own := peer.NewAuthority().Issue("peer.example")
	print := fingerprintOf(own)
	offer := func(path string) string { return peer.OverTLS(peer.Offer("*", path), print) }

	row(t, "D-015/nothing changes, over TLS", func(t *testing.T) {
		c := secureCall(t, n, own)
		same := peer.OverTLS(peer.Offer("*", c.s.Own), print)
		for range 2 {
			r, d := c.reoffer(t, "INVITE", same)
			if r.Code() != 200 || d.Line("o=") != c.sdp.Line("o=") || d.Media[0].Path() != c.s.Remote {
				t.Errorf("%s", r.Raw)
			}
		}
		c.talk(t)
	})
	row(t, "D-016/another path, over TLS", func(t *testing.T) {
		c := secureCall(t, n, own)
		path := "msrps://127.0.0.1:10/" + peer.Ident() + ";tcp"
		if r, d := c.reoffer(t, "INVITE", offer(path)); r.Code() != 200 || d.Media[0].Path() != c.s.Remote {
			t.Fatalf("%s", r.Raw)
		}
		c.ok(t, c.s.Send("in flight"))
		next := *c
		next.s.Own = path
		next.connectTLS(t, &own)
		next.ok(t, next.s.Bodiless())
		next.talk(t)
		c.c.Closed(t, patience())
	})
	row(t, "D-016/another path, over TLS, and this side connects", func(t *testing.T) {
		c, l := secureCall(t, n, own), peer.ListenMSRP(t)
		old := c.c
		c.s.Own = strings.Replace(l.Path(peer.Ident()), "msrp:", "msrps:", 1)
		if r, d := c.reoffer(t, "INVITE", offer(c.s.Own)+"a=setup:passive\r\n"); r.Code() != 200 || setupOf(d) != "active" {
			t.Fatalf("%s", r.Raw)
		}
		conn, _, err := l.AcceptTLS(t, patience(), own)
		if err != nil {
			t.Fatal(err)
		}
		c.c = conn
		conn.Answer(conn.Request(t, patience(), "SEND"), 200, "OK")
		c.talk(t)
		old.Closed(t, patience())
	})
	row(t, "D-016/another certificate with the path: the old one is not taken any more", func(t *testing.T) {
		c := secureCall(t, n, own)
		other := peer.NewAuthority().Issue("peer.example")
		path := "msrps://127.0.0.1:10/" + peer.Ident() + ";tcp"
		if r, _ := c.reoffer(t, "INVITE", peer.OverTLS(peer.Offer("*", path), fingerprintOf(other))); r.Code() != 200 {
			t.Fatalf("%s", r.Raw)
		}
		next := *c
		next.s.Own = path
		next.connectTLS(t, &other)
		next.ok(t, next.s.Bodiless())
		next.talk(t)
	})
	row(t, "M-063/a later offer with another fingerprint than that of the connection", func(t *testing.T) {
		c := secureCall(t, n, own)
		if r, _ := c.reoffer(t, "INVITE", peer.OverTLS(peer.Offer("*", c.s.Own), fingerprintOf(peer.NewAuthority().Issue("peer.example")))); r.Code() != 200 {
			t.Fatalf("%s", r.Raw)
		}
		c.byeCame(t)
		c.c.Closed(t, patience())
		if end := n.Await(t, c.id, "E_MSRP_SESSION_END", 1)[0]; !strings.Contains(end.Text("reason"), "fingerprint") {
			t.Errorf("%s", end.Raw)
		}
	})
	row(t, "D-017/lines stay, the version rises by one, over TLS", func(t *testing.T) {
		c := secureCall(t, n, own)
		second := strings.Replace(peer.MessageLine("9", "*", "msrps://127.0.0.1:9/x;tcp"), "TCP/MSRP", "TCP/TLS/MSRP", 1)
		r, d := c.reoffer(t, "INVITE", offer(c.s.Own)+second)
		if r.Code() != 200 || len(d.Media) != 2 || version(d) != version(c.sdp)+1 {
			t.Errorf("%s", r.Raw)
		}
		if r, _ := c.reoffer(t, "UPDATE", offer(c.s.Own)); r.Code() != 488 {
			t.Errorf("%s", r.Raw)
		}
		c.talk(t)
	})
	row(t, "D-018/hold and resume, over TLS", func(t *testing.T) {
		c := secureCall(t, n, own)
		for _, x := range []struct{ offered, answered string }{{"sendonly", "recvonly"}, {"recvonly", "sendonly"}, {"inactive", "inactive"}, {"sendrecv", ""}} {
			r, d := c.reoffer(t, "INVITE", offer(c.s.Own)+"a="+x.offered+"\r\n")
			_, has := d.Media[0].Attr(x.answered)
			if r.Code() != 200 || x.answered != "" && !has || d.Media[0].Path() != c.s.Remote {
				t.Errorf("%s: %s", x.offered, r.Raw)
			}
		}
		c.talk(t)
	})
	row(t, "D-024/denied, over TLS", func(t *testing.T) {
		denied := start(t, node.Config{MyURI: "msrps://HOST:2855;tcp", MSRP: "tls:HOST:2855", Media: "  connect_deny: [loopback]\n"})
		l := peer.ListenMSRP(t)
		c := lateOffer(t, denied)
		ackWith(t, c.d, offer(strings.Replace(l.Path(peer.Ident()), "msrp:", "msrps:", 1)))
		if reason := c.refusedConnect(t); reason != deniedReason {
			t.Errorf("reason %q", reason)
		}
		l.None(t, moment)
	})
	row(t, "D-024/answers that name one host that is none, over TLS", func(t *testing.T) {
		three := start(t, node.Config{MyURI: "msrps://HOST:2855;tcp", MSRP: "tls:HOST:2855", Media: "  connect_attempts: 3\n"})
		host := newThird(t)
		refused := 0
		for range 20 {
			c := lateOffer(t, three)
			ackWith(t, c.d, offer(strings.Replace(host.Path(peer.Ident()), "msrp:", "msrps:", 1)))
			if c.refusedConnect(t) == limitedReason {
				refused++
			}
		}
		if came := int(host.came.Load()); came < 3 || came > 6 || refused < 20-came {
			t.Errorf("%d connections, %d calls were refused one", came, refused)
		}
	})
}

// TestOfferRelayed is the same behind an own relay.
func TestOfferRelayed(t *testing.T) {
	t.Parallel()
	bound := func(t *testing.T) (behind, *call) {
		t.Helper()
		b := startBehind(t, challenging)
		c := b.called(t, peerPath)
		f := b.arrives(c, c.s.Bodiless())
		if r := b.relay.Next(t, patience()); r.ID != f.ID || r.Code != 200 {
			t.Fatalf("%s %s%03d", r.ID, r.Method, r.Code)
		}
		return b, c
	}
	row(t, "D-015/nothing changes, through a relay", func(t *testing.T) {
		b, c := bound(t)
		r, d := c.reoffer(t, "INVITE", peer.Offer("*", peerPath))
		if r.Code() != 200 || d.Line("o=") != c.sdp.Line("o=") || d.Media[0].Path() != c.s.Remote {
			t.Errorf("%s", r.Raw)
		}
		if len(b.relay.Auths()) != 2 {
			t.Errorf("AUTHs: %s", b.relay.Forms())
		}
		b.conversation(t, c)
	})
	row(t, "D-016/another path, through a relay", func(t *testing.T) {
		b, c := bound(t)
		c.s.Own = "msrp://peer.example:8888/moved;tcp"
		if r, d := c.reoffer(t, "INVITE", peer.Offer("*", c.s.Own)); r.Code() != 200 || d.Media[0].Path() != c.s.Remote {
			t.Fatalf("%s", r.Raw)
		}
		f := b.arrives(c, c.s.Bodiless())
		if r := b.relay.Next(t, patience()); r.ID != f.ID || r.Code != 200 {
			t.Fatalf("%s %s%03d", r.ID, r.Method, r.Code)
		}
		b.SendMessage(t, c.id, "text/plain", "to the new path")
		f = b.relay.Next(t, patience())
		if !strings.HasSuffix(f.Get("To-Path"), " "+c.s.Own) || string(f.Body) != "to the new path" {
			t.Errorf("%q", f.Head)
		}
		b.relay.Put(f.Reply(200, "OK"))
		b.conversation(t, c)
	})
	row(t, "D-017/lines stay, the version rises by one, through a relay", func(t *testing.T) {
		b, c := bound(t)
		r, d := c.reoffer(t, "INVITE", peer.Offer("*", peerPath)+goodLine)
		if r.Code() != 200 || len(d.Media) != 2 || version(d) != version(c.sdp)+1 || d.Media[0].Path() != c.s.Remote {
			t.Errorf("%s", r.Raw)
		}
		b.conversation(t, c)
	})
	row(t, "D-018/hold and resume, through a relay", func(t *testing.T) {
		b, c := bound(t)
		for _, x := range []struct{ offered, answered string }{{"sendonly", "recvonly"}, {"inactive", "inactive"}, {"sendrecv", ""}} {
			r, d := c.reoffer(t, "UPDATE", peer.Offer("*", peerPath)+"a="+x.offered+"\r\n")
			_, has := d.Media[0].Attr(x.answered)
			if r.Code() != 200 || x.answered != "" && !has || d.Media[0].Path() != c.s.Remote {
				t.Errorf("%s: %s", x.offered, r.Raw)
			}
		}
		b.conversation(t, c)
	})
	row(t, "D-024/behind a relay a peer names nobody who is connected to", func(t *testing.T) {
		b := startBehind(t, challenging, func(c *node.Config) { c.Media = "  connect_deny: [loopback]\n" })
		l := peer.ListenMSRP(t)
		b.calls(t, l.Path(peer.Ident()))
		if f := b.relay.Next(t, patience()); f.Method != "SEND" || !strings.HasSuffix(f.Get("To-Path"), ";tcp") {
			t.Errorf("%q", f.Head)
		}
		l.None(t, moment)
	})
}

// TestTortureSDP runs the inputs of the torture list that are session descriptions.
func TestTortureSDP(t *testing.T) {
	t.Parallel()
	n := start(t, node.Config{})
	line := func(path string, more ...string) string {
		l := "m=message 9 TCP/MSRP *\r\na=accept-types:*\r\n"
		if path != "" {
			l += "a=path:" + path + "\r\n"
		}
		return l + strings.Join(more, "")
	}
	for name, broken := range map[string]string{
		"T-080 no path":                 line(""),
		"T-080 no accept-types":         "m=message 9 TCP/MSRP *\r\na=path:" + deadPath + "\r\n",
		"T-080 an address without port": line("msrp://127.0.0.1/x;tcp"),
		"T-080 msrps on TCP/MSRP":       line("msrps://127.0.0.1:9/x;tcp"),
		"T-081 200 URIs":                line(strings.Repeat(deadPath+" ", 199) + deadPath),
		"T-081 two paths":               line(deadPath, "a=path:"+otherPath+"\r\n"),
	} {
		row(t, "D-003/"+name, func(t *testing.T) {
			refused488(t, n, peer.SDPHead("127.0.0.1")+broken)
			_, d := offered(t, n, peer.SDPHead("127.0.0.1")+broken+goodLine)
			if len(d.Media) != 2 || d.Media[0].Port() != "0" || d.Media[1].Port() != "2855" {
				t.Errorf("%+v", d.Media)
			}
		})
	}
	row(t, "D-003/T-081 1 MB", func(t *testing.T) {
		a := peer.NewAgent(t, "tcp", n.SIP)
		d := a.NewDialog("bob")
		a.Send(t, d.Invite(peer.Offer("*", deadPath)+"a=x:"+strings.Repeat("y", 1<<20)+"\r\n"))
		r := a.Await(t, patience(), "a refusal", func(m *peer.Message) bool { return m.Code() >= 400 })
		if r.Code() != 488 && r.Code() != 513 {
			t.Errorf("%s", r.Start)
		}
		answered(t, n, setup{}).talk(t)
	})
	for _, value := range []string{"-1", "99999999999999999999"} {
		row(t, "D-012/T-083 max-size:"+value, func(t *testing.T) {
			c := answered(t, n, setup{attrs: "a=max-size:" + value + "\r\n"})
			c.talk(t)
		})
	}
	row(t, "D-024/T-084 names that lead to loopback or link-local", func(t *testing.T) {
		dns := peer.NewDNS(t).A("inside.example", "127.0.0.1").A("near.example", "169.254.169.254").A("near6.example", "fe80::1")
		denied := start(t, node.Config{
			SIP: fmt.Sprintf("  dns_servers: [%q]\n", dns.Addr), Media: "  connect_deny: [loopback, private, link_local]\n",
		})
		l := peer.ListenMSRP(t)
		for _, host := range []string{"inside.example", "near.example", "near6.example"} {
			path := strings.Replace(l.Path(peer.Ident()), "127.0.0.1", host, 1)
			if reason := misled(t, denied, path); reason != deniedReason {
				t.Errorf("%s: reason %q", host, reason)
			}
			// The same where the offer makes it connect.
			c, _ := offeredPath(t, denied, path, "a=setup:passive\r\n")
			c.over = true
			c.a.Request(t, patience(), "BYE")
		}
		l.None(t, moment)
	})
}

// offeredPath makes a call by an offer of that path.
func offeredPath(t *testing.T, n *node.Node, path, more string) (*call, *peer.Message) {
	t.Helper()
	c := &call{n: n, a: peer.NewAgent(t, "udp", n.SIP)}
	c.d = c.a.NewDialog("bob")
	c.s.Own = path
	_, r := c.d.Call(t, patience(), peer.Offer("*", path)+more)
	c.take(t, r)
	c.d.Ack(t)
	c.endWith(t)
	return c, r
}
