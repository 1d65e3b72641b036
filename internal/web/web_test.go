package web_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-msrp/parley/internal/control"
	"github.com/parley-msrp/parley/internal/event"
	"github.com/parley-msrp/parley/internal/journal"
	"github.com/parley-msrp/parley/internal/mi"
	"github.com/parley-msrp/parley/internal/sink"
	"github.com/parley-msrp/parley/internal/trace"
	"github.com/parley-msrp/parley/internal/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const session = "9fbf08c1a3d24e7db1f0a6c2d95e4b17"

// node has one session. It knows a SIP URI when it sees one, and nothing else.
type node struct{}

func (node) Start(s control.Start) (string, error) {
	for _, uri := range []string{s.FromURI, s.ToURI, s.RequestURI} {
		if !strings.HasPrefix(uri, "sip:") {
			return "", fmt.Errorf("%q is not a SIP URI", uri)
		}
	}
	return session, nil
}

func (node) Send(s control.Send) (string, error) {
	if s.SessionID != session {
		return "", control.ErrUnknownSession
	}
	if file, ok := s.Stream.(io.ReadCloser); ok {
		go func() { // ends with the file
			defer file.Close()
			_, _ = io.Copy(io.Discard, file)
		}()
	}
	return "m1", nil
}

func (node) EndOnce(id, _ string) error {
	if id != session {
		return control.ErrUnknownSession
	}
	return nil
}

func (node) List() []control.Session {
	return []control.Session{{
		SessionID: session, B2BKey: "B2B.1.2", Type: "UAC", Handler: "msrp_ua", State: 2,
		PeerPath: "msrp://127.0.0.1:12000/ea09;tcp", Lifetime: 43200, CallID: "c@h", FromURI: "sip:alice@127.0.0.1", ToURI: "sip:bob@127.0.0.1",
		Started: time.Date(2026, 11, 3, 9, 0, 0, 0, time.UTC), PeerTypes: []string{"text/plain"},
	}}
}

func (n node) Session(id string) (control.Session, error) {
	if id != session {
		return control.Session{}, control.ErrUnknownSession
	}
	return n.List()[0], nil
}

func (node) Figures() control.Figures {
	return control.Figures{Listeners: control.Listeners{SIP: []string{"udp:127.0.0.1:5060"}, MSRP: []string{"tcp:127.0.0.1:2855"}}}
}

func (node) Trace(string) error { return nil }

func (node) Traced(string, uint64) (trace.Recording, error) {
	return trace.Recording{Recording: true, Messages: []trace.Message{{
		Number: 1, Time: time.Date(2026, 11, 3, 9, 0, 0, 0, time.UTC), Protocol: trace.MSRP, Sent: true, Local: "127.0.0.1:2855", Remote: "127.0.0.1:12000",
		Octets: 41, Text: "MSRP d93kswow SEND\r\n…\r\n-------d93kswow$\r\n",
	}}}, nil
}

func (node) EndTrace(string) error { return nil }

func (node) Follow(string) (*trace.Follower, error) { return nil, trace.ErrTooManyFollowers }

func (node) TraceNext(int) {}

func (node) Registrations() []control.Registration { return nil }

// emptyNode has no session, as when the recorded exchanges were made.
type emptyNode struct{ node }

func (emptyNode) List() []control.Session { return nil }

// side is a running Server.
type side struct {
	*web.Server
	url     string
	addr    string
	journal *journal.Memory
	client  *http.Client
}

func start(t testing.TB, n control.Node, change func(*web.Config)) *side {
	t.Helper()
	return startAfter(t, n, change, func(*web.Server) {})
}

// startAfter lets prepare change the Server before it serves.
func startAfter(t testing.TB, n control.Node, change func(*web.Config), prepare func(*web.Server)) *side {
	t.Helper()
	s := &side{journal: journal.NewMemory(journal.MemoryConfig{}), client: &http.Client{Transport: &http.Transport{}, Timeout: 20 * time.Second}}
	subscribers := sink.NewSubscribers(sink.SubscribersConfig{Journal: s.journal})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		_ = subscribers.Close(ctx)
	})
	commands, err := mi.New(mi.Config{Node: n, Subscribers: subscribers, Statistics: control.NewStatistics().Set, Product: "Parley", Version: "0.1.0", Started: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	hooks, err := sink.NewWebhooks(sink.WebhooksConfig{Journal: s.journal, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("nobody is there")
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		_ = hooks.Close(ctx)
	})
	c := web.Config{MI: commands, Webhooks: hooks, Node: n, Events: s.journal, Product: "Parley/0.1.0", Version: "0.1.0"}
	if change != nil {
		change(&c)
	}
	if s.Server, err = web.New(c); err != nil {
		t.Fatal(err)
	}
	prepare(s.Server)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(l); err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	s.url = "http://" + s.addr
	t.Cleanup(func() {
		s.client.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = s.Shutdown(ctx)
	})
	return s
}

// do sends a request; header is name, value, name, value …
func (s *side) do(t *testing.T, method, path, body string, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(text)
}

// eventually polls, as what it waits for happens on real sockets.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("in vain: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestRequests(t *testing.T) {
	const json = "application/json"
	s := start(t, node{}, func(c *web.Config) { c.MaxBody = 1000 })
	which := `{"jsonrpc":"2.0","method":"which","params":["uptime"],"id":1}`
	for _, c := range []struct {
		name, method, path, body string
		header                   []string
		status                   int
		want                     string
	}{
		{"a call", "POST", "/mi", which, []string{"Content-Type", json}, 200, `{"jsonrpc":"2.0","result":[[]],"id":1}`},
		{"a call from our own page", "POST", "/mi", which, []string{"Content-Type", json, "Origin", "http://" + s.addr}, 200, `"result"`},
		{"an error is a 200 too", "POST", "/mi", "not json", []string{"Content-Type", json}, 200, `{"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error"},"id":null}`},
		{"no body", "POST", "/mi", "", []string{"Content-Type", json}, 200, `-32700`},
		{"a notification", "POST", "/mi", `{"jsonrpc":"2.0","method":"which"}`, []string{"Content-Type", json}, 204, ""},
		{"a body as long as can be", "POST", "/mi", which + strings.Repeat(" ", 1000-len(which)), []string{"Content-Type", json}, 200, `"result"`},
		{"a body too long", "POST", "/mi", which + strings.Repeat(" ", 1001-len(which)), []string{"Content-Type", json}, 413, `"detail":"a request holds at most 1000 octets"`},
		{"no content type", "POST", "/mi", which, nil, 415, `"detail":"a POST needs Content-Type: application/json"`},
		{"a form", "POST", "/mi", which, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, `"status":415`},
		{"another Host", "POST", "/mi", which, []string{"Content-Type", json, "Host", "evil.example"}, 403, `"title":"Forbidden"`},
		{"another Host asks for health", "GET", "/healthz", "", []string{"Host", "evil.example:80"}, 403, `the Host header`},
		{"another Origin", "POST", "/mi", which, []string{"Content-Type", json, "Origin", "http://evil.example"}, 403, `other origins`},
		{"another Origin asks for events", "GET", "/v1/events", "", []string{"Origin", "http://evil.example"}, 403, `other origins`},
		{"GET of a method", "GET", "/mi", "", nil, 405, `"detail":"this path takes POST"`},
		{"POST of events", "POST", "/v1/events", "{}", []string{"Content-Type", json}, 405, `"detail":"this path takes GET"`},
		{"HEAD of events", "HEAD", "/v1/events", "", nil, 405, ""},
		{"DELETE of health", "DELETE", "/healthz", "", nil, 405, `"detail":"this path takes GET, HEAD"`},
		{"preflight", "OPTIONS", "/mi", "", nil, 405, `"status":405`},
		{"nothing there", "GET", "/x", "", nil, 404, `{"type":"about:blank","title":"Not Found","status":404,"detail":"there is nothing at this path"}`},
		{"a path with a slash behind", "POST", "/mi/", which, []string{"Content-Type", json}, 404, `"status":404`},
		{"a path with dots", "GET", "/x/../healthz", "", nil, 404, `"status":404`},
		{"health", "GET", "/healthz", "", nil, 200, `{"status":"ok"}`},
		{"HEAD of health", "HEAD", "/healthz", "", nil, 200, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer, text := s.do(t, c.method, c.path, c.body, c.header...)
			if answer.StatusCode != c.status || !strings.Contains(text, c.want) {
				t.Errorf("%s %s\nwant %d …%s…", answer.Status, text, c.status, c.want)
			}
			want := json
			switch {
			case c.status == http.StatusNoContent:
				want = ""
			case c.status >= 300:
				want = "application/problem+json"
			}
			if got := answer.Header.Get("Content-Type"); got != want {
				t.Errorf("content type %q, want %q", got, want)
			}
			if got := answer.Header.Get("Allow"); (got != "") != (c.status == http.StatusMethodNotAllowed) {
				t.Errorf("Allow: %q", got)
			}
			if got := answer.Header.Get("Server"); got != "Parley/0.1.0" {
				t.Errorf("Server: %q", got)
			}
		})
	}
}

func TestChunkedBodyTooLong(t *testing.T) {
	s := start(t, node{}, func(c *web.Config) { c.MaxBody = 1000 })
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/mi", io.MultiReader(strings.NewReader(strings.Repeat(" ", 2000))))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("status %s", answer.Status)
	}
}

func TestBodyCutShort(t *testing.T) {
	s := start(t, node{}, nil)
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "POST /mi HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{}", s.addr)
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	if err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 400 ")) || bytes.Contains(answer, []byte("jsonrpc")) {
		t.Errorf("answer %q, %v", answer, err)
	}
}

func TestOptionsOfEverythingIsChecked(t *testing.T) {
	s := start(t, node{}, nil)
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "OPTIONS * HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
	if answer, err := io.ReadAll(c); err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 403 ")) {
		t.Errorf("answer %q, %v", answer, err)
	}
}

func TestHealthTellsWhyNot(t *testing.T) {
	var reason atomic.Pointer[error]
	s := start(t, node{}, func(c *web.Config) {
		c.Ready = func() error {
			if e := reason.Load(); e != nil {
				return *e
			}
			return nil
		}
	})
	for _, c := range []struct {
		err    error
		status int
		want   string
	}{
		{errors.New("SIP does not listen yet"), 503, `{"status":"unavailable","reason":"SIP does not listen yet"}` + "\n"},
		{nil, 200, `{"status":"ok"}` + "\n"},
		{errors.New("the node is shutting down"), 503, `{"status":"unavailable","reason":"the node is shutting down"}` + "\n"},
	} {
		reason.Store(nil)
		if c.err != nil {
			reason.Store(&c.err)
		}
		if answer, text := s.do(t, "GET", "/healthz", ""); answer.StatusCode != c.status || text != c.want {
			t.Errorf("%s %s; want %d %s", answer.Status, text, c.status, c.want)
		}
	}
}

// elsewhere is a listener that says it is not on loopback.
type elsewhere struct{ net.Listener }

func (elsewhere) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 8888} }

func TestStartRefusesOffLoopback(t *testing.T) {
	s := start(t, node{}, nil)
	if err := s.Start(elsewhere{}); err == nil || !strings.Contains(err.Error(), "not on loopback") {
		t.Errorf("error is %v", err)
	}
}

func TestNewNeedsItsParts(t *testing.T) {
	if _, err := web.New(web.Config{Events: journal.NewMemory(journal.MemoryConfig{})}); err == nil {
		t.Error("no error without management interface")
	}
}

// fill tells of one session: begun, two messages, ended.
func fill(j *journal.Memory, id string) {
	emit := func(e event.Event, n uint64) {
		e.Sequence, e.Source, e.Time = n, "parley://test", time.Date(2026, 11, 3, 9, 0, 0, 0, time.UTC)
		j.Append(e, nil)
	}
	emit(event.NewSession("sip:alice@127.0.0.1", "sip:bob@127.0.0.1", "sip:bob@127.0.0.1", id, "text/plain", event.CallID("c@h")), 1)
	emit(event.NewMessage(id, "text/plain", []byte("hel\nlo")), 2)
	emit(event.NewMessage(id, "application/octet-stream", []byte{0xff}), 3)
	emit(event.NewEnd(id, event.Reason("BYE")), 4)
}
