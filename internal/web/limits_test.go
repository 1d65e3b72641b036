package web_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-msrp/parley/internal/access"
	"github.com/parley-msrp/parley/internal/web"
)

func TestConnectionsAreBounded(t *testing.T) {
	s := start(t, node{}, func(c *web.Config) { c.MaxConns = 2 })
	var conns []net.Conn
	for range 2 {
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		conns = append(conns, c)
		ask(t, c, s.addr) // it is counted by now
	}
	third, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer third.Close()
	if err := third.SetReadDeadline(time.Now().Add(4 * time.Second)); err != nil { // one that is served has 5 s to ask
		t.Fatal(err)
	}
	if _, err := io.ReadAll(third); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Errorf("the third connection: %v", err)
	}
	conns[0].Close()
	eventually(t, "a place that was given back is taken", func() bool {
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			return false
		}
		defer c.Close()
		fmt.Fprintf(c, "GET /healthz HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", s.addr)
		answer, _ := io.ReadAll(c)
		return bytes.HasPrefix(answer, []byte("HTTP/1.1 200 "))
	})
}

func ask(t *testing.T, c net.Conn, host string) {
	t.Helper()
	fmt.Fprintf(c, "GET /healthz HTTP/1.1\r\nHost: %s\r\n\r\n", host)
	b := make([]byte, 12)
	if _, err := io.ReadFull(c, b); err != nil || string(b) != "HTTP/1.1 200" {
		t.Fatalf("answer %q, %v", b, err)
	}
}

// stuck is a management interface that waits until it is let go.
type stuck struct {
	began chan struct{}
	once  sync.Once
	let   chan struct{}
}

func (s *stuck) Serve(context.Context, access.Rights, []byte) []byte {
	s.once.Do(func() { close(s.began) })
	<-s.let
	return []byte(`{}`)
}

func TestShutdownWaitsForRequests(t *testing.T) {
	commands := &stuck{began: make(chan struct{}), let: make(chan struct{})}
	s := start(t, node{}, func(c *web.Config) { c.MI = commands })
	var asking sync.WaitGroup
	asking.Go(func() {
		answer, text := s.do(t, "POST", "/mi", "{}", "Content-Type", "application/json")
		if answer.StatusCode != http.StatusOK || text != "{}" {
			t.Errorf("%s %s", answer.Status, text)
		}
	})
	<-commands.began
	ended := make(chan error, 1)
	go func() { ended <- s.Shutdown(t.Context()) }()
	select {
	case err := <-ended:
		t.Errorf("ended with a request in hand: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(commands.let)
	asking.Wait()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// counting is a management interface that notes how many requests it has at the same time, until it is let go.
type counting struct {
	now, most atomic.Int64
	let       chan struct{}
}

func (c *counting) Serve(context.Context, access.Rights, []byte) []byte {
	n := c.now.Add(1)
	defer c.now.Add(-1)
	for most := c.most.Load(); n > most && !c.most.CompareAndSwap(most, n); most = c.most.Load() {
	}
	<-c.let
	return []byte(`{}`)
}

func TestLargeRequestsAreFew(t *testing.T) {
	for _, c := range []struct {
		name string
		body func() io.Reader
	}{
		{"large ones", func() io.Reader { return strings.NewReader(strings.Repeat(" ", 100_000)) }},
		{"of unknown length", func() io.Reader { return io.MultiReader(strings.NewReader("{}")) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			commands := &counting{let: make(chan struct{})}
			s := start(t, node{}, func(config *web.Config) { config.MI = commands })
			var asking sync.WaitGroup
			for range 24 {
				asking.Go(func() {
					r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/mi", c.body())
					if err != nil {
						t.Error(err)
						return
					}
					r.Header.Set("Content-Type", "application/json")
					answer, err := s.client.Do(r)
					if err != nil {
						t.Error(err)
						return
					}
					defer answer.Body.Close()
					if _, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != http.StatusOK {
						t.Errorf("status %s, %v", answer.Status, err)
					}
				})
			}
			eventually(t, "eight are served", func() bool { return commands.now.Load() >= 8 })
			close(commands.let)
			asking.Wait()
			if n := commands.most.Load(); n != 8 {
				t.Errorf("%d at the same time, want 8", n)
			}
		})
	}
}
