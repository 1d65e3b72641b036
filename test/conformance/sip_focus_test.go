package conformance

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/test/conformance/node"
	"github.com/parley-msrp/parley/test/peer"
)

// focus is a conference focus: another SIP peer with an MSRP listener.
type focus struct {
	a *peer.Agent
	l *peer.Listener
	c *call // the call as it goes on there
}

func newFocus(t *testing.T, c *call, proto string) *focus {
	t.Helper()
	f := &focus{a: newAgent(t, c.n, proto), l: peer.ListenMSRP(t), c: &call{n: c.n, id: c.id}}
	f.c.a, f.c.s.Own = f.a, f.l.Path(peer.Ident())
	return f
}

func (f *focus) contact() string { return "<" + f.a.ContactURI() + ">;isfocus" }

// ended takes the BYE that ends the old dialog.
func (c *call) ended(t *testing.T, reason string) {
	t.Helper()
	if bye := c.byeCame(t); !strings.Contains(bye.Get("Reason"), reason) || bye.Get("Call-ID") != c.d.CallID {
		t.Errorf("want reason %q:\n%s", reason, bye.Raw)
	}
}

// dialled has the focus connect, as whoever answers does not.
func (f *focus) dialled(t *testing.T) {
	t.Helper()
	f.c.c = peer.DialMSRP(t, hostPort(f.c.s.Remote))
	f.c.ok(t, f.c.s.Bodiless())
}

// byReplaces moves the call by an INVITE of the focus with Replaces.
func byReplaces(late bool) func(t *testing.T, c *call) *focus {
	return func(t *testing.T, c *call) *focus {
		t.Helper()
		f := newFocus(t, c, "udp")
		f.c.d = f.a.NewDialog("bob")
		sdp := peer.Offer("*", f.c.s.Own)
		offer := sdp
		if late {
			offer = ""
		}
		invite := f.c.d.Invite(offer).Set("Contact", f.contact()).Add("Require", "replaces").
			Add("Replaces", fmt.Sprintf("%s;to-tag=%s;from-tag=%s", c.d.CallID, c.d.RemoteTag, c.d.LocalTag))
		f.c.take(t, f.c.d.Place(t, patience(), invite))
		if late {
			ack := f.c.d.Request("ACK").Del("Contact").WithSDP(sdp)
			f.a.Send(t, ack)
		} else {
			f.c.d.Ack(t)
		}
		f.c.endWith(t)
		c.ended(t, "replaced")
		return f
	}
}

// byRefer moves the call by a REFER of the old peer's to the focus.
func byRefer(replaces, silent bool) func(t *testing.T, c *call) *focus {
	return func(t *testing.T, c *call) *focus {
		t.Helper()
		f := newFocus(t, c, "udp")
		to, want := f.a.ContactURI(), ""
		if replaces {
			want = "waiting@focus;to-tag=1;from-tag=2"
			to += "?Replaces=" + url.QueryEscape(want)
		}
		refer := c.d.Request("REFER").Add("Refer-To", "<"+to+">").Add("Referred-By", "<sip:alice@example.com>")
		if silent {
			refer.Add("Refer-Sub", "false").Add("Supported", "norefersub")
		}
		r := c.a.Ask(t, patience(), refer)
		if r.Code() != 202 && r.Code() != 200 || silent && r.Get("Refer-Sub") != "false" {
			t.Fatalf("%s", r.Raw)
		}
		if !silent {
			c.notified(t, "active", "SIP/2.0 100")
		}
		invite := f.a.Request(t, patience(), "INVITE")
		if invite.Get("Replaces") != want || invite.Get("Referred-By") != "<sip:alice@example.com>" || invite.URI() != f.a.ContactURI() {
			t.Errorf("%s", invite.Raw)
		}
		f.c.s.Remote = peer.ParseSDP(invite.Body).Media[0].Path()
		f.c.d = f.a.Answering(invite)
		f.a.Respond(t, invite, f.c.d.Response(invite, 200, "OK").Set("Contact", f.contact()).WithSDP(peer.Offer("*", f.c.s.Own)))
		f.a.Request(t, patience(), "ACK")
		f.c.endWith(t)
		if !silent {
			c.notified(t, "terminated", "SIP/2.0 200 OK")
		}
		c.ended(t, "moved")
		return f
	}
}

// notified takes a NOTIFY about a REFER.
func (c *call) notified(t *testing.T, state, fragment string) {
	t.Helper()
	m := c.a.Request(t, patience(), "NOTIFY")
	c.d.Answer(t, m, 200, "OK")
	if m.Get("Event") != "refer" || !strings.HasPrefix(m.Get("Subscription-State"), state) || !strings.HasPrefix(string(m.Body), fragment) ||
		!strings.HasPrefix(m.Get("Content-Type"), "message/sipfrag") || m.Tag("From") != c.d.RemoteTag {
		t.Errorf("want %s, %s:\n%s", state, fragment, m.Raw)
	}
}

// byReInvite moves the call inside its dialog, as a back-to-back user agent does.
func byReInvite(t *testing.T, c *call) *focus {
	t.Helper()
	f := newFocus(t, c, "udp")
	m := c.d.Invite(peer.Offer("*", f.c.s.Own)).Set("Contact", "<"+c.a.ContactURI()+">;isfocus")
	f.c.take(t, c.a.Ask(t, patience(), m))
	c.d.Ack(t)
	f.c.a, f.c.d = c.a, c.d
	return f
}

// TestFocus moves sessions to a conference focus in mid-chat.
func TestFocus(t *testing.T) {
	t.Parallel()
	n := start(t, node.Config{SIP: "  replaces: same_source\n  refer: in_dialog\n"})

	for _, way := range []struct {
		name    string
		move    func(t *testing.T, c *call) *focus
		dialled bool // the focus connects
		row     string
	}{
		{"re-INVITE", byReInvite, true, "D-016"},
		{"Replaces", byReplaces(false), true, "S-044"},
		{"Replaces without an offer", byReplaces(true), false, "S-044"},
		{"REFER", byRefer(false, false), false, "S-044"},
		{"REFER with Replaces", byRefer(true, false), false, "S-044"},
		{"REFER without subscription", byRefer(false, true), false, "S-044"},
	} {
		for _, from := range []struct {
			name string
			call func(*testing.T, *node.Node, setup) *call
		}{{"a call that came", answered}, {"a call that was made", started}} {
			test := func(t *testing.T) { moveToFocus(t, from.call(t, n, setup{}), way.move, way.dialled) }
			row(t, "G-011/moved to a focus by "+way.name+": "+from.name, test)
			row(t, way.row+"/moved to a focus by "+way.name+": "+from.name, test)
		}
	}

	for _, way := range []struct {
		name string
		move func(t *testing.T, c *call) *focus
	}{{"re-INVITE", byReInvite}, {"Replaces", byReplaces(false)}, {"REFER", byRefer(false, false)}} {
		row(t, "G-011/what the old peer left unanswered goes to the focus under its Message-ID, by "+way.name, func(t *testing.T) {
			c := answered(t, n, setup{})
			n.SendMessage(t, c.id, "text/plain", "in flight")
			open := c.c.Request(t, patience(), "SEND")
			f := way.move(t, c)
			c.c.Close()
			if way.name == "REFER" {
				f.c.c = f.l.Accept(t, patience())
			} else {
				f.dialled(t)
			}
			var again *peer.Frame
			for again == nil || !again.HasBody {
				again = f.c.c.Request(t, patience(), "SEND")
				f.c.c.Answer(again, 200, "OK")
			}
			if string(again.Body) != "in flight" || again.Get("Message-ID") != open.Get("Message-ID") || again.Get("To-Path") != f.c.s.Own {
				t.Errorf("%q to %s", again.Body, again.Get("To-Path"))
			}
			if e := n.Await(t, c.id, "E_MSRP_MSG_SENT", 1); len(e) != 1 || e[0].Text("fate") != "delivered" {
				t.Errorf("%v", e)
			}
			f.c.received(t)
			c.over = true
			f.c.bye(t)
		})
	}

	row(t, "S-044/REFER to somebody who refuses changes nothing", func(t *testing.T) {
		c := answered(t, n, setup{})
		f := newAgent(t, n, "tcp")
		if r := c.a.Ask(t, patience(), c.d.Request("REFER").Add("Refer-To", "<"+f.ContactURI()+">")); r.Code() != 202 {
			t.Fatal(r.Start)
		}
		c.notified(t, "active", "SIP/2.0 100")
		invite := f.Request(t, patience(), "INVITE")
		f.Respond(t, invite, f.Answering(invite).Response(invite, 486, "Busy Here"))
		c.notified(t, "terminated", "SIP/2.0 486")
		c.received(t)
		if r := c.a.Ask(t, patience(), c.d.Request("OPTIONS")); r.Code() != 200 {
			t.Error(r.Start)
		}
	})

	row(t, "S-044/the session ends while the one that it was referred to rings", func(t *testing.T) {
		c := answered(t, n, setup{})
		f := newAgent(t, n, "udp")
		if r := c.a.Ask(t, patience(), c.d.Request("REFER").Add("Refer-To", "<"+f.ContactURI()+">")); r.Code() != 202 {
			t.Fatal(r.Start)
		}
		c.notified(t, "active", "SIP/2.0 100")
		invite := f.Request(t, patience(), "INVITE")
		d := f.Answering(invite)
		d.Answer(t, invite, 180, "Ringing")
		n.EndSession(t, c.id)
		cancel := f.Request(t, patience(), "CANCEL")
		d.Answer(t, cancel, 200, "OK")
		d.Answer(t, invite, 487, "Request Terminated")
		f.Request(t, patience(), "ACK")
		c.byeCame(t)
		c.gone(t)
	})

	row(t, "S-044/Replaces of no dialog: 481, from elsewhere: 403, early-only: 486", func(t *testing.T) {
		c := answered(t, n, setup{})
		a := newAgent(t, n, "udp")
		for value, code := range map[string]int{
			"unknown;to-tag=1;from-tag=2":                                                           481,
			c.d.CallID + ";to-tag=" + c.d.RemoteTag + ";from-tag=x":                                 481,
			c.d.CallID + ";to-tag=" + c.d.RemoteTag + ";from-tag=" + c.d.LocalTag + ";early-only":   486,
			c.d.CallID + ";to-tag=" + c.d.RemoteTag:                                                 400,
			c.d.CallID + ";from-tag=" + c.d.RemoteTag + ";to-tag=" + c.d.LocalTag:                   481,
			strings.ToUpper(c.d.CallID) + "x;to-tag=" + c.d.RemoteTag + ";from-tag=" + c.d.LocalTag: 481,
		} {
			d := a.NewDialog("bob")
			if r := d.Place(t, patience(), d.Invite(peer.Offer("*", deadPath)).Add("Replaces", value)); r.Code() != code {
				t.Errorf("%s: %s, want %d", value, r.Start, code)
			}
		}
		c.received(t)
	})

	row(t, "S-044/REFER of a stranger where REFER is on", func(t *testing.T) {
		a := newAgent(t, n, "udp")
		if r := a.Ask(t, patience(), a.NewDialog("bob").Request("REFER").Add("Refer-To", "<sip:victim@"+a.Addr.String()+">")); r.Code() != 403 {
			t.Errorf("REFER: %s, want 403", r.Start)
		}
		quiet(t, a, "after REFER", func(m *peer.Message) bool { return m.Method() == "INVITE" })
	})

	row(t, "S-043/REFER and replaces are listed where they work", func(t *testing.T) {
		d := newAgent(t, n, "udp").NewDialog("bob")
		_, r := d.Call(t, patience(), peer.Offer("*", deadPath))
		d.Ack(t)
		if !slices.Contains(r.List("Allow"), "REFER") || !slices.Contains(r.List("Supported"), "replaces") || !slices.Contains(r.List("Supported"), "norefersub") {
			t.Errorf("%s", r.Raw)
		}
		d.Bye(t, patience())
	})
}

// moveToFocus chats before, during and after a move, and checks that no text is lost or comes twice.
func moveToFocus(t *testing.T, c *call, move func(*testing.T, *call) *focus, dialled bool) {
	t.Helper()
	n := c.n
	c.ok(t, c.s.Send("peer 1"))
	n.SendMessage(t, c.id, "text/plain", "node 1")
	open := c.c.Request(t, patience(), "SEND") // not answered before the move
	f := move(t, c)
	m := f.c
	n.SendMessage(t, c.id, "text/plain", "node 2")
	c.c.Answer(open, 200, "OK")
	var waits *peer.Frame
	if dialled {
		c.ok(t, c.s.Send("peer 2")) // in flight on the old path
		f.dialled(t)
	} else {
		m.c = f.l.Accept(t, patience())
	}
	for waits == nil || !waits.HasBody { // what binds may be bodiless
		waits = m.c.Request(t, patience(), "SEND")
		m.c.Answer(waits, 200, "OK")
	}
	if string(waits.Body) != "node 2" || waits.Get("To-Path") != m.s.Own {
		t.Errorf("%q to %s", waits.Body, waits.Get("To-Path"))
	}
	cpim := "From: <sip:carol@example.com>\r\nTo: <sip:room@example.com>\r\n\r\nContent-Type: text/plain\r\n\r\npeer 3"
	m.ok(t, m.s.Send(cpim).Set("Content-Type", "message/cpim"))
	want := []string{"peer 1", "peer 2", cpim}
	if !dialled {
		want = []string{"peer 1", cpim}
	}
	m.received(t, want...)
	for _, e := range n.Await(t, c.id, "E_MSRP_MSG_SENT", 2) {
		if e.Text("fate") != "delivered" {
			t.Errorf("%s", e.Raw)
		}
	}
	for _, frame := range append(m.c.Pending(), c.c.Pending()...) {
		if frame.Method == "SEND" && frame.HasBody {
			t.Errorf("once more: %q", frame.Body)
		}
	}
	if l := n.Session(t, c.id); l == nil || l.State != 2 || len(n.Events(c.id, "E_MSRP_SESSION_NEW")) != 1 || len(n.Events(c.id, "E_MSRP_SESSION_END")) != 0 {
		t.Errorf("session %+v", l)
	}
	c.over = true
	m.bye(t)
	n.Await(t, c.id, "E_MSRP_SESSION_END", 1)
}
