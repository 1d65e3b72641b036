package route_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-msrp/parley/internal/route"
)

// TestAnswer: what an answer says beside its types.
func TestAnswer(t *testing.T) {
	sixteen := `{str(i): "x" for i in range(%d)}`
	for _, c := range []struct {
		name, arguments string
		want            route.Session
		wrong           string // in the error; "": none
	}{
		{"nothing", ``, route.Session{}, ""},
		{"None says nothing", `, max_duration=None, max_size=None, profile=None, handler=None, tags=None`, route.Session{}, ""},
		{"seconds", `, max_duration=600`, route.Session{MaxDuration: 10 * time.Minute}, ""},
		{"a fraction of a second", `, max_duration=0.5`, route.Session{MaxDuration: 500 * time.Millisecond}, ""},
		{"0 is no limit", `, max_duration=0`, route.Session{MaxDuration: -1}, ""},
		{"next to nothing is not no limit", `, max_duration=1e-12`, route.Session{MaxDuration: 1}, ""},
		{"a negative duration", `, max_duration=-1`, route.Session{}, "want a number of seconds"},
		{"no number", `, max_duration="10m"`, route.Session{}, "got string, want a number of seconds"},
		{"not a number", `, max_duration=float("nan")`, route.Session{}, "want a number of seconds"},
		{"for ever", `, max_duration=float("inf")`, route.Session{}, "want a number of seconds"},
		{"octets", `, max_size=10000`, route.Session{MaxSize: 10000}, ""},
		{"no octets", `, max_size=0`, route.Session{}, "1 to 16777216"},
		{"as many octets as can be", `, max_size=1<<24`, route.Session{MaxSize: 1 << 24}, ""},
		{"more", `, max_size=(1<<24) + 1`, route.Session{}, "1 to 16777216"},
		{"very many octets", `, max_size=1<<70`, route.Session{}, "1 to 16777216"},
		{"half an octet", `, max_size=0.5`, route.Session{}, "got float, want a number of octets"},
		{"profile and handler", `, profile="support", handler="bot-1"`, route.Session{Profile: "support", Handler: "bot-1"}, ""},
		{"a handler that is no name", `, handler="a b"`, route.Session{}, "want letters, digits"},
		{"a long handler", `, handler="a" * 65`, route.Session{}, "at most 64"},
		{"tags", `, tags={"customer": "acme", "a.b-c_D": ""}`, route.Session{Tags: map[string]string{"customer": "acme", "a.b-c_D": ""}}, ""},
		{"None leaves a tag out", `, tags={"customer": "acme", "ticket": msg.header("X-Ticket")}`, route.Session{Tags: map[string]string{"customer": "acme"}}, ""},
		{"no tags", `, tags={}`, route.Session{}, ""},
		{"tags that are a list", `, tags=["vip"]`, route.Session{}, "want a dictionary like"},
		{"a tag that is no name", `, tags={"a b": "x"}`, route.Session{}, "want letters, digits"},
		{"a tag without name", `, tags={"": "x"}`, route.Session{}, "want letters, digits"},
		{"a number as a tag's name", `, tags={1: "x"}`, route.Session{}, "want letters, digits"},
		{"a tag that is a number", `, tags={"tier": 1}`, route.Session{}, "tag tier: got int, want a string"},
		{"a tag of two lines", `, tags={"a": "x\ny"}`, route.Session{}, "one line of text"},
		{"a long tag", `, tags={"a": "x" * 201}`, route.Session{}, "200 octets"},
		{"as many tags as can be", `, tags=` + strings.Replace(sixteen, "%d", "17", 1), route.Session{}, "at most 16"},
		{"overrides by position", `, 600`, route.Session{MaxDuration: 10 * time.Minute}, ""},
		{"unknown", `, relay="x"`, route.Session{}, "unexpected keyword argument"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := load(t, "def request(msg):\n    msrp_ua_answer(\"text/plain\""+c.arguments+")\n").Run(t.Context(), invite())
			if c.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), c.wrong) || !strings.Contains(err.Error(), "route.star:2:19: msrp_ua_answer: ") {
					t.Errorf("decided %+v, %v; want an error that says %q", got, err, c.wrong)
				}
				return
			}
			if diff := cmp.Diff(route.Decision{Answer: []string{"text/plain"}, Session: c.want}, got); err != nil || diff != "" {
				t.Error(err, diff)
			}
		})
	}
}

func TestRedirect(t *testing.T) {
	to := func(code int, reason string, contacts ...string) route.Decision {
		return route.Decision{Code: code, Reason: reason, Contacts: contacts}
	}
	for _, c := range []struct {
		name, arguments string
		want            route.Decision
		wrong           string
	}{
		{"a URI", `"sip:bob@example.net;transport=tcp"`, to(302, "", "<sip:bob@example.net;transport=tcp>"), ""},
		{"an address", `"\"Bob\" <sip:bob@example.net>;q=0.5"`, to(302, "", `"Bob" <sip:bob@example.net>;q=0.5`), ""},
		{"a list", `["sip:a@example.net", "tel:+1201"], 300, "Choose"`, to(300, "Choose", "<sip:a@example.net>", "<tel:+1201>"), ""},
		{"a tuple, by name", `contact=("sip:a@example.net",), code=301, reason="Moved"`, to(301, "Moved", "<sip:a@example.net>"), ""},
		{"by another proxy", `"sip:proxy.example.net", 305`, to(305, "", "<sip:proxy.example.net>"), ""},
		{"nowhere", `[]`, to(0, ""), "the list is empty"},
		{"no URI", `"bob"`, to(0, ""), "want a URI like sip:bob@example.org"},
		{"a number", `5`, to(0, ""), "got int, want a string or a list of strings"},
		{"a number in a list", `[5]`, to(0, ""), "a list with a int in it"},
		{"a header of its own", `"<sip:bob@example.net>;a=\"\r\nX: y\""`, to(0, ""), "control character"},
		{"too many", `["sip:a@example.net"] * 11`, to(0, ""), "at most 10"},
		{"too long", `"sip:" + "a" * 250 + "@example.net"`, to(0, ""), "longer than 256 octets"},
		{"a code that does not redirect", `"sip:bob@example.net", 380`, to(0, ""), "300, 301, 302 and 305 redirect"},
		{"a reason of two lines", `"sip:bob@example.net", 302, "a\nb"`, to(0, ""), "one line of text"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := load(t, "def request(msg):\n    redirect("+c.arguments+")\n").Run(t.Context(), invite())
			if c.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), c.wrong) || !strings.Contains(err.Error(), "route.star:2:13: redirect: ") {
					t.Errorf("decided %+v, %v; want an error that says %q", got, err, c.wrong)
				}
				return
			}
			if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
				t.Error(err, diff)
			}
		})
	}
}

// TestExpressions evaluates expressions in a run, and shows them as repr does.
func TestExpressions(t *testing.T) {
	for _, c := range []struct{ expression, want string }{
		{`msg.ruri_user, msg.ruri_host`, `("bob", "example.org")`},
		{`msg.source_proto, msg.source_ip, msg.source_port`, `("udp", "192.0.2.10", 5060)`},
		{`msg.list("v")`, `["SIP/2.0/UDP a", "SIP/2.0/UDP b"]`},
		{`msg.list("X")`, `[]`},
		{`msg.sdp()`, `["v=0", "m=message 9 TCP/MSRP *"]`},

		{`uri("sip:Bob:secret@Example.ORG:5070;Transport=TCP;lr?Subject=x").user`, `"Bob"`},
		{`uri("sip:Bob@Example.ORG:5070;Transport=TCP;lr").host`, `"example.org"`},
		{`uri("sip:Bob@Example.ORG:5070").port`, `5070`},
		{`uri("sip:Bob@Example.ORG").port`, `0`},
		{`uri("sip:Bob@Example.ORG;Transport=TCP;lr;lr=2;x=%41").params`, `{"transport": "TCP", "lr": "", "x": "A"}`},
		{`uri("sips:[2001:DB8::1]").scheme`, `"sips"`},
		{`uri("sip:[2001:DB8::1]").host`, `"2001:db8::1"`},
		{`uri("sip:%62o%62%2@h").user`, `"bob%2"`},
		{`uri("\"Bob\" <sip:bob@example.org;lr>;tag=1").params`, `{"lr": ""}`},
		{`str(uri("<sip:bob@example.org;lr>;tag=1"))`, `"sip:bob@example.org;lr"`},
		{`uri("tel:+1-201-555-0123;phone-context=example.org").user`, `"+1-201-555-0123"`},
		{`uri("tel:+1201;Phone-Context=example.org").params`, `{"phone-context": "example.org"}`},
		{`str(uri("urn:service:sos")), uri("urn:service:sos").user`, `("urn:service:sos", "")`},
		{`uri("bob")`, `None`},
		{`uri(msg.header("X"))`, `None`},
		{`dir(uri("sip:h"))`, `["host", "params", "port", "scheme", "user"]`},

		{`ip_in(msg.source_ip, "192.0.2.0/24")`, `True`},
		{`ip_in(msg.source_ip, "192.0.2.10")`, `True`},
		{`ip_in(msg.source_ip, ["10.0.0.0/8", "192.0.3.0/24"])`, `False`},
		{`ip_in(msg.source_ip, {"192.0.2.0/24": 1})`, `True`},
		{`ip_in("::ffff:192.0.2.10", ("192.0.2.0/24",))`, `True`},
		{`ip_in("fe80::1%eth0", "fe80::/10")`, `True`},
		{`ip_in("example.org", "0.0.0.0/0"), ip_in("", "0.0.0.0/0")`, `(False, False)`},
		{`ip_in("2001:db8::1", "0.0.0.0/0")`, `False`},
		{`ip_in("192.0.2.1", [])`, `False`},

		{`re_fullmatch("b.b", "bob")`, `["bob"]`},
		{`re_fullmatch("b|bob", "bob")`, `["bob"]`},
		{`re_fullmatch("b", "bob")`, `None`},
		{`re_fullmatch("b.b", "bob\n")`, `None`},
		{`re_fullmatch("(?i)(\\+|00)?(49)(x)?(.*)", "0049123")`, `["0049123", "00", "49", None, "123"]`},
		{`re_fullmatch("(a*)*b", "a" * 8000)`, `None`},

		{`now().date, now().time, now().weekday`, `("2026-11-22", "22:44", "Sun")`},
		{`now("Asia/Tokyo").date, now(zone = "Asia/Tokyo").time, now("Asia/Tokyo").weekday`, `("2026-11-23", "07:44", "Mon")`},
		{`str(now("America/New_York"))`, `"2026-11-22T17:44:28-05:00"`},
	} {
		t.Run(c.expression, func(t *testing.T) {
			if got := eval(t, c.expression); got != c.want {
				t.Errorf("is %s, want %s", got, c.want)
			}
		})
	}
}

// eval gives the repr of an expression, or the error.
func eval(t *testing.T, expression string) string {
	t.Helper()
	got := ""
	s := load(t, "def request(msg):\n    print(repr(("+expression+")))\n    reject(400)\n", route.WithPrint(func(p route.Print) { got = p.Text }))
	r := invite()
	r.Header = func(string) []string { return nil }
	r.List = func(name string) []string {
		if name == "v" {
			return []string{"SIP/2.0/UDP a", "SIP/2.0/UDP b"}
		}
		return nil
	}
	r.Offer = []byte("v=0\r\nm=message 9 TCP/MSRP *\r\n")
	r.Time = time.Date(2026, 11, 22, 22, 44, 28, 0, time.UTC)
	if _, err := s.Run(t.Context(), r); err != nil {
		return err.Error()
	}
	return got
}

func TestWrongExpressions(t *testing.T) {
	for _, c := range []struct{ expression, want string }{
		{`uri(5)`, "got int, want string"},
		{`uri("sip:h").user.x`, "no .x"},
		{`uri(None).host`, "NoneType has no .host"},
		{`{uri("sip:h"): 1}`, "unhashable type: uri"},
		{`uri("sip:h;a=b").params.clear()`, "frozen"},
		{`ip_in("192.0.2.1", "192.0.2.0/33")`, `network "192.0.2.0/33": want one like`},
		{`ip_in("192.0.2.1", ["192.0.2.1/24"])`, "192.0.2.0/24 would be right"},
		{`ip_in("192.0.2.1", 5)`, "got int, want a string or a list"},
		{`ip_in(None, "192.0.2.0/24")`, "got NoneType, want string"},
		{`re_fullmatch("(", "x")`, "missing closing )"},
		{`re_fullmatch("a)(b", "x")`, "unexpected )"},
		{`re_fullmatch("a" * 1025, "x")`, "longer than 1024 octets"},
		{`re_fullmatch("a", "x" * 8193)`, "longer than 8192 octets"},
		{`now("Mars/Olympus")`, `no time zone is called "Mars/Olympus"`},
		{`now("Local")`, `no time zone is called "Local"`},
		{`now("../zone")`, `no time zone is called`},
		{`load_dict("a.json")`, "only while the script loads"},
		{`msg.header()`, "missing argument for name"},
		{`msg.sdp("x")`, "got 1 arguments, want at most 0"},
	} {
		t.Run(c.expression, func(t *testing.T) {
			if got := eval(t, c.expression); !strings.Contains(got, c.want) || !strings.Contains(got, "route.star:2:") {
				t.Errorf("is %s, want an error that says %q", got, c.want)
			}
		})
	}
	t.Run("now while the script loads", func(t *testing.T) {
		_, err := route.Load(write(t, "t = now()\ndef request(msg):\n    reject(400)\n"))
		if err == nil || !strings.Contains(err.Error(), "route.star:1:8: now is callable only from the request route") {
			t.Error(err)
		}
	})
}

// TestAttributes: every attribute and method that a message says it has is there.
func TestAttributes(t *testing.T) {
	if got := eval(t, `[name for name in dir(msg) if not hasattr(msg, name)], hasattr(msg, "body")`); got != "([], False)" {
		t.Error(got)
	}
}

// TestManyPatterns: a script may make its patterns of what callers say; no more than some are kept.
func TestManyPatterns(t *testing.T) {
	s := load(t, "def request(msg):\n    reject(400, str(all([re_fullmatch(\"x%d\" % i, \"x%d\" % i) for i in range(1000)])))\n")
	for range 2 {
		if d, err := s.Run(t.Context(), invite()); err != nil || d.Reason != "True" {
			t.Errorf("decided %+v, %v", d, err)
		}
	}
}

func TestNowWithoutTime(t *testing.T) {
	s := load(t, "def request(msg):\n    reject(400, str(now()))\n")
	d, err := s.Run(t.Context(), invite())
	if err != nil {
		t.Fatal(err)
	}
	if at, err := time.Parse(time.RFC3339, d.Reason); err != nil || time.Since(at).Abs() > time.Minute {
		t.Errorf("now is %s, %v", d.Reason, err)
	}
}
