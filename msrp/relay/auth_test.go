package relay_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/msrp/relay"
)

// challenging answers the n-th AUTH with the n-th reply, the last one again and again. A reply is a code, or "401 " and the parameters of a challenge.
func challenging(replies ...string) func(int, auth) (int, []string) {
	return func(n int, _ auth) (int, []string) {
		reply := replies[min(n, len(replies))-1]
		switch code, rest, _ := strings.Cut(reply, " "); code {
		case "401":
			return 401, strings.Split(rest, "\r\n")
		case "200":
			return 200, append(strings.Split(rest, "\r\n"), path(n))
		case "silence":
			return 0, nil
		case "drop":
			return -1, nil
		default:
			var n int
			_, _ = fmt.Sscan(code, &n)
			return n, nil
		}
	}
}

func TestForms(t *testing.T) {
	challenge := "401 " + digest(plain)
	stale := "401 " + digest(`nonce="n2", qop="auth", algorithm=MD5, stale=TRUE`)
	tests := []struct {
		name    string
		replies []string
		forms   string
		conns   int
		err     string // "": it works
	}{
		{"R-004/no credentials before a challenge", []string{challenge, "200 X: y"}, "none uri", 1, ""},
		{"R-004/no challenge, no credentials", []string{"200 X: y"}, "none", 1, ""},
		{"R-005/a refusal of the form with uri", []string{challenge, challenge, "200 X: y"}, "none uri bare", 1, ""},
		{"R-005/a connection dropped over uri", []string{challenge, "drop", "200 X: y"}, "none uri bare", 2, ""},
		{"R-005/silence over uri", []string{challenge, "silence", "200 X: y"}, "none uri bare", 1, ""},
		{"R-005/a nonce that does not outlive its connection", []string{challenge, "drop", challenge, "200 X: y"}, "none uri bare bare", 2, ""},
		{"R-009/always 401", []string{challenge}, "none uri bare", 1, "refused the AUTH with 401"},
		{"R-009/always 401, one of them stale", []string{challenge, stale, challenge}, "none uri uri bare", 1, "refused the AUTH with 401"},
		{"R-009/always stale", []string{stale}, "none uri uri bare", 1, "refused the AUTH with 401"},
		{"R-009/403", []string{"403"}, "none", 1, "refused the AUTH with 403"},
		{"R-009/403 to credentials", []string{challenge, "403"}, "none uri", 1, "refused the AUTH with 403"},
		{"R-009/always dropped", []string{challenge, "drop"}, "none uri bare", 2, "connection lost"},
		{"R-009/always silent", []string{"silence"}, "none", 1, "no response to an AUTH"},
		{"R-006/Basic only", []string{`401 WWW-Authenticate: Basic realm="example.org"`}, "none", 1, "no way that is supported"},
		{"R-006/auth-int only", []string{"401 " + digest(`nonce="n1", qop="auth-int", algorithm=MD5`)}, "none", 1, "no way that is supported"},
		{"R-006/MD5-sess only", []string{"401 " + digest(`nonce="n1", qop="auth", algorithm=MD5-sess`)}, "none", 1, "no way that is supported"},
		{"R-006/a realm without credential", []string{`401 WWW-Authenticate: Digest realm="other", ` + plain}, "none", 1, `no credential for the relay's realm "other"`},
		{"R-008/wrong rspauth", []string{challenge, `200 Authentication-Info: qop=auth, rspauth="00"`}, "none uri", 1, "did not prove"},
		{"R-003/no Use-Path", []string{"500"}, "none", 1, "refused the AUTH with 500"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, &fake{reply: challenging(test.replies...)})
				s, _, err := r.join(&owner{})
				if f := r.forms(); f != test.forms || len(r.ends) != test.conns {
					t.Errorf("AUTHs: %s over %d connections, want %s over %d", f, len(r.ends), test.forms, test.conns)
				}
				switch {
				case test.err == "" && err != nil, test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)):
					t.Errorf("error %v, want %q", err, test.err)
				case err == nil && len(s.Path()) != 2, err != nil && len(s.Path()) != 1:
					t.Errorf("error %v, and %d URIs in the path", err, len(s.Path()))
				}
				for _, a := range r.all() {
					if a.authorization != "" && !a.good() {
						t.Errorf("credentials %s", a.authorization)
					}
				}
			})
		})
	}
}

func TestDigest(t *testing.T) {
	t.Run("R-007/the strongest algorithm", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			challenges := "401 " + digest(plain) + "\r\n" + digest(`nonce="n2", qop="auth-int,auth", algorithm=SHA-256, domain="msrp://evil"`)
			r := newRig(t, &fake{reply: challenging(challenges, "200 X: y")})
			if _, _, err := r.join(&owner{}); err != nil {
				t.Fatal(err)
			}
			a := r.all()[1]
			p := a.params()
			if p["algorithm"] != "SHA-256" || p["nonce"] != "n2" || !a.good() || p["qop"] != "auth" || p["nc"] != "00000001" || p["cnonce"] == "" ||
				!strings.Contains(a.authorization, "qop=auth,") || strings.Contains(a.authorization, "domain") || strings.Contains(a.authorization, "opaque") {
				t.Errorf("%s", a.authorization)
			}
		})
	})

	t.Run("R-005/what worked is remembered", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			challenge := "401 " + digest(plain)
			r := newRig(t, &fake{reply: challenging(challenge, challenge, "200 X: y")})
			for range 2 {
				if _, _, err := r.join(&owner{}); err != nil {
					t.Fatal(err)
				}
			}
			if f := r.forms(); f != "none uri bare bare" {
				t.Errorf("AUTHs: %s", f)
			}
		})
	})

	t.Run("R-008/nextnonce, and a nonce used again", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, &fake{reply: challenging("401 "+digest(plain), `200 Authentication-Info: nextnonce="n7"`, "200 X: y")})
			for range 3 {
				if _, _, err := r.join(&owner{}); err != nil {
					t.Fatal(err)
				}
			}
			var got []string
			for _, a := range r.all()[1:] {
				got = append(got, a.params()["nonce"]+" "+a.params()["nc"])
			}
			if fmt.Sprint(got) != "[n1 00000001 n7 00000001 n7 00000002]" {
				t.Errorf("%q", got)
			}
		})
	})

	t.Run("R-008/right rspauth", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, &fake{reply: func(n int, a auth) (int, []string) {
				if n == 1 {
					return 401, []string{digest(plain)}
				}
				p := a.params()
				proof := hash("MD5", hash("MD5", "alice", "example.org", "open sesame"), p["nonce"], p["nc"], p["cnonce"], "auth", hash("MD5", "", a.to))
				return 200, []string{`Authentication-Info: rspauth="` + proof + `"`, path(n)}
			}})
			if _, _, err := r.join(&owner{}); err != nil {
				t.Error(err)
			}
		})
	})
}

func TestUsePath(t *testing.T) {
	tests := []struct{ name, path, err string }{
		{"R-003/without port", "Use-Path: msrp://relay.example.org/t;tcp", "no port"},
		{"R-003/without session-id", "Use-Path: msrp://relay.example.org:2855;tcp", "no port or session-id"},
		{"R-010/none", "X: y", "no usable path"},
		{"R-010/not a URI", "Use-Path: relay.example.org", "no usable path"},
		{"R-013/expired", path(1) + "\r\nExpires: 0", "expired"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, &fake{reply: func(int, auth) (int, []string) { return 200, strings.Split(test.path, "\r\n") }})
				_, _, err := r.join(&owner{})
				if !errors.Is(err, relay.ErrUsePath) || !strings.Contains(err.Error(), test.err) || strings.Contains(err.Error(), "2855") {
					t.Errorf("error %v", err)
				}
			})
		})
	}
}

func TestChain(t *testing.T) {
	t.Run("R-012/two relays, each with its own challenge", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			first, second := "msrp://192.0.2.1;tcp", "msrp://relay2.example.net;tcp"
			inner, outer := "msrp://192.0.2.1:2855/in;tcp", "msrp://relay2.example.net:2855/out;tcp"
			r := newRig(t, &fake{reply: func(_ int, a auth) (int, []string) {
				switch {
				case a.authorization == "" && a.to == first:
					return 401, []string{digest(plain)}
				case a.authorization == "":
					return 401, []string{`WWW-Authenticate: Digest realm="example.net", nonce="m1", qop="auth"`}
				case a.to == first:
					return 200, []string{"Use-Path: " + inner, "Expires: 60"}
				}
				return 200, []string{"Use-Path: " + inner + " " + outer}
			}}, func(c *relay.Config) {
				c.Relays = uris(t, first+" "+second)
				c.Credentials = append(c.Credentials, relay.Credential{Username: "al", Realm: "example.net", Password: "open sesame"})
			})
			s, _, err := r.join(&owner{})
			if err != nil {
				t.Fatal(err)
			}
			var to []string
			for _, a := range r.all() {
				to = append(to, a.form()+" "+a.to)
				if a.from != s.URI().String() || a.authorization != "" && !a.good() {
					t.Errorf("from %s: %s", a.from, a.authorization)
				}
			}
			want := []string{"none " + first, "uri " + first, "none " + inner + " " + second, "uri " + inner + " " + second}
			if fmt.Sprint(to) != fmt.Sprint(want) || len(r.ends) != 1 {
				t.Errorf("%q over %d connections", to, len(r.ends))
			}
			if p := msrp.FormatPath(s.Path()); p != outer+" "+inner+" "+s.URI().String() {
				t.Errorf("path %s", p)
			}
		})
	})
}
