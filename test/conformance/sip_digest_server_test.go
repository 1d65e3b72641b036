package conformance

import (
	"crypto/md5"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/test/conformance/node"
	"github.com/parley-msrp/parley/test/peer"
)

// usersFile writes a file of users: alice with a password, bob with a SHA-256 hash, carol with an MD5 hash.
func usersFile(t *testing.T, carol bool) string {
	t.Helper()
	text := "# users\nalice:example.org:swordfish\n" + fmt.Sprintf("bob:example.org:%x\n", sha256.Sum256([]byte("bob:example.org:swordfish")))
	if carol {
		text += fmt.Sprintf("carol:example.org:%x\n", md5.Sum([]byte("carol:example.org:swordfish")))
	}
	path := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// asking is a node whose UDP listener asks for credentials.
func asking(t *testing.T, more string) *node.Node {
	t.Helper()
	return start(t, node.Config{More: fmt.Sprintf("auth:\n  users: %q\n  realm: example.org\n  listeners: [\"udp:HOST:5060\"]\n%s", usersFile(t, strings.Contains(more, "md5")), more)})
}

// challengesOf checks the challenges of a 401, and returns them.
func challengesOf(t *testing.T, r *peer.Message, algorithms ...string) []string {
	t.Helper()
	values := r.All("WWW-Authenticate")
	if r.Code() != 401 || len(values) != len(algorithms) {
		t.Fatalf("want 401 with %d challenges:\n%s", len(algorithms), r.Raw)
	}
	for i, v := range values {
		p := peer.DigestParams(v)
		if p["realm"] != "example.org" || p["algorithm"] != algorithms[i] || p["qop"] != "auth" || len(p["nonce"]) < 16 {
			t.Errorf("challenge %s", v)
		}
	}
	return values
}

// TestDigestServer is about the credentials that the program under test asks for.
func TestDigestServer(t *testing.T) {
	t.Parallel()
	offer := peer.Offer("*", deadPath)
	route := `
def request(msg):
    user = challenge("example.org")
    reject(480, "%s %s %s" % (user, msg.identity, msg.identity_by))
`
	routed := func(t *testing.T, more string) *node.Node {
		t.Helper()
		return start(t, node.Config{Route: route, More: fmt.Sprintf("auth:\n  users: %q\n%s", usersFile(t, strings.Contains(more, "md5")), more)})
	}
	dialog := func(t *testing.T, n *node.Node, proto string) *peer.Dialog {
		t.Helper()
		return newAgent(t, n, proto).NewDialog("bob")
	}

	n := routed(t, "")
	for _, proto := range []string{"udp", "tcp"} {
		row(t, "S-028/one SHA-256 challenge over "+proto, func(t *testing.T) {
			d := dialog(t, n, proto)
			r := placed(t, d, d.Invite(offer), 401)
			ch := challengesOf(t, r, "SHA-256")[0]
			for i, user := range []string{"alice", "bob"} {
				m := d.Invite(offer)
				r := placed(t, d, m.Add("Authorization", peer.Credentials(ch, i+1, user, "swordfish", m)), 480)
				if want := fmt.Sprintf("SIP/2.0 480 %s %s digest", user, user); r.Start != want {
					t.Errorf("%s, want %s", r.Start, want)
				}
			}
		})
	}
	row(t, "S-028/what is refused", func(t *testing.T) {
		d := dialog(t, n, "udp")
		ch := challengesOf(t, placed(t, d, d.Invite(offer), 401), "SHA-256")[0]
		for name, header := range map[string]func(m *peer.Message) string{
			"wrong password": func(m *peer.Message) string { return peer.Credentials(ch, 1, "alice", "Swordfish", m) },
			"unknown user":   func(m *peer.Message) string { return peer.Credentials(ch, 1, "eve", "swordfish", m) },
			"MD5, not offered": func(m *peer.Message) string {
				return peer.Credentials(strings.Replace(ch, "SHA-256", "MD5", 1), 1, "alice", "swordfish", m)
			},
			"Basic": func(*peer.Message) string { return "Basic YWxpY2U6c3dvcmRmaXNo" },
			"no qop": func(m *peer.Message) string {
				return peer.Credentials(strings.Replace(ch, "auth", "", 1), 1, "alice", "swordfish", m)
			},
		} {
			m := d.Invite(offer)
			if got := challengesOf(t, placed(t, d, m.Add("Authorization", header(m)), 401), "SHA-256")[0]; strings.Contains(got, "stale") {
				t.Errorf("%s: %s", name, got)
			}
		}
	})
	row(t, "S-028/a nonce counts once with each nc", func(t *testing.T) {
		d := dialog(t, n, "udp")
		ch := challengesOf(t, placed(t, d, d.Invite(offer), 401), "SHA-256")[0]
		m := d.Invite(offer)
		shown := peer.Credentials(ch, 1, "alice", "swordfish", m)
		placed(t, d, m.Add("Authorization", shown), 480)
		again := challengesOf(t, placed(t, d, d.Invite(offer).Add("Authorization", shown), 401), "SHA-256")[0]
		if !strings.Contains(again, "stale=true") || peer.DigestParams(again)["nonce"] == peer.DigestParams(ch)["nonce"] {
			t.Errorf("replayed: %s", again)
		}
	})
	row(t, "S-028/MD5 below SHA-256 when configured", func(t *testing.T) {
		d := dialog(t, routed(t, "  md5: true\n"), "udp")
		ch := challengesOf(t, placed(t, d, d.Invite(offer), 401), "SHA-256", "MD5")
		m := d.Invite(offer)
		placed(t, d, m.Add("Authorization", peer.Credentials(ch[1], 1, "carol", "swordfish", m)), 480)
	})
	row(t, "S-028/an expired nonce is stale", func(t *testing.T) {
		d := dialog(t, routed(t, "  nonce_lifetime: 0.000001\n"), "udp")
		ch := challengesOf(t, placed(t, d, d.Invite(offer), 401), "SHA-256")[0]
		m := d.Invite(offer)
		if again := challengesOf(t, placed(t, d, m.Add("Authorization", peer.Credentials(ch, 1, "alice", "swordfish", m)), 401), "SHA-256")[0]; !strings.Contains(again, "stale=true") {
			t.Errorf("%s", again)
		}
		m = d.Invite(offer)
		if again := challengesOf(t, placed(t, d, m.Add("Authorization", peer.Credentials(ch, 1, "alice", "wrong", m)), 401), "SHA-256")[0]; strings.Contains(again, "stale") {
			t.Errorf("wrong and old: %s", again)
		}
	})

	guarded := asking(t, "")
	row(t, "S-028/a listener that asks", func(t *testing.T) {
		d := dialog(t, guarded, "udp")
		challengesOf(t, d.Agent.Ask(t, patience(), d.Request("OPTIONS")), "SHA-256")
		challengesOf(t, d.Agent.Ask(t, patience(), d.Request("FOO")), "SHA-256")
		ch := challengesOf(t, placed(t, d, d.Invite(offer), 401), "SHA-256")[0]
		m := d.Invite(offer)
		r := d.Place(t, patience(), m.Add("Authorization", peer.Credentials(ch, 1, "alice", "swordfish", m)))
		if r.Code() != 200 {
			t.Fatalf("%s", r.Start)
		}
		d.Ack(t) // nobody can be asked in an ACK
		id := sessionID(peer.ParseSDP(r.Body).Media[0].Path())
		e := guarded.Await(t, id, "E_MSRP_SESSION_NEW", 1)[0]
		if e.Text("identity") != "alice" || e.Text("identity_by") != "digest" || e.Text("identity_realm") != "example.org" {
			t.Errorf("%s", e.Raw)
		}
		challengesOf(t, d.Bye(t, patience()), "SHA-256")
		other := d.Request("BYE").Del("Contact")
		if r := d.Agent.Ask(t, patience(), other.Add("Authorization", peer.Credentials(ch, 2, "bob", "swordfish", other))); r.Code() != 403 {
			t.Errorf("BYE of another user: %s", r.Start)
		}
		bye := d.Request("BYE").Del("Contact")
		if r := d.Agent.Ask(t, patience(), bye.Add("Authorization", peer.Credentials(ch, 3, "alice", "swordfish", bye))); r.Code() != 200 {
			t.Errorf("BYE: %s", r.Start)
		}
	})
	row(t, "S-028/neither by TCP", func(t *testing.T) {
		d := dialog(t, guarded, "tcp")
		challengesOf(t, placed(t, d, d.Invite(offer), 401), "SHA-256")
	})
	row(t, "S-028/CANCEL is not challenged", func(t *testing.T) {
		d := dialog(t, guarded, "udp")
		m := d.Invite(offer)
		challengesOf(t, d.Agent.Ask(t, patience(), m), "SHA-256")
		if r := d.Agent.Ask(t, patience(), peer.Cancel(m)); r.Code() != 200 {
			t.Errorf("%s", r.Start)
		}
		d.Agent.Send(t, peer.AckRefusal(m, d.Response(m, 401, "Unauthorized")))
	})
	row(t, "S-028/whom this side called is not challenged", func(t *testing.T) {
		c := started(t, guarded, setup{})
		c.bye(t)
	})
	row(t, "S-028/MD5 hashes need MD5", func(t *testing.T) {
		all := asking(t, "  md5: true\n")
		d := dialog(t, all, "udp")
		values := challengesOf(t, placed(t, d, d.Invite(offer), 401), "SHA-256", "MD5")
		if slices.Equal(values[:1], values[1:]) {
			t.Error("the same challenge twice")
		}
	})
}
