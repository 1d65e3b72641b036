package msrp_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-msrp/parley/msrp"
)

// recovering is a recorder that is a Recoverer too.
type recovering struct{ *recorder }

// recoveringStreams is one that takes streams.
type recoveringStreams struct{ recovering }

func (h recoveringStreams) Stream(_ *msrp.Session, in *msrp.Incoming) { h.events <- in }

// disconnected and recovered are what it writes down.
type (
	disconnected struct{ err error }
	recovered    struct{}
)

func (h recovering) Disconnected(_ *msrp.Session, err error) { h.events <- disconnected{err} }
func (h recovering) Recovered(*msrp.Session)                 { h.events <- recovered{} }

// recovers makes a session one that outlives its connection.
func recovers(c *msrp.SessionConfig) {
	c.Handler, c.Recovers = recovering{c.Handler.(*recorder)}, true
}

// breaks ends the peer's connection, and waits until the session has noticed.
func (p *rawPeer) breaks(h *recorder) {
	p.t.Helper()
	p.nc.Close()
	if d := awaited[disconnected](h); !errors.Is(d.err, msrp.ErrConnectionLost) {
		p.t.Fatalf("lost by %v", d.err)
	}
}

// renewed is another connection of the session's peer, after an exchange in which both gave themselves new URIs.
func (r *rig) renewed(s *msrp.Session) *rawPeer {
	r.t.Helper()
	s.Renew()
	if err := s.SetPeer(known(r.t, movedURI)); err != nil {
		r.t.Fatal(err)
	}
	q := r.peer(s)
	q.uri = movedURI
	return q
}

// awaited takes the next event of that kind, whatever comes before it.
func awaited[T any](h *recorder) T {
	h.t.Helper()
	for {
		if v, ok := next[any](h).(T); ok {
			return v
		}
	}
}

// rewinding is a stream that can be read again.
type rewinding struct {
	*strings.Reader
	closed atomic.Int32
}

func (r *rewinding) Close() error {
	r.closed.Add(1)
	return nil
}

func TestRecover(t *testing.T) {
	t.Run("M-054/what was not acknowledged goes out again, in order and under its Message-ID", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		s, h, p := r.bound(recovers)
		first, second := send(t, s, text("one")), send(t, s, text(strings.Repeat("two", 10_000)))
		p.expectRequest("SEND")
		before := s.URI()
		p.breaks(h)
		third := send(t, s, text("three"))
		q := r.renewed(s)
		if u := s.URI(); u.SessionID == before.SessionID || !strings.HasPrefix(u.SessionID, s.ID()) {
			t.Errorf("the new URI is %s", u)
		}
		q.bind()
		awaited[recovered](h)
		for _, want := range []string{first, second, third} {
			all, _ := q.chunks()
			if id := all[0].header("Message-ID"); id != want {
				t.Errorf("got %s, want %s", id, want)
			}
			if f := awaited[msrp.Fate](h); f.MessageID != want || f.Kind != msrp.Delivered {
				t.Errorf("got %+v", f)
			}
		}
	})

	t.Run("M-054/active: what waits is the binding SEND, else one without body", func(t *testing.T) {
		for _, waiting := range []bool{true, false} {
			r := newRig(t, msrp.Config{})
			s, h, p := r.bound(recovers)
			p.breaks(h)
			if waiting {
				send(t, s, text("waits"))
			}
			s.Renew()
			remote := newRemote(t)
			if err := s.SetPeer(known(t, remote.path)); err != nil {
				t.Fatal(err)
			}
			if err := s.Connect(context.Background()); err != nil {
				t.Fatal(err)
			}
			q := remote.accept(s)
			f := q.expectRequest("SEND")
			if f.hasBody != waiting || f.header("From-Path") != s.URI().String() {
				t.Errorf("got %q", f.text)
			}
			h.nothing() // nothing of the peer's has come yet
			q.respond(f, 200, "OK")
			awaited[recovered](h)
			q.say("there", 200)
		}
	})

	t.Run("M-054/a message that was cut begins again; a stream where it stood at first", func(t *testing.T) {
		whole := strings.Repeat("0123456789", 1<<20) // more than fits into the sockets
		for _, c := range []struct {
			name    string
			failure msrp.FailureReport
			stream  bool
			chunks  int
		}{
			{"body", msrp.FailureYes, false, 2048},
			{"body, interruptible", msrp.FailureYes, false, 1 << 30},
			{"stream", msrp.FailureYes, true, 2048},
			{"stream, interruptible", msrp.FailureYes, true, 1 << 30},
			{"body, Failure-Report no", msrp.FailureNo, false, 1 << 30},
			{"stream, Failure-Report partial", msrp.FailurePartial, true, 2048},
		} {
			t.Run(c.name, func(t *testing.T) {
				r := newRig(t, msrp.Config{ChunkSize: c.chunks, Interruptible: true})
				s, h, p := r.bound(recovers)
				m := msrp.Outgoing{ContentType: "text/plain", FailureReport: c.failure, Body: []byte(whole)}
				reader := &rewinding{Reader: strings.NewReader("not sent" + whole)}
				reader.Seek(8, io.SeekStart)
				if c.stream {
					m.Body, m.Stream = nil, reader
				}
				id := send(t, s, m)
				if _, err := p.in.Peek(1000); err != nil {
					t.Fatal(err)
				}
				p.breaks(h)
				q := r.renewed(s)
				q.bind()
				_, got := q.chunksOf(id)
				if got != whole {
					t.Errorf("%d octets came, want %d", len(got), len(whole))
				}
				if f := awaited[msrp.Fate](h); f.Kind == msrp.Failed {
					t.Errorf("got %+v", f)
				}
				if c.stream {
					poll(t, func() bool { return reader.closed.Load() > 0 })
					if n := reader.closed.Load(); n != 1 {
						t.Errorf("closed %d times", n)
					}
				}
			})
		}
	})

	t.Run("M-054/a stream that cannot be read again fails, says why, and its rest is called off", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		s, h, p := r.bound(recovers)
		reader := newClosing(io.MultiReader(strings.NewReader(strings.Repeat("x", 1<<20))), false)
		id := send(t, s, stream(reader, 0))
		p.expectRequest("SEND")
		p.nc.Close()
		f := awaited[msrp.Fate](h)
		if f.MessageID != id || f.Kind != msrp.Failed || f.Why != msrp.ByConnection || !strings.Contains(f.Comment, "cannot be read a second time") {
			t.Errorf("got %+v", f)
		}
		q := r.renewed(s)
		q.bind()
		if f := q.expectRequest("SEND"); f.flag != "#" || f.header("Message-ID") != id {
			t.Errorf("got %q", f.text)
		}
		poll(t, func() bool { return reader.closed.Load() == 1 })
	})

	t.Run("M-054/what comes of a message over two connections is one message", func(t *testing.T) {
		for _, streamed := range []bool{false, true} {
			r := newRig(t, msrp.Config{})
			s, h := r.session(func(c *msrp.SessionConfig) {
				recovers(c)
				if streamed {
					c.Handler = recoveringStreams{c.Handler.(recovering)}
				}
			})
			s.SetPeer(known(t, peerURI))
			p := r.peer(s)
			p.bind()
			id, chunk := p.chunk("cut-in-two", "1-6/12", "hello ", "+")
			p.write(chunk)
			p.expect(id, 200)
			var in *msrp.Incoming
			if streamed {
				in = awaited[*msrp.Incoming](h)
			}
			_, chunk = p.chunk("cut-in-two", "7-12/12", "wo", "+")
			p.write(chunk[:strings.LastIndex(chunk, "wo")+2]) // cut off
			p.breaks(h)
			q := r.renewed(s)
			for at, part := range []string{"hello ", "world!"} {
				flag, byteRange := "+", "1-6/12"
				if at == 1 {
					flag, byteRange = "$", "7-12/12"
				}
				id, chunk := q.chunk("cut-in-two", byteRange, part, flag)
				q.write(chunk)
				if at == 1 && streamed {
					if got := body(t, in); got != "hello world!" {
						t.Errorf("got %q", got)
					}
					in.Accept()
				}
				q.expect(id, 200)
			}
			if !streamed {
				for m := awaited[*msrp.Received](h); ; m = awaited[*msrp.Received](h) {
					if !m.Bodiless {
						if string(m.Body) != "hello world!" {
							t.Errorf("got %q", m.Body)
						}
						break
					}
				}
			}
			// M-055: its 200 was lost as well.
			id, again := q.chunk("cut-in-two", "1-12/12", "hello world!", "$")
			q.write(again)
			q.expect(id, 200)
			if m := awaited[*msrp.Received](h); !m.Duplicate {
				t.Errorf("got %+v, want a duplicate", m)
			}
		}
	})

	t.Run("M-054/a peer that has lost the connection, which is still open here, comes over another one", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		s, h, p := r.bound(recovers)
		id := send(t, s, text("lost on the way"))
		p.expectRequest("SEND")
		again := strings.Replace(peerURI, "session", "session.2", 1) // at the same place
		if err := s.SetPeer(known(t, again)); err != nil {
			t.Fatal(err)
		}
		p.say("from the old path", 200)
		q := r.peer(s)
		q.uri = again
		q.bind()
		f := q.expectRequest("SEND")
		if f.header("Message-ID") != id || f.header("To-Path") != again {
			t.Errorf("got %q", f.text)
		}
		q.respond(f, 200, "OK")
		if f := awaited[msrp.Fate](h); f.MessageID != id || f.Kind != msrp.Delivered {
			t.Errorf("got %+v", f)
		}
		other := r.peer(s)
		other.uri = again
		other.say("one too many", 506)
	})

	t.Run("M-053/framing lost: there is nothing to recover from", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		_, h, p := r.bound(recovers)
		p.write("GET / HTTP/1.1\r\n\r\n")
		isClosed(t, h, msrp.ErrFraming)
	})

	t.Run("M-112/framing lost where the session is moving away from: what was unanswered there is no longer, once", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newPipeListener()
			r := startRig(t, msrp.Config{Window: 1}, l, func() net.Conn {
				ours, theirs := net.Pipe()
				l.conns <- halfClosing{theirs}
				return ours
			}, 24*time.Hour)
			s, h, p := r.bound()
			id := send(t, s, text("one"))
			p.expectRequest("SEND")
			if err := s.SetPeer(known(t, movedURI)); err != nil {
				t.Fatal(err)
			}
			q := r.peer(s)
			q.uri = movedURI
			q.bind()
			synctest.Wait()
			time.Sleep(29 * time.Second)
			p.write("GET / HTTP/1.1\r\n\r\n")
			f := q.expectRequest("SEND")
			if f.header("Message-ID") != id {
				t.Fatalf("got %q", f.text)
			}
			second := send(t, s, text("two"))
			q.silence(5 * time.Second) // the window is full
			q.respond(f, 200, "OK")
			if fate := awaited[msrp.Fate](h); fate.MessageID != id || fate.Kind != msrp.Delivered {
				t.Errorf("got %+v", fate)
			}
			q.respond(q.expectRequest("SEND"), 200, "OK")
			if fate := awaited[msrp.Fate](h); fate.MessageID != second || fate.Kind != msrp.Delivered {
				t.Errorf("got %+v", fate)
			}
		})
	})

	t.Run("M-054/lost again before anything came, and closed: messages fail as the connection did", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		s, h, p := r.bound(recovers)
		id := send(t, s, text("never answered"))
		p.expectRequest("SEND")
		p.breaks(h)
		remote := newRemote(t)
		s.Renew()
		s.SetPeer(known(t, remote.path))
		if err := s.Connect(context.Background()); err != nil {
			t.Fatal(err)
		}
		q := remote.accept(s)
		q.expectRequest("SEND")
		q.breaks(h)
		s.Close()
		if f := awaited[msrp.Fate](h); f.MessageID != id || f.Kind != msrp.Failed || f.Why != msrp.ByConnection {
			t.Errorf("got %+v", f)
		}
	})

	t.Run("R-017/behind a relay nothing is sent along the new path before the exchange is done", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		s, h := r.session(recovers)
		l, p := r.link(s)
		if err := s.Relay(l, path(t, innerURI)); err != nil {
			t.Fatal(err)
		}
		s.SetPeer(known(t, peerURI))
		p.bind()
		p.breaks(h)
		id := send(t, s, text("waits"))
		l, q := r.link(s)
		if err := s.Relay(l, path(t, outerURI)); err != nil {
			t.Fatal(err)
		}
		q.silence(30e6)
		if err := s.Connect(context.Background()); err != nil {
			t.Fatal(err)
		}
		f := q.expectRequest("SEND")
		if f.header("Message-ID") != id || f.header("To-Path") != outerURI+" "+peerURI {
			t.Errorf("got %q", f.text)
		}
		q.respond(f, 200, "OK")
		awaited[recovered](h)
	})

	t.Run("Recovers needs a Recoverer", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		_, err := r.endpoint.NewSession(msrp.SessionConfig{Base: r.base, Handler: &recorder{}, Recovers: true})
		if wrong, ok := errors.AsType[*msrp.ConfigError](err); !ok || wrong.Field != "Recovers" {
			t.Errorf("got %v", err)
		}
	})
}

// chunksOf reads the chunks of that message, with ranges of whatever form, and answers what wants an answer.
func (p *rawPeer) chunksOf(id string) (all []*frame, body string) {
	p.t.Helper()
	var b bytes.Buffer
	for {
		f := p.expectRequest("SEND")
		if f.header("Message-ID") != id {
			p.t.Fatalf("got %q", f.text[:min(len(f.text), 400)])
		}
		b.WriteString(f.body)
		all = append(all, f)
		if f.header("Failure-Report") == "" {
			p.respond(f, 200, "OK")
		}
		if f.flag != "+" {
			return all, b.String()
		}
	}
}
