package event_test

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/parley-msrp/parley/internal/event"
)

var update = flag.Bool("update", false, "rewrite docs/events.md")

// TestDocument holds docs/events.md to the catalogue.
func TestDocument(t *testing.T) {
	const name = "../../docs/events.md"
	if *update {
		if err := os.WriteFile(name, event.Document(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(event.Document()), string(got)); diff != "" {
		t.Errorf("docs/events.md is not what the catalogue says; run with -update\n%s", diff)
	}
}

// TestNotification replays notifications that OpenSIPS sent, which testdata holds octet for octet (only byte_range is without the
// header's name that OpenSIPS leaves in it).
func TestNotification(t *testing.T) {
	f, err := os.Open("testdata/notifications.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for s := bufio.NewScanner(f); s.Scan(); n++ {
		var line struct {
			Method event.Name
			Params map[string]string
		}
		if err := json.Unmarshal(s.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		p := line.Params
		var e event.Event
		switch line.Method {
		case event.SessionNew:
			e = event.NewSession(p["from_uri"], p["to_uri"], p["ruri"], p["session_id"], p["content_types"])
		case event.SessionEnd:
			e = event.NewEnd(p["session_id"], event.Reason("not shown"))
		case event.MsgReceived:
			e = event.NewMessage(p["session_id"], p["content_type"], []byte(p["body"]), event.MessageID("not shown"))
		case event.ReportReceived:
			e = event.NewReport(p["session_id"], p["message_id"], p["status"], p["byte_range"])
		default:
			t.Fatalf("%s", line.Method)
		}
		if diff := cmp.Diff(s.Text(), string(e.AppendNotification(nil))); diff != "" {
			t.Error(diff)
		}
	}
	if n < 10 {
		t.Errorf("only %d lines", n)
	}
}

// TestCatalogue holds that each entry's example has the parameters that the entry names, in their order.
func TestCatalogue(t *testing.T) {
	for _, k := range event.Catalogue() {
		t.Run(string(k.Name), func(t *testing.T) {
			if k.Example.Name != k.Name || !event.Known(k.Name) || k.When == "" {
				t.Errorf("%s, known %v", k.Example.Name, event.Known(k.Name))
			}
			var want, got []string
			for _, m := range k.Params {
				want = append(want, m.Name)
			}
			for _, p := range k.Example.Params {
				got = append(got, p.Name)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			for _, p := range k.Example.Own {
				if !slices.ContainsFunc(k.Own, func(m event.Member) bool { return m.Name == p.Name }) {
					t.Errorf("own member %s is not in the catalogue", p.Name)
				}
			}
			for _, m := range append(slices.Clone(k.Params), k.Own...) {
				v := k.Example.Param(m.Name)
				right := v == nil
				switch m.Type {
				case "string":
					_, is := v.(string)
					right = right || is
				case "number":
					_, is := v.(int)
					right = right || is
				case "boolean":
					_, is := v.(bool)
					right = right || is
				case "octets":
					_, is := v.([]byte)
					right = right || is
				case "object":
					_, is := v.([]event.Param)
					right = right || is
				}
				if !right || m.Doc == "" {
					t.Errorf("%s is no %s: %v", m.Name, m.Type, v)
				}
			}
			if k.Example.SessionID != k.Example.Param("session_id") {
				t.Error("session_id")
			}
		})
	}
	if event.Known("E_NOPE") {
		t.Error("E_NOPE is known")
	}
}

func TestCloudEvent(t *testing.T) {
	at := time.Date(2026, 11, 22, 20, 45, 1, 5_000, time.FixedZone("", 3600))
	full := event.NewMessage("sid", "text/plain", []byte("a<b>&\u2028"), event.MessageID("m1"))
	full.Cursor, full.Source, full.Sequence, full.Time = "c-1", "/node/a", 12, at
	traced := event.NewEnd("sid")
	traced.Source, traced.Time, traced.Trace = "/node/a", at, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for _, c := range []struct {
		name string
		e    event.Event
		want string
	}{
		{
			"a trace context", traced,
			`{"specversion":"1.0","source":"/node/a","type":"E_MSRP_SESSION_END","subject":"sid","time":"2026-11-22T19:45:01.000005Z",` +
				`"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","datacontenttype":"application/json","data":{"session_id":"sid"}}`,
		},
		{
			"members in their order, parameters before own members", full,
			`{"specversion":"1.0","id":"c-1","source":"/node/a","type":"E_MSRP_MSG_RECEIVED","subject":"sid","time":"2026-11-22T19:45:01.000005Z",` +
				`"sequence":"0000000012","datacontenttype":"application/json","data":{"session_id":"sid","content_type":"text/plain","body":"a<b>&` + "\u2028" + `","message_id":"m1"}}`,
		},
		{
			"no session, no number, every type of value",
			event.Event{
				Cursor: "2", Source: "n", Name: "X", Time: at,
				Own: []event.Param{event.Tags(map[string]string{"b": "\"2\"", "a": ""}), event.Tags(nil), {Name: "i", Value: -5}, {Name: "t", Value: true}, {Name: "f", Value: false}, {Name: "z", Value: struct{}{}}, {Name: "n"}},
			},
			`{"specversion":"1.0","id":"2","source":"n","type":"X","time":"2026-11-22T19:45:01.000005Z","datacontenttype":"application/json",` +
				`"data":{"tags":{"a":"","b":"\"2\""},"tags":{},"i":-5,"t":true,"f":false,"z":null,"n":null}}`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := string(c.e.AppendCloudEvent([]byte("before")))
			if diff := cmp.Diff("before"+c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("sequences are in order as text", func(t *testing.T) {
		var was string
		for _, n := range []uint64{1, 9, 10, 99, 100, 12345, 9_999_999_999} {
			e := event.Event{Sequence: n}
			var got struct{ Sequence string }
			if err := json.Unmarshal(e.AppendCloudEvent(nil), &got); err != nil {
				t.Fatal(err)
			}
			if got.Sequence <= was {
				t.Errorf("%q after %q", got.Sequence, was)
			}
			was = got.Sequence
		}
	})
}

func TestEscaping(t *testing.T) {
	for in, want := range map[string]string{
		"":                              `""`,
		`a"b\c/d`:                       `"a\"b\\c/d"`,
		"\b\f\n\r\t":                    `"\b\f\n\r\t"`,
		"\x00\x1f\x7f":                  `"\u0000\u001f` + "\x7f" + `"`,
		"<>&'":                          `"<>&'"`,
		"é€😀":                           `"é€😀"`,
		"a\xffb\xc3":                    `"a` + "\ufffd" + `b` + "\ufffd" + `"`,
		"\xed\xa0\x80":                  `"` + "\ufffd\ufffd\ufffd" + `"`,
		"an honest \ufffd stays itself": `"an honest ` + "\ufffd" + ` stays itself"`,
	} {
		e := event.NewEnd(in)
		got := string(e.AppendNotification(nil))
		if got != `{"jsonrpc":"2.0","method":"E_MSRP_SESSION_END","params":{"session_id":`+want+`}}` {
			t.Errorf("%q is %s, want %s", in, got, want)
		}
	}
}

// TestJSON holds that whatever is in an event, what comes out is JSON that says the same.
func TestJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		body := rapid.SliceOf(rapid.Byte()).Draw(t, "body")
		if rapid.Bool().Draw(t, "text") {
			body = []byte(rapid.String().Draw(t, "string"))
		}
		words := string(rapid.SliceOf(rapid.Byte()).Draw(t, "words"))
		e := event.NewMessage("sid", words, body)
		for _, out := range [][]byte{e.AppendNotification(nil), e.AppendCloudEvent(nil)} {
			if !utf8.Valid(out) {
				t.Fatalf("not UTF-8: %q", out)
			}
			var got struct {
				Params, Data map[string]string
			}
			if err := json.Unmarshal(out, &got); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			members := got.Params
			if members == nil {
				members = got.Data
			}
			text, isText := members["body"]
			octets, isOctets := members["body_base64"]
			decoded, err := base64.StdEncoding.DecodeString(octets)
			if isText == isOctets || isText != utf8.Valid(body) || isText && text != string(body) || isOctets && (err != nil || string(decoded) != string(body)) {
				t.Fatalf("body %q came out as %s", body, out)
			}
			if utf8.ValidString(words) && members["content_type"] != words || !strings.HasPrefix(string(out), "{") {
				t.Fatalf("%q came out as %s", words, out)
			}
		}
	})
}

func BenchmarkCloudEvent(b *testing.B) {
	e := event.NewMessage("9fbf724ab10d2f50b5d05646629761cb", "text/plain", []byte(strings.Repeat("hello, world ", 8)), event.MessageID("ndgh33bdwnil"))
	e.Cursor, e.Source, e.Sequence, e.Time = "5f0c2a9be377-123456", "/node/parley-1", 12, time.Now()
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		buf = e.AppendCloudEvent(buf[:0])
	}
}

// TestAppendAllocates holds that an event goes into a large enough buffer without garbage.
func TestAppendAllocates(t *testing.T) {
	e := event.NewMessage("sid", "text/plain", []byte("é\n\"hello\" \xe2\x82\xac"), event.MessageID("ndgh33bdwnil"))
	buf := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() { buf = e.AppendCloudEvent(buf[:0]); buf = e.AppendNotification(buf[:0]) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
