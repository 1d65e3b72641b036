package msrp_test

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-msrp/parley/msrp"
)

var movedURI = scheme + "://192.0.2.8:8888/moved0session;tcp"

// message takes the next message that is not bodiless.
func (h *recorder) message() string {
	h.t.Helper()
	for {
		if m := next[*msrp.Received](h); !m.Bodiless {
			return string(m.Body)
		}
	}
}

// say sends a text and wants that response.
func (p *rawPeer) say(body string, code int) {
	p.t.Helper()
	id, req := p.text("say-"+strings.ReplaceAll(body, " ", "-"), body)
	p.write(req)
	p.expect(id, code)
}

func TestMove(t *testing.T) {
	ctx := context.Background()

	t.Run("D-016/passive: the first valid request over another connection moves the session, without 506", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		s, h, p := r.bound()
		q := r.peer(s)
		q.uri = movedURI
		if err := s.SetPeer(known(t, movedURI)); err != nil {
			t.Fatal(err)
		}
		send(t, s, text("to the new path"))
		p.say("in flight", 200)
		p.silence(30e6) // what we send waits for the new connection
		id := q.nextID()
		q.write(q.request(id, "FOOB", nil, "$"))
		q.expect(id, 501) // not valid: moves nothing
		p.say("still the old one", 200)
		q.bind()
		f := q.expectRequest("SEND")
		if f.body != "to the new path" || f.header("To-Path") != movedURI {
			t.Fatalf("got %q", f.text)
		}
		q.respond(f, 200, "OK")
		if fate := nextAmong[msrp.Fate](h); fate.Kind != msrp.Delivered {
			t.Errorf("got %+v", fate)
		}
		p.say("too late", 506)
		q.say("here", 200)
	})

	t.Run("D-016/passive: what was sent before the move is answered on the old connection, which is then closed", func(t *testing.T) {
		r := newRig(t, msrp.Config{LingerTimeout: 50 * time.Millisecond})
		s, h, p := r.bound()
		before := send(t, s, text("before"))
		f := p.expectRequest("SEND")
		q := r.peer(s)
		q.uri = movedURI
		s.SetPeer(known(t, movedURI))
		q.bind()
		q.say("over the new one", 200)
		p.silence(100e6) // neither closed nor used
		p.respond(f, 200, "OK")
		if fate := nextAmong[msrp.Fate](h); fate.Kind != msrp.Delivered || fate.MessageID != before {
			t.Errorf("got %+v", fate)
		}
		p.closed()
		q.say("it lives", 200)
	})

	t.Run("D-016/passive: the old connection may go first", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		s, h, p := r.bound()
		first, second := send(t, s, text("sent twice")), send(t, s, text("that too"))
		p.expectRequest("SEND")
		p.expectRequest("SEND")
		s.SetPeer(known(t, movedURI))
		third := send(t, s, text("waits"))
		p.nc.Close()
		q := r.peer(s)
		q.uri = movedURI
		q.bind()
		want := map[string]string{first: "sent twice", second: "that too", third: "waits"} // this one first if the loss is noticed late
		for range 3 {
			f := q.expectRequest("SEND")
			id := f.header("Message-ID")
			if want[id] == "" || f.body != want[id] || f.header("To-Path") != movedURI {
				t.Errorf("want one of %q, got %q", want, f.text)
			}
			delete(want, id)
			q.respond(f, 200, "OK")
			if fate := nextAmong[msrp.Fate](h); fate.Kind != msrp.Delivered || fate.MessageID != id {
				t.Errorf("got %+v", fate)
			}
		}
		q.silence(30e6)
	})

	t.Run("D-016/passive: the peer may bind over the old connection", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		s, _, p := r.bound()
		s.SetPeer(known(t, movedURI))
		send(t, s, text("waits"))
		p.say("from the old path", 200)
		p.silence(30e6)
		p.uri = movedURI
		p.bind()
		if f := p.expectRequest("SEND"); f.body != "waits" {
			t.Errorf("got %q", f.text)
		}
	})

	t.Run("D-016/a path with the same next hop keeps its connection", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		s, _, p := r.bound()
		same := strings.Replace(peerURI, "peer0session", "peer1session", 1)
		s.SetPeer(known(t, same))
		send(t, s, text("at once"))
		if f := p.expectRequest("SEND"); f.body != "at once" || f.header("To-Path") != same {
			t.Errorf("got %q", f.text)
		}
		p.say("old From-Path", 200)
		p.uri = same
		p.say("new From-Path", 200)
		// As the offerer, we say so to the peer.
		if err := s.SetPeer(known(t, peerURI)); err != nil {
			t.Fatal(err)
		}
		if err := s.Connect(ctx); err != nil {
			t.Fatal(err)
		}
		if f := p.expectRequest("SEND"); f.hasBody || f.header("To-Path") != peerURI {
			t.Errorf("got %q", f.text)
		}
	})

	t.Run("D-016/active: Connect opens a connection to the new path, and sends a SEND", func(t *testing.T) {
		r := newRig(t, msrp.Config{LingerTimeout: 50 * time.Millisecond})
		s, h, p := r.bound()
		there := newRemote(t)
		s.SetPeer(known(t, there.path))
		if err := s.Connect(ctx); err != nil {
			t.Fatal(err)
		}
		q := there.accept(s)
		f := q.expectRequest("SEND")
		if f.hasBody || f.header("To-Path") != there.path {
			t.Errorf("got %q", f.text)
		}
		p.say("nothing came over the new one yet", 200)
		q.respond(f, 200, "OK")
		p.closed()
		send(t, s, text("here"))
		q.respond(q.expectRequest("SEND"), 200, "OK")
		if fate := nextAmong[msrp.Fate](h); fate.Kind != msrp.Delivered {
			t.Errorf("got %+v", fate)
		}
	})

	t.Run("D-016/again and again", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		s, h, _ := r.bound()
		for i := range 20 {
			there := newRemote(t)
			s.SetPeer(known(t, there.path))
			send(t, s, text("x"))
			if i%2 == 0 {
				continue // nobody comes there
			}
			if err := s.Connect(ctx); err != nil {
				t.Fatal(err)
			}
			q := there.accept(s)
			for range 2 {
				q.respond(q.expectRequest("SEND"), 200, "OK")
				nextAmong[msrp.Fate](h)
			}
		}
	})

	t.Run("D-016/nobody comes to the new path", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newFakeRig(t, msrp.Config{BindTimeout: time.Minute})
			s, h, p := r.bound()
			s.SetPeer(known(t, movedURI))
			began := time.Now()
			isClosed(t, h, msrp.ErrNotBound)
			if d := time.Since(began); d != time.Minute {
				t.Errorf("after %v", d)
			}
			p.closed()
		})
	})

	t.Run("D-016/other types from now on", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		s, h, p := r.bound()
		p.say("text", 200)
		s.SetAccept(msrp.Types{"text/html"})
		p.say("no more", 415)
		s.SetAccept(msrp.Types{"text/html", "text/plain"})
		p.say("again", 200)
		if h.message() != "text" || h.message() != "again" {
			t.Error("other messages")
		}
	})
}

// nextAmong takes the next event of that kind, whatever messages come before it.
func nextAmong[T any](h *recorder) T {
	h.t.Helper()
	for {
		e := next[any](h)
		if v, ok := e.(T); ok {
			return v
		}
		if _, ok := e.(*msrp.Received); !ok {
			h.t.Fatalf("got event %T %+v", e, e)
		}
	}
}

// TestMoveTwice: a session moves on before all was answered on the connection that it moved away from, which then closes.
func TestMoveTwice(t *testing.T) {
	for name, before := range map[string]bool{"bound before the first one closes": true, "bound after it": false} {
		t.Run("D-016/what the first connection never answered goes over the third, which is "+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFakeRig(t, msrp.Config{LingerTimeout: 50 * time.Millisecond})
				s, h, p := r.bound()
				send(t, s, text("hello"))
				first := p.expectRequest("SEND")
				over := func(uri string) *rawPeer {
					if err := s.SetPeer(known(t, uri)); err != nil {
						t.Fatal(err)
					}
					q := r.peer(s)
					q.uri = uri
					return q
				}
				over(movedURI).bind()
				q := over(strings.Replace(movedURI, "8888", "9999", 1))
				if before {
					q.bind()
					p.closed()
				} else {
					p.closed()
					q.bind()
				}
				again := q.expectRequest("SEND")
				if again.body != "hello" || again.header("Message-ID") != first.header("Message-ID") {
					t.Fatalf("got %q", again.text)
				}
				q.respond(again, 200, "OK")
				if f := nextAmong[msrp.Fate](h); f.Kind != msrp.Delivered {
					t.Errorf("got %+v", f)
				}
			})
		})
	}
}

// TestMoveUnderLoad moves a session from connection to connection while both sides send all the time: every message comes and gets its fate, also where a connection
// that was moved away from closes before all is answered over it.
func TestMoveUnderLoad(t *testing.T) {
	for _, interruptible := range []bool{false, true} {
		t.Run(fmt.Sprintf("D-016/no message is lost (interruptible %t)", interruptible), func(t *testing.T) {
			cfg := msrp.Config{LingerTimeout: 50 * time.Millisecond, Interruptible: interruptible}
			if interruptible {
				cfg.ChunkSize = 1 << 20
			}
			r := newRig(t, cfg)
			s, h, p := r.bound(recovers) // bodies are kept until they are answered
			const messages, moves = 400, 20
			got := make(chan string, 4*messages)
			var served sync.WaitGroup
			serve := func(p *rawPeer) {
				served.Go(func() {
					for {
						f, err := p.read(p.patience)
						if err != nil {
							return // closed, or moved away from
						}
						if f.method == "SEND" {
							if f.hasBody {
								got <- f.header("Message-ID") + f.flag
							}
							if _, err := io.WriteString(p.nc, response(f, 200, "OK")); err != nil {
								return
							}
						}
					}
				})
			}
			serve(p)
			body := strings.Repeat("x", 40_000)
			go func() {
				for range messages {
					if _, err := s.Send(context.Background(), text(body)); err != nil {
						t.Error(err)
					}
				}
			}()
			last := p
			for i := range moves {
				q := r.peer(s)
				q.uri = strings.Replace(movedURI, "8888", strconv.Itoa(9000+i), 1)
				if err := s.SetPeer(known(t, q.uri)); err != nil {
					t.Fatal(err)
				}
				_, req := last.text(fmt.Sprintf("old-%04d", i), "over the old one")
				last.write(req)
				q.bind()
				serve(q)
				last = q
				time.Sleep(2 * time.Millisecond)
			}
			whole := map[string]bool{}
			for len(whole) < messages {
				select {
				case m := <-got:
					if id, ended := strings.CutSuffix(m, "$"); ended {
						whole[id] = true
					}
				case <-time.After(r.patience):
					t.Fatalf("%d of %d messages came", len(whole), messages)
				}
			}
			for range messages {
				if f := nextAmong[msrp.Fate](h); f.Kind != msrp.Delivered {
					t.Fatalf("got %+v", f)
				}
			}
			s.Close()
			last.nc.Close()
			served.Wait()
		})
	}
}
