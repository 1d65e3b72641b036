package conformance

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-msrp/parley/test/conformance/node"
	"github.com/parley-msrp/parley/test/peer"
)

// reoffered waits for a re-INVITE of the program under test, which is to offer another path of the same session.
func (c *call) reoffered(t *testing.T) *peer.Message {
	t.Helper()
	m := c.a.Request(t, patience(), "INVITE")
	before := c.sdp
	c.sdp = peer.ParseSDP(m.Body)
	path := c.sdp.Media[0].Path()
	uris := strings.Fields(path)
	if path == c.s.Remote || !strings.HasPrefix(sessionID(uris[len(uris)-1]), c.id) {
		t.Errorf("path %s after %s", path, c.s.Remote)
	}
	if version(before) >= 0 && version(c.sdp) <= version(before) {
		t.Errorf("version %d after %d", version(c.sdp), version(before))
	}
	c.s.Remote = path
	return m
}

// recovers answers a re-INVITE with a path to a listener of its own, and takes the connection that comes.
func (c *call) recovers(t *testing.T, invite *peer.Message) {
	t.Helper()
	l := peer.ListenMSRP(t)
	c.s.Own = l.Path(peer.Ident())
	c.a.Respond(t, invite, c.d.Response(invite, 200, "OK").WithSDP(peer.Offer("*", c.s.Own)))
	c.a.Request(t, patience(), "ACK")
	c.c = l.Accept(t, patience())
}

// unrecovered refuses the re-INVITE that follows the loss of a connection.
func (c *call) unrecovered(t *testing.T) {
	t.Helper()
	invite := c.a.Request(t, patience(), "INVITE")
	c.d.Answer(t, invite, 488, "Not Acceptable Here")
	c.a.Request(t, patience(), "ACK")
}

// sent are the fates of a message that were told.
func (c *call) sent(messageID string) (fates []string) {
	for _, e := range c.n.Events(c.id, "E_MSRP_MSG_SENT") {
		if e.Text("message_id") == messageID {
			fates = append(fates, e.Text("fate"))
		}
	}
	return fates
}

// TestRecovery cuts the connection of a session.
func TestRecovery(t *testing.T) {
	t.Parallel()
	n := start(t, node.Config{})

	for _, who := range []struct {
		name string
		call func(*testing.T, *node.Node, setup) *call
	}{{"called", answered}, {"calling", started}} {
		row(t, "M-054/"+who.name+", cut in the middle of a message: a new offer, and all of it again under its Message-ID", func(t *testing.T) {
			c := who.call(t, n, setup{})
			body := numbered(200_000)
			id := n.SendMessage(t, c.id, "text/plain", body)
			if f := c.c.Request(t, patience(), "SEND"); f.Get("Message-ID") == id {
				c.c.Answer(f, 200, "OK") // of its first chunk only
			}
			c.c.Reset()
			invite := c.reoffered(t)
			waiting := n.SendMessage(t, c.id, "text/plain", "sent meanwhile")
			c.recovers(t, invite)
			for _, want := range []struct{ id, body string }{{id, body}, {waiting, "sent meanwhile"}} {
				chunks := c.read(t, 200)
				if got := chunks[0].Get("Message-ID"); got != want.id || join(chunks) != want.body {
					t.Fatalf("message %s of %d octets, want %s of %d", got, len(join(chunks)), want.id, len(want.body))
				}
				if got := chunks[0].Get("From-Path"); got != c.s.Remote {
					t.Errorf("From-Path %s, want %s", got, c.s.Remote)
				}
			}
			n.Await(t, c.id, "E_MSRP_SESSION_RECOVERED", 1)
			c.fate(t, waiting, "delivered")
			if fates := c.sent(id); !slices.Equal(fates, []string{"delivered"}) {
				t.Errorf("the message that was cut: %q", fates)
			}
			c.received(t)
			if e := n.Events(c.id, "E_MSRP_SESSION_END"); len(e) != 0 {
				t.Errorf("%s", e[0].Raw)
			}
		})
	}

	row(t, "M-054/the peer is faster: its offer is answered, and none is made", func(t *testing.T) {
		c := answered(t, n, setup{})
		id := n.SendMessage(t, c.id, "text/plain", "not answered")
		c.c.Request(t, patience(), "SEND")
		c.c.Reset()
		path := "msrp://" + c.a.Addr.String() + "/" + peer.Ident() + ";tcp"
		r, answer := c.reoffer(t, "INVITE", peer.Offer("*", path))
		for r.Code() == 491 { // it has offered at the same time, and tries again later
			c.d.Answer(t, c.a.Request(t, patience(), "INVITE"), 491, "Request Pending")
			c.a.Request(t, patience(), "ACK")
			r, answer = c.reoffer(t, "INVITE", peer.Offer("*", path))
		}
		c.s.Remote = answer.Media[0].Path()
		c = c.moved(t, path)
		f := c.c.Request(t, patience(), "SEND")
		if f.Get("Message-ID") != id {
			t.Errorf("%q", f.Head)
		}
		c.c.Answer(f, 200, "OK")
		n.Await(t, c.id, "E_MSRP_CONNECTION_LOST", 1)
		n.Await(t, c.id, "E_MSRP_SESSION_RECOVERED", 1)
		c.fate(t, id, "delivered")
		c.received(t)
		time.Sleep(2100 * time.Millisecond) // longer than an offer is put off
		quiet(t, c.a, "after the peer's offer", func(m *peer.Message) bool { return m.IsRequest() })
	})
	row(t, "M-054/491: the offer is repeated", func(t *testing.T) {
		c := answered(t, n, setup{})
		c.c.Reset()
		invite := c.reoffered(t)
		c.d.Answer(t, invite, 491, "Request Pending")
		c.a.Request(t, patience(), "ACK")
		again := c.a.Request(t, patience(), "INVITE")
		if got := peer.ParseSDP(again.Body).Media[0].Path(); got != c.s.Remote {
			t.Errorf("path %s, want %s again", got, c.s.Remote)
		}
		c.recovers(t, again)
		c.ok(t, c.s.Send("here"))
		n.Await(t, c.id, "E_MSRP_SESSION_RECOVERED", 1)
	})
	row(t, "M-054/481: the session ends", func(t *testing.T) {
		c := answered(t, n, setup{})
		c.c.Reset()
		c.d.Answer(t, c.a.Request(t, patience(), "INVITE"), 481, "Call/Transaction Does Not Exist")
		c.a.Request(t, patience(), "ACK")
		c.byeCame(t)
		n.Await(t, c.id, "E_MSRP_SESSION_END", 1)
	})
	row(t, "M-054/refused: the session ends, and says why", func(t *testing.T) {
		c := answered(t, n, setup{})
		id := n.SendMessage(t, c.id, "text/plain", "not answered")
		c.c.Request(t, patience(), "SEND")
		c.c.Reset()
		c.unrecovered(t)
		if bye := c.byeCame(t); !strings.Contains(bye.Get("Reason"), "MSRP connection lost") {
			t.Errorf("Reason %q", bye.Get("Reason"))
		}
		if e := n.Await(t, c.id, "E_MSRP_SESSION_END", 1)[0]; !strings.Contains(e.Text("reason"), "refused the offer of another one with 488") {
			t.Errorf("%s", e.Raw)
		}
		c.fate(t, id, "failed")
	})
	row(t, "M-054/nobody to connect to: given up in time", func(t *testing.T) {
		n := start(t, node.Config{Media: "  recovery_time: 4\n"})
		c := answered(t, n, setup{})
		begin := time.Now()
		c.c.Reset()
		invite := c.reoffered(t)
		c.a.Respond(t, invite, c.d.Response(invite, 200, "OK").WithSDP(peer.Offer("*", deadPath)))
		c.a.Request(t, patience(), "ACK")
		c.byeCame(t)
		if e := n.Await(t, c.id, "E_MSRP_SESSION_END", 1)[0]; !strings.Contains(e.Text("reason"), "not recovered in time") {
			t.Errorf("%s", e.Raw)
		}
		if took := time.Since(begin); took < 4*time.Second {
			t.Errorf("after %v", took)
		}
	})
	row(t, "M-054/a BYE right behind the connection: nothing is recovered", func(t *testing.T) {
		c := answered(t, n, setup{})
		c.c.Close()
		c.bye(t)
		c.gone(t)
		for _, name := range []string{"E_MSRP_CONNECTION_LOST", "E_MSRP_SESSION_RECOVERED"} {
			if e := n.Events(c.id, name); len(e) != 0 {
				t.Errorf("%s", e[0].Raw)
			}
		}
	})
	row(t, "M-055/sent again after the loss: answered 200 and told once, what was cut and what came whole", func(t *testing.T) {
		c := answered(t, n, setup{})
		whole := c.s.Send("came whole")
		c.ok(t, whole)
		cut := c.s.Chunk(peer.Ident(), "1-6/12", "hello ", '+')
		c.ok(t, cut)
		b := c.s.Chunk(cut.Get("Message-ID"), "7-12/12", "world!", '$').Bytes()
		c.c.Put(b[:len(b)-20])
		c.c.Reset()
		c.recovers(t, c.reoffered(t))
		f := c.c.Request(t, patience(), "SEND")
		c.c.Answer(f, 200, "OK")
		c.ok(t, c.s.Send("came whole").Set("Message-ID", whole.Get("Message-ID")))
		c.ok(t, c.s.Chunk(cut.Get("Message-ID"), "1-6/12", "hello ", '+'))
		c.ok(t, c.s.Chunk(cut.Get("Message-ID"), "7-12/12", "world!", '$'))
		c.received(t, "came whole", "hello world!")
	})
}

// TestConnectionAlarm resets connections, with recovery and without.
func TestConnectionAlarm(t *testing.T) {
	t.Parallel()
	row(t, "G-012/recovery on: an alarm and one re-INVITE each, after a time that varies", func(t *testing.T) {
		n := start(t, node.Config{})
		var waits []time.Duration
		for range 4 {
			c := answered(t, n, setup{})
			begin := time.Now()
			c.c.Reset()
			invite := c.reoffered(t)
			waits = append(waits, time.Since(begin))
			c.recovers(t, invite)
			c.c.Answer(c.c.Request(t, patience(), "SEND"), 200, "OK")
			if e := n.Await(t, c.id, "E_MSRP_CONNECTION_LOST", 1)[0]; e.Data["recovering"] != true {
				t.Errorf("%s", e.Raw)
			}
			n.Await(t, c.id, "E_MSRP_SESSION_RECOVERED", 1)
			quiet(t, c.a, "after one re-INVITE", func(m *peer.Message) bool { return m.IsRequest() })
		}
		if slices.Min(waits) < 100*time.Millisecond || slices.Max(waits)-slices.Min(waits) < 10*time.Millisecond {
			t.Errorf("the re-INVITEs came after %v", waits)
		}
	})
	row(t, "G-012/recovery off: an alarm, no re-INVITE", func(t *testing.T) {
		n := start(t, node.Config{Media: "  recovery: false\n"})
		c := answered(t, n, setup{})
		c.c.Reset()
		if e := n.Await(t, c.id, "E_MSRP_CONNECTION_LOST", 1)[0]; e.Data["recovering"] != false {
			t.Errorf("%s", e.Raw)
		}
		n.Await(t, c.id, "E_MSRP_SESSION_END", 1)
		c.byeCame(t)
		quiet(t, c.a, "without recovery", func(m *peer.Message) bool { return m.IsRequest() })
	})
}
