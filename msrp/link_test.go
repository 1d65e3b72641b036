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

// link opens a connection to a relay, whose end p is.
func (r *rig) link(to *msrp.Session) (*msrp.Link, *rawPeer) {
	r.t.Helper()
	near, far := net.Pipe()
	if overTLS {
		near, far = securedPipe(r.t, near, far)
	}
	l, err := r.endpoint.NewLink(near)
	if err != nil {
		r.t.Fatal(err)
	}
	return l, newRawPeer(r.t, far, to.URI().String(), r.patience)
}

const (
	innerURI = "msrp://192.0.2.1:2855/inner;tcp"
	outerURI = "msrp://192.0.2.2:2855/outer;tcp"
)

func path(t testing.TB, s string) []msrp.URI {
	t.Helper()
	p, err := msrp.ParsePath(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// relayed is a session behind two relays.
func (r *rig) relayed() (*msrp.Session, *recorder, *msrp.Link, *rawPeer) {
	r.t.Helper()
	s, h := r.session()
	l, p := r.link(s)
	if err := s.Relay(l, path(r.t, innerURI+" "+outerURI)); err != nil {
		r.t.Fatal(err)
	}
	if err := s.SetPeer(known(r.t, peerURI)); err != nil {
		r.t.Fatal(err)
	}
	return s, h, l, p
}

func TestRelay(t *testing.T) {
	ctx := context.Background()

	fakeTime(t, "R-010/paths, and the first SEND of the active side", msrp.Config{}, func(t *testing.T, r *rig) {
		s, h, _, p := r.relayed()
		if got := msrp.FormatPath(s.Path()); got != outerURI+" "+innerURI+" "+s.URI().String() {
			t.Errorf("path %s", got)
		}
		if err := s.Connect(ctx); err != nil {
			t.Fatal(err)
		}
		f := p.expectRequest("SEND")
		if f.hasBody || f.header("To-Path") != innerURI+" "+outerURI+" "+peerURI || f.header("From-Path") != s.URI().String() {
			t.Errorf("%s", f.text)
		}
		p.respond(f, 200, "OK")
		send(t, s, text("hello"))
		p.respond(p.expectRequest("SEND"), 200, "OK")
		if f := next[msrp.Fate](h); f.Kind != msrp.Delivered {
			t.Errorf("%+v", f)
		}
	})

	fakeTime(t, "M-047/the passive side says nothing before the peer has", msrp.Config{}, func(t *testing.T, r *rig) {
		s, _, _, p := r.relayed()
		send(t, s, text("waits"))
		time.Sleep(time.Minute)
		p.bind()
		if f := p.expectRequest("SEND"); f.body != "waits" {
			t.Errorf("%s", f.text)
		}
	})

	fakeTime(t, "M-047/a peer that never comes", msrp.Config{}, func(t *testing.T, r *rig) {
		began := time.Now()
		_, h, _, _ := r.relayed()
		isClosed(t, h, msrp.ErrNotBound)
		after(t, began, 180*time.Second)
	})

	fakeTime(t, "M-049/a peer that comes past the relay", msrp.Config{}, func(t *testing.T, r *rig) {
		s, _, _, _ := r.relayed()
		p := r.peer(s)
		id, request := p.text("m0001", "hello")
		p.write(request)
		p.expect(id, 506)
	})

	t.Run("chunks through a relay hold 8 KiB at most", func(t *testing.T) {
		r := newRig(t, msrp.Config{Interruptible: true, ChunkSize: 1 << 20})
		s, _, _, p := r.relayed()
		if err := s.Connect(ctx); err != nil {
			t.Fatal(err)
		}
		p.respond(p.expectRequest("SEND"), 200, "OK")
		send(t, s, text(strings.Repeat("x", 50_000)))
		for got := 0; got < 50_000; {
			f := p.expectRequest("SEND")
			if len(f.body) > 8<<10 || len(f.body) < 2048 && f.flag != "$" {
				t.Fatalf("a chunk of %d octets", len(f.body))
			}
			got += len(f.body)
			p.respond(f, 200, "OK")
		}
	})

	fakeTime(t, "R-014/another path", msrp.Config{}, func(t *testing.T, r *rig) {
		s, _, l, p := r.relayed()
		p.bind()
		if err := s.Relay(l, path(t, outerURI)); err != nil {
			t.Fatal(err)
		}
		send(t, s, text("hello"))
		if f := p.expectRequest("SEND"); f.header("To-Path") != outerURI+" "+peerURI {
			t.Errorf("%s", f.text)
		}
	})

	fakeTime(t, "R-014/another connection", msrp.Config{}, func(t *testing.T, r *rig) {
		s, h, first, p := r.relayed()
		p.bind()
		next[*msrp.Received](h)
		second, q := r.link(s)
		if err := s.Relay(second, path(t, outerURI)); err != nil {
			t.Fatal(err)
		}
		send(t, s, text("hello"))
		f := q.expectRequest("SEND")
		q.respond(f, 200, "OK")
		if f.header("To-Path") != outerURI+" "+peerURI || next[msrp.Fate](h).Kind != msrp.Delivered {
			t.Errorf("%s", f.text)
		}
		p.nc.Close()
		<-first.Closed()
		h.nothing()
	})

	fakeTime(t, "R-016/a link stays open without sessions until it is closed", msrp.Config{}, func(t *testing.T, r *rig) {
		s, _, l, p := r.relayed()
		s.Close()
		time.Sleep(time.Hour)
		select {
		case <-l.Closed():
			t.Fatal("closed with its session")
		default:
		}
		l.Close()
		p.nc.Close() // net.Pipe cannot close one direction
		<-l.Closed()
		if err := s.Relay(l, path(t, innerURI)); !errors.Is(err, msrp.ErrClosed) {
			t.Errorf("%v", err)
		}
		other, _ := r.session()
		if err := other.Relay(l, path(t, innerURI)); !errors.Is(err, msrp.ErrConnectionLost) {
			t.Errorf("%v", err)
		}
	})

	t.Run("R-016/a connection to a peer's relay stays open for a while", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var dials int
			var far net.Conn
			r := newFakeRig(t, msrp.Config{Dial: func(context.Context, string, string) (net.Conn, error) {
				dials++
				var near net.Conn
				near, far = net.Pipe()
				return near, nil
			}})
			var p *rawPeer
			visit := func() {
				s, _ := r.session()
				if err := s.SetPeer(known(t, innerURI+" "+peerURI)); err != nil {
					t.Fatal(err)
				}
				if err := s.Connect(ctx); err != nil {
					t.Fatal(err)
				}
				if p == nil || dials > 1 {
					p = newRawPeer(t, far, s.URI().String(), r.patience)
				}
				p.respond(p.expectRequest("SEND"), 200, "OK")
				s.Close()
			}
			visit()
			time.Sleep(299 * time.Second)
			visit()
			if dials != 1 {
				t.Errorf("%d connections", dials)
			}
			began := time.Now()
			p.closed()
			after(t, began, 300*time.Second)
			visit()
			if dials != 2 {
				t.Errorf("%d connections", dials)
			}
		})
	})

	fakeTime(t, "R-017/the sessions of a lost link are over", msrp.Config{}, func(t *testing.T, r *rig) {
		_, h, _, p := r.relayed()
		p.nc.Close()
		isClosed(t, h, msrp.ErrConnectionLost)
	})

	fakeTime(t, "paths that cannot be", msrp.Config{}, func(t *testing.T, r *rig) {
		s, _ := r.session()
		l, _ := r.link(s)
		for _, p := range []string{"", strings.TrimSpace(strings.Repeat(innerURI+" ", 32))} {
			uris, _ := msrp.ParsePath(p)
			if _, ok := errors.AsType[*msrp.ConfigError](s.Relay(l, uris)); !ok {
				t.Errorf("a path of %d URIs was taken", len(uris))
			}
		}
		direct, _, _ := r.bound()
		if _, ok := errors.AsType[*msrp.ConfigError](direct.Relay(l, path(t, innerURI))); !ok {
			t.Error("a session that is bound without a relay was taken behind one")
		}
	})
}

func TestAuth(t *testing.T) {
	ctx := context.Background()
	ask := func(r *rig, l *msrp.Link, s *msrp.Session) (chan *msrp.AuthResponse, chan error) {
		answers, errs := make(chan *msrp.AuthResponse, 1), make(chan error, 1)
		go func() {
			a, err := l.Auth(ctx, msrp.AuthRequest{
				To: path(r.t, "msrps://alice@relay.example;tcp"), From: s.URI(), Headers: []msrp.Header{{Name: "Expires", Value: "60"}},
			})
			if err != nil {
				errs <- err
				return
			}
			answers <- a
		}()
		return answers, errs
	}

	fakeTime(t, "R-003/the To-Path has no port, and comes back in From-Path", msrp.Config{}, func(t *testing.T, r *rig) {
		s, _ := r.session()
		l, p := r.link(s)
		answers, _ := ask(r, l, s)
		f := p.expectRequest("AUTH")
		if f.header("To-Path") != "msrps://alice@relay.example;tcp" || f.header("From-Path") != s.URI().String() || f.header("Expires") != "60" || f.hasBody || f.flag != "$" {
			t.Errorf("%s", f.text)
		}
		p.write("MSRP " + f.id + " 401 Unauthorized\r\nTo-Path: " + s.URI().String() + "\r\nFrom-Path: msrps://alice@relay.example;tcp\r\n" +
			"WWW-Authenticate: Digest one\r\nwww-authenticate:Basic two \r\nUse-Path: x\r\n-------" + f.id + "$\r\n")
		a := <-answers
		if v := a.Values("WWW-Authenticate"); a.Code != 401 || a.Comment != "Unauthorized" || len(v) != 2 || v[0] != "Digest one" || v[1] != "Basic two" {
			t.Errorf("%+v", a)
		}
	})

	fakeTime(t, "no response", msrp.Config{}, func(t *testing.T, r *rig) {
		s, _ := r.session()
		l, p := r.link(s)
		began := time.Now()
		_, errs := ask(r, l, s)
		f := p.expectRequest("AUTH")
		if err := <-errs; !errors.Is(err, msrp.ErrTimeout) {
			t.Errorf("%v", err)
		}
		after(t, began, 30*time.Second)
		p.respond(f, 200, "OK") // which is late, and overlooked
		_, errs = ask(r, l, s)
		p.expectRequest("AUTH")
		p.nc.Close()
		if err := <-errs; !errors.Is(err, msrp.ErrConnectionLost) {
			t.Errorf("%v", err)
		}
		if _, err := l.Auth(ctx, msrp.AuthRequest{From: s.URI()}); !errors.Is(err, msrp.ErrConnectionLost) {
			t.Errorf("%v", err)
		}
	})

	fakeTime(t, "a header that would be two", msrp.Config{}, func(t *testing.T, r *rig) {
		s, _ := r.session()
		l, _ := r.link(s)
		_, err := l.Auth(ctx, msrp.AuthRequest{From: s.URI(), Headers: []msrp.Header{{Name: "Expires", Value: "1\r\nX: y"}}})
		if _, ok := errors.AsType[*msrp.HeaderError](err); !ok {
			t.Errorf("%v", err)
		}
	})
}
