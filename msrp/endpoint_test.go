package msrp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/parley-msrp/parley/msrp"
)

func TestEndpoint(t *testing.T) {
	var mu sync.Mutex
	var sent, came []string
	fakeTime(t, "M-023/responses that one read brought about leave in one write; the tap sees all", msrp.Config{
		Tap: func(_, _ net.Addr, out bool, octets []byte) {
			mu.Lock()
			defer mu.Unlock()
			if out {
				sent = append(sent, string(octets))
			} else {
				came = append(came, string(octets))
			}
		},
	}, func(t *testing.T, r *rig) {
		_, h, p := r.bound()
		synctest.Wait()
		mu.Lock()
		sent, came = nil, nil
		mu.Unlock()
		var ids []string
		var all strings.Builder
		for i := range 50 {
			id, req := p.text(fmt.Sprintf("m-%04d", i), "x", "Success-Report: yes")
			ids = append(ids, id)
			all.WriteString(req)
		}
		p.write(all.String())
		var got strings.Builder
		for _, id := range ids {
			got.WriteString(p.expect(id, 200).text)
			got.WriteString(p.expectRequest("REPORT").text)
			next[*msrp.Received](h)
		}
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if strings.Join(came, "") != all.String() || len(sent) != 1 || sent[0] != got.String() {
			t.Fatalf("%d reads, %d writes", len(came), len(sent))
		}
	})

	t.Run("configuration is checked", func(t *testing.T) {
		var ce *msrp.ConfigError
		for field, c := range map[string]msrp.Config{
			"ChunkSize": {ChunkSize: -1},
			"FromPath":  {FromPath: 9},
		} {
			if _, err := msrp.NewEndpoint(c); !errors.As(err, &ce) || ce.Field != field {
				t.Errorf("%s: got %v", field, err)
			}
		}
		r := newRig(t, msrp.Config{})
		_, h := r.session()
		for field, c := range map[string]msrp.SessionConfig{
			"Handler": {Base: r.base},
			"Base":    {Handler: h},
			"MaxSize": {Base: r.base, Handler: h, MaxSize: -1},
		} {
			if _, err := r.endpoint.NewSession(c); !errors.As(err, &ce) || ce.Field != field {
				t.Errorf("%s: got %v", field, err)
			}
		}
		s, _ := r.session()
		if err := s.SetPeer(msrp.Peer{}); !errors.As(err, &ce) || ce.Field != "Path" || s.PeerPath() != nil {
			t.Errorf("got %v", err)
		}
	})

	t.Run("negative limits mean none", func(t *testing.T) {
		r := newRig(t, msrp.Config{
			ResponseTimeout: -1, HeadTimeout: -1, BodyTimeout: -1, UnboundTimeout: -1, BindTimeout: -1, WriteTimeout: -1,
			PartialMessages: -1, PartialOctets: -1, UncompletedMessages: -1, UncompletedOctets: -1, QueuedMessages: -1,
			QueuedOctets: -1, Duplicates: -1, MaxMessage: -1, MaxConnections: -1, MaxConnectionsPerSource: -1, Window: -1,
		})
		s, h, p := r.bound()
		for range 2 {
			id, req := p.text("m-0001", "x")
			p.write(req)
			p.expect(id, 200)
			if m := next[*msrp.Received](h); m.Duplicate {
				t.Fatal("remembered")
			}
		}
		send(t, s, text(strings.Repeat("x", 5000)))
		for range 3 {
			p.respond(p.expectRequest("SEND"), 200, "OK")
		}
		if f := next[msrp.Fate](h); f.Kind != msrp.Delivered {
			t.Fatalf("got %+v", f)
		}
	})

	t.Run("log lines name the session, never a path", func(t *testing.T) {
		var out syncBuffer
		r := newRig(t, msrp.Config{Logger: slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))})
		s, h, p := r.bound(func(c *msrp.SessionConfig) { c.Attrs = []slog.Attr{slog.String("call_id", "abc@host")} })
		p.write("no MSRP\r\n")
		isClosed(t, h, msrp.ErrFraming)
		got := out.String()
		if !strings.Contains(got, `"session_id":"`+s.ID()+`","call_id":"abc@host"`) {
			t.Fatalf("got %s", got)
		}
		if strings.Contains(got, "peer0session") || strings.Contains(got, "msrp://") {
			t.Fatalf("got %s", got)
		}
	})

	t.Run("Serve ends with its listener", func(t *testing.T) {
		e, err := msrp.NewEndpoint(msrp.Config{})
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error)
		go func() { served <- e.Serve(l) }()
		l.Close()
		if err := <-served; !errors.Is(err, net.ErrClosed) {
			t.Fatalf("got %v", err)
		}
		if err := e.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		if err := e.Serve(newPipeListener()); err != nil {
			t.Fatalf("got %v", err)
		}
	})
}

// syncBuffer is a bytes.Buffer for several goroutines.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
