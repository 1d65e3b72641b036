package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-msrp/parley/internal/event"
	"github.com/parley-msrp/parley/internal/journal"
	"github.com/parley-msrp/parley/internal/web"
)

// block is what stands between two empty lines of a stream.
type block struct{ comment, event, id, data string }

// follower reads a stream as a browser does.
type follower struct {
	t      *testing.T
	answer *http.Response
	lines  *bufio.Scanner
}

func (s *side) follow(t *testing.T, query string, header ...string) *follower {
	t.Helper()
	return s.followPath(t, "/v1/events"+query, header...)
}

func (s *side) followPath(t *testing.T, path string, header ...string) *follower {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%s, %s", answer.Status, answer.Header.Get("Content-Type"))
	}
	f := &follower{t: t, answer: answer, lines: bufio.NewScanner(answer.Body)}
	f.lines.Buffer(nil, 32<<20)
	if f.lines.Scan(); f.lines.Text() != "retry: 1000" {
		t.Fatalf("first line %q", f.lines.Text())
	}
	f.lines.Scan()
	return f
}

// next reads one block; false: the stream has ended.
func (f *follower) next() (block, bool) {
	f.t.Helper()
	var b block
	for f.lines.Scan() {
		name, value, _ := strings.Cut(f.lines.Text(), ": ")
		switch name {
		case "":
			if value != "" {
				b.comment = value
				continue
			}
			return b, true
		case "event":
			b.event = value
		case "id":
			b.id = value
		case "data":
			b.data = value
		default:
			f.t.Fatalf("line %q", f.lines.Text())
		}
	}
	return block{}, false
}

// events reads n events and says what they are: name, session, sequence.
func (f *follower) events(n int) []string {
	f.t.Helper()
	var got []string
	for len(got) < n {
		b, ok := f.next()
		if !ok {
			f.t.Fatalf("the stream ended after %d of %d events: %v", len(got), n, f.lines.Err())
		}
		if b.event != "" {
			got = append(got, f.short(b))
		}
	}
	return got
}

func (f *follower) short(b block) string {
	f.t.Helper()
	var e struct{ ID, Type, Subject, Sequence string }
	if err := json.Unmarshal([]byte(b.data), &e); err != nil {
		f.t.Fatalf("%v in %q", err, b.data)
	}
	if e.ID != b.id || e.Type != b.event {
		f.t.Errorf("event %s id %s holds type %s id %s", b.event, b.id, e.Type, e.ID)
	}
	return fmt.Sprintf("%s %s %s", strings.TrimPrefix(e.Type, "E_MSRP_"), e.Subject, strings.TrimLeft(e.Sequence, "0"))
}

var all = []string{"SESSION_NEW a 1", "MSG_RECEIVED a 2", "MSG_RECEIVED a 3", "SESSION_END a 4"}

func TestEventFormat(t *testing.T) {
	j := journal.NewMemory(journal.MemoryConfig{Instance: "i"})
	s := start(t, node{}, func(c *web.Config) { c.Events = j })
	f := s.follow(t, "")
	fill(j, "a")
	head := func(id, name, n string) string {
		return `{"specversion":"1.0","id":"` + id + `","source":"parley://test","type":"` + name + `","subject":"a","time":"2026-11-03T09:00:00.000000Z","sequence":"000000000` + n +
			`","datacontenttype":"application/json","data":`
	}
	for _, want := range []block{
		{event: "E_MSRP_SESSION_NEW", id: "i-1", data: head("i-1", "E_MSRP_SESSION_NEW", "1") +
			`{"from_uri":"sip:alice@127.0.0.1","to_uri":"sip:bob@127.0.0.1","ruri":"sip:bob@127.0.0.1","session_id":"a","content_types":"text/plain","call_id":"c@h"}}`},
		{event: "E_MSRP_MSG_RECEIVED", id: "i-2", data: head("i-2", "E_MSRP_MSG_RECEIVED", "2") + `{"session_id":"a","content_type":"text/plain","body":"hel\nlo"}}`},
		{event: "E_MSRP_MSG_RECEIVED", id: "i-3", data: head("i-3", "E_MSRP_MSG_RECEIVED", "3") + `{"session_id":"a","content_type":"application/octet-stream","body_base64":"/w=="}}`},
		{event: "E_MSRP_SESSION_END", id: "i-4", data: head("i-4", "E_MSRP_SESSION_END", "4") + `{"session_id":"a","reason":"BYE"}}`},
	} {
		got, ok := f.next()
		if !ok {
			t.Fatal("the stream ended")
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(block{})); diff != "" {
			t.Error(diff)
		}
	}
}

func TestWhereAStreamBegins(t *testing.T) {
	for _, c := range []struct {
		name, query string
		header      []string
		want        []string
	}{
		{"now", "", nil, nil},
		{"an empty from is now", "?from=", nil, nil},
		{"oldest", "?from=0", nil, all},
		{"after a cursor", "?from=i-2", nil, all[2:]},
		{"after the newest", "?from=i-4", nil, nil},
		{"after Last-Event-ID", "", []string{"Last-Event-ID", "i-3"}, all[3:]},
		{"Last-Event-ID counts, not from", "?from=0", []string{"Last-Event-ID", "i-1"}, all[1:]},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := journal.NewMemory(journal.MemoryConfig{Instance: "i"})
			s := start(t, node{}, func(config *web.Config) { config.Events = j })
			fill(j, "a")
			f := s.follow(t, c.query, c.header...)
			fill(j, "b")
			want := append(slices.Clone(c.want), "SESSION_NEW b 1")
			if diff := cmp.Diff(want, f.events(len(want))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFilters(t *testing.T) {
	s := start(t, node{}, nil)
	fill(s.journal, "a")
	fill(s.journal, "b")
	fill(s.journal, "last")
	for _, c := range []struct {
		query string
		want  []string
	}{
		{"?from=0&type=E_MSRP_SESSION_NEW", []string{"SESSION_NEW a 1", "SESSION_NEW b 1", "SESSION_NEW last 1"}},
		{"?from=0&type=E_MSRP_SESSION_NEW,E_MSRP_SESSION_END", []string{"SESSION_NEW a 1", "SESSION_END a 4", "SESSION_NEW b 1", "SESSION_END b 4", "SESSION_NEW last 1"}},
		{"?from=0&type=E_MSRP_SESSION_END&type=E_MSRP_SESSION_NEW", []string{"SESSION_NEW a 1", "SESSION_END a 4", "SESSION_NEW b 1", "SESSION_END b 4", "SESSION_NEW last 1"}},
		{"?from=0&session=b", []string{"SESSION_NEW b 1", "MSG_RECEIVED b 2", "MSG_RECEIVED b 3", "SESSION_END b 4"}},
		{"?from=0&session=b&session=last&type=E_MSRP_SESSION_END", []string{"SESSION_END b 4", "SESSION_END last 4"}},
		{"?session=b&type=E_MSRP_MSG_RECEIVED&from=0", []string{"MSG_RECEIVED b 2", "MSG_RECEIVED b 3"}},
	} {
		t.Run(c.query, func(t *testing.T) {
			if diff := cmp.Diff(c.want, s.follow(t, c.query).events(len(c.want))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestStreamsThatAreRefused(t *testing.T) {
	s := start(t, node{}, nil)
	small := journal.NewMemory(journal.MemoryConfig{Events: 2, Instance: "i"})
	few := start(t, node{}, func(c *web.Config) { c.Events = small })
	fill(small, "a")
	closed := journal.NewMemory(journal.MemoryConfig{})
	_ = closed.Close()
	ended := start(t, node{}, func(c *web.Config) { c.Events = closed })
	for _, c := range []struct {
		name   string
		side   *side
		query  string
		header []string
		status int
		want   string
	}{
		{"unknown parameter", s, "?form=0", nil, 400, `{"field":"form","detail":"unknown parameter; there are: from, type, session, tag"}`},
		{"unknown event", s, "?type=E_NOPE", nil, 400, `there is no \"E_NOPE\"; it must be one of E_MSRP_SESSION_NEW,`},
		{"empty event", s, "?type=", nil, 400, `there is no \"\"`},
		{"one of several unknown", s, "?type=E_MSRP_SESSION_NEW,E_NOPE", nil, 400, `E_NOPE`},
		{"a tag without name", s, "?tag==acme", nil, 400, `\"=acme\" has no name`},
		{"two beginnings", s, "?from=0&from=0", nil, 400, `from: is given 2 times`},
		{"a query that cannot be read", s, "?from=%zz", nil, 400, `the query`},
		{"a cursor that never was", s, "?from=nonsense", nil, 400, `nonsense`},
		{"a cursor of the future", few, "?from=i-77", nil, 400, `i-77`},
		{"a Last-Event-ID that never was", s, "", []string{"Last-Event-ID", "nonsense"}, 400, `nonsense`},
		{"a cursor that is too old", few, "?from=i-1", nil, 410, `from=0 reads from the oldest event kept`},
		{"a cursor of an earlier run", s, "?from=i-1", nil, 410, `before the node was started`},
		{"a journal that is closed", ended, "", nil, 503, `closed`},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer, text := c.side.do(t, "GET", "/v1/events"+c.query, "", c.header...)
			if answer.StatusCode != c.status || !strings.Contains(text, c.want) {
				t.Errorf("%s %s\nwant %d …%s…", answer.Status, text, c.status, c.want)
			}
		})
	}
}

func TestStreamsAreBounded(t *testing.T) {
	s := start(t, node{}, func(c *web.Config) { c.MaxStreams = 2 })
	first := s.follow(t, "")
	s.follow(t, "")
	answer, text := s.do(t, "GET", "/v1/events", "")
	if answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" || !strings.Contains(text, "2 event streams") {
		t.Errorf("%s %s", answer.Status, text)
	}
	first.answer.Body.Close()
	eventually(t, "the place of a client that went away is free", func() bool {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/v1/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := s.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
}

func TestKeepAlive(t *testing.T) {
	s := start(t, node{}, func(c *web.Config) { c.KeepAlive = 20 * time.Millisecond })
	f := s.follow(t, "?session=b")
	want := func(w block) {
		t.Helper()
		for {
			b, ok := f.next()
			if !ok {
				t.Fatal("the stream ended")
			}
			if b == (block{comment: "keep-alive"}) && w.id != "" {
				continue // those before
			}
			if b.id != "" {
				b.id = "cursor"
			}
			if diff := cmp.Diff(w, b, cmp.AllowUnexported(block{})); diff != "" {
				t.Fatal(diff)
			}
			return
		}
	}
	want(block{comment: "keep-alive"})
	want(block{comment: "keep-alive"})
	j := s.journal
	j.Append(event.NewEnd("a"), nil)
	want(block{comment: "keep-alive", id: "cursor"})
	want(block{comment: "keep-alive"})
}

// A stream goes on for longer than any request may take, and its client is still watched.
func TestStreamOutlivesTheTimeOfARequest(t *testing.T) {
	const limit = 100 * time.Millisecond
	s := startAfter(t, node{}, func(c *web.Config) { c.KeepAlive, c.MaxStreams = limit/4, 1 }, func(s *web.Server) { s.SetRequestTime(limit) })
	f := s.follow(t, "")
	for begun := time.Now(); time.Since(begun) < 5*limit; {
		if b, ok := f.next(); !ok {
			t.Fatalf("the stream ended after %v: %v", time.Since(begun), f.lines.Err())
		} else if b.comment == "" {
			t.Fatalf("got %+v", b)
		}
	}
	fill(s.journal, "a")
	if diff := cmp.Diff(all, f.events(len(all))); diff != "" {
		t.Error(diff)
	}
}

// lossy is a reader that has dropped events.
type lossy struct{ told bool }

func (l *lossy) Subscribe(string) (journal.Reader, error) { return l, nil }

func (l *lossy) Next(context.Context) (event.Event, error) {
	if l.told {
		return event.Event{}, journal.ErrClosed
	}
	l.told = true
	return event.Event{}, &journal.LostError{Dropped: 12}
}

func (l *lossy) Ready() bool { return false }

func (l *lossy) Close() {}

func TestLostEventsAreTold(t *testing.T) {
	s := start(t, node{}, func(c *web.Config) { c.Events = &lossy{} })
	f := s.follow(t, "")
	b, _ := f.next()
	if diff := cmp.Diff(block{event: "lost", data: `{"dropped":12}`}, b, cmp.AllowUnexported(block{})); diff != "" {
		t.Error(diff)
	}
	if b, ok := f.next(); ok {
		t.Errorf("%+v after the journal was closed", b)
	}
}
