package conformance

import (
	"strconv"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/test/conformance/node"
	"github.com/parley-msrp/parley/test/peer"
)

// ackWith acknowledges a 2xx with a session description.
func ackWith(t *testing.T, d *peer.Dialog, sdp string) {
	t.Helper()
	ack := d.Request("ACK").Del("Contact")
	if sdp != "" {
		ack.WithSDP(sdp)
	}
	d.Agent.Send(t, ack)
}

// lateOffer is an INVITE without session description that was answered by an offer, not acknowledged yet.
func lateOffer(t *testing.T, n *node.Node) *call {
	t.Helper()
	c := &call{n: n, a: peer.NewAgent(t, "udp", n.SIP)}
	c.d = c.a.NewDialog("bob")
	_, r := c.d.Call(t, patience(), "")
	c.take(t, r)
	c.endWith(t)
	return c
}

// version is the version in the o= of a description.
func version(d peer.SDP) int {
	f := strings.Fields(d.Line("o="))
	if len(f) < 3 {
		return -1
	}
	v, _ := strconv.Atoi(f[2])
	return v
}

// reoffer sends a re-INVITE or UPDATE with a description, and returns its answer; a 200 is acknowledged.
func (c *call) reoffer(t *testing.T, method, sdp string) (*peer.Message, peer.SDP) {
	t.Helper()
	r := c.a.Ask(t, patience(), c.d.Request(method).WithSDP(sdp))
	if method == "INVITE" && r.Code() == 200 {
		c.d.Ack(t)
	}
	return r, peer.ParseSDP(r.Body)
}

// moved sends a bodiless SEND over a new connection, from another path.
func (c *call) moved(t *testing.T, path string) *call {
	t.Helper()
	next := *c
	next.s.Own, next.c = path, peer.DialMSRP(t, hostPort(c.s.Remote))
	next.ok(t, next.s.Bodiless())
	return &next
}

// TestOffer is about offers in INVITEs, UPDATEs, 200s and ACKs other than the first one.
func TestOffer(t *testing.T) {
	t.Parallel()
	n := start(t, node.Config{})

	row(t, "S-023/offer in the 200, answer in the ACK, and the offerer connects", func(t *testing.T) {
		c, l := lateOffer(t, n), peer.ListenMSRP(t)
		c.s.Own = l.Path(peer.Ident())
		ackWith(t, c.d, peer.Offer("text/plain", c.s.Own))
		c.c = l.Accept(t, patience())
		bind := c.c.Request(t, patience(), "SEND")
		if bind.HasBody || bind.Get("To-Path") != c.s.Own {
			t.Errorf("%+v", bind)
		}
		c.c.Answer(bind, 200, "OK")
		if e := n.Await(t, c.id, "E_MSRP_SESSION_NEW", 1)[0]; e.Text("content_types") != "text/plain" {
			t.Errorf("%s", e.Raw)
		}
		c.ok(t, c.s.Send("late"))
		c.received(t, "late")
	})

	for name, answer := range map[string]string{
		"no answer": "", "an answer without path": peer.SDPHead("127.0.0.1") + "m=message 9 TCP/MSRP *\r\na=accept-types:*\r\n", "nonsense": "nonsense",
	} {
		row(t, "S-023/ACK with "+name, func(t *testing.T) {
			c := lateOffer(t, n)
			ackWith(t, c.d, answer)
			c.byeCame(t)
			n.Await(t, c.id, "E_MSRP_SESSION_FAILED", 1)
			c.gone(t)
		})
	}

	row(t, "S-024/re-INVITE without offer", func(t *testing.T) {
		c := answered(t, n, setup{})
		for range 2 {
			_, r := c.d.Call(t, patience(), "")
			if r.Code() != 200 {
				t.Fatal(r.Start)
			}
			if d := peer.ParseSDP(r.Body); d.Line("o=") != c.sdp.Line("o=") || len(d.Media) != 1 || d.Media[0].Path() != c.s.Remote {
				t.Errorf("offered\n%s\nafter\n%+v", r.Body, c.sdp)
			}
			ackWith(t, c.d, peer.Offer("*", c.s.Own))
		}
		c.ok(t, c.s.Send("same connection"))
		c.received(t, "same connection")
	})

	row(t, "S-009/while the answer to our offer is missing", func(t *testing.T) {
		c := lateOffer(t, n)
		invite := c.d.Invite(peer.Offer("*", deadPath))
		r := c.a.Ask(t, patience(), invite)
		if after, err := strconv.Atoi(r.Get("Retry-After")); r.Code() != 500 || err != nil || after > 10 {
			t.Errorf("%s", r.Raw)
		}
		c.a.Send(t, peer.AckRefusal(invite, r))
		if r := c.a.Ask(t, patience(), c.d.Request("UPDATE").WithSDP(peer.Offer("*", deadPath))); r.Code() != 491 {
			t.Errorf("UPDATE with an offer: %s", r.Start)
		}
		if r := c.a.Ask(t, patience(), c.d.Request("UPDATE")); r.Code() != 200 {
			t.Errorf("UPDATE without: %s", r.Start)
		}
	})

	for _, method := range []string{"INVITE", "UPDATE"} {
		rows := []string{"D-016/another path by re-INVITE"}
		if method == "UPDATE" {
			rows = []string{"S-026/another path by UPDATE", "D-016/another path by UPDATE"}
		}
		for _, name := range rows {
			row(t, name, func(t *testing.T) {
				c := answered(t, n, setup{})
				path := "msrp://127.0.0.1:10/" + peer.Ident() + ";tcp"
				r, d := c.reoffer(t, method, peer.Offer("*", path))
				if r.Code() != 200 || len(d.Media) != 1 || d.Media[0].Path() != c.s.Remote {
					t.Fatalf("%s", r.Raw)
				}
				c.ok(t, c.s.Send("in flight"))
				m := c.moved(t, path)
				n.SendMessage(t, c.id, "text/plain", "to the new path")
				f := m.c.Request(t, patience(), "SEND")
				if f.Get("To-Path") != path {
					t.Errorf("To-Path %q, want %q", f.Get("To-Path"), path)
				}
				m.c.Answer(f, 200, "OK")
				m.received(t, "in flight")
				c.c.Closed(t, patience())
			})
		}
	}

	row(t, "D-016/another path at the same place", func(t *testing.T) {
		c := answered(t, n, setup{})
		path := "msrp://" + hostPort(c.s.Own) + "/" + peer.Ident() + ";tcp"
		if r, _ := c.reoffer(t, "INVITE", peer.Offer("*", path)); r.Code() != 200 {
			t.Fatal(r.Start)
		}
		n.SendMessage(t, c.id, "text/plain", "x")
		f := c.c.Request(t, patience(), "SEND")
		if f.Get("To-Path") != path {
			t.Errorf("To-Path %q, want %q", f.Get("To-Path"), path)
		}
		c.c.Answer(f, 200, "OK")
		c.s.Own = path
		c.ok(t, c.s.Send("y"))
		c.received(t, "y")
	})

	row(t, "D-015/another path under the old o=", func(t *testing.T) {
		c := answered(t, n, setup{})
		path := "msrp://127.0.0.1:10/" + peer.Ident() + ";tcp"
		if r, d := c.reoffer(t, "INVITE", peer.Offer("*", path)); r.Code() != 200 || d.Line("o=") != c.sdp.Line("o=") {
			t.Fatalf("%s", r.Raw)
		}
		m := c.moved(t, path)
		m.ok(t, m.s.Send("it counts"))
		m.received(t, "it counts")
	})

	row(t, "D-017/lines stay, the version rises by one", func(t *testing.T) {
		c := answered(t, n, setup{})
		second := peer.MessageLine("9", "*", otherPath)
		audio := "m=audio 4000 RTP/AVP 0\r\n"
		v, lines := version(c.sdp), 1
		for _, x := range []struct {
			more  string
			lines int
		}{{second, 2}, {second + audio, 3}, {strings.Replace(second, "message 9", "message 0", 1) + strings.Replace(audio, "4000", "0", 1), 3}} {
			r, d := c.reoffer(t, "INVITE", peer.Offer("*", c.s.Own)+x.more)
			if r.Code() != 200 || len(d.Media) != x.lines || d.Media[0].Path() != c.s.Remote {
				t.Fatalf("%s", r.Raw)
			}
			if got := version(d); x.lines > lines && got != v+1 || x.lines == lines && got != v && got != v+1 {
				t.Errorf("version %d after %d", got, v)
			}
			v, lines = version(d), x.lines
		}
		if r := c.a.Ask(t, patience(), c.d.Invite(peer.Offer("*", c.s.Own))); r.Code() != 488 {
			t.Errorf("lines taken away: %s", r.Start)
		}
		c.ok(t, c.s.Send("x"))
		c.received(t, "x")
	})

	row(t, "D-018/hold and resume in mid-call", func(t *testing.T) {
		c := answered(t, n, setup{})
		for _, x := range []struct{ offered, answered string }{{"sendonly", "recvonly"}, {"inactive", "inactive"}, {"recvonly", "sendonly"}, {"sendrecv", ""}} {
			r, d := c.reoffer(t, "UPDATE", peer.Offer("*", c.s.Own)+"a="+x.offered+"\r\n")
			if r.Code() != 200 || len(d.Media) == 0 {
				t.Fatal(r.Start)
			}
			got := ""
			for _, name := range []string{"sendonly", "recvonly", "inactive"} {
				if _, has := d.Media[0].Attr(name); has {
					got = name
				}
			}
			if got != x.answered {
				t.Errorf("%s: answered %q, want %q", x.offered, got, x.answered)
			}
		}
		n.SendMessage(t, c.id, "text/plain", "resumed")
		c.c.Answer(c.c.Request(t, patience(), "SEND"), 200, "OK")
	})

	row(t, "D-023/port 0 in mid-call", func(t *testing.T) {
		c := answered(t, n, setup{})
		r, d := c.reoffer(t, "INVITE", strings.Replace(peer.Offer("*", c.s.Own), "m=message "+peer.PathPort(c.s.Own), "m=message 0", 1))
		if r.Code() != 200 || d.Media[0].Port() != "0" {
			t.Fatalf("%s", r.Raw)
		}
		n.Await(t, c.id, "E_MSRP_SESSION_END", 1)
		c.byeCame(t)
	})

	row(t, "S-010/target refresh by UPDATE without offer", func(t *testing.T) {
		c := answered(t, n, setup{})
		target := "sip:moved@" + c.a.Addr.String()
		if r := c.a.Ask(t, patience(), c.d.Request("UPDATE").Set("Contact", "<"+target+">")); r.Code() != 200 || r.Get("Contact") == "" {
			t.Fatalf("%s", r.Raw)
		}
		n.EndSession(t, c.id)
		if bye := c.byeCame(t); bye.URI() != target {
			t.Errorf("BYE %s", bye.URI())
		}
	})

	row(t, "S-026/what cannot be taken: 488, and nothing changes", func(t *testing.T) {
		c := answered(t, n, setup{})
		r, _ := c.reoffer(t, "UPDATE", strings.Replace(peer.Offer("*", otherPath), "a=path", "a=no-path", 1))
		if r.Code() != 488 || r.Get("Warning") == "" {
			t.Errorf("%s", r.Raw)
		}
		n.SendMessage(t, c.id, "text/plain", "x")
		f := c.c.Request(t, patience(), "SEND")
		if f.Get("To-Path") != c.s.Own {
			t.Errorf("To-Path %q", f.Get("To-Path"))
		}
		c.c.Answer(f, 200, "OK")
	})

	row(t, "S-025/required, answered at once", func(t *testing.T) {
		d := newAgent(t, n, "udp").NewDialog("bob")
		invite := d.Invite(peer.Offer("*", deadPath)).Add("Require", "100rel")
		r := d.Place(t, patience(), invite)
		if r.Code() != 200 && (r.Code() != 420 || r.Get("Unsupported") != "100rel") {
			t.Fatalf("%s", r.Raw)
		}
		if r.Code() == 200 {
			d.Ack(t)
			if r := d.Agent.Ask(t, patience(), d.Request("PRACK").Add("RAck", "1 1 INVITE")); r.Code() != 481 {
				t.Errorf("PRACK: %s", r.Start)
			}
			d.Bye(t, patience())
		}
	})

	for _, x := range []struct{ name, supported, asked, expires, require string }{
		{"no timer", "", "1800", "1800;refresher=uas", ""},
		{"timer", "timer", "1800", "1800;refresher=uac", "timer"},
		{"timer, uac", "timer", "1800;refresher=uac", "1800;refresher=uac", "timer"},
		{"timer, uas", "timer", "1800;refresher=uas", "1800;refresher=uas", "timer"},
		{"nothing asked", "timer", "", "", ""},
	} {
		row(t, "S-030/"+x.name, func(t *testing.T) {
			d := newAgent(t, n, "udp").NewDialog("bob")
			invite := d.Invite(peer.Offer("*", deadPath))
			if x.supported != "" {
				invite.Add("Supported", x.supported)
			}
			if x.asked != "" {
				invite.Add("Session-Expires", x.asked)
			}
			r := d.Place(t, patience(), invite)
			if r.Code() != 200 || r.Get("Session-Expires") != x.expires || r.Get("Require") != x.require || !strings.Contains(r.Get("Supported"), "timer") {
				t.Errorf("%s", r.Raw)
			}
			d.Ack(t)
			d.Bye(t, patience())
		})
	}

	row(t, "S-030/an interval that is too small", func(t *testing.T) {
		a := newAgent(t, n, "udp")
		d := a.NewDialog("bob")
		r := d.Place(t, patience(), d.Invite(peer.Offer("*", deadPath)).Add("Supported", "timer").Add("Session-Expires", "60"))
		if least, _ := strconv.Atoi(r.Get("Min-SE")); r.Code() != 422 || least < 90 {
			t.Errorf("%s", r.Raw)
		}
		d = a.NewDialog("bob")
		if r := d.Place(t, patience(), d.Invite(peer.Offer("*", deadPath)).Add("Session-Expires", "60")); r.Code() != 200 {
			t.Errorf("without timer: %s", r.Start)
		}
		d.Ack(t)
		d.Bye(t, patience())
	})

	row(t, "S-030/Supported in requests", func(t *testing.T) {
		c, invite := invited(t, n, setup{})
		c.accept(t, invite, peer.Offer("*", deadPath))
		n.EndSession(t, c.id)
		for _, m := range []*peer.Message{invite, c.byeCame(t)} {
			if !strings.Contains(strings.Join(m.List("Supported"), ","), "timer") {
				t.Errorf("%s", m.Raw)
			}
		}
	})
}
