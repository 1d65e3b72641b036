package auth

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func known(username, realm string) (Secret, bool) {
	switch username {
	case "bob":
		return Secret{Password: "secret"}, realm == "b"
	case "old":
		return Secret{MD5: MD5.hashA1("old", "b", "secret")}, true
	case "new":
		return Secret{SHA256: SHA256.hashA1("new", "b", "secret")}, true
	}
	return Secret{}, false
}

// ask answers a challenge as a client does.
func ask(challenges []string, username, password, method string) (client *Client, header string) {
	c := NewClient([]Credential{{username, "b", password}})
	if !c.Challenged(new(Try), Challenges{WWW: challenges}) {
		return c, ""
	}
	return c, c.Headers(Request{Method: method, URI: "sip:x@b"})[0].Value
}

func TestServer(t *testing.T) {
	verify := func(t *testing.T, s *Server, header string, want Verdict) {
		t.Helper()
		if got := s.Verify("b", "INVITE", []string{`Digest realm="other", nonce="x"`, header}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	t.Run("S-028/one SHA-256 challenge by default, MD5 below it when configured", func(t *testing.T) {
		plain := NewServer(ServerConfig{Lookup: known}).Challenge("b", false)
		both := NewServer(ServerConfig{Lookup: known, MD5: true}).Challenge("b", true)
		if len(plain) != 1 || !strings.Contains(plain[0], "algorithm=SHA-256") || len(both) != 2 || !strings.Contains(both[0], "algorithm=SHA-256") || !strings.Contains(both[1], "algorithm=MD5") {
			t.Errorf("%q, %q", plain, both)
		}
		for _, v := range append(plain, both...) {
			if !strings.HasPrefix(v, "Digest ") || !strings.Contains(v, `qop="auth"`) || strings.Contains(v, "stale=true") != (len(v) > len(plain[0]) || v == both[1]) {
				t.Errorf("%s", v)
			}
		}
	})
	for _, c := range []struct {
		name, username, password string
		md5                      bool
		want                     string
	}{
		{"password", "bob", "secret", false, "bob"},
		{"hash", "new", "secret", false, "new"},
		{"wrong password", "bob", "Secret", false, ""},
		{"wrong password for a hash", "new", "Secret", false, ""},
		{"no such user", "eve", "", true, ""},
		{"an MD5 hash where SHA-256 is asked for", "old", "secret", true, ""},
	} {
		t.Run("S-028/"+c.name, func(t *testing.T) {
			s := NewServer(ServerConfig{Lookup: known, MD5: c.md5})
			_, h := ask(s.Challenge("b", false), c.username, c.password, "INVITE")
			verify(t, s, h, Verdict{Username: c.want})
		})
	}
	t.Run("S-028/MD5", func(t *testing.T) {
		s := NewServer(ServerConfig{Lookup: known, MD5: true})
		_, h := ask(s.Challenge("b", false)[1:], "old", "secret", "INVITE")
		verify(t, s, h, Verdict{Username: "old"})
		_, h = ask(s.Challenge("b", false)[1:], "bob", "secret", "INVITE")
		verify(t, s, strings.Replace(h, ", algorithm=MD5", "", 1), Verdict{Username: "bob"})
	})
	t.Run("S-028/MD5 that was not offered", func(t *testing.T) {
		s := NewServer(ServerConfig{Lookup: known})
		_, h := ask([]string{strings.Replace(s.Challenge("b", false)[0], "SHA-256", "MD5", 1)}, "bob", "secret", "INVITE")
		verify(t, s, h, Verdict{})
	})
	t.Run("S-028/no user without a secret", func(t *testing.T) {
		s := NewServer(ServerConfig{Lookup: func(string, string) (Secret, bool) { return Secret{}, true }})
		_, h := ask(s.Challenge("b", false), "bob", "", "INVITE")
		verify(t, s, h, Verdict{})
	})
	t.Run("S-028/what does not fit the challenge", func(t *testing.T) {
		s := NewServer(ServerConfig{Lookup: known})
		_, good := ask(s.Challenge("b", false), "bob", "secret", "INVITE")
		for _, change := range [][2]string{
			{"qop=auth,", "qop=auth-int,"},
			{"qop=auth, nc=00000001,", ""},
			{"nc=00000001", "nc=1"},
			{"nc=00000001", "nc=00000000"},
			{"nc=00000001", "nc=-0000001"},
			{"nc=00000001", "nc=ffffffff"},
			{"nc=00000001", "nc=00000002"},
			{"Digest", "Basic"},
			{`uri="sip:x@b"`, `uri="sip:y@b"`},
			{`username="bob"`, `username="new"`},
		} {
			bad := strings.Replace(good, change[0], change[1], 1)
			if bad == good {
				t.Fatalf("%s has no %s", good, change[0])
			}
			verify(t, s, bad, Verdict{})
		}
		if got := s.Verify("b", "BYE", []string{good}); got != (Verdict{}) {
			t.Errorf("of another method: %+v", got)
		}
		if got := s.Verify("c", "INVITE", []string{good}); got != (Verdict{}) {
			t.Errorf("of another realm: %+v", got)
		}
		verify(t, s, good, Verdict{Username: "bob"})
	})
	t.Run("S-028/the same nonce needs another nc", func(t *testing.T) {
		s := NewServer(ServerConfig{Lookup: known})
		c, first := ask(s.Challenge("b", false), "bob", "secret", "INVITE")
		later := make([]string, 80)
		for i := range later {
			later[i] = c.Headers(Request{Method: "INVITE", URI: "sip:x@b"})[0].Value
		}
		verify(t, s, later[3], Verdict{Username: "bob"})
		verify(t, s, later[3], Verdict{Stale: true})
		verify(t, s, first, Verdict{Username: "bob"}) // overtaken
		verify(t, s, first, Verdict{Stale: true})
		verify(t, s, later[79], Verdict{Username: "bob"})
		verify(t, s, later[3], Verdict{Stale: true}) // too far back to tell
		verify(t, s, later[5], Verdict{Stale: true})
		verify(t, s, later[78], Verdict{Username: "bob"})
		verify(t, s, later[78], Verdict{Stale: true})
	})
	t.Run("S-028/an expired nonce is stale", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := NewServer(ServerConfig{Lookup: known, NonceLifetime: time.Minute})
			c, h := ask(s.Challenge("b", false), "bob", "secret", "INVITE")
			next := func() string { return c.Headers(Request{Method: "INVITE", URI: "sip:x@b"})[0].Value }
			verify(t, s, h, Verdict{Username: "bob"})
			for range 5 {
				time.Sleep(12 * time.Second)
				verify(t, s, h, Verdict{Stale: true})
				verify(t, s, next(), Verdict{Username: "bob"})
			}
			time.Sleep(time.Second)
			verify(t, s, next(), Verdict{Stale: true})
			_, wrong := ask(s.Challenge("b", false), "bob", "wrong", "INVITE")
			time.Sleep(2 * time.Minute)
			verify(t, s, wrong, Verdict{})
		})
	})
	t.Run("S-028/a nonce of another process is stale", func(t *testing.T) {
		s := NewServer(ServerConfig{Lookup: known})
		_, h := ask(NewServer(ServerConfig{Lookup: known}).Challenge("b", false), "bob", "secret", "INVITE")
		verify(t, s, h, Verdict{Stale: true})
		_, h = ask([]string{`Digest realm="b", nonce="mine", algorithm=SHA-256, qop="auth"`}, "bob", "secret", "INVITE")
		verify(t, s, h, Verdict{Stale: true})
	})
	t.Run("S-028/memory is bounded, and replays are refused beyond it", func(t *testing.T) {
		s := NewServer(ServerConfig{Lookup: known, MaxNonces: 10})
		var old []string
		for range 35 {
			_, h := ask(s.Challenge("b", false), "bob", "secret", "INVITE")
			verify(t, s, h, Verdict{Username: "bob"})
			old = append(old, h)
			if n := len(s.nonces.current) + len(s.nonces.previous); n > 20 {
				t.Fatalf("%d nonces kept", n)
			}
		}
		for _, h := range old {
			verify(t, s, h, Verdict{Stale: true})
		}
	})
}

func TestUsers(t *testing.T) {
	load := func(text string) (*Users, error) {
		path := filepath.Join(t.TempDir(), "users")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return LoadUsers(path)
	}
	md5Hash, shaHash := strings.Repeat("aB", 16), strings.Repeat("cD", 32)
	u, err := load("# people\n\nalice:example.org:pass:word\r\nbob:example.org:" + md5Hash + "\nbob:example.org:" + shaHash + "\ncarol:example.org:plain:" + md5Hash + "\ndave:example.org:" + md5Hash)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]Secret{
		"alice": {Password: "pass:word"}, "bob": {MD5: strings.ToLower(md5Hash), SHA256: strings.ToLower(shaHash)}, "carol": {Password: md5Hash},
	} {
		if got, found := u.Lookup(name, "example.org"); !found || got != want {
			t.Errorf("%s: %t", name, found)
		}
	}
	if _, found := u.Lookup("alice", "example.com"); found {
		t.Error("a user of another realm")
	}
	if n := u.OnlyMD5(); n != 1 {
		t.Errorf("%d users have an MD5 hash only", n)
	}
	for text, want := range map[string]string{
		"a:b:swordfish\nswordfish\n":                ":2: the line is not of the form username:realm:secret",
		"a:b:\n":                                    ":1: the secret is empty",
		"a:b:plain:\n":                              ":1: the secret is empty",
		"a:b:swordfish\na:b:swordfish\n":            ":2: this user has a secret of this kind on a line before",
		`sword"fish:b:c`:                            ":1: the line has a quotation mark",
		strings.Repeat("a:b:c\n", maxUsersFile/6+1): "at most",
	} {
		if _, err := load(text); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "swordfish") {
			t.Errorf("%.20q: %v, want %s", text, err, want)
		}
	}
}

func FuzzVerify(f *testing.F) {
	s := NewServer(ServerConfig{Lookup: known, MD5: true})
	_, h := ask(s.Challenge("b", false), "bob", "secret", "INVITE")
	f.Add(h)
	f.Add(fmt.Sprintf(`Digest username="bob", realm="b", nonce="%s", uri="x", response="", qop=auth, nc=00000001, cnonce="x"`, strings.Repeat("A", 48)))
	f.Fuzz(func(t *testing.T, header string) {
		if header != h && s.Verify("b", "INVITE", []string{header}).Username != "" && !strings.Contains(header, "response") {
			t.Errorf("%q is taken", header)
		}
	})
}
