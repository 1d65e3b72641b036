package conformance

import (
	"bytes"
	"crypto/tls"
	"strconv"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/test/conformance/node"
	"github.com/parley-msrp/parley/test/peer"
)

// phone is an RCS client behind a NAT: it connects, over TLS, shows a certificate of its own making, and talks in message/cpim.
type phone struct {
	*call
	cert tls.Certificate
}

const rcsTypes = "message/cpim application/im-iscomposing+xml"

// rcsOffer is what such a client offers.
func rcsOffer(own string, cert tls.Certificate) string {
	return peer.OverTLS(peer.SDPHead("127.0.0.1")+peer.MessageLine("9", rcsTypes, own)+
		"a=accept-wrapped-types:text/plain message/imdn+xml *\r\na=setup:active\r\n", fingerprintOf(cert))
}

// ring makes a call as such a client. more changes the INVITE.
func ring(t *testing.T, n *node.Node, more ...func(*peer.Message)) *phone {
	t.Helper()
	p := &phone{&call{n: n, a: peer.NewAgent(t, "udp", n.SIP)}, peer.NewAuthority().Issue("phone.example")}
	p.d = p.a.NewDialog("bob")
	p.s.Own = "msrps://192.0.2.55:9/" + peer.Ident() + ";tcp"
	invite := p.d.Invite(rcsOffer(p.s.Own, p.cert))
	for _, f := range more {
		f(invite)
	}
	p.take(t, p.d.Place(t, patience(), invite))
	p.d.Ack(t)
	p.endWith(t)
	return p
}

// says sends a text from such a client.
func (p *phone) says(t *testing.T, text string) {
	t.Helper()
	p.ok(t, p.s.Send(rcsText(text)).Set("Content-Type", "message/cpim").Add("Failure-Report", "yes"))
}

func rcsText(text string) string {
	return "From: <sip:anonymous@anonymous.invalid>\r\nTo: <sip:anonymous@anonymous.invalid>\r\nDateTime: 2026-11-29T10:00:00.000Z\r\n" +
		"NS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: " + peer.Ident() + "\r\nimdn.Disposition-Notification: positive-delivery, display\r\n" +
		"\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + text
}

// hears reads the next message of the program under test, which has to be text within message/cpim.
func (p *phone) hears(t *testing.T, text string) {
	t.Helper()
	p.n.SendMessage(t, p.id, "text/plain", text)
	f := p.c.Request(t, patience(), "SEND")
	p.c.Answer(f, 200, "OK")
	head, rest, _ := strings.Cut(string(f.Body), "\r\n\r\n")
	inner, content, _ := strings.Cut(rest, "\r\n\r\n")
	if f.Get("Content-Type") != "message/cpim" || !strings.HasPrefix(head, "From: ") || inner != "Content-Type: text/plain" || content != text {
		t.Errorf("%q %q", f.Head, f.Body)
	}
}

// TestRCS is about what RCS clients do.
func TestRCS(t *testing.T) {
	t.Parallel()
	const trusting = "  trusted: [\"127.0.0.1/32\"]\n"
	secure := func(c node.Config) *node.Node {
		c.MyURI, c.MSRP = "msrps://HOST:2855;tcp", "tls:HOST:2855"
		return start(t, c)
	}
	n := secure(node.Config{SIP: trusting})
	plain := secure(node.Config{Route: plainRoute})

	for name, x := range map[string]struct {
		n               *node.Node
		accept, wrapped string
	}{
		"the usual types":                {n, "message/cpim text/plain *", ""},
		"an application that knows text": {plain, "message/cpim", "text/plain"},
	} {
		for _, id := range []string{"G-001", "G-006"} {
			row(t, id+"/answered with message/cpim first, passive, and a chat flows: "+name, func(t *testing.T) {
				p := ring(t, x.n)
				m := p.sdp.Media[0]
				accept, _ := m.Attr("accept-types")
				wrapped, _ := m.Attr("accept-wrapped-types")
				if accept != x.accept || wrapped != x.wrapped {
					t.Errorf("accept-types %q, accept-wrapped-types %q", accept, wrapped)
				}
				if setupOf(p.sdp) != "passive" || !strings.HasPrefix(m.Line, "message 2855 TCP/TLS/MSRP ") {
					t.Errorf("%+v", m)
				}
				p.connectTLS(t, &p.cert)
				if said, _ := m.Attr("fingerprint"); said != peer.Fingerprint(p.c.Shown()) || !strings.HasPrefix(said, "sha-256 ") {
					t.Errorf("a=fingerprint:%s, shown %s", said, peer.Fingerprint(p.c.Shown()))
				}
				p.ok(t, p.s.Bodiless())
				p.hears(t, "hello, phone")
				p.says(t, "hello, program")
				p.hears(t, "how are you?")
				e := x.n.Await(t, p.id, "E_MSRP_MSG_RECEIVED", 1)[0]
				if e.Text("content_type") != "message/cpim" || !strings.Contains(e.Raw, `"content_type":"text/plain; charset=utf-8","body":"hello, program"`) {
					t.Errorf("%s", e.Raw)
				}
			})
		}
	}
	row(t, "G-006/another certificate than the client said", func(t *testing.T) {
		p := ring(t, n)
		other := peer.NewAuthority().Issue("phone.example")
		p.connectTLS(t, &other)
		p.c.Put(p.s.Send(rcsText("x")).Set("Content-Type", "message/cpim").Bytes())
		p.byeCame(t)
		p.c.Closed(t, patience())
		if e := n.Await(t, p.id, "E_MSRP_SESSION_END", 1)[0]; !strings.Contains(e.Text("reason"), "fingerprint") {
			t.Errorf("%s", e.Raw)
		}
	})
	row(t, "G-006/actpass, and CEMA with session-id matching", func(t *testing.T) {
		both := secure(node.Config{Media: "  cema: \"on\"\n  match: session_id\n"})
		p := &phone{&call{n: both, a: peer.NewAgent(t, "udp", both.SIP)}, peer.NewAuthority().Issue("phone.example")}
		p.d = p.a.NewDialog("bob")
		p.s.Own = "msrps://192.0.2.55:9000/" + peer.Ident() + ";tcp"
		offer := strings.NewReplacer("setup:active", "setup:actpass", "IN IP4 127.0.0.1", "IN IP4 192.0.2.200").Replace(rcsOffer(p.s.Own, p.cert)) + "a=msrp-cema\r\n"
		_, r := p.d.Call(t, patience(), offer)
		p.take(t, r)
		p.d.Ack(t)
		p.endWith(t)
		if !hasCEMA(p.sdp) || setupOf(p.sdp) != "passive" {
			t.Errorf("%+v", p.sdp)
		}
		p.connectTLS(t, &p.cert)
		p.s.Remote = strings.Replace(p.s.Remote, hostPort(p.s.Remote), "border.example:443", 1)
		p.ok(t, p.s.Bodiless())
		p.says(t, "through the border")
		both.Await(t, p.id, "E_MSRP_MSG_RECEIVED", 1)
	})

	sender := func(t *testing.T, p *phone) string {
		t.Helper()
		p.connectTLS(t, &p.cert)
		p.says(t, "it is me")
		e := p.n.Await(t, p.id, "E_MSRP_MSG_RECEIVED", 1)[0]
		_, from, _ := strings.Cut(e.Raw, `"cpim":{"from":[`)
		from, _, _ = strings.Cut(from, "]")
		return from
	}
	row(t, "G-004/an anonymous sender is the asserted identity", func(t *testing.T) {
		p := ring(t, n, func(m *peer.Message) { m.Add("P-Asserted-Identity", "<sip:+15550100@ims.example>, <tel:+15550100>") })
		if got := sender(t, p); got != `{"uri":"sip:+15550100@ims.example"}` {
			t.Errorf("from %s", got)
		}
	})
	row(t, "G-004/without an asserted identity, what SIP says", func(t *testing.T) {
		p := ring(t, n)
		if got := sender(t, p); got != `{"uri":"`+p.d.Local+`"}` {
			t.Errorf("from %s", got)
		}
	})
	row(t, "G-004/who asks for privacy stays anonymous", func(t *testing.T) {
		p := ring(t, n, func(m *peer.Message) {
			m.Add("P-Asserted-Identity", "<sip:+15550100@ims.example>").Add("Privacy", "id")
		})
		if got := sender(t, p); got != `{"uri":"sip:anonymous@anonymous.invalid"}` {
			t.Errorf("from %s", got)
		}
	})
	row(t, "G-004/who names itself is not renamed", func(t *testing.T) {
		p := ring(t, n, func(m *peer.Message) { m.Add("P-Asserted-Identity", "<sip:+15550100@ims.example>") })
		p.connectTLS(t, &p.cert)
		body := strings.Replace(rcsText("from a group"), "sip:anonymous@anonymous.invalid", "sip:carol@example.org", 1)
		p.ok(t, p.s.Send(body).Set("Content-Type", "message/cpim"))
		if e := n.Await(t, p.id, "E_MSRP_MSG_RECEIVED", 1)[0]; !strings.Contains(e.Raw, `"cpim":{"from":[{"uri":"sip:carol@example.org"}]`) {
			t.Errorf("%s", e.Raw)
		}
	})
}

// TestCertificates is about which certificate is shown, and which were seen.
func TestCertificates(t *testing.T) {
	t.Parallel()
	n := overTLS(t, "")

	row(t, "M-046/another fingerprint, another connection", func(t *testing.T) {
		own, other := peer.NewAuthority().Issue("peer.example"), peer.NewAuthority().Issue("other.example")
		l := peer.ListenMSRP(t)
		begin := func(cert tls.Certificate) *call {
			c, invite := invited(t, n, setup{})
			c.s.Own = strings.Replace(l.Path(peer.Ident()), "msrp:", "msrps:", 1)
			c.accept(t, invite, peer.OverTLS(peer.Offer("*", c.s.Own), fingerprintOf(cert)))
			return c
		}
		bind := func(c *call, conn *peer.Conn) {
			c.c = conn
			c.bind = conn.Request(t, patience(), "SEND")
			if c.bind.Get("To-Path") != c.s.Own {
				t.Errorf("%q", c.bind.Head)
			}
			conn.Answer(c.bind, 200, "OK")
		}
		first := begin(own)
		conn, _, err := l.AcceptTLS(t, patience(), own)
		if err != nil {
			t.Fatal(err)
		}
		bind(first, conn)
		second := begin(own)
		bind(second, conn) // the same certificate: the same connection
		third := begin(other)
		elsewhere, _, err := l.AcceptTLS(t, patience(), other)
		if err != nil {
			t.Fatal(err)
		}
		bind(third, elsewhere)
		first.talk(t)
		third.talk(t)
	})

	row(t, "M-066/an anonymous session shows a certificate of its own", func(t *testing.T) {
		own := peer.NewAuthority().Issue("peer.example")
		begin := func(from string) (said string, shown []byte) {
			a := peer.NewAgent(t, "udp", n.SIP)
			to := "sip:bob@" + a.Addr.String()
			n.StartAs(t, from, "text/plain *", to)
			invite := a.Request(t, patience(), "INVITE")
			c := &call{n: n, a: a, d: a.Answering(invite), sdp: peer.ParseSDP(invite.Body)}
			l := peer.ListenMSRP(t)
			c.s.Own = strings.Replace(l.Path(peer.Ident()), "msrp:", "msrps:", 1)
			c.s.Remote = c.sdp.Media[0].Path()
			c.id = sessionID(c.s.Remote)
			c.accept(t, invite, peer.OverTLS(peer.Offer("*", c.s.Own), fingerprintOf(own), "setup:passive"))
			conn, _, err := l.AcceptTLS(t, patience(), own)
			if err != nil {
				t.Fatal(err)
			}
			c.c = conn
			c.c.Answer(c.c.Request(t, patience(), "SEND"), 200, "OK")
			c.talk(t)
			said, _ = c.sdp.Media[0].Attr("fingerprint")
			if said != peer.Fingerprint(conn.Shown()) {
				t.Errorf("a=fingerprint:%s, shown %s", said, peer.Fingerprint(conn.Shown()))
			}
			if want := map[bool]string{true: "active", false: "actpass"}[strings.Contains(from, "anonymous")]; setupOf(c.sdp) != want {
				t.Errorf("%s: setup %s, want %s", from, setupOf(c.sdp), want)
			}
			return said, conn.Shown()
		}
		named, shownNamed := begin("sip:parley@" + n.SIP)
		one, shownOne := begin("sip:anonymous@anonymous.invalid")
		other, shownOther := begin("sip:anonymous@anonymous.invalid")
		if named == one || one == other || bytes.Equal(shownNamed, shownOne) || bytes.Equal(shownOne, shownOther) {
			t.Errorf("named %s\nanonymous %s\nand %s", named, one, other)
		}
	})

	row(t, "X-019/another certificate than the first: a warning, and the session goes on", func(t *testing.T) {
		first, second := peer.NewAuthority().Issue("phone.example"), peer.NewAuthority().Issue("phone.example")
		who := "sip:" + peer.Ident() + "@example.org"
		begin := func(cert tls.Certificate) *call {
			c := &call{n: n, a: peer.NewAgent(t, "udp", n.SIP)}
			c.d = c.a.NewDialog("bob")
			c.d.Local = who
			c.s.Own = "msrps://" + c.a.Addr.String() + "/" + peer.Ident() + ";tcp"
			_, r := c.d.Call(t, patience(), peer.OverTLS(peer.Offer("*", c.s.Own), fingerprintOf(cert)))
			c.take(t, r)
			c.d.Ack(t)
			c.endWith(t)
			c.connectTLS(t, &cert)
			c.ok(t, c.s.Bodiless())
			c.talk(t)
			return c
		}
		for range 2 {
			c := begin(first)
			if told := n.Events(c.id, "E_MSRP_SESSION_WARNING"); len(told) != 0 {
				t.Errorf("%v", told)
			}
		}
		c := begin(second)
		e := n.Await(t, c.id, "E_MSRP_SESSION_WARNING", 1)[0]
		if e.Text("warning") != "certificate_changed" || e.Text("session_id") != c.id || e.Text("call_id") != c.d.CallID {
			t.Errorf("%s", e.Raw)
		}
		c.talk(t)

		// A later exchange that says the same of the peer is no news; another certificate is.
		third := peer.NewAuthority().Issue("phone.example")
		for i, cert := range []tls.Certificate{second, third} {
			path := "msrps://127.0.0.1:" + strconv.Itoa(10+i) + "/" + peer.Ident() + ";tcp"
			if r, _ := c.reoffer(t, "INVITE", peer.OverTLS(peer.Offer("*", path), fingerprintOf(cert))); r.Code() != 200 {
				t.Fatalf("%s", r.Raw)
			}
			c.s.Own = path
			c.connectTLS(t, &cert)
			c.ok(t, c.s.Bodiless())
			c.talk(t)
		}
		c.bye(t)
		n.Await(t, c.id, "E_MSRP_SESSION_END", 1)
		if told := n.Events(c.id, "E_MSRP_SESSION_WARNING"); len(told) != 2 {
			t.Errorf("%d warnings, want one for each certificate: %v", len(told), told)
		}
	})
}
