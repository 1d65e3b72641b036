package web_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-msrp/parley/internal/control"
	"github.com/parley-msrp/parley/internal/journal"
	"github.com/parley-msrp/parley/internal/web"
	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/test/peer"
	"github.com/parley-msrp/parley/ua"
)

const jsonType = "application/json"

// api is the HTTP side of a node that is real down to its sockets, and a peer to call. All answers are checked against the document.
type api struct {
	*side
	*described
	node    *control.Control
	journal *journal.Memory
	far     *ua.Agent
	peer    *phone
}

// phone takes every call and every message.
type phone struct {
	ua.Quiet
	types []string // that it accepts

	mu       sync.Mutex
	messages []*ua.Message
	octets   int64 // of the message that streams in
	sum      string
	headers  []msrp.Header
	refuse   bool // a message that streams in, after some of it
}

func (p *phone) invite(inv *ua.Invitation) { _, _ = inv.Answer(p, p.types...) }

func (p *phone) Message(_ *ua.Session, m *ua.Message) {
	if !m.Bodiless {
		p.mu.Lock()
		p.messages = append(p.messages, m)
		p.mu.Unlock()
	}
	m.Accept()
}

func (p *phone) Stream(_ *ua.Session, in *ua.Incoming) {
	go func() { // ends with the message
		hash := sha256.New()
		p.mu.Lock()
		refuse := p.refuse
		p.mu.Unlock()
		if refuse {
			_, _ = io.CopyN(hash, in, 100_000)
			in.Reject(413, "no more")
			return
		}
		n, err := io.Copy(hash, in)
		if err != nil {
			return
		}
		p.mu.Lock()
		p.octets, p.sum, p.headers = n, fmt.Sprintf("%x", hash.Sum(nil)), in.Headers
		p.mu.Unlock()
		in.Accept()
	}()
}

func (p *phone) last() *ua.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.messages) == 0 {
		return nil
	}
	return p.messages[len(p.messages)-1]
}

func agent(t *testing.T, invite func(*ua.Invitation), n *control.Control) *ua.Agent {
	t.Helper()
	a, err := ua.New(ua.Config{
		SIPListen: []string{"udp:127.0.0.1:0"}, MSRPListen: []string{"tcp:127.0.0.1:0"}, OnInvite: invite, TapSIP: n.Tap().SIP, Counter: n.Statistics(),
		MSRP: msrp.Config{RefuseWhenFull: true, ConnectAttempts: -1, MaxMessage: 1 << 40, Tap: n.Tap().MSRP, Counter: n.Statistics().MSRP()},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := a.Close(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
	return a
}

func newAPI(t *testing.T, types ...string) *api {
	t.Helper()
	a := &api{peer: &phone{types: types}}
	far := control.New(journal.NewMemory(journal.MemoryConfig{}), "/node/far", slog.New(slog.DiscardHandler))
	t.Cleanup(far.Close)
	a.far = agent(t, a.peer.invite, far)
	a.journal = journal.NewMemory(journal.MemoryConfig{})
	a.node = control.New(a.journal, "/node/test", slog.New(slog.DiscardHandler))
	t.Cleanup(a.node.Close)
	near := agent(t, func(inv *ua.Invitation) {
		label := control.Label{Tags: map[string]string{"customer": "acme", "from": inv.From()}}
		if err := a.node.Answer(inv, label, "*"); err != nil {
			t.Error(err)
		}
	}, a.node)
	a.node.Attach(near)
	a.side = start(t, a.node, func(c *web.Config) { c.Events = a.node })
	a.described = describe(t, a.side)
	return a
}

// ask sends a request with a JSON body, if any, checks that the answer is as described, and reads it.
func (a *api) ask(t *testing.T, method, path, body string, status int, into any, header ...string) (*http.Response, string) {
	t.Helper()
	if method == http.MethodPost {
		header = append(header, "Content-Type", jsonType)
	}
	answer, text := a.do(t, method, path, body, header...)
	a.check(t, method, path, answer, text)
	if answer.StatusCode != status {
		t.Fatalf("%s %s: %s %s\nwant %d", method, path, answer.Status, text, status)
	}
	if into != nil {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
	}
	return answer, text
}

// call starts a session with the peer and waits until it is established.
func (a *api) call(t *testing.T) web.Session {
	t.Helper()
	to := "sip:bob@" + strings.TrimPrefix(a.far.SIPAddrs()[0], "udp:")
	var session web.Session
	answer, _ := a.ask(t, "POST", "/v1/sessions", `{"from_uri":"sip:alice@127.0.0.1","to_uri":"`+to+`","content_types":["text/plain","image/*"]}`, 201, &session)
	if got := answer.Header.Get("Location"); got != "/v1/sessions/"+session.SessionID {
		t.Errorf("Location: %s", got)
	}
	if session.ToURI != to || session.PeerURI != to || session.Type != "UAC" || session.FromURI != "sip:alice@127.0.0.1" {
		t.Errorf("%+v", session)
	}
	eventually(t, "it is established", func() bool {
		a.ask(t, "GET", "/v1/sessions/"+session.SessionID, "", 200, &session)
		return session.State == "established"
	})
	return session
}

func TestSessionsAndMessages(t *testing.T) {
	a := newAPI(t, "text/plain", "application/json")
	events := a.follow(t, "")
	s := a.call(t)
	path := "/v1/sessions/" + s.SessionID
	if strings.Join(s.ContentTypes, " ") != "text/plain application/json" || s.PeerPath == "" {
		t.Errorf("%+v", s)
	}
	var sent web.SentMessage
	for _, c := range []struct{ name, body, kind, want string }{
		{"text", `{"body":"grüß dich <&>"}`, "text/plain", "grüß dich <&>"},
		{"another type", `{"content_type":"application/json","body":"{\"a\":1}"}`, "application/json", `{"a":1}`},
		{"octets", `{"content_type":"application/json","body_base64":"/wA="}`, "application/json", "\xff\x00"},
		{"an empty one", `{"body":""}`, "text/plain", ""},
		{"with reports", `{"body":"x","failure_report":"partial","success_report":true}`, "text/plain", "x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a.ask(t, "POST", path+"/messages", c.body, 202, &sent)
			eventually(t, "it comes", func() bool { m := a.peer.last(); return m != nil && m.MessageID == sent.MessageID })
			if m := a.peer.last(); m.ContentType != c.kind || string(m.Body) != c.want {
				t.Errorf("came as %s %q", m.ContentType, m.Body)
			}
		})
	}
	m := a.peer.last()
	if !m.SuccessReport || m.FailureReport != msrp.FailurePartial {
		t.Errorf("reports: %v %v", m.SuccessReport, m.FailureReport)
	}
	for {
		b, ok := events.next()
		if !ok {
			t.Fatal("the stream ended")
		}
		a.validate(t, b.event, []string{"components", "schemas", b.event}, b.data)
		if b.event == "E_MSRP_REPORT_RECEIVED" && strings.Contains(b.data, sent.MessageID) {
			break
		}
	}
	a.ask(t, "GET", path, "", 200, &s)
	if s.Sent != 5 || s.Received != 0 {
		t.Errorf("sent %d, received %d", s.Sent, s.Received)
	}
	var health web.Health
	eventually(t, "all is counted", func() bool {
		a.ask(t, "GET", "/v1/health", "", 200, &health)
		return health.Messages.Delivered == 5
	})
	if health.Status != "ok" || health.Version != "0.1.0" || health.Sessions.Established != 1 || health.Messages.Sent != 5 || len(health.Listeners.SIP) != 1 ||
		health.Process.EventStreams != 1 || health.Process.Memory == 0 || health.Latencies.Responses.Count < 4 || health.Journal.Events == 0 {
		t.Errorf("%+v", health)
	}
	a.ask(t, "DELETE", path, "", 204, nil)
	eventually(t, "it is gone", func() bool { return len(a.node.List()) == 0 })
	for method, below := range map[string]string{"GET": "", "DELETE": "", "POST": "/messages", "PUT": "/files/x"} {
		_, text := a.ask(t, method, path+below, `{"body":"late"}`, 404, nil)
		if !strings.Contains(text, "GET /v1/sessions lists those that live") {
			t.Errorf("%s: %s", method, text)
		}
	}
}

func TestListOfSessions(t *testing.T) {
	a := newAPI(t, "*")
	for i := range 5 {
		from := fmt.Sprintf("sip:caller%d@127.0.0.1", i)
		if _, err := a.far.Start(ua.StartConfig{From: from, To: "sip:bob@" + strings.TrimPrefix(a.listener(t), "udp:"), Handler: a.peer}); err != nil {
			t.Fatal(err)
		}
	}
	out := a.call(t)
	eventually(t, "all are established", func() bool {
		var l web.SessionList
		a.ask(t, "GET", "/v1/sessions?state=established", "", 200, &l)
		return l.Total == 6
	})
	for _, c := range []struct {
		query string
		total int
	}{
		{"", 6},
		{"?state=established,inviting", 6},
		{"?state=inviting&state=terminated", 0},
		{"?peer=CALLER3", 1},
		{"?peer=127.0.0.1", 6},
		{"?tag=customer", 5},
		{"?tag=customer%3Dacme,from%3Dsip:caller1@127.0.0.1", 1},
		{"?tag=customer%3Dother", 0},
	} {
		var l web.SessionList
		a.ask(t, "GET", "/v1/sessions"+c.query, "", 200, &l)
		if l.Total != c.total || len(l.Sessions) != c.total || l.Next != "" {
			t.Errorf("%s: %d of %d, next %q; want %d", c.query, len(l.Sessions), l.Total, l.Next, c.total)
		}
	}
	t.Run("pages", func(t *testing.T) {
		var got []string
		after := ""
		for range 3 {
			var l web.SessionList
			a.ask(t, "GET", "/v1/sessions?limit=2&after="+after, "", 200, &l)
			for _, s := range l.Sessions {
				got = append(got, s.SessionID)
			}
			// The last one of the page ends: its place stays.
			if after = l.Next; after != "" {
				a.ask(t, "DELETE", "/v1/sessions/"+got[len(got)-1], "", 204, nil)
			}
		}
		slices.Sort(got)
		if after != "" || len(slices.Compact(got)) != 6 || !slices.Contains(got, out.SessionID) {
			t.Errorf("%v, next %q", got, after)
		}
	})
	t.Run("entity tags", func(t *testing.T) {
		eventually(t, "what ended is gone", func() bool { return len(a.node.List()) == 4 })
		answer, _ := a.ask(t, "GET", "/v1/sessions", "", 200, nil)
		tag := answer.Header.Get("ETag")
		if answer, text := a.ask(t, "GET", "/v1/sessions", "", 304, nil, "If-None-Match", `"other", W/`+tag); text != "" || answer.Header.Get("ETag") != tag {
			t.Errorf("%q %s", text, answer.Header.Get("ETag"))
		}
		a.ask(t, "DELETE", "/v1/sessions/"+a.node.List()[0].SessionID, "", 204, nil)
		eventually(t, "it is gone", func() bool { return len(a.node.List()) == 3 })
		a.ask(t, "GET", "/v1/sessions", "", 200, nil, "If-None-Match", tag)
	})
}

func (a *api) listener(t *testing.T) string {
	t.Helper()
	var h web.Health
	a.ask(t, "GET", "/v1/health", "", 200, &h)
	return h.Listeners.SIP[0]
}

func TestNotEstablished(t *testing.T) {
	a := newAPI(t, "*")
	silent := peer.NewAgent(t, "udp", "127.0.0.1:9")
	var s web.Session
	a.ask(t, "POST", "/v1/sessions", `{"from_uri":"sip:a@127.0.0.1","to_uri":"sip:b@`+silent.Addr.String()+`"}`, 201, &s)
	_, text := a.ask(t, "POST", "/v1/sessions/"+s.SessionID+"/messages", `{"body":"early"}`, 409, nil)
	if !strings.Contains(text, "not established") {
		t.Error(text)
	}
}

func TestRequestID(t *testing.T) {
	a := newAPI(t, "*")
	for given, echoed := range map[string]bool{"abc-1.2_X": true, "": false, strings.Repeat("x", 65): false, "a b": false, "a\"b": false} {
		answer, _ := a.ask(t, "GET", "/v1/sessions", "", 200, nil, "X-Request-Id", given)
		got := answer.Header.Get("X-Request-Id")
		if echoed != (got == given) || got == "" {
			t.Errorf("%q: %q", given, got)
		}
	}
}
