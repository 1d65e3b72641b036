package interop

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/parley-msrp/parley/test/daemon"
	"github.com/parley-msrp/parley/test/peer"
)

const applicationSecret = "a-secret-of-some-length"

// application is a program of somebody's own that speaks HTTP alone: it decides on calls and takes events, and trusts what is signed.
type application struct {
	*httptest.Server
	down chan struct{} // closed: it takes events

	mu     sync.Mutex
	events []string // type, subject and sequence
	asked  []map[string]any
	left   int // questions that nobody waited for to the end
}

func newApplication(t *testing.T) *application {
	t.Helper()
	a := &application{down: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /call", a.call)
	mux.HandleFunc("POST /events", a.event)
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mac := hmac.New(sha256.New, []byte(applicationSecret))
		fmt.Fprintf(mac, "%s.%s", r.Header.Get("Parley-Timestamp"), body)
		if r.Header.Get("Parley-Signature") != "v1="+hex.EncodeToString(mac.Sum(nil)) {
			t.Errorf("not signed as documented: %v", r.Header)
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(a.Close)
	return a
}

// call decides by whom the call is for.
func (a *application) call(w http.ResponseWriter, r *http.Request) {
	var question map[string]any
	_ = json.NewDecoder(r.Body).Decode(&question)
	a.mu.Lock()
	a.asked = append(a.asked, question)
	a.mu.Unlock()
	switch user, _, _ := strings.Cut(fmt.Sprint(question["ruri"]), "@"); user {
	case "sip:support":
		fmt.Fprint(w, `{"action":"answer","content_types":["text/plain"],"tags":{"agent":"carol"}}`)
	case "sip:nobody":
		fmt.Fprint(w, `{"action":"reject","code":603,"reason":"Not today"}`)
	case "sip:moved":
		fmt.Fprint(w, `{"action":"redirect","contacts":["sip:there@192.0.2.1"]}`)
	case "sip:broken":
		fmt.Fprint(w, `{"action":"reject","code":200}`)
	case "sip:error":
		w.WriteHeader(http.StatusInternalServerError)
	default: // sip:slow
		<-r.Context().Done() // nobody waits for the answer any more
		a.mu.Lock()
		a.left++
		a.mu.Unlock()
	}
}

func (a *application) event(w http.ResponseWriter, r *http.Request) {
	var e struct{ Type, Subject, Sequence string }
	_ = json.NewDecoder(r.Body).Decode(&e)
	select {
	case <-a.down:
	default:
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.events = append(a.events, e.Subject+" "+strings.TrimLeft(e.Sequence, "0")+" "+strings.TrimPrefix(e.Type, "E_MSRP_"))
}

func (a *application) configuration(more string) string {
	return fmt.Sprintf("webhooks: [\"%s/events secret=%s\"]\nask: {url: \"%s/call\", secret: %s, timeout: 0.5}\n%s", a.URL, applicationSecret, a.URL, applicationSecret, more)
}

// TestApplicationDecides has an application answer calls, refuse them, and fail to.
func TestApplicationDecides(t *testing.T) {
	a := newApplication(t)
	d := start(t, a.configuration(""))
	agent := peer.NewAgent(t, "udp", d.SIP().String())
	call := func(user string) *peer.Message {
		t.Helper()
		dialog := agent.NewDialog(user)
		_, answer := dialog.Call(t, answerLimit, peer.Offer("text/plain", "msrp://127.0.0.1:9999/"+peer.Ident()+";tcp"))
		if answer.Code() == 200 {
			dialog.Ack(t)
			established(t, d)
			dialog.Bye(t, answerLimit)
		}
		return answer
	}
	for user, want := range map[string]string{
		"support": "200 OK", "nobody": "603 Not today", "moved": "302 ", "broken": "480 ", "error": "480 ", "slow": "480 ",
	} {
		if got := call(user).Start; !strings.HasPrefix(strings.TrimPrefix(got, "SIP/2.0 "), want) {
			t.Errorf("%s: answered %s, want %s", user, got, want)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.asked) != 6 {
		t.Errorf("asked %d times", len(a.asked))
	}
	for _, question := range a.asked {
		if question["type"] != "invite" || !strings.HasPrefix(fmt.Sprint(question["from_uri"]), "sip:alice@") || question["identity_by"] != "none" ||
			fmt.Sprint(question["content_types"]) != "[text/plain]" || !strings.HasPrefix(fmt.Sprint(question["source"]), "udp:127.") || question["call_id"] == "" {
			t.Errorf("asked %v", question)
		}
	}
}

// TestCallerGivesUpWhileTheApplicationIsAsked ends the question with the call.
func TestCallerGivesUpWhileTheApplicationIsAsked(t *testing.T) {
	a := newApplication(t)
	d := start(t, strings.Replace(a.configuration(""), "timeout: 0.5", "timeout: 30", 1))
	agent := peer.NewAgent(t, "udp", d.SIP().String())
	dialog := agent.NewDialog("slow")
	invite := dialog.Invite(peer.Offer("text/plain", "msrp://127.0.0.1:9999/"+peer.Ident()+";tcp"))
	agent.Send(t, invite)
	eventually(t, answerLimit, func() (bool, string) {
		a.mu.Lock()
		defer a.mu.Unlock()
		return len(a.asked) == 1, fmt.Sprint(a.asked)
	})
	agent.Ask(t, answerLimit, peer.Cancel(invite))
	if answer := agent.Final(t, answerLimit, invite); answer.Code() != 487 {
		t.Errorf("answered %s", answer.Start)
	}
	eventually(t, answerLimit, func() (bool, string) { // long before the 30 seconds that it may take
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.left == 1, "the question goes on"
	})
}

// TestWebhookAcrossKill kills the daemon while its webhook's receiver is down: after a restart every event comes, in order within its session.
func TestWebhookAcrossKill(t *testing.T) {
	a := newApplication(t)
	addr, err := daemon.Address()
	if err != nil {
		t.Fatal(err)
	}
	config := daemon.Config(addr, a.configuration("data_dir: "+t.TempDir()+"\n"))
	d := launchAt(t, addr, config)
	t.Cleanup(func() { d.Kill() })
	agent := peer.NewAgent(t, "udp", d.SIP().String())
	want := map[string]int{}
	for range 3 {
		dialog := agent.NewDialog("support")
		own := "msrp://127.0.0.1:9999/" + peer.Ident() + ";tcp"
		_, answer := dialog.Call(t, answerLimit, peer.Offer("text/plain", own))
		if answer.Code() != 200 {
			t.Fatalf("answered %s", answer.Start)
		}
		dialog.Ack(t)
		s := peer.Session{Own: own, Remote: peer.ParseSDP(answer.Body).Media[0].Path()}
		id := established(t, d)
		conn := peer.DialMSRP(t, hostPort(s.Remote))
		for n := range 10 {
			f := s.Send(fmt.Sprint(n))
			conn.Put(f.Bytes())
			if r := conn.Response(t, answerLimit, f.ID); r.Code != 200 {
				t.Fatalf("the SEND was answered %d", r.Code)
			}
		}
		dialog.Bye(t, answerLimit)
		want[id] = 11 // NEW and ten messages, which were answered 200; whether END was kept before the end, nobody has said
	}
	d.Kill()
	_ = d.Wait(context.Background())
	close(a.down)
	d = launchAt(t, addr, config)
	eventually(t, answerLimit, func() (bool, string) {
		a.mu.Lock()
		defer a.mu.Unlock()
		for id, n := range want {
			var numbers []string
			for _, e := range a.events {
				if session, number, _ := strings.Cut(e, " "); session == id && !slices.Contains(numbers, number) {
					numbers = append(numbers, number)
				}
			}
			if len(numbers) < n {
				return false, fmt.Sprint(a.events)
			}
			for i, number := range numbers[:n] {
				if !strings.HasPrefix(number, fmt.Sprint(i+1, " ")) {
					t.Fatalf("session %s: %v", id, numbers)
				}
			}
		}
		return true, ""
	})
	ctx, cancel := context.WithTimeout(t.Context(), stopLimit)
	defer cancel()
	if err := d.Stop(ctx); err != nil {
		t.Error(err)
	}
}
