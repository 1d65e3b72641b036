package route_test

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-msrp/parley/internal/route"
)

func TestAsk(t *testing.T) {
	for script, want := range map[string]route.Decision{
		`ask()`:                                {Ask: true, Code: 480},
		`ask(503, "later")`:                    {Ask: true, Code: 503, Reason: "later"},
		`ask(types="text/plain *")`:            {Ask: true, Answer: []string{"text/plain", "*"}},
		`ask(code=486, reason="", types=None)`: {Ask: true, Code: 486},
	} {
		got, err := runScript(t, script)
		if err != nil {
			t.Errorf("%s: %v", script, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", script, diff)
		}
	}
	for script, want := range map[string]string{
		`ask(200)`:                  "code 200: 400 to 699 are refusals",
		`ask(reason="a\r\nb")`:      "must be one line",
		`ask(types="nonsense/")`:    "ask:",
		"ask()\n    reject(404)":    "decided already",
		`ask(url="http://example")`: "unexpected keyword argument",
	} {
		if _, err := runScript(t, script); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", script, err, want)
		}
	}
	got, err := route.Asking().Run(context.Background(), route.Request{})
	if diff := cmp.Diff(route.Decision{Ask: true, Code: 480}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

// runScript runs a script whose request(msg) has this body.
func runScript(t *testing.T, body string) (route.Decision, error) {
	t.Helper()
	path := t.TempDir() + "/route.star"
	if err := os.WriteFile(path, []byte("def request(msg):\n    "+body+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := route.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return s.Run(context.Background(), route.Request{})
}

func TestParseVerdict(t *testing.T) {
	for document, want := range map[string]route.Decision{
		`{"action":"answer","content_types":["text/plain","*"]}`: {Answer: []string{"text/plain", "*"}},
		`{"action":"answer","content_types":["text/plain"],"max_duration":1.5,"max_size":1000,"profile":"p","handler":"h","tags":{"a":"b"}}`: {
			Answer:  []string{"text/plain"},
			Session: route.Session{MaxDuration: 1500 * time.Millisecond, MaxSize: 1000, Profile: "p", Handler: "h", Tags: map[string]string{"a": "b"}},
		},
		`{"action":"reject","code":603,"reason":"Not today"}`:                 {Code: 603, Reason: "Not today"},
		`{"action":"redirect","contacts":["sip:bob@example.net"]}`:            {Code: 302, Contacts: []string{"<sip:bob@example.net>"}},
		`{"action":"redirect","contacts":["sip:bob@example.net"],"code":301}`: {Code: 301, Contacts: []string{"<sip:bob@example.net>"}},
	} {
		got, err := route.ParseVerdict([]byte(document))
		if err != nil {
			t.Errorf("%s: %v", document, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", document, diff)
		}
	}
	for document, want := range map[string]string{
		``:                      "no decision",
		`[]`:                    "no decision",
		`{"action":"answer"} x`: "no decision",
		`{"action":"answer","types":"text/plain"}`: `unknown field "types"`,
		`{"action":"ask"}`:                         `action "ask"`,
		`{}`:                                       `action ""`,
		`{"action":"answer"}`:                      "missing argument for types",
		`{"action":"answer","content_types":[]}`:   "answer:",
		`{"action":"answer","content_types":["text/plain"],"code":200}`:         "unexpected keyword argument",
		`{"action":"answer","content_types":["text/plain"],"tags":{"a b":"c"}}`: "want letters, digits",
		`{"action":"reject"}`:                                                       "missing argument for code",
		`{"action":"reject","code":200}`:                                            "400 to 699",
		`{"action":"reject","code":486,"reason":"a\r\nVia: x"}`:                     "must be one line",
		`{"action":"redirect","contacts":["sip:a@b\r\nVia: x"]}`:                    "contact",
		`{"action":"redirect","contacts":[]}`:                                       "the list is empty",
		`{"action":"answer","content_types":["text/plain"],"max_size":99999999999}`: "max_size",
		`{"action":"answer","content_types":["text/plain"],"max_duration":-1}`:      "max_duration",
		`{"action":"answer","content_types":["text/plain"],"handler":"a\r\nb"}`:     "want letters, digits",
	} {
		if _, err := route.ParseVerdict([]byte(document)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", document, err, want)
		}
	}
}

// The decisions that the page shows can be read.
func TestVerdictsOfThePage(t *testing.T) {
	page, err := os.ReadFile("../../docs/route.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile("```json\n(\\{\"action\".*?)\n```").FindAllSubmatch(page, -1)
	if len(shown) != 2 {
		t.Fatalf("%d decisions are shown", len(shown))
	}
	for _, m := range shown {
		if _, err := route.ParseVerdict(m[1]); err != nil {
			t.Errorf("%s: %v", m[1], err)
		}
	}
}
