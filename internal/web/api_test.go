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
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-msrp/parley/internal/control"
	"github.com/parley-msrp/parley/internal/journal"
	"github.com/parley-msrp/parley/internal/trace"
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
	node *control.Control
	far  *ua.Agent
	peer *phone
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
		SIPListen: []string{"udp:127.0.0.1:0"}, MSRPListen: []string{"tcp:127.0.0.1:0"}, OnInvite: invite, TapSIP: n.Recorder().TapSIP, Counter: n.Statistics(),
		MSRP: msrp.Config{RefuseWhenFull: true, ConnectAttempts: -1, MaxMessage: 1 << 40, Tap: n.Recorder().TapMSRP, Counter: n.Statistics().MSRP()},
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
	a.far = agent(t, a.peer.invite, control.New(journal.NewMemory(journal.MemoryConfig{}), "/node/far", slog.New(slog.DiscardHandler)))
	j := journal.NewMemory(journal.MemoryConfig{})
	a.node = control.New(j, "/node/test", slog.New(slog.DiscardHandler))
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
		health.Process.EventStreams != 1 || health.Process.Memory == 0 || health.Latencies.Responses.Count < 5 || health.Journal.Events == 0 {
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

// TestRefusals: each names the field, and says what would be right.
func TestRefusals(t *testing.T) {
	a := newAPI(t, "text/plain")
	s := a.call(t)
	messages, files := "/v1/sessions/"+s.SessionID+"/messages", "/v1/sessions/"+s.SessionID+"/files/"
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		fields                   []string
		want                     string
	}{
		{"no JSON", "POST", "/v1/sessions", `{"to_uri":`, 400, nil, "must be a JSON object"},
		{"no object", "POST", "/v1/sessions", `[]`, 400, nil, "must be a JSON object"},
		{"null", "POST", "/v1/sessions", `null`, 400, nil, "must be a JSON object"},
		{"no UTF-8", "POST", "/v1/sessions", "{\"to_uri\":\"\xff\"}", 400, nil, "not UTF-8"},
		{"nothing given", "POST", "/v1/sessions", `{}`, 422, []string{"to_uri", "from_uri"}, "is required"},
		{"null given", "POST", "/v1/sessions", `{"to_uri":null,"from_uri":"sip:a@h"}`, 422, []string{"to_uri"}, "is required"},
		{"unknown member", "POST", "/v1/sessions", `{"to_uri":"sip:a@h","from_uri":"sip:b@h","To_uri":1}`, 422, []string{"To_uri"}, "unknown member; there are: to_uri, from_uri, ruri, content_types"},
		{"a wrong kind", "POST", "/v1/sessions", `{"to_uri":7,"from_uri":"sip:b@h","content_types":"text/plain"}`, 422, []string{"to_uri", "content_types"}, "must be a list, each of it a string"},
		{"no SIP URI", "POST", "/v1/sessions", `{"to_uri":"bob","from_uri":"sip:b@h"}`, 422, []string{"to_uri"}, "to_uri"},
		{"no SIP URI of the caller", "POST", "/v1/sessions", `{"to_uri":"sip:bob@127.0.0.1","from_uri":"x"}`, 422, []string{"from_uri"}, "from_uri"},
		{"no media type", "POST", "/v1/sessions", `{"to_uri":"sip:bob@127.0.0.1","from_uri":"sip:b@h","content_types":["text"]}`, 422, []string{"content_types"}, "type/subtype"},
		{"no body", "POST", messages, `{}`, 422, []string{"body"}, "one of body and body_base64"},
		{"two bodies", "POST", messages, `{"body":"a","body_base64":"YQ=="}`, 422, []string{"body"}, "one of body and body_base64"},
		{"no base64", "POST", messages, `{"body_base64":"?"}`, 422, []string{"body_base64"}, "base64"},
		{"no such report", "POST", messages, `{"body":"a","failure_report":"maybe"}`, 422, []string{"failure_report"}, "yes, partial, no"},
		{"a type that the peer does not take", "POST", messages, `{"body":"a","content_type":"text/html"}`, 422, []string{"content_type"}, "it accepts text/plain"},
		{"no content type", "POST", messages, `{"body":"a","content_type":"text"}`, 422, []string{"content_type"}, "type/subtype"},
		{"a header in the content type", "POST", messages, `{"body":"a","content_type":"text/plain\r\nX: y"}`, 422, []string{"content_type"}, "control character"},
		{"a file of a type that the peer does not take", "PUT", files + "a", "x", 422, []string{"content_type"}, "it accepts text/plain"},
		{"a bad file name", "PUT", files + "a%0Ab", "x", 422, []string{"name"}, "control characters"},
		{"a file's name with a slash", "PUT", files + "a%2Fb", "x", 422, []string{"name"}, "slashes"},
		{"a parameter of a file", "PUT", files + "a?success_report=1", "x", 400, []string{"success_report"}, "yes, no"},
		{"unknown parameter", "GET", "/v1/sessions?states=new", "", 400, []string{"states"}, "there are: state, peer, tag, limit, after"},
		{"no such state", "GET", "/v1/sessions?state=new", "", 400, []string{"state"}, "inviting, confirmed, established, terminated"},
		{"a page too long", "GET", "/v1/sessions?limit=1001&after=!", "", 400, []string{"limit"}, "from 1 to 1000"},
		{"no place", "GET", "/v1/sessions?after=AAAA", "", 400, []string{"after"}, "the next of another page"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p web.Problem
			answer, text := a.ask(t, c.method, c.path, c.body, c.status, &p)
			if got := answer.Header.Get("Content-Type"); got != "application/problem+json" {
				t.Error(got)
			}
			var fields []string
			for _, e := range p.Errors {
				fields = append(fields, e.Field)
			}
			if strings.Join(fields, " ") != strings.Join(c.fields, " ") || !strings.Contains(text, c.want) || p.Status != c.status {
				t.Errorf("%s\nwant fields %v, %s", text, c.fields, c.want)
			}
		})
	}
	if n := a.peer.last(); n != nil {
		t.Errorf("%q was sent", n.Body)
	}
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

// TestTrace: a session that is started with a trace shows all of it; one that is traced later on what comes after that.
func TestTrace(t *testing.T) {
	a := newAPI(t, "text/plain")
	var s web.Session
	to := "sip:bob@" + strings.TrimPrefix(a.far.SIPAddrs()[0], "udp:")
	a.ask(t, "POST", "/v1/sessions", `{"from_uri":"sip:alice@127.0.0.1","to_uri":"`+to+`","trace":true}`, 201, &s)
	first, second := "/v1/sessions/"+s.SessionID, "/v1/sessions/"+a.call(t).SessionID
	a.ask(t, "GET", second+"/trace", "", 404, nil)
	a.ask(t, "PUT", "/v1/sessions/none/trace", "", 404, nil)
	a.ask(t, "PUT", second+"/trace", "", 204, nil)
	for _, path := range []string{first, second} {
		eventually(t, "a message is sent", func() bool {
			answer, _ := a.do(t, "POST", path+"/messages", `{"body":"seen","success_report":true}`, "Content-Type", jsonType)
			return answer.StatusCode == http.StatusAccepted
		})
	}
	steps := func(path string) []string {
		var r trace.Recording
		a.ask(t, "GET", path+"/trace", "", 200, &r)
		var all []string
		for _, m := range r.Messages {
			line, _, _ := strings.Cut(m.Text, "\r\n")
			words := strings.Fields(line)
			word := words[0]
			if m.Protocol == trace.MSRP {
				word = words[2]
			} else if word == "SIP/2.0" {
				word = words[1]
			}
			all = append(all, fmt.Sprintf("%s %t %s", m.Protocol, m.Sent, word))
		}
		return all
	}
	talk := []string{"MSRP true SEND", "MSRP false 200", "MSRP false REPORT"}
	setUp := []string{"SIP true INVITE", "SIP false 200", "SIP true ACK"}
	holds := func(path string, want []string) bool {
		got := steps(path)
		return !slices.ContainsFunc(want, func(step string) bool { return !slices.Contains(got, step) })
	}
	eventually(t, "the first has all", func() bool { return holds(first, append(setUp, talk...)) })
	eventually(t, "the second has what came later", func() bool { return holds(second, talk) })
	if got := steps(second); slices.Contains(got, setUp[0]) || slices.Contains(got, setUp[1]) {
		t.Errorf("the second has what came before: %v", got)
	}
	var r trace.Recording
	a.ask(t, "GET", first+"/trace?after=1", "", 200, &r)
	if !r.Recording || r.Messages[0].Number != 2 {
		t.Errorf("%+v", r)
	}
	a.ask(t, "DELETE", first, "", 204, nil)
	eventually(t, "the BYE is in the trace of a session that is over", func() bool { return slices.Contains(steps(first), "SIP true BYE") })
	a.ask(t, "DELETE", first+"/trace", "", 204, nil)
	a.ask(t, "DELETE", first+"/trace", "", 404, nil)
	a.ask(t, "GET", first+"/trace", "", 404, nil)
	a.ask(t, "GET", second+"/trace?after=x", "", 400, nil)
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

func TestFiles(t *testing.T) {
	const size = 96 << 20
	a := newAPI(t, "*")
	s := a.call(t)
	path := "/v1/sessions/" + s.SessionID + "/files/"
	t.Run("a large one passes through", func(t *testing.T) {
		hash := sha256.New()
		var most uint64
		body := io.TeeReader(&pattern256{left: size, watch: func() {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
		}}, hash)
		answer, text := a.put(t, path+"gr%C3%BC%C3%9Fe%20%22x%22.bin?success_report=yes", body, -1, "video/mp4")
		var sent web.SentFile
		if err := json.Unmarshal([]byte(text), &sent); err != nil || answer.StatusCode != 202 || sent.Octets != size {
			t.Fatalf("%s %s", answer.Status, text)
		}
		eventually(t, "all of it comes", func() bool { a.peer.mu.Lock(); defer a.peer.mu.Unlock(); return a.peer.octets == size })
		if want := fmt.Sprintf("%x", hash.Sum(nil)); a.peer.sum != want {
			t.Errorf("sum %s, want %s", a.peer.sum, want)
		}
		if h := a.peer.headers; len(h) != 1 || h[0].Value != `attachment; filename*=utf-8''gr%C3%BC%C3%9Fe%20%22x%22.bin` {
			t.Errorf("headers %v", h)
		}
		if most > 48<<20 {
			t.Errorf("%d MiB of heap", most>>20)
		}
	})
	for _, size := range []int64{0, 1, 100, 70_000} {
		t.Run(fmt.Sprintf("%d octets", size), func(t *testing.T) {
			answer, text := a.put(t, path+"a.txt", io.LimitReader(zeros{}, size), size, "")
			var sent web.SentFile
			if err := json.Unmarshal([]byte(text), &sent); err != nil || answer.StatusCode != 202 || sent.Octets != size {
				t.Fatalf("%s %s", answer.Status, text)
			}
		})
	}
	t.Run("the peer refuses it", func(t *testing.T) {
		a.peer.mu.Lock()
		a.peer.refuse = true
		a.peer.mu.Unlock()
		answer, text := a.put(t, path+"a.bin", &pattern256{left: size, watch: func() {}}, -1, "video/mp4")
		if answer.StatusCode != http.StatusConflict || !strings.Contains(text, "came to nothing") {
			t.Errorf("%s %s", answer.Status, text)
		}
	})
}

func (a *api) put(t *testing.T, path string, body io.Reader, length int64, contentType string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, a.url+path, io.NopCloser(body))
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = length
	if length == 0 {
		r.Body = http.NoBody
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	client := &http.Client{Transport: a.client.Transport, Timeout: 2 * time.Minute}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	a.check(t, "PUT", path, answer, string(text))
	return answer, string(text)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// pattern256 is a body that looks like nothing else, and watches each 16 MiB of itself go.
type pattern256 struct {
	left, read int64
	watch      func()
}

func (p *pattern256) Read(b []byte) (int, error) {
	if p.left == 0 {
		return 0, io.EOF
	}
	n := int(min(p.left, int64(len(b))))
	for i := range n {
		b[i] = byte((p.read + int64(i)) * 2654435761 >> 13)
	}
	before := p.read >> 24
	p.left -= int64(n)
	if p.read += int64(n); p.read>>24 != before {
		p.watch()
	}
	return n, nil
}
