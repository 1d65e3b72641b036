package web_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parley-msrp/parley/internal/access"
	"github.com/parley-msrp/parley/internal/event"
	"github.com/parley-msrp/parley/internal/web"
)

func TestShutdownTellsTheRest(t *testing.T) {
	s := start(t, node{}, nil)
	f := s.follow(t, "?type=E_MSRP_SESSION_END")
	for i := range 1000 {
		fill(s.journal, fmt.Sprint(i))
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Shutdown(t.Context()) }()
	got := f.events(1000)
	if got[999] != "SESSION_END 999 4" {
		t.Errorf("the last event is %s", got[999])
	}
	if b, ok := f.next(); ok || f.lines.Err() != nil {
		t.Errorf("%+v, %v after the last event", b, f.lines.Err())
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestShutdownEndsWithItsContext(t *testing.T) {
	s := start(t, node{}, func(c *web.Config) { c.WriteTimeout = time.Hour })
	c := s.readNothing(t)
	defer c.Close()
	s.fillConnection()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error is %v", err)
	}
}

// readNothing opens a stream and reads no more than that it is there.
func (s *side) readNothing(t *testing.T) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(c, "GET /v1/events HTTP/1.1\r\nHost: %s\r\n\r\n", s.addr)
	if _, err := io.ReadFull(c, make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	return c
}

// fillConnection makes more events than fit into the buffers of a connection.
func (s *side) fillConnection() {
	body := make([]byte, 1<<20)
	for range 32 {
		s.journal.Append(event.NewMessage("a", "text/plain", body), nil)
	}
}

func TestClientThatReadsNothingIsCutOff(t *testing.T) {
	s := start(t, node{}, func(c *web.Config) { c.WriteTimeout, c.MaxStreams = 200*time.Millisecond, 2 })
	c := s.readNothing(t)
	defer c.Close()
	other := s.follow(t, "?type=E_MSRP_SESSION_END")
	s.fillConnection()
	s.journal.Append(event.NewEnd("a"), nil)
	other.events(1) // nobody waits for the one that does not read
	eventually(t, "its place is free", func() bool {
		answer, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/v1/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		third, err := s.client.Do(answer)
		if err != nil {
			t.Fatal(err)
		}
		defer third.Body.Close()
		return third.StatusCode == http.StatusOK
	})
}

func TestLargeEvent(t *testing.T) {
	s := start(t, node{}, nil)
	f := s.follow(t, "")
	s.journal.Append(event.NewMessage("a", "text/plain", []byte(strings.Repeat("x", 8<<20))), nil)
	s.journal.Append(event.NewEnd("a"), nil)
	if b, ok := f.next(); !ok || len(b.data) < 8<<20 {
		t.Fatalf("%d octets", len(b.data))
	}
	f.events(1)
}

// TestClientTakenAway: a stream ends soon after its client is none any more, and those of others go on.
func TestClientTakenAway(t *testing.T) {
	const leaves, stays = "leaves-leaves-leaves-leaves-leaves", "stays-stays-stays-stays-stays-stays"
	clients := func(lines ...string) *access.Clients {
		path := filepath.Join(t.TempDir(), "clients")
		if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := access.LoadClients(path)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	gate := access.NewGate(access.GateConfig{}, clients("a read token:"+leaves, "b read token:"+stays))
	s := start(t, node{}, func(c *web.Config) { c.Gate, c.KeepAlive = gate, 50*time.Millisecond })
	one, other := s.follow(t, "", "Authorization", "Bearer "+leaves), s.follow(t, "", "Authorization", "Bearer "+stays)
	socket := s.socket(t, "", "Authorization", "Bearer "+leaves)
	gate.SetClients(clients("b read token:" + stays))
	for ok := true; ok; {
		_, ok = one.next() // until it ends; follow has a time limit
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var err error
	for err == nil {
		_, _, err = socket.conn.Read(ctx)
	}
	if ctx.Err() != nil {
		t.Error("the WebSocket goes on")
	}
	s.journal.Append(event.NewEnd(session), nil)
	for {
		b, ok := other.next()
		if !ok {
			t.Fatal("the stream of another client has ended")
		}
		if b.event == string(event.SessionEnd) {
			return
		}
	}
}
