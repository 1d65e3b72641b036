package node

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// Event is one server-sent event.
type Event struct {
	Name     string // the event: field
	ID       string // the id: field
	Type     string `json:"type"`
	Subject  string `json:"subject"`
	Sequence any    `json:"sequence"`
	Time     string `json:"time"`
	Data     map[string]any
	Raw      string // the data: field
}

// Text returns a parameter that is a string, "" where there is none.
func (e Event) Text(name string) string {
	s, _ := e.Data[name].(string)
	return s
}

// Events collects an event stream.
type Events struct {
	mu   sync.Mutex
	all  []Event
	wake chan struct{}

	cancel context.CancelFunc
	done   chan struct{}
}

// subscribe opens the stream and reads it until close.
func subscribe(t testing.TB, url string) *Events {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.DefaultClient.Do(req)
	if err != nil || r.StatusCode != http.StatusOK {
		cancel()
		t.Fatalf("event stream: %v %v", r, err)
	}
	e := &Events{wake: make(chan struct{}), cancel: cancel, done: make(chan struct{})}
	go func() { // ends when close cancels the request
		defer close(e.done)
		defer r.Body.Close()
		e.read(bufio.NewReader(r.Body))
	}()
	return e
}

func (e *Events) close() {
	e.cancel()
	<-e.done
}

func (e *Events) read(r *bufio.Reader) {
	var ev Event
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			if ev.Raw != "" {
				e.add(ev)
			}
			ev = Event{}
		case field == "event":
			ev.Name = value
		case field == "id":
			ev.ID = value
		case field == "data":
			ev.Raw += value
		}
	}
}

func (e *Events) add(ev Event) {
	_ = json.Unmarshal([]byte(ev.Raw), &ev) // an event that is no JSON is seen by its empty fields
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, ev)
	close(e.wake)
	e.wake = make(chan struct{})
}

// Events returns those of one session that came so far, in order; all names if name is "".
func (n *Node) Events(sessionID, name string) []Event {
	n.events.mu.Lock()
	defer n.events.mu.Unlock()
	return n.events.of(sessionID, name)
}

func (e *Events) of(sessionID, name string) []Event {
	var list []Event
	for _, ev := range e.all {
		if ev.Subject == sessionID && (name == "" || ev.Name == name) {
			list = append(list, ev)
		}
	}
	return list
}

// Body gets the body that an event refers to.
func (n *Node) Body(t testing.TB, id string) string {
	t.Helper()
	r, err := http.Get(n.HTTP + "/v1/bodies/" + id)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("body %s: %s, %v", id, r.Status, err)
	}
	return string(b)
}

// Await returns the events of that name in that session, as soon as there are count of them or more.
func (n *Node) Await(t testing.TB, sessionID, name string, count int) []Event {
	t.Helper()
	end := time.NewTimer(Patience())
	defer end.Stop()
	for {
		n.events.mu.Lock()
		list, wake := n.events.of(sessionID, name), n.events.wake
		n.events.mu.Unlock()
		if len(list) >= count {
			return list
		}
		select {
		case <-wake:
		case <-end.C:
			t.Fatalf("%d events %s of session %s came, want %d; all: %v", len(list), name, sessionID, count, n.Events(sessionID, ""))
		}
	}
}
