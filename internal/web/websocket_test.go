package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/parley-msrp/parley/internal/event"
	"github.com/parley-msrp/parley/internal/journal"
	"github.com/parley-msrp/parley/internal/web"
)

// socket is a client of /v1/events/ws.
type socket struct {
	t    *testing.T
	ctx  context.Context
	conn *websocket.Conn
}

func (s *side) socket(t *testing.T, query string, header ...string) *socket {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	conn, _, err := websocket.Dial(ctx, s.url+"/v1/events/ws"+query, &websocket.DialOptions{HTTPHeader: h, HTTPClient: s.client})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.CloseNow() })
	conn.SetReadLimit(32 << 20)
	return &socket{t, ctx, conn}
}

// messages reads n messages and says what they are: an event by name, session and sequence, others as they are.
func (s *socket) messages(n int) []string {
	s.t.Helper()
	var got []string
	for range n {
		kind, b, err := s.conn.Read(s.ctx)
		if err != nil {
			s.t.Fatalf("after %q: %v", got, err)
		}
		if kind != websocket.MessageText {
			s.t.Error("not a text message")
		}
		var e struct{ Type, Subject, Sequence string }
		if err := json.Unmarshal(b, &e); err != nil {
			s.t.Fatalf("%v in %s", err, b)
		}
		if e.Sequence == "" {
			got = append(got, string(b))
			continue
		}
		got = append(got, fmt.Sprintf("%s %s %s", strings.TrimPrefix(e.Type, "E_MSRP_"), e.Subject, strings.TrimLeft(e.Sequence, "0")))
	}
	return got
}

// ended is the status that the server closed with.
func (s *socket) ended() websocket.StatusCode {
	s.t.Helper()
	for {
		if _, _, err := s.conn.Read(s.ctx); err != nil {
			return websocket.CloseStatus(err)
		}
	}
}

func TestWebSocket(t *testing.T) {
	for _, c := range []struct {
		name, query string
		header      []string
		want        []string
	}{
		{"now", "", nil, nil},
		{"oldest", "?from=0", nil, all},
		{"after a cursor", "?from=i-2", nil, all[2:]},
		{"after Last-Event-ID", "?from=0", []string{"Last-Event-ID", "i-3"}, all[3:]},
		{"one type", "?from=0&type=E_MSRP_MSG_RECEIVED,E_MSRP_SESSION_NEW", nil, all[:3]},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := journal.NewMemory(journal.MemoryConfig{Instance: "i"})
			s := start(t, node{}, func(config *web.Config) { config.Events = j })
			fill(j, "a")
			f := s.socket(t, c.query, c.header...)
			fill(j, "b")
			want := append(append([]string{}, c.want...), "SESSION_NEW b 1")
			if diff := cmp.Diff(want, f.messages(len(want))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTags(t *testing.T) {
	s := start(t, node{}, nil)
	tagged := func(session string, tags map[string]string) {
		e := event.NewEnd(session, event.Tags(tags))
		e.Sequence = 1
		s.journal.Append(e, nil)
	}
	tagged("a", map[string]string{"customer": "acme"})
	tagged("b", map[string]string{"customer": "acme", "line": "2"})
	tagged("c", map[string]string{"customer": "other", "line": "2"})
	for query, want := range map[string][]string{
		"?from=0&tag=customer=acme&tag=line": {"SESSION_END b 1"},
		"?from=0&tag=line,customer=other":    {"SESSION_END c 1"},
		"?from=0&tag=customer":               {"SESSION_END a 1", "SESSION_END b 1", "SESSION_END c 1"},
	} {
		if diff := cmp.Diff(want, s.socket(t, query).messages(len(want))); diff != "" {
			t.Errorf("%s: %s", query, diff)
		}
		if diff := cmp.Diff(want, s.follow(t, query).events(len(want))); diff != "" {
			t.Errorf("%s, server-sent: %s", query, diff)
		}
	}
}

func TestWebSocketsThatAreRefused(t *testing.T) {
	s := start(t, node{}, func(c *web.Config) { c.MaxStreams = 1 })
	upgrade := []string{"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}
	for _, c := range []struct {
		name, query string
		header      []string
		status      int
		want        string
	}{
		{"no WebSocket", "", nil, 426, "speaks WebSocket"},
		{"another origin", "", append([]string{"Origin", "http://evil.example"}, upgrade...), 403, "other origins"},
		{"a cursor that never was", "?from=nonsense", upgrade, 400, "nonsense"},
		{"unknown parameter", "?form=0", upgrade, 400, "form"},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer, text := s.do(t, "GET", "/v1/events/ws"+c.query, "", c.header...)
			if answer.StatusCode != c.status || !strings.Contains(text, c.want) {
				t.Errorf("%s %s\nwant %d …%s…", answer.Status, text, c.status, c.want)
			}
		})
	}
	first := s.socket(t, "", "Origin", s.url) // its own origin is none of the others
	answer, text := s.do(t, "GET", "/v1/events/ws", "", upgrade...)
	if answer.StatusCode != http.StatusServiceUnavailable || !strings.Contains(text, "1 event streams") {
		t.Errorf("a second one: %s %s", answer.Status, text)
	}
	_ = first.conn.Close(websocket.StatusNormalClosure, "")
	eventually(t, "the place is free", func() bool {
		conn, _, err := websocket.Dial(t.Context(), s.url+"/v1/events/ws", &websocket.DialOptions{HTTPClient: s.client})
		if err == nil {
			conn.CloseNow()
		}
		return err == nil
	})
}

func TestWebSocketEnds(t *testing.T) {
	t.Run("shutdown tells the rest", func(t *testing.T) {
		s := start(t, node{}, nil)
		f := s.socket(t, "?type=E_MSRP_SESSION_END")
		for i := range 1000 {
			fill(s.journal, fmt.Sprint(i))
		}
		ended := make(chan error, 1)
		go func() { ended <- s.Shutdown(t.Context()) }()
		if got := f.messages(1000); got[999] != "SESSION_END 999 4" {
			t.Errorf("the last event is %s", got[999])
		}
		if code := f.ended(); code != websocket.StatusGoingAway {
			t.Errorf("closed with %d", code)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Run("shutdown does not wait for a client that takes nothing", func(t *testing.T) {
		s := start(t, node{}, func(c *web.Config) { c.WriteTimeout = time.Hour })
		s.socket(t, "")
		s.fillConnection()
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
	t.Run("a client that says something", func(t *testing.T) {
		s := start(t, node{}, nil)
		f := s.socket(t, "")
		if err := f.conn.Write(f.ctx, websocket.MessageText, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		if code := f.ended(); code != websocket.StatusPolicyViolation {
			t.Errorf("closed with %d", code)
		}
	})
	t.Run("a client that takes nothing", func(t *testing.T) {
		s := start(t, node{}, func(c *web.Config) { c.WriteTimeout, c.MaxStreams = 200*time.Millisecond, 2 })
		s.socket(t, "") // which is not read from
		other := s.socket(t, "?type=E_MSRP_SESSION_END")
		s.fillConnection()
		last := event.NewEnd("a")
		last.Sequence = 1
		s.journal.Append(last, nil)
		other.messages(1) // nobody waits for the one that does not read
		eventually(t, "its place is free", func() bool {
			conn, _, err := websocket.Dial(t.Context(), s.url+"/v1/events/ws", &websocket.DialOptions{HTTPClient: s.client})
			if err == nil {
				conn.CloseNow()
			}
			return err == nil
		})
	})
	t.Run("a client that answers no ping", func(t *testing.T) {
		s := start(t, node{}, func(c *web.Config) {
			c.KeepAlive, c.WriteTimeout, c.MaxStreams = 20*time.Millisecond, 200*time.Millisecond, 1
		})
		s.socket(t, "") // which is not read from, and so answers nothing
		eventually(t, "its place is free", func() bool {
			conn, _, err := websocket.Dial(t.Context(), s.url+"/v1/events/ws", &websocket.DialOptions{HTTPClient: s.client})
			if err == nil {
				conn.CloseNow()
			}
			return err == nil
		})
	})
	t.Run("the journal", func(t *testing.T) {
		s := start(t, node{}, func(c *web.Config) { c.Events = &lossy{} })
		f := s.socket(t, "")
		if got := f.messages(1)[0]; got != `{"type":"lost","data":{"dropped":12}}` {
			t.Error(got)
		}
		if _, _, err := f.conn.Read(f.ctx); err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

func TestWebSocketPosition(t *testing.T) {
	j := journal.NewMemory(journal.MemoryConfig{Instance: "i"})
	s := start(t, node{}, func(c *web.Config) { c.Events, c.KeepAlive = j, 20*time.Millisecond })
	f := s.socket(t, "?session=b")
	fill(j, "a")
	for got := ""; got != `{"type":"position","id":"i-4"}`; {
		got = f.messages(1)[0]
		if !strings.HasPrefix(got, `{"type":"position","id":"i-`) {
			t.Fatal(got)
		}
	}
}
