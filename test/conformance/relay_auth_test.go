package conformance

import (
	"strings"
	"testing"

	"github.com/parley-msrp/parley/test/peer"
)

// TestRelayAuth is about what AUTHs leave, and what comes of the responses.
func TestRelayAuth(t *testing.T) {
	t.Parallel()
	stale := strings.Replace(relayChallenge, "n1", "n2", 1) + ", stale=TRUE"
	tests := []struct {
		name   string
		script func(int, *peer.Frame) *peer.Frame
		forms  string
		conns  int
		err    string // "": the session starts
	}{
		{"R-004/AUTH, 401, AUTH with Authorization, 200", challenging, "none uri", 1, ""},
		{"R-005/a relay that refuses uri", scripted(challenge(relayChallenge), challenge(relayChallenge), granting), "none uri bare", 1, ""},
		{"R-005/a relay that closes the connection over uri", scripted(challenge(relayChallenge), dropping, granting), "none uri bare", 2, ""},
		{"R-006/Basic only", challenge(`Basic realm="relay.example"`), "none", 1, "Digest"},
		{"R-006/auth-int only", challenge(strings.Replace(relayChallenge, `"auth"`, `"auth-int"`, 1)), "none", 1, "Digest"},
		{"R-006/MD5-sess only", challenge(strings.Replace(relayChallenge, "MD5", "MD5-sess", 1)), "none", 1, "Digest"},
		{"R-007/SHA-256 before MD5", scripted(challenge(relayChallenge, strings.Replace(relayChallenge, "MD5", "SHA-256", 1)), granting), "none uri", 1, ""},
		{"R-009/always 401", challenge(relayChallenge), "none uri bare", 1, "401"},
		{"R-009/always 401, one of them stale", scripted(challenge(relayChallenge), challenge(stale), challenge(relayChallenge)), "none uri uri bare", 1, "401"},
		{"R-009/403", code(403), "none", 1, "403"},
		{"R-008/wrong rspauth", scripted(challenge(relayChallenge), func(n int, f *peer.Frame) *peer.Frame {
			return grantedPath(f, token(n), "Authentication-Info", `qop=auth, rspauth="00000000000000000000000000000000"`)
		}), "none uri", 1, "rspauth"},
	}
	for _, test := range tests {
		row(t, test.name, func(t *testing.T) {
			b := startBehind(t, test.script)
			if test.err == "" {
				b.calls(t, peerPath)
			} else if e := b.tries(t); !strings.Contains(e, test.err) || strings.Contains(e, relayPassword) {
				t.Errorf("%s, want %q in it", e, test.err)
			}
			if came, _ := b.relay.Conns(); b.relay.Forms() != test.forms || came != test.conns {
				t.Errorf("AUTHs: %s over %d connections, want %s over %d", b.relay.Forms(), came, test.forms, test.conns)
			}
			seen := map[string]bool{}
			for _, f := range b.relay.Auths() {
				if seen[f.ID] || f.Has("Authorization") && !goodCredentials(f) || strings.Contains(f.Get("Authorization"), "Basic") {
					t.Errorf("%q", f.Head)
				}
				seen[f.ID] = true
			}
			if strings.Contains(test.name, "SHA-256") && !strings.Contains(b.relay.Auths()[1].Get("Authorization"), "SHA-256") {
				t.Errorf("%q", b.relay.Auths()[1].Head)
			}
			if strings.Contains(b.Log(), "sesame") || strings.Contains(b.Log(), "/token") {
				t.Error("the log holds a secret")
			}
		})
	}

	row(t, "R-005/R-008/what worked is remembered, and a nonce used again counts on", func(t *testing.T) {
		b := startBehind(t, scripted(challenge(relayChallenge), challenge(relayChallenge), granting))
		b.calls(t, peerPath)
		b.calls(t, peerPath)
		auths := b.relay.Auths()
		if b.relay.Forms() != "none uri bare bare" {
			t.Fatalf("AUTHs: %s", b.relay.Forms())
		}
		for i, nc := range []string{"00000001", "00000001", "00000002"} {
			if p := peer.DigestParams(auths[i+1].Get("Authorization")); p["nc"] != nc {
				t.Errorf("nc %s in AUTH %d, want %s", p["nc"], i+2, nc)
			}
		}
	})

	row(t, "R-008/nextnonce", func(t *testing.T) {
		b := startBehind(t, scripted(challenge(relayChallenge), func(n int, f *peer.Frame) *peer.Frame {
			return grantedPath(f, token(n), "Authentication-Info", `nextnonce="n7"`)
		}))
		b.calls(t, peerPath)
		b.calls(t, peerPath)
		p := peer.DigestParams(b.relay.Auths()[2].Get("Authorization"))
		if b.relay.Forms() != "none uri uri" || p["nonce"] != "n7" || p["nc"] != "00000001" {
			t.Errorf("AUTHs: %s, %v", b.relay.Forms(), p)
		}
	})

	row(t, "R-013/Expires within the bounds of a 423", func(t *testing.T) {
		b := startBehind(t, func(n int, f *peer.Frame) *peer.Frame {
			if f.Get("Expires") == "" {
				return f.Reply(423, "Interval Out-of-Bounds").Add("Min-Expires", "600")
			}
			return grantedPath(f, token(n), "Expires", f.Get("Expires"))
		})
		b.calls(t, peerPath)
		if auths := b.relay.Auths(); len(auths) != 2 || auths[1].Get("Expires") != "600" {
			t.Errorf("%d AUTHs, the last one %q", len(auths), auths[len(auths)-1].Head)
		}
	})

	row(t, "R-009/an answered call is refused where the relay refuses", func(t *testing.T) {
		b := startBehind(t, code(403))
		a := peer.NewAgent(t, "udp", b.SIP)
		d := a.NewDialog("bob")
		_, r := d.Call(t, patience(), peer.Offer("*", peerPath))
		if r.Code() != 480 || !strings.Contains(r.Get("Warning"), "relay") || len(b.relay.Auths()) != 1 {
			t.Errorf("%s, Warning %q, %d AUTHs", r.Start, r.Get("Warning"), len(b.relay.Auths()))
		}
	})
}
