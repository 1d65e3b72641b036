package ua_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/parley-msrp/parley/test/peer"
	"github.com/parley-msrp/parley/ua"
)

// users is one: alice of example.org.
func users(username, realm string) (ua.Secret, bool) {
	return ua.Secret{Password: "swordfish"}, username == "alice" && realm == "example.org"
}

// inviting sends an INVITE with further headers, and returns its final response.
func inviting(t *testing.T, c *rawCaller, head func(m *peer.Message)) *peer.Message {
	t.Helper()
	m := c.Invite(c.offer)
	if head != nil {
		head(m)
	}
	return c.Place(t, limit, m)
}

func TestInvitationChallenge(t *testing.T) {
	seen := make(chan ua.Identity, 10)
	h := newRecorder()
	a := newAgent(t, ua.Config{Auth: ua.Auth{Users: users}, OnInvite: func(inv *ua.Invitation) {
		if err := inv.Challenge(""); err == nil {
			t.Error("a realm that is none is taken")
		}
		user, ok := inv.Verify("example.org")
		again, _ := inv.Verify("example.org")
		if ok != (user != "") || again != user {
			t.Errorf("Verify says %q %t, then %q", user, ok, again)
		}
		seen <- inv.Identity()
		if !ok {
			if err := inv.Challenge("example.org"); err != nil {
				t.Error(err)
			}
			if err := inv.Challenge("example.org"); !errors.Is(err, ua.ErrDecided) {
				t.Errorf("Challenge again: %v", err)
			}
			return
		}
		_, _ = inv.Answer(h)
	}})
	t.Run("S-028/on demand", func(t *testing.T) {
		c := newCaller(t, a, "text/plain", 1)
		r := inviting(t, c, nil)
		challenges := r.All("WWW-Authenticate")
		if r.Code() != 401 || len(challenges) != 1 {
			t.Fatalf("%s", r.Raw)
		}
		if who := <-seen; who != (ua.Identity{By: ua.Unverified}) {
			t.Errorf("%+v", who)
		}
		r = inviting(t, c, func(m *peer.Message) {
			m.Add("Authorization", peer.Credentials(challenges[0], 1, "alice", "swordfish", m))
		})
		want := ua.Identity{By: ua.ByDigest, Name: "alice", Realm: "example.org"}
		if who := <-seen; r.Code() != 200 || who != want {
			t.Errorf("%s %+v", r.Start, who)
		}
		c.Ack(t)
		if s := h.session(t); s.Call().Identity() != want {
			t.Errorf("%+v", s.Call().Identity())
		}
		c.Bye(t, limit)
	})
	t.Run("without users", func(t *testing.T) {
		errs := make(chan error, 1)
		a := newAgent(t, ua.Config{OnInvite: func(inv *ua.Invitation) {
			errs <- inv.Challenge("example.org")
			_ = inv.Reject(480, "")
		}})
		if r := inviting(t, newCaller(t, a, "*", 1), nil); r.Code() != 480 || !errors.Is(<-errs, ua.ErrNoUsers) {
			t.Errorf("%s", r.Start)
		}
	})
	t.Run("S-020/OPTIONS is challenged as a call would be", func(t *testing.T) {
		a := newAgent(t, ua.Config{Auth: ua.Auth{Users: users}, OnInvite: func(*ua.Invitation) {}, OnQuery: func(q *ua.Query) { _ = q.Challenge("example.org") }})
		c := newCaller(t, a, "*", 1)
		if r := c.Agent.Ask(t, limit, c.Request("OPTIONS")); r.Code() != 401 || len(r.All("WWW-Authenticate")) != 1 {
			t.Errorf("%s", r.Raw)
		}
	})
}

func TestAsserted(t *testing.T) {
	for _, c := range []struct {
		name, trusted, header, privacy string
		want                           ua.Identity
	}{
		{"S-029/trusted", "127.0.0.0/8", "<sip:alice@example.org>", "", ua.Identity{By: ua.ByAsserted, Name: "sip:alice@example.org"}},
		{"S-029/trusted, private", "127.0.0.1/32", "<sip:alice@example.org>", "header;id", ua.Identity{By: ua.ByAsserted, Name: "sip:alice@example.org", Private: true}},
		{"S-029/not trusted", "192.0.2.0/24", "<sip:alice@example.org>", "", ua.Identity{By: ua.Unverified}},
		{"broken", "127.0.0.0/8", "<sip:alice", "", ua.Identity{By: ua.Unverified}},
	} {
		t.Run(c.name, func(t *testing.T) {
			seen := make(chan ua.Identity, 1)
			a := newAgent(t, ua.Config{Trusted: []netip.Prefix{netip.MustParsePrefix(c.trusted)}, OnInvite: func(inv *ua.Invitation) {
				if there := len(inv.Message().Header("P-Asserted-Identity")) > 0; there != strings.HasPrefix(c.trusted, "127") {
					t.Errorf("the header is there: %t", there)
				}
				seen <- inv.Identity()
				_ = inv.Reject(480, "")
			}})
			inviting(t, newCaller(t, a, "*", 1), func(m *peer.Message) { m.Add("P-Asserted-Identity", c.header).Add("Privacy", c.privacy) })
			if got := <-seen; got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

func TestAuthConfig(t *testing.T) {
	for want, c := range map[string]ua.Config{
		"need users":                     {Auth: ua.Auth{Realm: "a", Listeners: []string{"udp:127.0.0.1:0"}}},
		"a realm is needed":              {Auth: ua.Auth{Users: users, Listeners: []string{"udp:127.0.0.1:0"}}},
		"is no SIP listener":             {Auth: ua.Auth{Users: users, Realm: "a", Listeners: []string{"udp:127.0.0.1:1"}}},
		"credential alice:a\"b:*** has ": {Credentials: []ua.Credential{{Username: "alice", Realm: `a"b`, Password: "swordfish"}}},
		"registration of tel:1":          {Register: []ua.Registration{{AOR: "tel:1"}}},
		"want a SIP URI":                 {Register: []ua.Registration{{AOR: "sip:a@b", Contact: "tel:1"}}},
	} {
		c.SIPListen, c.MSRPListen = []string{"udp:127.0.0.1:0"}, []string{"tcp:127.0.0.1:0"}
		if _, err := ua.New(c); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "swordfish") {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestListenerAsks has one listener that asks for credentials beside one that does not.
func TestListenerAsks(t *testing.T) {
	h := newRecorder()
	c := answering(h)
	c.SIPListen, c.MSRPListen = []string{"tcp:127.0.0.1:0", "udp:[::1]:0"}, []string{"tcp:127.0.0.1:0"}
	c.Auth = ua.Auth{Users: users, Realm: "example.org", Listeners: []string{"tcp:127.0.0.1:0"}}
	a, err := ua.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close(t.Context()) })
	for i, want := range []int{401, 200} {
		network, address, _ := strings.Cut(a.SIPAddrs()[i], ":")
		d := peer.NewAgent(t, network, address).NewDialog("bob")
		_, r := d.Call(t, limit, peer.Offer("*", "msrp://127.0.0.1:9/"+peer.Ident()+";tcp"))
		if r.Code() != want {
			t.Errorf("%s: %s, want %d", a.SIPAddrs()[i], r.Start, want)
		}
		if r.Code() == 200 {
			d.Ack(t)
			d.Bye(t, limit)
		}
	}
}

func TestRegistration(t *testing.T) {
	registrar := peer.NewAgent(t, "udp", "127.0.0.1:9")
	var log lockedBuffer
	a := newAgent(t, ua.Config{
		Register:    []ua.Registration{{AOR: "sip:alice@example.org", Registrar: "sip:" + registrar.Addr.String(), Expires: time.Minute}},
		Credentials: []ua.Credential{{Username: "alice", Realm: "example.org", Password: "swordfish"}},
		Logger:      slog.New(slog.NewTextHandler(&log, nil)),
	})
	if s := a.Registrations(); len(s) != 1 || s[0] != (ua.RegistrationState{AOR: "sip:alice@example.org"}) {
		t.Errorf("%+v", s)
	}
	m := registrar.Request(t, limit, "REGISTER")
	registrar.Respond(t, m, registrar.Answering(m).Response(m, 401, "Unauthorized").Add("WWW-Authenticate", `Digest realm="example.org", nonce="n", qop="auth"`))
	m = registrar.Request(t, limit, "REGISTER")
	if p := peer.DigestParams(m.Get("Authorization")); p["response"] != peer.DigestResponse(p, "REGISTER", "swordfish") {
		t.Errorf("%s", m.Raw)
	}
	registrar.Respond(t, m, registrar.Answering(m).Response(m, 200, "OK").Set("Contact", m.Get("Contact")))
	eventually(t, "registered", func() bool { return a.Registrations()[0].Registered })
	if s := a.Registrations()[0]; s.Code != 200 || time.Until(s.Until) > time.Minute || time.Until(s.Until) < 30*time.Second {
		t.Errorf("%+v", s)
	}
	eventually(t, "a line in the log", func() bool {
		return strings.Contains(log.String(), "msg=registered aor=sip:alice@example.org expires_seconds=60")
	})
	if strings.Contains(log.String(), "swordfish") || strings.Contains(fmt.Sprintf("%+v", ua.Config{Credentials: []ua.Credential{{Password: "swordfish"}}}), "swordfish") {
		t.Error("the password shows")
	}
	go func() {
		m := registrar.Request(t, limit, "REGISTER")
		_ = registrar.TryRespond(m, registrar.Answering(m).Response(m, 200, "OK"))
	}()
	if err := a.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
