package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/internal/access"
	"github.com/parley-msrp/parley/internal/trace"
	"github.com/parley-msrp/parley/internal/web"
	"github.com/parley-msrp/parley/ua"
)

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

// TestTraceOfCallsToCome: a call that comes in is traced from its INVITE on where that was asked for.
func TestTraceOfCallsToCome(t *testing.T) {
	a := newAPI(t, "*")
	most := fmt.Sprintf(`{"calls":%d}`, trace.MaxAwaited)
	for body, status := range map[string]int{`{"calls":17}`: 422, `{"calls":-1}`: 422, `{"calls":"1"}`: 422, `{}`: 422, `{"calls":0}`: 204, most: 204} {
		answer, text := a.do(t, "PUT", "/v1/traces", body)
		if answer.StatusCode != status || status == 422 && strings.HasSuffix(body, "7}") && !strings.Contains(text, "from 0 to 16") {
			t.Errorf("%s: %s %s", body, answer.Status, text)
		}
	}
	a.ask(t, "PUT", "/v1/traces", `{"calls":1}`, 204, nil)
	to := "sip:bob@" + strings.TrimPrefix(a.listener(t), "udp:")
	for range 2 {
		if _, err := a.far.Start(ua.StartConfig{From: "sip:carol@127.0.0.1", To: to, Handler: a.peer}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "one of two calls is traced, all of it", func() bool {
		traced := 0
		for _, s := range a.node.List() {
			if r, err := a.node.Traced(s.SessionID, 0); err == nil && len(r.Messages) >= 5 {
				traced++
				if m := r.Messages[0]; m.Sent || !strings.HasPrefix(m.Text, "INVITE ") {
					t.Fatalf("it begins with %q", m.Text)
				}
				if !slices.ContainsFunc(r.Messages, func(m trace.Message) bool { return m.Protocol == trace.MSRP }) {
					return false
				}
			}
		}
		return len(a.node.List()) == 2 && traced == 1
	})
}

// TestTraceTakesAdmin: who may start sessions does not for that see what is said in them.
func TestTraceTakesAdmin(t *testing.T) {
	clients := filepath.Join(t.TempDir(), "clients")
	token := strings.Repeat("t", access.MinToken)
	if err := os.WriteFile(clients, []byte("bot read,send,start token:"+token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	known, err := access.LoadClients(clients)
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, node{}, func(c *web.Config) { c.Gate = access.NewGate(access.GateConfig{}, known) })
	path := "/v1/sessions/" + session
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", "/v1/sessions", `{"from_uri":"sip:a@h","to_uri":"sip:b@h"}`, 201},
		{"POST", "/v1/sessions", `{"from_uri":"sip:a@h","to_uri":"sip:b@h","trace":true}`, 403},
		{"PUT", path + "/trace", "", 403},
		{"GET", path + "/trace", "", 403},
		{"DELETE", path + "/trace", "", 403},
		{"PUT", "/v1/traces", `{"calls":1}`, 403},
	} {
		answer, text := s.do(t, c.method, c.path, c.body, "Authorization", "Bearer "+token, "Content-Type", jsonType)
		if answer.StatusCode != c.status || c.status == 403 && !strings.Contains(text, "the right admin") {
			t.Errorf("%s %s %s: %s %s", c.method, c.path, c.body, answer.Status, text)
		}
	}
}

// TestFollowTrace: one client sees every message as it passes, another one those of one session's call; each with its call.
func TestFollowTrace(t *testing.T) {
	a := newAPI(t, "text/plain")
	a.ask(t, "GET", "/v1/trace?session_id=none", "", 404, nil)
	all := a.followPath(t, "/v1/trace")
	first := a.call(t)
	second := a.call(t)
	var one *follower
	// until reads messages until there is one with that text, and gives the beginnings of all of that call.
	until := func(f *follower, of web.Session, text string) []string {
		var words []string
		for {
			b, ok := f.next()
			if !ok {
				t.Fatalf("the stream ended after %q", words)
			}
			if b.event != "message" {
				continue
			}
			var m web.TracedMessage
			if err := json.Unmarshal([]byte(b.data), &m); err != nil {
				t.Fatal(err)
			}
			if m.CallID != of.CallID || (m.Protocol == trace.MSRP) != (m.SessionID == of.SessionID) {
				if f == one {
					t.Errorf("of another call: %+v", m)
				}
				continue
			}
			words = append(words, strings.Fields(m.Text)[0])
			if strings.Contains(m.Text, text) {
				return words
			}
		}
	}
	if got := until(all, second, " ACK\r\n"); got[0] != "INVITE" || got[len(got)-1] != "ACK" {
		t.Errorf("all of the second, up to its ACK: %q", got)
	}
	one = a.followPath(t, "/v1/trace?session_id="+second.SessionID) // what stands before has been shown
	for _, s := range []web.Session{first, second} {
		a.ask(t, "POST", "/v1/sessions/"+s.SessionID+"/messages", `{"body":"seen"}`, 202, nil)
	}
	if got := until(all, second, "seen"); got[len(got)-1] != "MSRP" {
		t.Errorf("all of the second, behind that: %q", got)
	}
	if got := until(one, second, "seen"); slices.Contains(got, "INVITE") || got[len(got)-1] != "MSRP" {
		t.Errorf("the second alone: %q", got)
	}
	a.ask(t, "DELETE", "/v1/sessions/"+second.SessionID, "", 204, nil)
	until(one, second, "BYE")
	for range 6 {
		a.followPath(t, "/v1/trace")
	}
	_, text := a.ask(t, "GET", "/v1/trace", "", 503, nil)
	if !strings.Contains(text, "8 follow") {
		t.Error(text)
	}
}
