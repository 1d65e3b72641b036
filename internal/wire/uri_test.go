package wire

import (
	"errors"
	"strings"
	"testing"
)

func TestParseURI(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     URI
	}{
		{"M-032/everything there is", "msrps://u@h.example:1/a=b+c/d;tcp;x=1", URI{true, "u", "h.example", 1, "a=b+c/d", "tcp", ";x=1"}},
		{"M-032/as little as there can be", "msrp://h;tcp", URI{Host: "h", Transport: "tcp"}},
		{"M-032/relay without session-id", "msrps://alice@relay.example.org;tcp", URI{Secure: true, User: "alice", Host: "relay.example.org", Transport: "tcp"}},
		{"M-032/unreserved characters in the session-id", "msrp://h:2855/-._~aZ9;tcp", URI{Host: "h", Port: 2855, SessionID: "-._~aZ9", Transport: "tcp"}},
		{"M-032/parameters without value", "msrp://h/a;tcp;x;y=z", URI{Host: "h", SessionID: "a", Transport: "tcp", Params: ";x;y=z"}},
		{"M-033/tcp and port", "msrp://127.0.0.1:2855/9fbf724ab10d2f50b5d05646629761cb;tcp", URI{Host: "127.0.0.1", Port: 2855, SessionID: "9fbf724ab10d2f50b5d05646629761cb", Transport: "tcp"}},
		{"M-034/IPv6 in brackets", "msrp://[2001:db8::1]:2855/ab;tcp", URI{Host: "2001:db8::1", Port: 2855, SessionID: "ab", Transport: "tcp"}},
		{"M-034/an address without port is of the grammar", "msrp://192.0.2.1/ab;tcp", URI{Host: "192.0.2.1", SessionID: "ab", Transport: "tcp"}},
		{"M-036/coded letter in the host", "msrp://%61lice.example:1/a;tcp", URI{Host: "alice.example", Port: 1, SessionID: "a", Transport: "tcp"}},
		{"M-036/coded slash in the userinfo stays", "msrp://a%2Fb@h:1/a;tcp", URI{User: "a%2Fb", Host: "h", Port: 1, SessionID: "a", Transport: "tcp"}},
		{"M-042/another transport", "msrps://x.invalid:2855/b;ws", URI{Secure: true, Host: "x.invalid", Port: 2855, SessionID: "b", Transport: "ws"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			u, err := ParseURI(c.in)
			if err != nil || u != c.want {
				t.Fatalf("%+v, error %v, want %+v", u, err, c.want)
			}
			if !strings.Contains(c.in, "%61") && u.String() != c.in {
				t.Errorf("printed as %q", u.String())
			}
		})
	}
}

func TestParseURIRefuses(t *testing.T) {
	for _, c := range []struct{ name, in, part string }{
		{"M-032/nothing", "", "scheme"},
		{"M-032/another scheme", "http://h:1/a;tcp", "scheme"},
		{"M-032/scheme alone", "msrp://", "host"},
		{"M-032/no slashes", "msrp:h:1/a;tcp", "scheme"},
		{"M-032/no transport", "msrp://h:1/a", "transport"},
		{"M-032/empty transport", "msrp://h:1/a;", "transport"},
		{"M-032/transport with a value", "msrp://h:1/a;tcp=x", "transport"},
		{"M-032/empty session-id", "msrp://h:1/;tcp", "session-id"},
		{"M-032/coded session-id", "msrp://h:1/%61;tcp", "session-id"},
		{"M-032/query", "msrp://h:1/a?b;tcp", "session-id"},
		{"M-032/blank in the host", "msrp://h h:1/a;tcp", "host"},
		{"M-032/blank behind", "msrp://h:1/a;tcp ", "transport"},
		{"M-032/two URIs", "msrp://h:1/a;tcp msrp://h:1/b;tcp", "transport"},
		{"M-032/empty host", "msrp://:1/a;tcp", "host"},
		{"M-032/half a percent code", "msrp://h%6:1/a;tcp", "host"},
		{"M-032/host outside ASCII", "msrp://h\u00fc:1/a;tcp", "host"},
		{"M-032/empty parameter", "msrp://h:1/a;tcp;", "parameter"},
		{"M-032/parameter with empty value", "msrp://h:1/a;tcp;x=", "parameter"},
		{"M-032/port 0", "msrp://h:0/a;tcp", "port"},
		{"M-032/port beyond 65535", "msrp://h:65536/a;tcp", "port"},
		{"M-032/port of many digits", "msrp://h:00000000000000000000001/a;tcp", "port"},
		{"M-032/port with a sign", "msrp://h:+1/a;tcp", "port"},
		{"M-032/empty port", "msrp://h:/a;tcp", "port"},
		{"M-034/unclosed bracket", "msrp://[2001:db8::1:2855/ab;tcp", "host"},
		{"M-034/IPv6 without brackets", "msrp://2001:db8::1/ab;tcp", "port"},
		{"M-034/IPv4 in brackets", "msrp://[192.0.2.1]:1/ab;tcp", "host"},
		{"M-034/zone", "msrp://[fe80::1%25eth0]:1/ab;tcp", "host"},
		{"M-034/text behind the bracket", "msrp://[::1]x:1/ab;tcp", "port"},
		{"M-035/password", "msrp://alice:secret@h:1/a;tcp", "userinfo"},
		{"M-035/empty userinfo", "msrp://@h:1/a;tcp", "userinfo"},
		{"M-035/two userinfos", "msrp://a@b@h:1/a;tcp", "host"},
	} {
		t.Run(c.name, func(t *testing.T) {
			u, err := ParseURI(c.in)
			var ue *URIError
			if !errors.As(err, &ue) || ue.Part != c.part || u != (URI{}) {
				t.Errorf("%+v, error %v, want one about the %s", u, err, c.part)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Error("the error tells what must not be logged")
			}
		})
	}
}

func TestEqualURI(t *testing.T) {
	const own = "msrp://bob.example.net:2855/9sJm2LxQ;tcp"
	for _, c := range []struct {
		name, a, b string
		want       bool
	}{
		{"M-035/userinfo plays no part", own, "msrp://alice@bob.example.net:2855/9sJm2LxQ;tcp", true},
		{"M-036/scheme, host and transport ignore case", own, "MSRP://BOB.Example.net:2855/9sJm2LxQ;TCP", true},
		{"M-036/coded letter in the host", own, "msrp://%62ob%2eexample.net:2855/9sJm2LxQ;tcp", true},
		{"M-036/session-id respects case", own, "msrp://bob.example.net:2855/9sJm2Lxq;tcp", false},
		{"M-036/other scheme", own, "msrps://bob.example.net:2855/9sJm2LxQ;tcp", false},
		{"M-036/other transport", own, "msrp://bob.example.net:2855/9sJm2LxQ;ws", false},
		{"M-036/other host", own, "msrp://bob.example.org:2855/9sJm2LxQ;tcp", false},
		{"M-037/without port", own, "msrp://bob.example.net/9sJm2LxQ;tcp", false},
		{"M-037/without session-id", own, "msrp://bob.example.net:2855;tcp", false},
		{"M-037/other port", own, "msrp://bob.example.net:2856/9sJm2LxQ;tcp", false},
		{"M-038/IPv6 by value", "msrp://[2001:db8::1]:1/a;tcp", "msrp://[2001:0DB8:0:0:0:0:0:1]:1/a;tcp", true},
		{"M-038/other IPv6", "msrp://[2001:db8::1]:1/a;tcp", "msrp://[2001:db8::2]:1/a;tcp", false},
		{"M-038/IPv6 and name", "msrp://[2001:db8::1]:1/a;tcp", "msrp://h:1/a;tcp", false},
		{"M-038/no path normalisation", "msrp://h:1/x/../sid;tcp", "msrp://h:1/sid;tcp", false},
		{"M-039/further parameters play no part", own, own + ";foo=bar", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, errA := ParseURI(c.a)
			b, errB := ParseURI(c.b)
			if errA != nil || errB != nil {
				t.Fatal(errA, errB)
			}
			if a.Equal(b) != c.want || b.Equal(a) != c.want {
				t.Errorf("equal %t, %t", a.Equal(b), b.Equal(a))
			}
		})
	}
	t.Run("M-036/comparison costs no allocation", func(t *testing.T) {
		a, _ := ParseURI("msrp://[2001:db8::1]:1/a;tcp")
		b, _ := ParseURI("msrp://[2001:0DB8:0:0:0:0:0:1]:1/a;tcp")
		if n := testing.AllocsPerRun(100, func() { _ = a.Equal(b) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}
