package msrp_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-msrp/parley/msrp"
)

// fakeTime runs a test over an in-memory connection under fake time.
func fakeTime(t *testing.T, name string, cfg msrp.Config, f func(t *testing.T, r *rig)) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newFakeRig(t, cfg)
			f(t, r)
		})
	})
}

// after checks when something happened under fake time.
func after(t *testing.T, since time.Time, want time.Duration) {
	t.Helper()
	if got := time.Since(since); got != want {
		t.Fatalf("after %v, want %v", got, want)
	}
}

func TestTime(t *testing.T) {
	ctx := context.Background()

	fakeTime(t, "M-079/30 s without response, from the last octet", msrp.Config{}, func(t *testing.T, r *rig) {
		s, h, p := r.bound()
		id := send(t, s, text(strings.Repeat("x", 3000)))
		// The peer takes the chunk's octets slowly: the write is done only when it has taken the last one.
		time.Sleep(20 * time.Second)
		first := p.expectRequest("SEND")
		p.expectRequest("SEND")
		start := time.Now()
		p.respond(first, 200, "OK")
		time.Sleep(29 * time.Second)
		h.nothing()
		f := next[msrp.Fate](h)
		after(t, start, 30*time.Second)
		if f.MessageID != id || f.Kind != msrp.Failed || f.Why != msrp.ByTimeout || f.Code != 408 || f.Range.String() != "2049-3000/3000" {
			t.Fatalf("got %+v", f)
		}
		// M-113: a late 200 changes nothing, and the session lives.
		p.respond(first, 200, "OK")
		send(t, s, text("next"))
		p.respond(p.expectRequest("SEND"), 200, "OK")
		if f := next[msrp.Fate](h); f.Kind != msrp.Delivered {
			t.Fatalf("got %+v", f)
		}
	})

	fakeTime(t, "M-079/each transaction has its own 30 s", msrp.Config{}, func(t *testing.T, r *rig) {
		s, h, p := r.bound()
		start := time.Now()
		var ids []string
		for range 4 {
			ids = append(ids, send(t, s, text("x")))
			f := p.expectRequest("SEND")
			if len(ids) == 2 {
				p.respond(f, 200, "OK")
			}
			time.Sleep(5 * time.Second)
		}
		if f := next[msrp.Fate](h); f.MessageID != ids[1] || f.Kind != msrp.Delivered {
			t.Fatalf("got %+v", f)
		}
		for i, want := range map[int]time.Duration{0: 30 * time.Second} {
			f := next[msrp.Fate](h)
			after(t, start, want)
			if f.MessageID != ids[i] || f.Code != 408 {
				t.Fatalf("got %+v", f)
			}
		}
		next[msrp.Fate](h)
		after(t, start, 40*time.Second)
		next[msrp.Fate](h)
		after(t, start, 45*time.Second)
	})

	fakeTime(t, "M-080/no timer with partial or no", msrp.Config{}, func(t *testing.T, r *rig) {
		s, h, p := r.bound()
		for _, failure := range []msrp.FailureReport{msrp.FailurePartial, msrp.FailureNo} {
			m := text("x")
			m.FailureReport = failure
			send(t, s, m)
			p.expectRequest("SEND")
			if f := next[msrp.Fate](h); f.Kind != msrp.Written {
				t.Fatalf("got %+v", f)
			}
		}
		time.Sleep(10 * time.Minute)
		h.nothing()
	})

	fakeTime(t, "M-114/no timer after an early response", msrp.Config{}, func(t *testing.T, r *rig) {
		s, h, p := r.bound()
		send(t, s, text("x"))
		b, err := p.in.Peek(21)
		if err != nil {
			t.Fatal(err)
		}
		p.respond(&frame{id: string(b[5:21]), headers: []string{"From-Path: " + s.URI().String(), "To-Path: " + peerURI}}, 200, "OK")
		p.expectRequest("SEND")
		if f := next[msrp.Fate](h); f.Kind != msrp.Delivered {
			t.Fatalf("got %+v", f)
		}
		time.Sleep(time.Minute)
		h.nothing()
	})

	fakeTime(t, "M-081/the wait for success REPORTs ends", msrp.Config{}, func(t *testing.T, r *rig) {
		s, h, p := r.bound()
		m := text("x")
		m.SuccessReport = true
		send(t, s, m)
		p.respond(p.expectRequest("SEND"), 200, "OK")
		start := time.Now()
		synctest.Wait()
		time.Sleep(30 * time.Minute)
		send(t, s, m)
		p.respond(p.expectRequest("SEND"), 200, "OK")
		if f := next[msrp.Fate](h); f.Kind != msrp.Unconfirmed {
			t.Fatalf("got %+v", f)
		}
		after(t, start, time.Hour)
		if f := next[msrp.Fate](h); f.Kind != msrp.Unconfirmed {
			t.Fatalf("got %+v", f)
		}
		after(t, start, 90*time.Minute)
	})

	ways(t, "T-044/half-received messages are dropped", msrp.Config{PartialMessages: 2}, func(t *testing.T, r *rig) {
		_, h, p := r.bound()
		say := func(messageID, byteRange string, code int) {
			t.Helper()
			id, req := p.chunk(messageID, byteRange, "ab", "+")
			p.write(req)
			p.expect(id, code)
		}
		say("m-0001", "1-2/9", 200)
		time.Sleep(6 * time.Minute)
		say("m-0002", "1-2/9", 200)
		say("m-0003", "1-2/9", 413)
		time.Sleep(5 * time.Minute)
		say("m-0003", "1-2/9", 200) // the first one is gone
		say("m-0004", "1-2/9", 413)
		say("m-0002", "3-4/9", 200)
		time.Sleep(20 * time.Minute)
		id, req := p.chunk("m-0002", "5-9/9", "efghi", "$")
		p.write(req)
		p.expect(id, 200)
		h.nothing()
	})

	ways(t, "T-071/a head that does not come to an end", msrp.Config{}, func(t *testing.T, r *rig) {
		s, h, p := r.bound()
		_, req := p.text("m-slow", "x")
		p.write(req[:10])
		start := time.Now()
		for _, c := range req[10:15] {
			time.Sleep(5 * time.Second)
			p.write(string(c))
		}
		isClosed(t, h, msrp.ErrTimeout)
		after(t, start, 30*time.Second)
		p.closed()
		if _, err := s.Send(ctx, text("x")); !errors.Is(err, msrp.ErrClosed) {
			t.Fatalf("got %v", err)
		}
	})

	ways(t, "T-071/heads that come to an end go on for ever", msrp.Config{}, func(t *testing.T, r *rig) {
		_, h, p := r.bound()
		id, req := p.text("m-0001", "x")
		for range 20 {
			p.write(req[:10])
			time.Sleep(20 * time.Second)
			p.write(req[10:])
			p.expect(id, 200)
			next[*msrp.Received](h)
			var more string
			id, more = p.text("m-0001", "x")
			req = more
		}
	})

	ways(t, "T-072/a body that does not move", msrp.Config{}, func(t *testing.T, r *rig) {
		_, h, p := r.bound()
		_, req := p.text("m-slow", strings.Repeat("x", 100))
		p.write(req[:len(req)-60])
		for range 10 {
			time.Sleep(100 * time.Second)
			p.write("x")
		}
		start := time.Now()
		h.nothing()
		isClosed(t, h, msrp.ErrTimeout)
		if d := time.Since(start); d < 118*time.Second || d > 120*time.Second {
			t.Fatalf("after %v", d)
		}
		p.closed()
	})

	fakeTime(t, "a connection that was silent for long", msrp.Config{}, func(t *testing.T, r *rig) {
		_, h, p := r.bound()
		for _, pause := range []time.Duration{time.Second, 4 * time.Second, time.Minute, 24 * time.Hour} {
			p.silence(pause)
			id, req := p.text("m-silent", "x")
			p.write(req[:20])
			time.Sleep(10 * time.Second) // within a head, but no rest
			p.write(req[20:])
			next[*msrp.Received](h)
			p.expect(id, 200)
		}
	})

	ways(t, "T-073/a connection to which no session is bound", msrp.Config{}, func(t *testing.T, r *rig) {
		s, _ := r.session()
		p := r.peer(s)
		start := time.Now()
		p.closed()
		after(t, start, 30*time.Second)
		p = r.peer(s)
		start = time.Now()
		time.Sleep(25 * time.Second)
		p.write(p.request(p.nextID(), "FOOB", nil, "$"))
		p.next()
		p.closed()
		after(t, start, 30*time.Second)
	})

	ways(t, "T-073/a bound connection may be silent", msrp.Config{}, func(t *testing.T, r *rig) {
		_, h, p := r.bound()
		time.Sleep(48 * time.Hour)
		id, req := p.text("m-late", "x")
		p.write("\r\n" + req)
		p.expect(id, 200)
		next[*msrp.Received](h)
	})

	fakeTime(t, "a session to which no connection is bound", msrp.Config{}, func(t *testing.T, r *rig) {
		s, h := r.session()
		time.Sleep(time.Hour) // the peer has not answered yet
		s.SetPeer(known(t, peerURI))
		start := time.Now()
		id := send(t, s, text("never sent"))
		if f := next[msrp.Fate](h); f.MessageID != id || f.Kind != msrp.Failed || f.Why != msrp.ByEnd {
			t.Fatalf("got %+v", f)
		}
		isClosed(t, h, msrp.ErrNotBound)
		after(t, start, 180*time.Second)
	})

	ways(t, "T-074/a peer that never reads", msrp.Config{QueuedOctets: 10000}, func(t *testing.T, r *rig) {
		s, h, p := r.bound()
		start := time.Now()
		for range 3 {
			send(t, s, text(strings.Repeat("x", 5000)))
			synctest.Wait()
		}
		if _, err := s.Send(contextFor(t, time.Second), text(strings.Repeat("x", 5000))); err != nil && !errors.Is(err, msrp.ErrQueueFull) {
			t.Fatalf("got %v", err)
		}
		for {
			select {
			case e := <-h.events:
				if f, ok := e.(msrp.Fate); ok {
					if f.Kind != msrp.Failed || f.Why != msrp.ByConnection {
						t.Fatalf("got %+v", f)
					}
					continue
				}
				if err, ok := e.(error); !ok || !errors.Is(err, msrp.ErrTimeout) {
					t.Fatalf("got %v", e)
				}
			case <-time.After(time.Hour):
				t.Fatal("not closed")
			}
			break
		}
		after(t, start, 30*time.Second)
		p.nc.Close()
	})

	fakeTime(t, "M-091/reading stops at the limit of uncompleted messages", msrp.Config{UncompletedMessages: 3}, func(t *testing.T, r *rig) {
		_, h, p := r.bound()
		h.on(nil)
		var all string
		for range 5 {
			_, req := p.text("m-0001", "x")
			all += req
		}
		go p.write(all) // blocks: the connection is in memory
		var got []*msrp.Received
		for range 3 {
			got = append(got, next[*msrp.Received](h))
		}
		synctest.Wait()
		h.nothing()
		got[1].Accept()
		p.next()
		next[*msrp.Received](h).Accept()
		p.next()
		next[*msrp.Received](h).Accept()
		p.next()
		got[0].Accept()
		got[2].Accept()
		p.next()
		p.next()
	})

	fakeTime(t, "M-091/reading stops at the limit of uncompleted octets", msrp.Config{UncompletedOctets: 10}, func(t *testing.T, r *rig) {
		_, h, p := r.bound()
		h.on(nil)
		_, r1 := p.text("m-0001", strings.Repeat("x", 100)) // a single message may be larger
		_, r2 := p.text("m-0002", "x")
		go p.write(r1 + r2)
		m := next[*msrp.Received](h)
		synctest.Wait()
		h.nothing()
		m.Reject(400, "")
		next[*msrp.Received](h).Accept()
		p.next()
		p.next()
	})

	fakeTime(t, "M-056/an unused connection with an uncompleted message is closed in the end", msrp.Config{}, func(t *testing.T, r *rig) {
		s, h, p := r.bound()
		h.on(nil)
		_, req := p.text("m-0001", "x")
		p.write(req)
		m := next[*msrp.Received](h)
		s.Close()
		start := time.Now()
		p.closed()
		after(t, start, 10*time.Second)
		m.Accept()
	})

	fakeTime(t, "Connect/addresses get ten seconds each", msrp.Config{
		Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		},
	}, func(t *testing.T, r *rig) {
		s, _ := r.session()
		s.SetPeer(known(t, scheme+"://127.0.0.1:7/x;tcp"))
		start := time.Now()
		if err := s.Connect(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
		after(t, start, 10*time.Second)
		other, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		done := make(chan error)
		go func() { done <- s.Connect(other) }()
		synctest.Wait()
		if err := s.Connect(ctx); !errors.Is(err, context.DeadlineExceeded) { // waits for the other, then dials for itself
			t.Fatalf("got %v", err)
		}
		if err := <-done; !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
		after(t, start, 23*time.Second)
	})
}
