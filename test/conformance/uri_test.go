package conformance

import (
	"regexp"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/test/conformance/node"
	"github.com/parley-msrp/parley/test/peer"
)

// toPath is a valid SEND of "hello" to a variant of the session's URI.
func toPath(s peer.Session, uri string) *peer.Frame { return s.Send("hello").Set("To-Path", uri) }

func TestURI(t *testing.T) {
	t.Parallel()
	n := start(t, node.Config{})

	// variants of a URI msrp://HOST:PORT/ID;tcp, and whether it is still the same one
	host := func(uri string) string { return strings.Split(hostPort(uri), ":")[0] }
	variants := []struct {
		name string
		make func(uri string) string
		same bool
	}{
		{"M-035/userinfo", func(u string) string { return strings.Replace(u, "://", "://alice@", 1) }, true},
		{"M-036/scheme in upper case", func(u string) string { return strings.Replace(u, "msrp:", "MSRP:", 1) }, true},
		{"M-036/transport in upper case", func(u string) string { return strings.Replace(u, ";tcp", ";TCP", 1) }, true},
		{"M-036/coded octet in the host", func(u string) string { return strings.Replace(u, "://1", "://%31", 1) }, true},
		{"M-036/session-id in upper case", func(u string) string {
			return strings.Replace(u, sessionID(u), strings.ToUpper(sessionID(u)), 1)
		}, false},
		{"M-036/another scheme", func(u string) string { return strings.Replace(u, "msrp:", "msrps:", 1) }, false},
		{"M-036/another transport", func(u string) string { return strings.Replace(u, ";tcp", ";ws", 1) }, false},
		{"M-037/no port", func(u string) string { return strings.Replace(u, ":2855", "", 1) }, false},
		{"M-037/another port", func(u string) string { return strings.Replace(u, ":2855", ":2856", 1) }, false},
		{"M-037/no session-id", func(u string) string { return strings.Replace(u, "/"+sessionID(u), "", 1) }, false},
		{"M-037/empty session-id", func(u string) string { return strings.Replace(u, "/"+sessionID(u), "/", 1) }, false},
		{"M-038/no path normalisation", func(u string) string { return strings.Replace(u, "2855/", "2855/x/../", 1) }, false},
		{"M-038/another address", func(u string) string { return strings.Replace(u, host(u), "127.0.0.1", 1) }, false},
		{"M-039/parameter", func(u string) string { return u + ";foo=bar" }, true},
		{"M-039/parameters", func(u string) string { return u + ";foo;bar=1" }, true},
	}
	for _, v := range variants {
		row(t, v.name, func(t *testing.T) {
			c := answered(t, n, setup{})
			f := toPath(c.s, v.make(c.s.Remote))
			if !v.same {
				got := c.expect(t, f.Bytes(), "481", "400")
				if got == "400" && !strings.Contains(v.name, "empty session-id") {
					t.Errorf("400, want 481")
				}
				c.received(t)
				return
			}
			c.expect(t, f.Bytes(), "200")
			c.received(t, "hello")
		})
	}

	for _, u := range []string{"msrp://127.0.0.1:2855/abc", "http://127.0.0.1:2855/abc;tcp", "msrp:/x;tcp", "msrp://[::1:2855/abc;tcp", "msrp://h:99999/abc;tcp", "hello"} {
		row(t, "M-032/malformed "+u, func(t *testing.T) {
			c := answered(t, n, setup{})
			c.expect(t, toPath(c.s, u).Bytes(), "400", "481")
			c.received(t)
		})
	}
	row(t, "M-032/URI of all parts in From-Path", func(t *testing.T) {
		own := "msrp://u@127.0.0.1:9/a=b+c/d~e_f-g.h;tcp;x=1;y"
		c := answered(t, n, setup{path: own})
		if r := c.ok(t, c.s.Send("hello")); r.Get("To-Path") != own {
			t.Errorf("To-Path %q", r.Get("To-Path"))
		}
		c.n.SendMessage(t, c.id, "text/plain", "back")
		if f := c.c.Request(t, patience(), "SEND"); sessionID(f.Get("To-Path")) != "a=b+c/d~e_f-g.h" {
			t.Errorf("To-Path %q", f.Get("To-Path"))
		}
	})

	form := regexp.MustCompile(`^msrps?://[^/@]+:\d+/[A-Za-z0-9._~+=/-]+;tcp$`)
	row(t, "M-033/answer", func(t *testing.T) {
		c := answered(t, n, setup{})
		if !form.MatchString(c.s.Remote) || !strings.HasPrefix(c.s.Remote, "msrp://"+n.MSRP+"/") {
			t.Errorf("path %q", c.s.Remote)
		}
	})
	row(t, "M-033/offer", func(t *testing.T) {
		c := started(t, n, setup{})
		if !form.MatchString(c.s.Remote) || !strings.HasPrefix(c.s.Remote, "msrp://"+n.MSRP+"/") {
			t.Errorf("path %q", c.s.Remote)
		}
		c.ok(t, c.s.Send("hello")) // and it is the one that works
	})

	for _, path := range []string{"msrp://192.0.2.1/ab;tcp", "msrp://[2001:db8::1]/ab;tcp", "msrp://2001:db8::1:2855/ab;tcp", "msrp://192.0.2.1:2855/ab"} {
		row(t, "M-034/refused "+path, func(t *testing.T) {
			a := peer.NewAgent(t, "udp", n.SIP)
			if _, r := a.NewDialog("bob").Call(t, patience(), peer.Offer("*", path)); r.Code() != 488 {
				t.Errorf("%s, want 488", r.Start)
			}
		})
	}
	row(t, "M-034/IPv6 in brackets", func(t *testing.T) {
		c := answered(t, n, setup{path: "msrp://[2001:db8::1]:2855/ab;tcp"})
		c.received(t)
	})

	row(t, "M-038/IPv6 by value", func(t *testing.T) {
		n := start(t, node.Config{IPv6: true})
		c := answered(t, n, setup{})
		if !strings.Contains(c.s.Remote, "://[::1]:") {
			t.Fatalf("path %q", c.s.Remote)
		}
		for _, same := range []string{"[0:0:0:0:0:0:0:1]", "[0000::0001]", "[::0.0.0.1]"} {
			c.ok(t, toPath(c.s, strings.Replace(c.s.Remote, "[::1]", same, 1)))
		}
		c.want(t, toPath(c.s, strings.Replace(c.s.Remote, "[::1]", "[::2]", 1)), 481)
		c.received(t, "hello", "hello", "hello")
	})

	row(t, "M-040/session-ids", func(t *testing.T) {
		seen := map[string]bool{}
		add := func(id string) {
			t.Helper()
			random := len(id) * 6
			if regexp.MustCompile(`^[0-9a-fA-F]+$`).MatchString(id) {
				random = len(id) * 4
			}
			if seen[id] || random < 80 {
				t.Fatalf("session-id %q: seen before %v, at most %d bits", id, seen[id], random)
			}
			seen[id] = true
		}
		a := peer.NewAgent(t, "udp", n.SIP)
		for range 300 {
			d := a.NewDialog("bob")
			_, r := d.Call(t, patience(), peer.Offer("*", "msrp://127.0.0.1:9/x;tcp", "msrp://127.0.0.1:9/y;tcp"))
			for _, m := range peer.ParseSDP(r.Body).Media {
				add(sessionID(m.Path()))
			}
			d.Ack(t)
			d.Bye(t, patience())
		}
		if len(seen) != 600 {
			t.Errorf("%d session-ids", len(seen))
		}
	})

	row(t, "M-041/default port", func(t *testing.T) {
		n := start(t, node.Config{MyURI: "msrp://HOST;tcp", MSRP: "-"})
		c := answered(t, n, setup{})
		if hostPort(c.s.Remote) != n.Host+":2855" {
			t.Errorf("path %q", c.s.Remote)
		}
		c.received(t)
	})
	row(t, "M-041/another port", func(t *testing.T) {
		n := start(t, node.Config{MyURI: "msrp://HOST:12855;tcp", MSRP: "-"})
		c := answered(t, n, setup{})
		if hostPort(c.s.Remote) != n.Host+":12855" || dialled(n.Host+":2855") {
			t.Errorf("path %q; something listens on 2855: %v", c.s.Remote, dialled(n.Host+":2855"))
		}
		c.received(t)
	})

	row(t, "M-042/unknown transport behind the first URI", func(t *testing.T) {
		l := peer.ListenMSRP(t)
		path := l.Path("first") + " msrp://x.invalid:2855/b;ws msrp://x.invalid/c;future;p=1"
		c := started(t, n, setup{listen: l, path: path})
		if got := c.bind.Get("To-Path"); got != path {
			t.Errorf("To-Path %q, want %q", got, path)
		}
		c.received(t)
	})
	row(t, "M-042/in an offer", func(t *testing.T) {
		path := "msrp://127.0.0.1:9/a;tcp msrp://x.invalid:2855/b;ws"
		c := answered(t, n, setup{path: path})
		c.n.SendMessage(t, c.id, "text/plain", "hello")
		if f := c.c.Request(t, patience(), "SEND"); f.Get("To-Path") != path {
			t.Errorf("To-Path %q, want %q", f.Get("To-Path"), path)
		}
	})
}
