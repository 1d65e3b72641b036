package web_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

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
