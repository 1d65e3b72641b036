package event_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/parley-msrp/parley/internal/event"
)

// TestParse: each event of the catalogue comes back as it was.
func TestParse(t *testing.T) {
	for _, k := range event.Catalogue() {
		t.Run(string(k.Name), func(t *testing.T) {
			for _, cursor := range []string{"c-1", ""} {
				want := k.Example
				want.Cursor = cursor
				got, err := event.ParseCloudEvent(want.AppendCloudEvent(nil))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(event.Event{})); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

func TestParseAnything(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", `"`, `\`, "\x00", "\r\n", "é\u2028", "body_base64"}))
	rapid.Check(t, func(t *rapid.T) {
		tags := rapid.MapOf(text, text).Draw(t, "tags")
		want := event.NewMessage(text.Draw(t, "session"), text.Draw(t, "type"), rapid.SliceOf(rapid.Byte()).Draw(t, "body"), event.MessageID(text.Draw(t, "id")))
		if len(tags) > 0 {
			want.Own = append(want.Own, event.Tags(tags))
		}
		want.Own = append(want.Own, event.Param{Name: "cpim", Value: []event.Param{
			{Name: "from", Value: [][]event.Param{{{Name: "uri", Value: text.Draw(t, "uri")}}}},
			{Name: "body", Value: rapid.SliceOf(rapid.Byte()).Draw(t, "inner")},
			{Name: "number", Value: rapid.Int().Draw(t, "number")},
			{Name: "yes", Value: rapid.Bool().Draw(t, "yes")},
			{Name: "none", Value: nil},
		}})
		want.Source, want.Sequence = text.Draw(t, "source"), rapid.Uint64().Draw(t, "sequence")
		want.Trace = text.Draw(t, "trace")
		want.Time = time.UnixMicro(rapid.Int64Range(0, 1<<52).Draw(t, "time")).UTC()
		line := want.AppendCloudEvent(nil)
		if strings.ContainsAny(string(line), "\r\n") {
			t.Fatalf("a line end in %q", line)
		}
		got, err := event.ParseCloudEvent(line)
		if err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(event.Event{})); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestParseErrors(t *testing.T) {
	for in, want := range map[string]string{
		``:                              "missing",
		`{}`:                            "no type",
		`{"type":"X"} x`:                "follows",
		`{"type":"X`:                    "without end",
		`{"type":"X\`:                   "without end",
		`{"type":"\u12`:                 "without end",
		`{"type":"\u12x4"}`:             "hexadecimal",
		`{"type":"\q"}`:                 "escape",
		`{"type":5}`:                    "missing",
		`{"type":"X","data":[]}`:        "missing",
		`{"type":"X","data":{"a":1.5}}`: "integer",
		`{"type":"X","data":{"a":[1]}}`: "missing",
		`{"type":"X","data":{"a":nil}}`: "no value",
		`{"type":"X","time":"now"}`:     "cannot parse",
		`{"type":"X","sequence":"-1"}`:  "invalid syntax",
		`{"type":"X","data":{"body_base64":"?"}}`:                  "illegal base64",
		`{"type":"X","data":` + strings.Repeat(`{"a":`, 100):       "too deep",
		`{"type":"X","data":{"a":` + strings.Repeat(`[{"a":`, 100): "too deep",
	} {
		if _, err := event.ParseCloudEvent([]byte(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, want %q", in, err, want)
		}
	}
	// What a later version adds, and what others would write.
	e, err := event.ParseCloudEvent([]byte(` { "new" : {"body_base64":"?"}, "data": {"session_id":"s", "x": "\ud83d\ude00\u00e9\ud83d\/" }, "type":"E_MSRP_SESSION_END" } `))
	if err != nil || e.Param("session_id") != "s" || e.Param("x") != "😀é\ufffd/" || len(e.Params) != 1 {
		t.Errorf("%+v, %v", e, err)
	}
}

func FuzzParseCloudEvent(f *testing.F) {
	for _, k := range event.Catalogue() {
		f.Add(k.Example.AppendCloudEvent(nil))
	}
	f.Add([]byte(`{"type":"X","data":{"a":[],"b":[{}],"c":-1,"d":null,"body":"\ud83d\ude00"}}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		e, err := event.ParseCloudEvent(line)
		if err != nil {
			return
		}
		once := e.AppendCloudEvent(nil)
		again, err := event.ParseCloudEvent(once)
		if err != nil {
			t.Fatalf("%v: %s", err, once)
		}
		if twice := again.AppendCloudEvent(nil); string(twice) != string(once) {
			t.Fatalf("%s became %s", once, twice)
		}
	})
}

func BenchmarkParseCloudEvent(b *testing.B) {
	e := event.NewMessage("9fbf724ab10d2f50b5d05646629761cb", "text/plain", []byte(strings.Repeat("hello, world ", 8)), event.MessageID("ndgh33bdwnil"))
	e.Source, e.Sequence, e.Time = "/node/parley-1", 12, time.Now()
	line := e.AppendCloudEvent(nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := event.ParseCloudEvent(line); err != nil {
			b.Fatal(err)
		}
	}
}
