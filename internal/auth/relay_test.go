package auth

import (
	"errors"
	"strings"
	"testing"
)

// TestRelayClient recomputes an AUTH whose values are known.
func TestRelayClient(t *testing.T) {
	c := NewRelayClient([]Credential{{Username: "alice", Realm: "relay.example.org", Password: "open sesame"}})
	if c.Ready() {
		t.Error("credentials without a challenge")
	}
	stale, err := c.Challenged([]string{`Digest realm="relay.example.org", qop="auth", nonce="3f1c0aa97be24d58", algorithm=MD5`})
	if err != nil || stale || !c.Ready() {
		t.Fatal(stale, err)
	}
	const uri = "msrps://alice@relay.example.org;tcp"
	c.Authorization(uri, false)
	c.sent.cnonce = "d41c77"
	if got := c.sent.response(); got != "3f4b15be0891f00b635979816794fe9f" {
		t.Errorf("response %s", got)
	}
	info := `qop=auth,rspauth="a147d9f04f06b6d5fdca54c516004b6d",cnonce="d41c77",nc=00000001,nextnonce="b08e6d1155fa93c2"`
	if err := c.Accepted(info); err != nil {
		t.Error(err)
	}
	if v := c.Authorization(uri, true); !strings.Contains(v, `nonce="b08e6d1155fa93c2"`) || !strings.Contains(v, "nc=00000001") || strings.Contains(v, "uri=") {
		t.Errorf("%s", v)
	}
	if err := c.Accepted(info); !errors.Is(err, ErrRelayProof) || c.Ready() {
		t.Errorf("%v", err)
	}
}

// FuzzRelayClient feeds it what a relay sends. Credentials hold no line break and keep their quotes, whatever was challenged.
func FuzzRelayClient(f *testing.F) {
	f.Add(`Digest realm="relay.example.org", qop="auth", nonce="n", algorithm=MD5, opaque="o", stale=true`, `rspauth="x", nextnonce="y"`)
	f.Add(`Digest realm="relay.example.org", nonce="a\\"b", qop="auth,auth-int"`, `nextnonce=""`)
	f.Add(`Basic realm="relay.example.org"`, ``)
	f.Fuzz(func(t *testing.T, challenge, info string) {
		c := NewRelayClient([]Credential{{Username: "alice", Realm: "relay.example.org", Password: "open sesame"}})
		if _, err := c.Challenged(strings.Split(challenge, "\n")); (err == nil) != c.Ready() {
			t.Fatalf("error %v, ready %v", err, c.Ready())
		}
		for range 2 {
			if !c.Ready() {
				return
			}
			v := c.Authorization("msrp://relay.example.org;tcp", false)
			if p, ok := parseDigest(v); !ok || p["qop"] != "auth" || p["username"] != "alice" || strings.ContainsAny(v, "\r\n") || strings.Contains(v, "sesame") {
				t.Fatalf("credentials %q", v)
			}
			if c.Accepted(info) != nil {
				return
			}
		}
	})
}
