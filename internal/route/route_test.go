package route_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/parley-msrp/parley/internal/route"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func write(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "route.star")
	if err := os.WriteFile(path, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, script string, options ...route.Option) *route.Script {
	t.Helper()
	s, err := route.Load(write(t, script), options...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// invite is what the scripts of these tests see.
func invite() route.Request {
	headers := map[string][]string{"via": {"SIP/2.0/UDP a", "SIP/2.0/UDP b"}, "subject": {"tea"}}
	return route.Request{
		Method:     "INVITE",
		RequestURI: "sip:bob@example.org",
		From:       "sip:alice@example.com",
		To:         "sip:bob@example.org",
		Source:     "udp:192.0.2.10:5060",
		CallID:     "abc@192.0.2.10",
		Header:     func(name string) []string { return headers[strings.ToLower(name)] },
		Types:      []string{"text/plain", "image/png"}, WrappedTypes: []string{"text/html"},
	}
}

func TestDecisions(t *testing.T) {
	for _, c := range []struct {
		name, body string
		want       route.Decision
	}{
		{"answer", `msrp_ua_answer("text/plain")`, route.Decision{Answer: []string{"text/plain"}}},
		{"answer by name", `msrp_ua_answer(types = "text/plain")`, route.Decision{Answer: []string{"text/plain"}}},
		{"answer with several types", `msrp_ua_answer("message/cpim text/* *")`, route.Decision{Answer: []string{"message/cpim", "text/*", "*"}}},
		{"reject", `reject(486)`, route.Decision{Code: 486}},
		{"reject with a reason", `reject(603, "Not Today")`, route.Decision{Code: 603, Reason: "Not Today"}},
		{"reject by name", `reject(code = 404, reason = "Größer als ×")`, route.Decision{Code: 404, Reason: "Größer als ×"}},
		{"lowest code", `reject(400)`, route.Decision{Code: 400}},
		{"highest code", `reject(699)`, route.Decision{Code: 699}},
		{"attributes", `reject(400, "%s %s %s %s %s %s" % (msg.method, msg.ruri, msg.from_uri, msg.to_uri, msg.source, msg.call_id))`, route.Decision{
			Code: 400, Reason: "INVITE sip:bob@example.org sip:alice@example.com sip:bob@example.org udp:192.0.2.10:5060 abc@192.0.2.10",
		}},
		{"wrapped types", `msrp_ua_answer(" ".join(msg.wrapped_types))`, route.Decision{Answer: []string{"text/html"}}},
		{"types", `msrp_ua_answer(" ".join(msg.types))`, route.Decision{Answer: []string{"text/plain", "image/png"}}},
		{"a header", `reject(400, msg.header("SUBJECT"))`, route.Decision{Code: 400, Reason: "tea"}},
		{"the first of several", `reject(400, msg.header("Via"))`, route.Decision{Code: 400, Reason: "SIP/2.0/UDP a"}},
		{"all of several", `reject(400, ",".join(msg.headers("Via")))`, route.Decision{Code: 400, Reason: "SIP/2.0/UDP a,SIP/2.0/UDP b"}},
		{"no such header", `reject(400, str(msg.header("X")) + str(msg.headers("X")))`, route.Decision{Code: 400, Reason: "None[]"}},
		{"list of attributes", `reject(400, " ".join(dir(msg)))`, route.Decision{
			Code: 400, Reason: "call_id from_uri header headers identity identity_by identity_realm list method ruri ruri_host ruri_user sdp source source_ip source_port source_proto tls_peer to_uri types wrapped_types",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := load(t, "def request(msg):\n    "+c.body+"\n").Run(t.Context(), invite())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDefaultAnswersEverything(t *testing.T) {
	got, err := route.Default().Run(t.Context(), invite())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(route.Decision{Answer: []string{"text/plain", "*"}}, got); diff != "" {
		t.Error(diff)
	}
	got.Answer[0] = "x/y"
	if again, _ := route.Default().Run(t.Context(), invite()); again.Answer[0] != "text/plain" {
		t.Error("a decision can be changed for others")
	}
}

func TestErrorsOfARun(t *testing.T) {
	for _, c := range []struct{ name, body, at, msg string }{
		{"no decision", `pass`, "1:1", "without a decision"},
		{"decision on another way only", "if msg.method == \"BYE\":\n        reject(400)", "1:1", "without a decision"},
		{"second answer", "msrp_ua_answer(\"a/b\")\n    msrp_ua_answer(\"a/b\")", "3:19", "decided already"},
		{"reject after answer", "msrp_ua_answer(\"a/b\")\n    reject(400)", "3:11", "decided already"},
		{"fails after its decision", "reject(400)\n    x = 1 // 0", "3:11", "division by zero"},
		{"code too low", `reject(399)`, "2:11", "400 to 699"},
		{"code too high", `reject(700)`, "2:11", "400 to 699"},
		{"redirected without saying where to", `reject(302)`, "2:11", "redirect"},
		{"code is no number", `reject("486")`, "2:11", "got string, want int"},
		{"no code", `reject()`, "2:11", "missing argument for code"},
		{"reason is no string", `reject(486, 1)`, "2:11", "got int, want string"},
		{"reason with a line end", `reject(486, "Busy\r\nX: y")`, "2:11", "one line of text"},
		{"reason with a NUL", `reject(486, "Busy\0")`, "2:11", "one line of text"},
		{"reason too long", `reject(486, "x" * 201)`, "2:11", "200 octets"},
		{"types missing", `msrp_ua_answer()`, "2:19", "missing argument for types"},
		{"types empty", `msrp_ua_answer("")`, "2:19", "type"},
		{"types as a list", `msrp_ua_answer(["text/plain"])`, "2:19", "got list, want string"},
		{"types that are none", `msrp_ua_answer("text/plain nonsense")`, "2:19", "nonsense"},
		{"types with a line end", `msrp_ua_answer("text/plain\r\na=x")`, "2:19", ""},
		{"unknown attribute", `reject(400, msg.body)`, "2:20", "no .body"},
		{"attributes cannot be set", `msg.ruri = "x"`, "2:8", "can't assign"},
		{"in a called function", "f(msg)\n\ndef f(m):\n    return 1 + m.ruri", "5:14", "unknown binary op"},
		{"recursion", "f(3)\n\ndef f(n):\n    f(n)", "5:5", "called recursively"},
		{"globals are frozen", "seen.append(1)\n\nseen = []", "2:16", "frozen list"},
		{"types are not shared with anybody", "msg.types.clear()\n    reject(400, msg.types[0])", "3:26", "out of range"},
		{"too many steps", "for i in range(1000000000):\n        pass", "2:5", "too many steps"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := write(t, "def request(msg):\n    "+c.body+"\n")
			s, err := route.Load(path, route.WithLimits(0, time.Hour)) // a busy machine takes its time
			if err != nil {
				t.Fatal(err)
			}
			d, err := s.Run(t.Context(), invite())
			if err == nil {
				t.Fatalf("decided %+v", d)
			}
			checkError(t, err, path, c.at, c.msg)
			if diff := cmp.Diff(route.Decision{}, d); diff != "" {
				t.Errorf("a decision beside the error: %s", diff)
			}
		})
	}
}

func TestErrorsOfLoading(t *testing.T) {
	const request = "def request(msg):\n    reject(400)\n"
	for _, c := range []struct{ name, script, at, msg string }{
		{"empty", "", "1:1", "no request function"},
		{"another function only", "def respond(msg):\n    pass\n", "1:1", "no request function"},
		{"request is no function", "request = 5\n", "1:1", "request is a int, not a function"},
		{"no parameter", "def request():\n    pass\n", "1:1", "exactly one parameter"},
		{"two parameters", "\ndef request(msg, x):\n    pass\n", "2:1", "exactly one parameter"},
		{"two parameters, one with a default", "def request(msg, x = 1):\n    pass\n", "1:1", "exactly one parameter"},
		{"any number of parameters", "def request(*msg):\n    pass\n", "1:1", "exactly one parameter"},
		{"syntax", "def request(msg)\n    pass\n", "2:1", "want ':'"},
		{"indentation", "def request(msg):\n    reject(400)\n  pass\n", "3:3", "unindent"},
		{"not UTF-8 in an identifier", "d\xffef request(msg):\n    pass\n", "1:2", ""},
		{"undefined name", "def request(msg):\n    rejcet(400)\n", "2:5", "undefined: rejcet"},
		{"two undefined names", "def request(msg):\n    a\n    b\n", "2:5", "(and 1 more)"},
		{"while", "def request(msg):\n    while True:\n        pass\n", "2:5", "while"},
		{"load", "load(\"other.star\", \"f\")\n" + request, "1:6", "load is not available"},
		{"answer at the top level", "msrp_ua_answer(\"text/plain\")\n" + request, "1:15", "only from the request route"},
		{"reject at the top level", request + "reject(400)\n", "3:7", "only from the request route"},
		{"fails at the top level", request + "x = [][1]\n", "3:7", "out of range"},
		{"loops at the top level", request + "for i in range(1000000000):\n    pass\n", "3:1", "Starlark computation cancelled"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := write(t, c.script)
			_, err := route.Load(path)
			if err == nil {
				t.Fatal("loaded")
			}
			checkError(t, err, path, c.at, c.msg)
		})
	}
	t.Run("no such file", func(t *testing.T) {
		if _, err := route.Load(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("error is %v", err)
		}
	})
	t.Run("too long", func(t *testing.T) {
		_, err := route.Load(write(t, request+strings.Repeat("# padding\n", 30_000)))
		if err == nil || !strings.Contains(err.Error(), "octets") {
			t.Errorf("error is %v", err)
		}
	})
}

func checkError(t *testing.T, err error, path, at, msg string) {
	t.Helper()
	var e *route.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v (%T) is no *route.Error", err, err)
	}
	if got := fmt.Sprintf("%d:%d", e.Line, e.Column); e.File != path || got != at {
		t.Errorf("error %q at %s %s; want %s", e.Msg, e.File, got, at)
	}
	if !strings.Contains(e.Msg, msg) {
		t.Errorf("error %q does not say %q", e.Msg, msg)
	}
	if want := path + ":" + at + ": " + e.Msg; err.Error() != want {
		t.Errorf("error is %q; want %q", err, want)
	}
}

const slow = "def request(msg):\n    for i in range(1000000000):\n        pass\n"

func TestRunEndsInTime(t *testing.T) {
	s := load(t, slow, route.WithLimits(1<<62, 20*time.Millisecond))
	_, err := s.Run(t.Context(), invite())
	if err == nil || !strings.Contains(err.Error(), "took longer than 20ms") {
		t.Errorf("error is %v", err)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	s := load(t, slow, route.WithLimits(1<<62, time.Hour))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := s.Run(ctx, invite()); err == nil || !strings.Contains(err.Error(), context.DeadlineExceeded.Error()) {
		t.Errorf("error is %v", err)
	}
}

func TestPrint(t *testing.T) {
	var got []route.Print
	s := load(t, "print(\"loading\")\n\ndef request(msg):\n    print(\"hello\", msg.to_uri)\n    print(\"x\\ny\" + \"z\" * 5000)\n    reject(400)\n",
		route.WithPrint(func(p route.Print) { got = append(got, p) }))
	if _, err := s.Run(t.Context(), invite()); err != nil {
		t.Fatal(err)
	}
	want := []route.Print{
		{Line: 1, Text: "loading"},
		{CallID: "abc@192.0.2.10", Line: 4, Text: "hello sip:bob@example.org"},
		{CallID: "abc@192.0.2.10", Line: 5, Text: "x\ny" + strings.Repeat("z", 1021) + "…"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRunsAtTheSameTime(t *testing.T) {
	s := load(t, "names = {\"sip:0@h\": \"zero\"}\n\ndef request(msg):\n    reject(400, names.get(msg.to_uri, msg.to_uri))\n")
	var runs sync.WaitGroup
	for i := range 50 {
		runs.Go(func() {
			r := invite()
			r.To = fmt.Sprintf("sip:%d@h", i)
			want := r.To
			if i == 0 {
				want = "zero"
			}
			if d, err := s.Run(t.Context(), r); err != nil || d.Reason != want {
				t.Errorf("run %d decided %+v, %v", i, d, err)
			}
		})
	}
	runs.Wait()
}

func TestWithoutHeaders(t *testing.T) {
	s := load(t, "def request(msg):\n    reject(400, str(msg.header(\"Via\")))\n")
	if d, err := s.Run(t.Context(), route.Request{}); err != nil || d.Reason != "None" {
		t.Errorf("decided %+v, %v", d, err)
	}
}
