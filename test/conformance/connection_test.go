package conformance

import (
	"strings"
	"testing"
	"time"

	"github.com/parley-msrp/parley/test/conformance/node"
	"github.com/parley-msrp/parley/test/peer"
)

func TestConnection(t *testing.T) {
	t.Parallel()
	n := start(t, node.Config{})

	row(t, "M-043/the offerer connects", func(t *testing.T) {
		c := started(t, n, setup{})
		c.received(t)
	})
	row(t, "M-043/the answerer does not", func(t *testing.T) {
		l := peer.ListenMSRP(t)
		c := answered(t, n, setup{path: l.Path(peer.Ident())})
		c.n.SendMessage(t, c.id, "text/plain", "hello")
		c.read(t, 200)
		c.received(t)
		l.None(t, moment)
	})

	row(t, "M-044/binding SEND at once", func(t *testing.T) {
		l := peer.ListenMSRP(t)
		c, invite := invited(t, n, setup{})
		c.s.Own = l.Path(peer.Ident())
		c.accept(t, invite, peer.Offer("*", c.s.Own))
		c.c = l.Accept(t, patience())
		began := time.Now()
		f := c.c.Request(t, patience(), "SEND")
		if late := time.Since(began); late > 5*time.Second || f.HasBody {
			t.Errorf("after %v, body %v", late, f.HasBody)
		}
		if f.Get("To-Path") != c.s.Own || f.Get("From-Path") != c.s.Remote {
			t.Errorf("%q", f.Head)
		}
	})
	row(t, "M-044/message that waits", func(t *testing.T) {
		l := peer.ListenMSRP(t)
		c, invite := invited(t, n, setup{})
		c.s.Own = l.Path(peer.Ident())
		c.accept(t, invite, peer.Offer("*", c.s.Own))
		n.Await(t, c.id, "E_MSRP_SESSION_NEW", 1)
		n.SendMessage(t, c.id, "text/plain", "hello")
		c.c = l.Accept(t, patience())
		f := c.c.Request(t, patience(), "SEND")
		c.c.Answer(f, 200, "OK")
		if !f.HasBody { // a bodiless one may have left before
			f = c.c.Request(t, patience(), "SEND")
		}
		if string(f.Body) != "hello" {
			t.Errorf("%q", f.Body)
		}
	})
	row(t, "M-044/second session on the connection", func(t *testing.T) {
		l := peer.ListenMSRP(t)
		first := started(t, n, setup{listen: l})
		second := started(t, n, setup{listen: l, conn: first.c})
		if second.bind.HasBody || second.bind.Get("To-Path") != second.s.Own {
			t.Errorf("%q", second.bind.Head)
		}
	})

	row(t, "M-045/range of a SEND without octets", func(t *testing.T) {
		c := started(t, n, setup{})
		n.SendMessage(t, c.id, "", "")
		for _, f := range []*peer.Frame{c.bind, c.c.Request(t, patience(), "SEND")} {
			if v := f.Get("Byte-Range"); v != "" && !strings.HasPrefix(v, "1-0/") {
				t.Errorf("Byte-Range %q", v)
			}
		}
	})

	row(t, "M-046/one connection for two sessions", func(t *testing.T) {
		l := peer.ListenMSRP(t)
		first := started(t, n, setup{listen: l})
		second := started(t, n, setup{listen: l, conn: first.c})
		l.None(t, moment)
		n.SendMessage(t, first.id, "text/plain", "to the first")
		f := first.c.Request(t, patience(), "SEND")
		if f.Get("To-Path") != first.s.Own || f.Get("From-Path") != first.s.Remote || string(f.Body) != "to the first" {
			t.Errorf("%q", f.Head)
		}
		first.c.Answer(f, 200, "OK")
		first.ok(t, first.s.Send("for the first"))
		second.ok(t, second.s.Send("for the second"))
		first.received(t, "for the first")
		second.received(t, "for the second")
	})
	row(t, "M-046/another listener, another connection", func(t *testing.T) {
		first := started(t, n, setup{})
		second := started(t, n, setup{}) // has waited for a connection of its own
		first.received(t)
		second.received(t)
	})

	row(t, "M-047/silence until bound", func(t *testing.T) {
		c := answered(t, n, setup{unused: true})
		n.SendMessage(t, c.id, "text/plain", "waiting")
		c.c = peer.DialMSRP(t, hostPort(c.s.Remote))
		c.c.Silent(t, moment)
		c.ok(t, c.s.Bodiless())
		f := c.c.Request(t, patience(), "SEND")
		if string(f.Body) != "waiting" {
			t.Errorf("%q", f.Body)
		}
	})
	row(t, "M-047/an invalid request does not bind", func(t *testing.T) {
		c := answered(t, n, setup{unused: true})
		n.SendMessage(t, c.id, "text/plain", "waiting")
		c.c = peer.DialMSRP(t, hostPort(c.s.Remote))
		c.want(t, c.s.Send("hello").Del("Message-ID"), 400)
		c.c.Silent(t, moment)
		c.ok(t, c.s.Bodiless())
		if f := c.c.Request(t, patience(), "SEND"); string(f.Body) != "waiting" {
			t.Errorf("%q", f.Body)
		}
	})

	row(t, "M-048/unknown session", func(t *testing.T) {
		c := answered(t, n, setup{})
		stranger := peer.Session{Own: c.s.Own, Remote: strings.Replace(c.s.Remote, c.id, peer.Ident(), 1)}
		c.want(t, stranger.Send("hello"), 481)
		c.want(t, stranger.Bodiless(), 481)
		c.received(t)
	})
	row(t, "M-048/on a fresh connection", func(t *testing.T) {
		c := answered(t, n, setup{unused: true})
		c.c = peer.DialMSRP(t, n.MSRP)
		stranger := peer.Session{Own: c.s.Own, Remote: strings.Replace(c.s.Remote, c.id, peer.Ident(), 1)}
		c.want(t, stranger.Send("hello"), 481)
		c.ok(t, c.s.Bodiless())
		c.received(t)
	})

	row(t, "M-049/second connection", func(t *testing.T) {
		c := answered(t, n, setup{})
		first := c.c
		c.c = peer.DialMSRP(t, n.MSRP)
		c.want(t, c.s.Send("intruder"), 506)
		c.want(t, c.s.Bodiless(), 506)
		c.c = first
		c.ok(t, c.s.Send("hello"))
		c.received(t, "hello")
	})

	row(t, "M-050/two URIs", func(t *testing.T) {
		c := answered(t, n, setup{})
		c.want(t, c.s.Send("hello").Set("To-Path", c.s.Remote+" "+c.s.Own), 481)
		c.want(t, c.s.Send("hello").Set("To-Path", c.s.Own+" "+c.s.Remote), 481)
		c.want(t, c.s.Send("hello").Set("To-Path", c.s.Remote+" "+c.s.Remote), 481)
		c.received(t)
	})

	row(t, "M-051/nothing is answered", func(t *testing.T) {
		c := answered(t, n, setup{types: "text/plain"})
		other := answered(t, n, setup{})
		quiet := func(f *peer.Frame) []byte { return f.Add("Failure-Report", "no").Bytes() }
		stranger := peer.Session{Own: c.s.Own, Remote: strings.Replace(c.s.Remote, c.id, peer.Ident(), 1)}
		elsewhere := peer.Session{Own: other.s.Own, Remote: other.s.Remote}
		for name, b := range map[string][]byte{
			"481": quiet(stranger.Send("hello")),
			"506": quiet(elsewhere.Send("hello")),
			"400": quiet(c.s.Send("hello").Set("Byte-Range", "x")),
		} {
			if got := c.outcome(t, c.c.Put, b); got != "IGNORE" {
				t.Errorf("%s was to be kept back, got %s", name, got)
			}
		}
		c.received(t)
		other.received(t)
	})

	row(t, "M-052/From-Path of another session-id", func(t *testing.T) {
		c := answered(t, n, setup{})
		f := c.s.Send("hello")
		c.want(t, f.Set("From-Path", strings.Replace(c.s.Own, sessionID(c.s.Own), peer.Ident(), 1)), 403)
		c.received(t)
	})
	row(t, "M-052/From-Path of another scheme", func(t *testing.T) {
		c := answered(t, n, setup{})
		c.want(t, c.s.Send("hello").Set("From-Path", strings.Replace(c.s.Own, "msrp:", "msrps:", 1)), 403)
		c.received(t)
	})
	row(t, "M-052/the right-most URI counts, host and port do not", func(t *testing.T) {
		c := answered(t, n, setup{})
		c.ok(t, c.s.Send("one").Set("From-Path", "msrp://192.0.2.77:1/"+sessionID(c.s.Own)+";tcp"))
		c.ok(t, c.s.Send("two").Set("From-Path", "msrp://192.0.2.77:1/relay;tcp "+c.s.Own))
		c.want(t, c.s.Send("three").Set("From-Path", c.s.Own+" msrp://192.0.2.77:1/relay;tcp"), 403)
		c.received(t, "one", "two")
	})
	row(t, "M-052/SEND before the answer", func(t *testing.T) {
		c, invite := invited(t, n, setup{})
		c.s.Own = "msrp://127.0.0.1:9/" + peer.Ident() + ";tcp"
		c.c = peer.DialMSRP(t, hostPort(c.s.Remote))
		c.ok(t, c.s.Bodiless())
		c.over = true
		c.d.Answer(t, invite, 486, "Busy Here")
		c.a.Request(t, patience(), "ACK")
	})

	row(t, "M-053/reset under two sessions", func(t *testing.T) {
		first, second := bound(t, n)
		first.received(t)
		first.c.Reset()
		first.unrecovered(t)
		second.unrecovered(t)
		n.Await(t, first.id, "E_MSRP_SESSION_END", 1)
		n.Await(t, second.id, "E_MSRP_SESSION_END", 1)
		first.byeCame(t)
		second.byeCame(t)
		first.gone(t)
		second.gone(t)
	})
	row(t, "M-053/closed in the middle of a message", func(t *testing.T) {
		c := answered(t, n, setup{})
		b := c.s.Send("never told").Bytes()
		c.c.Put(b[:len(b)-8])
		c.c.Close()
		c.unrecovered(t)
		n.Await(t, c.id, "E_MSRP_SESSION_END", 1)
		c.told(t)
		c.byeCame(t)
	})

	row(t, "M-055/duplicate", func(t *testing.T) {
		c := answered(t, n, setup{})
		f := c.s.Send("once").Add("Success-Report", "yes")
		c.ok(t, f)
		c.c.Request(t, patience(), "REPORT")
		again := c.s.Send("once").Add("Success-Report", "yes").Set("Message-ID", f.Get("Message-ID"))
		c.ok(t, again)
		if r := c.c.Request(t, patience(), "REPORT"); r.Get("Message-ID") != f.Get("Message-ID") {
			t.Errorf("%q", r.Head)
		}
		c.marker(t)
		var plain int
		for _, e := range n.Events(c.id, "E_MSRP_MSG_RECEIVED") {
			if e.Text("body") == "once" && !strings.Contains(e.Raw, "duplicate") {
				plain++
			}
		}
		if plain != 1 {
			t.Errorf("told %d times without notice", plain)
		}
	})

	row(t, "M-056/one of two sessions ends", func(t *testing.T) {
		first, second := bound(t, n)
		first.bye(t)
		n.Await(t, first.id, "E_MSRP_SESSION_END", 1)
		second.ok(t, second.s.Send("still here"))
		n.SendMessage(t, second.id, "text/plain", "both ways")
		if f := second.c.Request(t, patience(), "SEND"); string(f.Body) != "both ways" {
			t.Errorf("%q", f.Body)
		} else {
			second.c.Answer(f, 200, "OK")
		}
		second.received(t, "still here")
	})
	row(t, "M-056/chunks stay on their connection", func(t *testing.T) {
		l := peer.ListenMSRP(t)
		c := started(t, n, setup{listen: l})
		n.SendMessage(t, c.id, "text/plain", numbered(100_000))
		c.read(t, 200) // all of them here
		l.None(t, moment)
	})

	row(t, "M-057/c= and m= are not used", func(t *testing.T) {
		l := peer.ListenMSRP(t)
		c, invite := invited(t, n, setup{})
		c.s.Own = l.Path(peer.Ident())
		c.accept(t, invite, peer.SDPHead("192.0.2.1")+peer.MessageLine("9", "*", c.s.Own))
		c.c = l.Accept(t, patience())
		c.c.Answer(c.c.Request(t, patience(), "SEND"), 200, "OK")
		c.received(t)
	})
	row(t, "M-057/name", func(t *testing.T) {
		l := peer.ListenMSRP(t)
		c := started(t, n, setup{listen: l, path: strings.Replace(l.Path(peer.Ident()), "127.0.0.1", "localhost", 1)})
		if !strings.Contains(c.bind.Get("To-Path"), "localhost") {
			t.Errorf("To-Path %q", c.bind.Get("To-Path"))
		}
		c.received(t)
	})

	row(t, "M-058/each response on its connection", func(t *testing.T) {
		first, second := answered(t, n, setup{}), answered(t, n, setup{})
		f, g := first.s.Send("one"), second.s.Send("two")
		second.c.Put(g.Bytes())
		first.c.Put(f.Bytes())
		first.c.Response(t, patience(), f.ID)
		second.c.Response(t, patience(), g.ID)
		// a request for a session of the other connection
		h := second.s.Send("three")
		first.want(t, h, 506)
		first.received(t, "one")
		second.received(t, "two")
	})
}
