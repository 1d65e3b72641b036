package auth

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

var keys = []Credential{{"Mufasa", "http-auth@example.org", "Circle of Life"}, {"bob", "b", "secret"}}

// TestResponse holds the computation to the example of RFC 7616 §3.9.1.
func TestResponse(t *testing.T) {
	for a, want := range map[Algorithm]string{
		MD5:    "8ca523f5e9506fed4657c9700eebdbec",
		SHA256: "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
	} {
		p := proof{
			algorithm: a, ha1: a.hashA1("Mufasa", "http-auth@example.org", "Circle of Life"), nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
			qop: "auth", cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", nc: 1, request: Request{Method: "GET", URI: "/dir/index.html"},
		}
		if got := p.response(); got != want {
			t.Errorf("%v: %s, want %s", a, got, want)
		}
	}
}

func TestClient(t *testing.T) {
	invite := Request{Method: "INVITE", URI: "sip:x@example.org"}
	one := func(head string) Challenges { return Challenges{WWW: []string{head}} }
	for _, c := range []struct {
		name string
		ch   Challenges
		want []string // header names and what the values hold; nil: nothing can be answered
	}{
		{"S-027/SHA-256 before MD5: the topmost counts", Challenges{WWW: []string{`Digest realm="b", nonce="1", algorithm=SHA-256, qop="auth"`, `Digest realm="b", nonce="2", algorithm=MD5, qop="auth"`}}, []string{`Authorization: algorithm=SHA-256, qop=auth, nc=00000001`}},
		{"S-027/MD5 on top counts too", Challenges{WWW: []string{`Digest realm="b", nonce="2", qop="auth"`, `Digest realm="b", nonce="1", algorithm=SHA-256, qop="auth"`}}, []string{`Authorization: nonce="2"`}},
		{"S-027/an unknown algorithm is passed over", Challenges{WWW: []string{`Digest realm="b", nonce="1", algorithm=FOO, qop="auth"`, `Digest realm="b", nonce="2", algorithm=MD5`}}, []string{`Authorization: nonce="2"`}},
		{"S-027/another scheme is passed over", Challenges{WWW: []string{`Basic realm="b"`, `Bearer x`, `Digest realm="b", nonce="2"`}}, []string{`Authorization: nonce="2"`}},
		{"S-027/two realms get two headers", Challenges{Proxy: []string{`Digest realm="b", nonce="1"`, `Digest realm="http-auth@example.org", nonce="2"`}}, []string{`Proxy-Authorization: realm="b"`, `Proxy-Authorization: realm="http-auth@example.org"`}},
		{"S-027/both kinds in one response", Challenges{WWW: []string{`Digest realm="b", nonce="1"`}, Proxy: []string{`Digest realm="b", nonce="2"`}}, []string{`Authorization: nonce="1"`, `Proxy-Authorization: nonce="2"`}},
		{"S-027/only the realms that credentials are held for", Challenges{Proxy: []string{`Digest realm="x", nonce="1"`, `Digest realm="b", nonce="2"`}}, []string{`Proxy-Authorization: realm="b"`}},
		{"S-027/no qop in the challenge, none in the answer", one(`Digest realm="b", nonce="2", algorithm=MD5`), []string{`Authorization: !qop`}},
		{"S-027/qop in the challenge, one in the answer", one(`Digest realm="b", nonce="2", qop="auth-int, auth"`), []string{`Authorization: qop=auth, `}},
		{"auth-int alone", one(`Digest realm="b", nonce="2", qop="auth-int"`), []string{`Authorization: qop=auth-int, `}},
		{"a qop that is not known", one(`Digest realm="b", nonce="2", qop="foo"`), nil},
		{"any case and any blanks", one("dIGEST\t Realm = \"b\" ,\tNONCE=\"2\",opaque=\"o,=p\",x-new=1_2"), []string{`Authorization: opaque="o,=p"`}},
		{"escapes stay as they are", one(`Digest realm="b", nonce="a\"b\\"`), []string{`Authorization: nonce="a\"b\\"`}},
		{"no credentials for the realm", one(`Digest realm="c", nonce="2"`), nil},
		{"no nonce", one(`Digest realm="b"`), nil},
		{"no realm", one(`Digest nonce="b"`), nil},
		{"a quote without end", one(`Digest realm="b, nonce="2`), nil},
		{"a parameter twice", one(`Digest realm="b", realm="b", nonce="2"`), nil},
		{"nothing at all", Challenges{}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, try := NewClient(keys), Try{}
			if got := client.Challenged(&try, c.ch); got != (c.want != nil) {
				t.Fatalf("worth another try: %t", got)
			}
			h := client.Headers(invite)
			if len(h) != len(c.want) {
				t.Fatalf("%v, want %v", h, c.want)
			}
			for i, want := range c.want {
				name, part, _ := strings.Cut(want, ": ")
				absent, not := strings.CutPrefix(part, "!")
				if h[i].Name != name || strings.Contains(h[i].Value, absent) == not {
					t.Errorf("%v, want %s", h[i], want)
				}
			}
		})
	}
}

func TestClientTries(t *testing.T) {
	const fresh, stale = `Digest realm="b", nonce="%d"`, `Digest realm="b", nonce="%d", stale=true`
	for name, c := range map[string]struct {
		answers []string
		tries   int // how many of them are followed by another try
	}{
		"S-027/refused credentials are not repeated":           {[]string{fresh, fresh}, 1},
		"S-027/a stale nonce is replaced":                      {[]string{fresh, stale}, 2},
		"S-027/a stale nonce is replaced once":                 {[]string{fresh, stale, stale}, 2},
		"S-027/stale at first is a challenge as any other":     {[]string{stale, fresh}, 1},
		"S-027/the credentials of an earlier request may fail": {[]string{stale, stale, stale}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			client, try, n := NewClient(keys), Try{}, 0
			for i, a := range c.answers {
				if !client.Challenged(&try, Challenges{WWW: []string{fmt.Sprintf(a, i)}}) {
					break
				}
				n++
			}
			if n != c.tries {
				t.Errorf("%d tries, want %d", n, c.tries)
			}
		})
	}
	t.Run("later requests count the nonce up", func(t *testing.T) {
		client, try := NewClient(keys), Try{}
		client.Challenged(&try, Challenges{WWW: []string{`Digest realm="b", nonce="1", qop="auth"`}})
		for n := 1; n < 20; n++ {
			if h := client.Headers(Request{Method: "BYE", URI: "sip:x"}); !strings.Contains(h[0].Value, fmt.Sprintf("nc=%08x,", n)) {
				t.Errorf("%v, want count %d", h, n)
			}
		}
	})
	t.Run("many realms are bounded", func(t *testing.T) {
		var ch Challenges
		var all []Credential
		for i := range 100 {
			all = append(all, Credential{"u", fmt.Sprint(i), "p"})
			ch.WWW = append(ch.WWW, fmt.Sprintf(`Digest realm="%d", nonce="n"`, i))
		}
		client := NewClient(all)
		client.Challenged(new(Try), ch)
		if n := len(client.Headers(Request{})); n != maxRealms {
			t.Errorf("%d headers", n)
		}
	})
}

func TestCredential(t *testing.T) {
	c, err := ParseCredential("alice:example.org:se:cret")
	if err != nil || c.Username != "alice" || c.Realm != "example.org" || c.Password != "se:cret" {
		t.Fatalf("%v, %v", c, err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "credential", c, "list", []Credential{c}, "secret", Secret{Password: "se:cret"})
	for _, shown := range []string{fmt.Sprint(c), fmt.Sprintf("%v %+v %#v %s", c, c, c, &c), fmt.Sprintf("%+v", []Credential{c}), fmt.Sprintf("%v %+v %#v", Secret{Password: "se:cret"}, Secret{MD5: "se:cret"}, Secret{SHA256: "se:cret"}), log.String()} {
		if strings.Contains(shown, "se:cret") {
			t.Errorf("shows the password: %s", shown)
		}
	}
	for _, bad := range []string{"", "alice", "alice:swordfish", ":realm:swordfish", "alice::swordfish", `al"ice:realm:swordfish`, "alice:re\\alm:swordfish", "alice:re\nalm:swordfish"} {
		if _, err := ParseCredential(bad); err == nil || strings.Contains(err.Error(), "swordfish") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzChallenge(f *testing.F) {
	f.Add(`Digest realm="b", nonce="1", algorithm=SHA-256, qop="auth,auth-int", stale=true, opaque="\"\\"`, "")
	f.Add(`Digest realm=b,nonce=1`, `Digest realm="b", nonce="2", userhash=true`)
	f.Fuzz(func(t *testing.T, www, proxy string) {
		client := NewClient(keys)
		if !client.Challenged(new(Try), Challenges{WWW: []string{www}, Proxy: []string{proxy}}) {
			return
		}
		for _, h := range client.Headers(Request{Method: "INVITE", URI: "sip:x"}) {
			if strings.ContainsAny(h.Value, "\r\n") {
				t.Errorf("%q breaks the line", h.Value)
			}
			if _, ok := parseDigest(h.Value); !ok {
				t.Errorf("%q cannot be read back", h.Value)
			}
		}
	})
}
