package conformance

import (
	"fmt"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/test/conformance/node"
	"github.com/parley-msrp/parley/test/peer"
)

// relayPassword is that of alice in the realms relay.example and other.example.
const relayPassword = "open sesame"

const relayChallenge = `Digest realm="relay.example", nonce="n1", qop="auth", algorithm=MD5`

// unauthorized makes a 401 with these challenges.
func unauthorized(f *peer.Frame, challenges ...string) *peer.Frame {
	r := f.Reply(401, "Unauthorized")
	for _, c := range challenges {
		r.Add("WWW-Authenticate", c)
	}
	return r
}

// grantedPath makes the 200 that gives this path; more are name, value pairs.
func grantedPath(f *peer.Frame, path string, more ...string) *peer.Frame {
	r := f.Reply(200, "OK").Add("Use-Path", path)
	for i := 0; i < len(more); i += 2 {
		r.Add(more[i], more[i+1])
	}
	return r
}

// token is the n-th URI that a relay gives.
func token(n int) string { return fmt.Sprintf("msrp://relay.example:2855/token%d;tcp", n) }

// goodCredentials says whether the credentials of an AUTH are those of the password.
func goodCredentials(f *peer.Frame) bool {
	p := peer.DigestParams(f.Get("Authorization"))
	uris := strings.Fields(f.Get("To-Path"))
	p["uri"] = uris[len(uris)-1] // whether it is sent or not (RFC 4976 §9.1)
	return p["username"] == "alice" && p["qop"] == "auth" && p["cnonce"] != "" && p["response"] == peer.DigestResponse(p, "AUTH", relayPassword)
}

// challenging answers an AUTH without good credentials by 401, others by 200.
func challenging(n int, f *peer.Frame) *peer.Frame {
	if !goodCredentials(f) {
		return unauthorized(f, relayChallenge)
	}
	return grantedPath(f, token(n))
}

// granting answers every AUTH by 200.
func granting(n int, f *peer.Frame) *peer.Frame { return grantedPath(f, token(n)) }

// scripted answers the n-th AUTH by the n-th reply, the last one again and again.
func scripted(replies ...func(n int, f *peer.Frame) *peer.Frame) func(int, *peer.Frame) *peer.Frame {
	return func(n int, f *peer.Frame) *peer.Frame { return replies[min(n, len(replies))-1](n, f) }
}

// challenge answers by 401 with these challenges.
func challenge(challenges ...string) func(int, *peer.Frame) *peer.Frame {
	return func(_ int, f *peer.Frame) *peer.Frame { return unauthorized(f, challenges...) }
}

func code(c int) func(int, *peer.Frame) *peer.Frame {
	return func(_ int, f *peer.Frame) *peer.Frame { return f.Reply(c, "No") }
}

func dropping(int, *peer.Frame) *peer.Frame { return peer.Drop }

// behind is an instance that uses a scripted relay.
type behind struct {
	*node.Node
	relay *peer.Relay
}

// startBehind runs an instance behind a relay in clear; change may change its configuration.
func startBehind(t *testing.T, script func(int, *peer.Frame) *peer.Frame, change ...func(*node.Config)) behind {
	t.Helper()
	r := peer.NewRelay(t, nil, script)
	c := node.Config{
		UA:   fmt.Sprintf("  relay_uri: \"msrp://alice@%s;tcp\"\n", r.Addr),
		More: fmt.Sprintf("uac_auth:\n  credential: [\"alice:relay.example:%[1]s\", \"alice:other.example:%[1]s\"]\n", relayPassword),
	}
	for _, f := range change {
		f(&c)
	}
	return behind{start(t, c), r}
}

// tries starts a session that the relay gives no path to, and returns what the management interface says.
func (b behind) tries(t *testing.T) string {
	t.Helper()
	to := "sip:bob@127.0.0.1:9"
	_, e := b.MI(t, "msrp_ua_start_session", map[string]any{"content_types": "*", "from_uri": "sip:parley@" + b.SIP, "to_uri": to, "ruri": to})
	if e == nil || e.Code != 500 {
		t.Fatalf("start_session: %+v, want an error", e)
	}
	return fmt.Sprintf("%+v", e)
}

// calls starts a session to a peer whose path is as given, and has it established.
func (b behind) calls(t *testing.T, path string) *call {
	t.Helper()
	c, invite := invited(t, b.Node, setup{})
	c.s.Own = path
	c.accept(t, invite, peer.Offer("*", path))
	b.Await(t, c.id, "E_MSRP_SESSION_NEW", 1)
	return c
}

// called lets a peer call that is to open the connection, and would come through the relay.
func (b behind) called(t *testing.T, path string) *call {
	t.Helper()
	c := &call{n: b.Node, a: peer.NewAgent(t, "udp", b.SIP)}
	c.d = c.a.NewDialog("bob")
	c.s.Own = path
	_, r := c.d.Call(t, patience(), peer.Offer("*", path))
	c.take(t, r)
	uris := strings.Fields(c.s.Remote)
	c.id = sessionID(uris[len(uris)-1])
	c.d.Ack(t)
	c.endWith(t)
	b.Await(t, c.id, "E_MSRP_SESSION_NEW", 1)
	return c
}

// arrives lets a frame of the peer's come out of the relay, as it does behind the own relay's last hop: To-Path names the program alone, From-Path begins
// with the relay.
func (b behind) arrives(c *call, f *peer.Frame) *peer.Frame {
	uris := strings.Fields(c.s.Remote)
	relays := strings.Join(uris[:len(uris)-1], " ")
	f.Set("To-Path", uris[len(uris)-1]).Set("From-Path", relays+" "+c.s.Own)
	b.relay.Put(f)
	return f
}

const peerPath = "msrp://peer.example:7777/bob;tcp"

// TestRelayPaths is about sessions whose messages go through the relay.
func TestRelayPaths(t *testing.T) {
	t.Parallel()

	row(t, "R-010/R-003/paths through two relays, with ports everywhere", func(t *testing.T) {
		inner, outer := "msrp://b.example:2855/b1;tcp", "msrp://c.example:2855/c1;tcp"
		b := startBehind(t, func(_ int, f *peer.Frame) *peer.Frame { return grantedPath(f, inner+" "+outer) })
		peerLong := "msrp://d.example:1/d;tcp msrp://e.example:2/e;tcp msrp://f.example:3/f;tcp"
		c := b.calls(t, peerLong)
		own := fmt.Sprintf("msrp://%s/%s;tcp", b.MSRP, c.id)
		if c.s.Remote != outer+" "+inner+" "+own {
			t.Errorf("path %s", c.s.Remote)
		}
		if a := b.relay.Auths()[0]; a.Get("From-Path") != own || a.Get("To-Path") != "msrp://alice@"+b.relay.Addr+";tcp" {
			t.Errorf("%q", a.Head)
		}
		f := b.relay.Next(t, patience())
		if f.Method != "SEND" || f.HasBody || f.Get("To-Path") != inner+" "+outer+" "+peerLong || f.Get("From-Path") != own {
			t.Errorf("%s %q", f.Method, f.Head)
		}
	})

	row(t, "R-011/a path of its own for each session", func(t *testing.T) {
		b := startBehind(t, challenging)
		one, other := b.calls(t, peerPath), b.called(t, peerPath)
		if sessionID(one.s.Remote) == sessionID(other.s.Remote) || len(b.relay.Auths()) != 3 {
			t.Errorf("AUTHs: %s", b.relay.Forms())
		}
		if came, _ := b.relay.Conns(); came != 1 {
			t.Errorf("%d connections", came)
		}
	})

	row(t, "R-012/two own relays", func(t *testing.T) {
		inner, outer := "msrp://in.example:2855/in;tcp", "msrp://out.example:2855/out;tcp"
		second := "msrp://second.example;tcp"
		var first string
		b := startBehind(t, func(n int, f *peer.Frame) *peer.Frame {
			switch to := f.Get("To-Path"); {
			case !goodCredentials(f) && to == inner+" "+second:
				return unauthorized(f, strings.Replace(relayChallenge, "relay.example", "other.example", 1))
			case !goodCredentials(f):
				first = to
				return unauthorized(f, relayChallenge)
			case to == first:
				return grantedPath(f, inner)
			}
			return grantedPath(f, inner+" "+outer)
		}, func(c *node.Config) { c.UA = strings.Replace(c.UA, ";tcp\"", ";tcp "+second+"\"", 1) })
		c := b.calls(t, peerPath)
		if !strings.HasPrefix(c.s.Remote, outer+" "+inner+" ") || b.relay.Forms() != "none uri none uri" {
			t.Errorf("path %s, AUTHs: %s", c.s.Remote, b.relay.Forms())
		}
	})

	row(t, "R-015/a started call", func(t *testing.T) {
		b := startBehind(t, challenging)
		c := b.calls(t, peerPath)
		b.relay.Put(b.relay.Next(t, patience()).Reply(200, "OK")) // the binding SEND
		b.conversation(t, c)
	})

	row(t, "R-015/an answered call: no binding SEND, and nothing before the peer's", func(t *testing.T) {
		b := startBehind(t, challenging)
		c := b.called(t, peerPath)
		b.SendMessage(t, c.id, "text/plain", "not yet")
		f := b.arrives(c, c.s.Bodiless())
		if r := b.relay.Next(t, patience()); r.ID != f.ID || r.Code != 200 {
			t.Fatalf("%s %s%03d, want the response to the peer's first SEND", r.ID, r.Method, r.Code)
		}
		waiting := b.relay.Next(t, patience())
		if string(waiting.Body) != "not yet" {
			t.Errorf("%q", waiting.Head)
		}
		b.relay.Put(waiting.Reply(200, "OK"))
		b.conversation(t, c)
	})

	row(t, "R-016/the connection outlives its last session for a while", func(t *testing.T) {
		b := startBehind(t, granting, func(c *node.Config) {
			c.More += "msrp: {listen: [\"tcp:HOST:2855\"], relay_idle_timeout: 4}\n"
			c.MSRP = "-"
		})
		for range 2 {
			c := b.calls(t, peerPath)
			c.bye(t)
			c.gone(t)
		}
		if came, open := b.relay.Conns(); came != 1 || open != 1 {
			t.Errorf("%d connections, %d open", came, open)
		}
		b.relay.Await(t, patience(), "the end of the connection", func() bool { _, open := b.relay.Conns(); return open == 0 })
	})

	row(t, "R-014/another path before the one at hand expires", func(t *testing.T) {
		b := startBehind(t, func(n int, f *peer.Frame) *peer.Frame { return grantedPath(f, token(n), "Expires", "4") })
		c := b.called(t, peerPath)
		invite := c.a.Request(t, patience(), "INVITE")
		sdp := peer.ParseSDP(invite.Body)
		if len(sdp.Media) != 1 || !strings.HasPrefix(sdp.Media[0].Path(), token(2)+" ") || sdp.Media[0].Path() == c.s.Remote {
			t.Fatalf("%s", invite.Body)
		}
		c.a.Respond(t, invite, c.d.Response(invite, 200, "OK").WithSDP(peer.Offer("*", peerPath)))
		c.a.Request(t, patience(), "ACK")
		f := b.relay.Next(t, patience()) // this side has offered: it connects
		if f.Get("To-Path") != token(2)+" "+peerPath {
			t.Errorf("%q", f.Head)
		}
	})

	row(t, "R-014/a path that was renewed while the peer's phone rang", func(t *testing.T) {
		b := startBehind(t, func(n int, f *peer.Frame) *peer.Frame {
			if n == 1 {
				return grantedPath(f, token(n), "Expires", "2")
			}
			return grantedPath(f, token(n))
		})
		c, invite := invited(t, b.Node, setup{proto: "tcp"}) // nothing comes twice
		b.relay.AwaitAuths(t, patience(), 2)
		c.accept(t, invite, peer.Offer("*", peerPath))
		again := c.a.Request(t, patience(), "INVITE")
		if p := peer.ParseSDP(again.Body).Media[0].Path(); !strings.HasPrefix(p, token(2)+" ") {
			t.Errorf("path %s", p)
		}
		c.a.Respond(t, again, c.d.Response(again, 200, "OK").WithSDP(peer.Offer("*", peerPath)))
		c.a.Request(t, patience(), "ACK")
	})

	row(t, "R-017/a lost connection, recovery on: AUTH, and a re-INVITE with another path", func(t *testing.T) {
		for _, who := range []func(behind, *testing.T, string) *call{behind.calls, behind.called} {
			b := startBehind(t, challenging)
			c := who(b, t, peerPath)
			b.relay.Cut()
			invite := c.reoffered(t)
			if uris := strings.Fields(c.s.Remote); len(uris) != 2 {
				t.Errorf("path %s", c.s.Remote)
			}
			id := b.SendMessage(t, c.id, "text/plain", "sent meanwhile")
			c.a.Respond(t, invite, c.d.Response(invite, 200, "OK").WithSDP(peer.Offer("*", c.s.Own)))
			c.a.Request(t, patience(), "ACK")
			for f := b.relay.Next(t, patience()); f.Get("Message-ID") != id; f = b.relay.Next(t, patience()) {
				b.relay.Put(f.Reply(200, "OK")) // what waited before
			}
			b.Await(t, c.id, "E_MSRP_CONNECTION_LOST", 1)
		}
	})
	row(t, "R-017/a lost connection, recovery off: the session ends, the next one gets a path of its own", func(t *testing.T) {
		b := startBehind(t, challenging, func(c *node.Config) { c.Media = "  recovery: false\n" })
		c := b.calls(t, peerPath)
		b.relay.Cut()
		c.byeCame(t)
		if e := b.Await(t, c.id, "E_MSRP_SESSION_END", 1)[0]; !strings.Contains(e.Raw, "connection lost") {
			t.Errorf("%s", e.Raw)
		}
		again := b.calls(t, peerPath)
		if came, _ := b.relay.Conns(); came != 2 || again.s.Remote == c.s.Remote || sessionID(again.s.Remote) == sessionID(c.s.Remote) {
			t.Errorf("%d connections", came)
		}
	})
}

// conversation exchanges messages through the relay: of many chunks, with a success report, and one that is refused.
func (b behind) conversation(t *testing.T, c *call) {
	t.Helper()
	f := b.arrives(c, c.s.Send("hello").Add("Success-Report", "yes"))
	if r := b.relay.Next(t, patience()); r.ID != f.ID || r.Code != 200 || len(strings.Fields(r.Get("To-Path"))) != 1 {
		t.Errorf("%03d %q", r.Code, r.Head)
	}
	if r := b.relay.Next(t, patience()); r.Method != "REPORT" || r.Get("To-Path") != f.Get("From-Path") {
		t.Errorf("%s %q", r.Method, r.Head)
	}
	if e := b.Await(t, c.id, "E_MSRP_MSG_RECEIVED", 1)[0]; e.Text("body") != "hello" {
		t.Errorf("%s", e.Raw)
	}
	long := numbered(20_000)
	id := b.SendMessage(t, c.id, "text/plain", long)
	var got strings.Builder
	for got.Len() < len(long) {
		f := b.relay.Next(t, patience())
		if f.Get("Message-ID") != id || len(f.Body) > 8<<10 || len(f.Body) == 0 {
			t.Fatalf("%d octets, %q", len(f.Body), f.Head)
		}
		got.Write(f.Body)
		b.relay.Put(f.Reply(200, "OK"))
	}
	if got.String() != long {
		t.Error("the message came otherwise than it was sent")
	}
}
