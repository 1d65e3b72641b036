package conformance

import (
	"crypto/tls"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-msrp/parley/test/conformance/node"
	"github.com/parley-msrp/parley/test/peer"
)

// registrar is a scripted registrar, whose answers to the first REGISTER requests are given one by one.
func registrar(t *testing.T, proto, more string) (*peer.Agent, *node.Node) {
	t.Helper()
	a := peer.NewAgent(t, proto, "127.0.0.1:9")
	uri := "sip:" + a.Addr.String()
	if proto == "tcp" {
		uri += ";transport=tcp"
	}
	return registering(t, func() (*peer.Agent, *node.Node) {
		return a, start(t, node.Config{SIP: fmt.Sprintf("  register: [\"sip:parley@example.org registrar=%s%s\"]\n", uri, more), More: "log: {level: debug}\n" + ownCredentials})
	})
}

// registering runs an instance that registers with a peer, and lets it take its binding back when the test ends.
func registering(t *testing.T, run func() (*peer.Agent, *node.Node)) (*peer.Agent, *node.Node) {
	t.Helper()
	done := make(chan struct{})
	var answering sync.WaitGroup
	t.Cleanup(func() { // after the node has ended
		close(done)
		answering.Wait()
	})
	a, n := run()
	a.Target = n.SIP
	// A node that is slow to start has repeated its REGISTER by now.
	seen := map[string]bool{}
	a.Drop(func(m *peer.Message) bool {
		again := m.IsRequest() && m.Method() == "REGISTER" && seen[m.TopBranch()]
		seen[m.TopBranch()] = true
		return again
	})
	t.Cleanup(func() { // before the node ends
		answering.Go(func() {
			for tick := time.NewTicker(10 * time.Millisecond); ; {
				for _, m := range a.Drop(func(m *peer.Message) bool { return m.IsRequest() && m.Method() == "REGISTER" }) {
					_ = a.TryRespond(m, granted(a, m, "0"))
				}
				select {
				case <-tick.C:
				case <-done:
					return
				}
			}
		})
	})
	return a, n
}

// granted is a 200 that lists the binding of the request, with that expiry, among others.
func granted(a *peer.Agent, m *peer.Message, expires string) *peer.Message {
	r := a.Answering(m).Response(m, 200, "OK")
	return r.Set("Contact", "<sip:other@192.0.2.77>;expires=1, <"+peer.AddressURI(m.Get("Contact"))+">;expires="+expires)
}

// TestRegister is about REGISTER.
func TestRegister(t *testing.T) {
	t.Parallel()
	for _, proto := range []string{"udp", "tcp"} {
		row(t, "S-031/registered, refreshed and taken back over "+proto, func(t *testing.T) {
			a, n := registrar(t, proto, " expires=3600")
			first := a.Request(t, patience(), "REGISTER")
			for _, w := range first.CheckSIP() {
				t.Error(w)
			}
			if first.URI() != strings.TrimPrefix("sip:"+a.Addr.String()+map[string]string{"tcp": ";transport=tcp"}[proto], " ") || peer.AddressURI(first.Get("To")) != "sip:parley@example.org" ||
				peer.AddressURI(first.Get("From")) != "sip:parley@example.org" || first.Tag("From") == "" || first.Tag("To") != "" || peer.Param(first.Get("Contact"), "expires") != "3600" {
				t.Errorf("%s", first.Raw)
			}
			if !strings.Contains(first.Get("Contact"), "+sip.message") {
				t.Errorf("no feature tag: %s", first.Get("Contact"))
			}
			a.Respond(t, first, granted(a, first, "2"))
			next := a.Request(t, patience(), "REGISTER")
			if gap := next.At.Sub(first.At); gap > 2*time.Second || gap < 500*time.Millisecond {
				t.Errorf("refreshed after %v", gap)
			}
			if next.CSeq() != first.CSeq()+1 || next.Get("Call-ID") != first.Get("Call-ID") || next.TopBranch() == first.TopBranch() {
				t.Errorf("%s\nthen\n%s", first.Raw, next.Raw)
			}
			a.Respond(t, next, granted(a, next, "3600"))
			// A call to that Contact arrives.
			d := newAgent(t, n, proto).NewDialog("bob")
			d.Target = peer.AddressURI(next.Get("Contact"))
			placed(t, d, d.Invite(peer.Offer("*", deadPath)), 200)
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			for end := time.Now().Add(patience()); ; <-tick.C {
				listed, e := n.MI(t, "msrp_ua_list_registrations", nil)
				if e == nil && strings.Contains(string(listed), `"aor":"sip:parley@example.org","registered":true,"expires":3`) && strings.Contains(string(listed), `"code":200`) {
					break
				}
				if time.Now().After(end) {
					t.Fatalf("list_registrations: %s %+v", listed, e)
				}
			}
			n.Terminate()
			bye := a.Request(t, patience(), "REGISTER")
			if peer.Param(bye.Get("Contact"), "expires") != "0" || peer.AddressURI(bye.Get("Contact")) != d.Target || bye.CSeq() != next.CSeq()+1 || bye.Get("Call-ID") != first.Get("Call-ID") {
				t.Errorf("%s", bye.Raw)
			}
			a.Respond(t, bye, granted(a, bye, "0"))
			if err := n.Exited(t, patience()); err != nil {
				t.Error(err)
			}
			if log := n.Log(); strings.Count(log, "msg=registered") != 1 {
				t.Errorf("in the log:\n%s", log)
			}
		})
	}
	row(t, "S-031/401", func(t *testing.T) {
		a, n := registrar(t, "udp", "")
		first := a.Request(t, patience(), "REGISTER")
		a.Respond(t, first, a.Answering(first).Response(first, 401, "Unauthorized").Add("WWW-Authenticate", challengeOf("example.org", "SHA-256", `, qop="auth"`)))
		second := a.Request(t, patience(), "REGISTER")
		showed(t, second, "Authorization", "parley", "swordfish")
		if second.CSeq() != first.CSeq()+1 || second.Get("Call-ID") != first.Get("Call-ID") {
			t.Errorf("%s\nthen\n%s", first.Raw, second.Raw)
		}
		a.Respond(t, second, granted(a, second, "3600"))
		awaitLog(t, n, "msg=registered")
		quiet(t, a, "REGISTER", func(m *peer.Message) bool { return m.IsRequest() })
	})
	row(t, "S-031/wrong password: no third at once", func(t *testing.T) {
		a, n := registrar(t, "udp", "")
		for range 2 {
			m := a.Request(t, patience(), "REGISTER")
			a.Respond(t, m, a.Answering(m).Response(m, 401, "Unauthorized").Add("WWW-Authenticate", challengeOf("example.org", "MD5", `, qop="auth"`)))
		}
		awaitLog(t, n, `msg="not registered"`)
		quiet(t, a, "REGISTER", func(m *peer.Message) bool { return m.IsRequest() })
		if strings.Contains(n.Log(), "swordfish") {
			t.Error("the password is in the log")
		}
	})
	row(t, "S-031/423", func(t *testing.T) {
		a, _ := registrar(t, "udp", " expires=60")
		first := a.Request(t, patience(), "REGISTER")
		a.Respond(t, first, a.Answering(first).Response(first, 423, "Interval Too Brief").Add("Min-Expires", "1800"))
		second := a.Request(t, patience(), "REGISTER")
		if peer.Param(second.Get("Contact"), "expires") != "1800" || second.CSeq() != first.CSeq()+1 {
			t.Errorf("%s", second.Raw)
		}
		a.Respond(t, second, granted(a, second, "1800"))
	})
	row(t, "S-031/refused: no retry at once", func(t *testing.T) {
		a, n := registrar(t, "udp", "")
		m := a.Request(t, patience(), "REGISTER")
		a.Respond(t, m, a.Answering(m).Response(m, 500, "Server Internal Error"))
		awaitLog(t, n, "code=500")
		quiet(t, a, "REGISTER", func(m *peer.Message) bool { return m.IsRequest() })
	})
	row(t, "S-031/one at a time", func(t *testing.T) {
		a, _ := registrar(t, "udp", "")
		first := a.Request(t, patience(), "REGISTER")
		second := a.Request(t, patience(), "REGISTER") // not answered: the same again
		if string(first.Raw) != string(second.Raw) {
			t.Errorf("%s\nthen\n%s", first.Raw, second.Raw)
		}
		a.Respond(t, first, granted(a, first, "3600"))
	})
}

// TestRegisterElsewhere is about REGISTER by way of an outbound proxy, and over TLS.
func TestRegisterElsewhere(t *testing.T) {
	t.Parallel()
	row(t, "S-031/first to the outbound proxy", func(t *testing.T) {
		a := peer.NewAgent(t, "udp", "127.0.0.1:9")
		proxy := "sip:" + a.Addr.String()
		_, n := registering(t, func() (*peer.Agent, *node.Node) {
			return a, start(t, node.Config{SIP: fmt.Sprintf("  register: [\"sip:parley@example.invalid\"]\n  outbound_proxy: %q\n", proxy)})
		})
		m := a.Request(t, patience(), "REGISTER")
		if m.URI() != "sip:example.invalid" || len(m.List("Route")) != 1 || peer.AddressURI(m.Get("Route")) != proxy+";lr" {
			t.Errorf("%s", m.Raw)
		}
		a.Respond(t, m, granted(a, m, "3600"))
		awaitLog(t, n, "msg=registered")
	})
	for _, c := range []struct{ name, entry, uri, contact string }{
		{"S-031/over TLS to a sips registrar", "sips:parley@registrar.example", "sips:registrar.example", "sips:"},
		{"S-031/over TLS to a sip registrar", "sip:parley@example.org registrar=sip:registrar.example;transport=tls", "sip:registrar.example;transport=tls", "sip:"},
	} {
		row(t, c.name, func(t *testing.T) {
			var s secure
			a, n := registering(t, func() (a *peer.Agent, n *node.Node) {
				s = startSecure(t, "", func(s secure, config *node.Config) {
					a = peer.NewTLSAgent(t, "", &tls.Config{Certificates: []tls.Certificate{s.authority.Issue("registrar.example", "127.0.0.1")}}, s.dial())
					s.lead("registrar.example", a)
					config.SIP += fmt.Sprintf("  register: [%q]\n", c.entry)
				})
				return a, s.Node
			})
			a.Target = s.at()
			m := a.Request(t, patience(), "REGISTER")
			contact := peer.AddressURI(m.Get("Contact"))
			if m.Proto != "tls" || m.URI() != c.uri || !strings.HasPrefix(contact, c.contact+s.at()) || peer.AddressURI(m.Get("To")) != strings.Fields(c.entry)[0] {
				t.Errorf("%s by %s", m.Raw, m.Proto)
			}
			a.Respond(t, m, granted(a, m, "3600"))
			awaitLog(t, n, "msg=registered")
			d := a.NewDialog("bob") // a call to that Contact arrives
			d.Target = contact
			invite := d.Invite(peer.Offer("*", deadPath))
			if c.contact == "sips:" {
				invite.Set("Contact", "<sips:peer@"+a.Addr.String()+">")
			}
			placed(t, d, invite, 200)
		})
	}
}

// awaitLog waits for something in the log.
func awaitLog(t *testing.T, n *node.Node, text string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience()); !strings.Contains(n.Log(), text); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("the log does not say %q:\n%s", text, n.Log())
		}
	}
}
