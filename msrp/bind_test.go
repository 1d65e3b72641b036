package msrp_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-msrp/parley/msrp"
)

// remote is a listener of the test's own, for sessions that connect.
type remote struct {
	t     testing.TB
	l     net.Listener
	path  string
	conns chan net.Conn // that came; with TLS, after the handshake
}

func newRemote(t testing.TB) *remote {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &remote{t: t, l: l, path: scheme + "://" + l.Addr().String() + "/peer0session;tcp", conns: make(chan net.Conn, 16)}
	done := make(chan struct{})
	go func() { // ends with the listener
		defer close(done)
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			if overTLS {
				secure := tls.Server(nc, &tls.Config{Certificates: []tls.Certificate{*usual(t)}})
				secure.Handshake() // reading tells
				nc = secure
			}
			r.conns <- nc
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return r
}

// accept takes the next connection; to is the session at the other end.
func (r *remote) accept(s *msrp.Session) *rawPeer {
	r.t.Helper()
	select {
	case nc := <-r.conns:
		p := newRawPeer(r.t, nc, s.URI().String(), limit)
		p.uri = r.path
		return p
	case <-time.After(limit):
		r.t.Fatal("no connection came")
		return nil
	}
}

func (r *remote) noMore() {
	r.t.Helper()
	select {
	case nc := <-r.conns:
		nc.Close()
		r.t.Fatal("another connection came")
	case <-time.After(50 * time.Millisecond):
	}
}

// connected is a session that has connected to a raw peer and got the 200 for its bind.
func (r *rig) connected(change ...func(*msrp.Peer)) (*msrp.Session, *recorder, *rawPeer) {
	r.t.Helper()
	there := newRemote(r.t)
	s, h := r.session()
	k := known(r.t, there.path)
	for _, f := range change {
		f(&k)
	}
	if err := s.SetPeer(k); err != nil {
		r.t.Fatal(err)
	}
	if err := s.Connect(context.Background()); err != nil {
		r.t.Fatal(err)
	}
	p := there.accept(s)
	p.respond(p.expectRequest("SEND"), 200, "OK")
	return s, h, p
}

func TestBind(t *testing.T) {
	ctx := context.Background()

	t.Run("M-040/session URIs are fresh", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		seen := map[string]bool{}
		for range 1000 {
			s, _ := r.session()
			if u := s.URI(); seen[u.SessionID] || len(u.SessionID) != 32 || u.SessionID != s.ID() || u.Port != r.base.Port || len(s.Path()) != 1 {
				t.Fatalf("got %v", u)
			}
			seen[s.ID()] = true
		}
	})

	t.Run("M-043/who is not told to connect listens", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		there := newRemote(t)
		s, _ := r.session()
		if err := s.SetPeer(known(t, there.path)); err != nil {
			t.Fatal(err)
		}
		there.noMore()
	})

	t.Run("M-044/the active side sends a bodiless SEND at once", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		there := newRemote(t)
		s, h := r.session()
		s.SetPeer(known(t, there.path))
		if err := s.Connect(ctx); err != nil {
			t.Fatal(err)
		}
		p := there.accept(s)
		f := p.expectRequest("SEND")
		if f.hasBody || f.has("Content-Type") || f.has("Failure-Report") || f.header("Byte-Range") != "1-0/0" ||
			f.header("To-Path") != there.path || f.header("From-Path") != s.URI().String() || f.flag != "$" || f.header("Message-ID") == "" {
			t.Fatalf("M-013, M-045: got %q", f.text)
		}
		p.respond(f, 200, "OK")
		id, req := p.text("m-044", "hello")
		p.write(req)
		p.expect(id, 200)
		if m := next[*msrp.Received](h); string(m.Body) != "hello" {
			t.Fatalf("got %+v", m)
		}
		h.nothing() // the bind is the engine's own
	})

	t.Run("M-044/a queued message is the bind", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		there := newRemote(t)
		s, h := r.session()
		s.SetPeer(known(t, there.path))
		id := send(t, s, text("first"))
		if err := s.Connect(ctx); err != nil {
			t.Fatal(err)
		}
		p := there.accept(s)
		f := p.expectRequest("SEND")
		if f.body != "first" || f.header("Message-ID") != id {
			t.Fatalf("got %q", f.text)
		}
		p.respond(f, 200, "OK")
		if f := next[msrp.Fate](h); f.Kind != msrp.Delivered || f.MessageID != id {
			t.Fatalf("got %+v", f)
		}
		p.silence(30e6)
	})

	t.Run("M-044/a bind whose 200 never comes is tolerated", func(t *testing.T) {
		r := newRig(t, msrp.Config{ResponseTimeout: 30 * time.Millisecond})
		there := newRemote(t)
		s, h := r.session()
		s.SetPeer(known(t, there.path))
		s.Connect(ctx)
		p := there.accept(s)
		p.expectRequest("SEND")
		p.silence(100e6)
		h.nothing()
		send(t, s, text("hello"))
		p.respond(p.expectRequest("SEND"), 200, "OK")
		if f := next[msrp.Fate](h); f.Kind != msrp.Delivered {
			t.Fatalf("got %+v", f)
		}
	})

	for code, want := range map[int]error{481: msrp.ErrSessionUnknown, 506: msrp.ErrBoundElsewhere} {
		t.Run("M-085/a bind that is refused ends the session", func(t *testing.T) {
			r := newRig(t, msrp.Config{})
			there := newRemote(t)
			s, h := r.session()
			s.SetPeer(known(t, there.path))
			s.Connect(ctx)
			p := there.accept(s)
			f := p.expectRequest("SEND")
			p.respond(f, code, "no")
			err := next[error](h)
			var pe *msrp.PeerError
			if !errors.Is(err, want) || !errors.As(err, &pe) || pe.Comment != "no" {
				t.Fatalf("got %v", err)
			}
			if _, err := s.Send(ctx, text("x")); !errors.Is(err, msrp.ErrClosed) {
				t.Fatalf("got %v", err)
			}
			p.closed() // nobody else uses the connection
		})
	}

	t.Run("M-046/sessions with the same peer share a connection", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		there := newRemote(t)
		s1, h1 := r.session()
		s1.SetPeer(known(t, there.path))
		s2, h2 := r.session()
		path2 := strings.Replace(there.path, "peer0", "peer2", 1)
		s2.SetPeer(known(t, path2))
		failed := make(chan error, 2)
		go func() { failed <- s1.Connect(ctx) }()
		go func() { failed <- s2.Connect(ctx) }()
		p := there.accept(s1)
		for range 2 {
			if err := <-failed; err != nil {
				t.Fatal(err)
			}
			p.respond(p.expectRequest("SEND"), 200, "OK")
		}
		there.noMore()
		id, req := p.text("m-one", "one")
		p.write(req)
		p.expect(id, 200)
		p.to, p.uri = s2.URI().String(), path2
		id, req = p.text("m-two", "two")
		p.write(req)
		p.expect(id, 200)
		if m := next[*msrp.Received](h1); string(m.Body) != "one" {
			t.Fatalf("got %q", m.Body)
		}
		if m := next[*msrp.Received](h2); string(m.Body) != "two" {
			t.Fatalf("got %q", m.Body)
		}
		// M-056: the connection stays as long as one session uses it.
		s1.Close()
		id, req = p.text("m-three", "three")
		p.write(req)
		p.expect(id, 200)
		p.to, p.uri = s1.URI().String(), there.path
		id, req = p.text("m-four", "four")
		p.write(req)
		p.expect(id, 481) // D-023
		s2.Close()
		p.closed()
	})

	t.Run("M-047/the passive side is silent until it is bound", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		s, h := r.session()
		if _, err := s.Send(ctx, text("x")); !errors.Is(err, msrp.ErrNotEstablished) {
			t.Fatalf("got %v", err)
		}
		s.SetPeer(known(t, peerURI))
		send(t, s, text("queued"))
		p := r.peer(s)
		p.silence(50e6)
		// What is refused binds nothing.
		id := p.nextID()
		p.write(p.request(id, "FOOB", nil, "$"))
		p.expect(id, 501)
		p.silence(30e6)
		p.bind()
		if f := p.expectRequest("SEND"); f.body != "queued" || f.header("To-Path") != peerURI {
			t.Fatalf("got %q", f.text)
		}
		next[*msrp.Received](h)
	})

	t.Run("M-047/messages wait for SetPeer too", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		s, _ := r.session()
		p := r.peer(s)
		p.bind()
		s.SetPeer(known(t, peerURI))
		send(t, s, text("now"))
		if f := p.expectRequest("SEND"); f.body != "now" {
			t.Fatalf("got %q", f.text)
		}
	})

	t.Run("M-048/an unknown session gets 481", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		s, _, p := r.bound()
		for _, to := range []string{
			strings.Replace(p.to, s.ID(), strings.Repeat("0", 32), 1),
			strings.Replace(p.to, scheme+"://", otherScheme+"://", 1), // M-036
			strings.Replace(p.to, s.ID(), strings.ToUpper(s.ID()), 1), // M-036
			strings.Replace(p.to, "/"+s.ID(), "", 1),                  // M-037
			p.to + " " + peerURI,                                      // M-050
			scheme + "://192.0.2.1:1/r;tcp " + p.to,                   // M-050
			strings.Replace(p.to, "127.0.0.1", "127.0.0.2", 1),        // X-020 is off
			strings.Replace(p.to, ";tcp", ";ws", 1),                   // M-036
			scheme + "://127.0.0.1/" + s.ID() + ";tcp",                // M-037
		} {
			good := p.to
			p.to = to
			id, req := p.text("m-048", "x")
			p.write(req)
			p.expect(id, 481)
			p.to = good
		}
		for _, to := range []string{
			strings.Replace(p.to, scheme+"://", strings.ToUpper(scheme)+"://alice@", 1),
			strings.Replace(p.to, ";tcp", ";TCP;foo=bar", 1),
		} {
			p.to = to
			id, req := p.text("m-048", "x")
			p.write(req)
			p.expect(id, 200)
		}
	})

	t.Run("M-049/a session bound elsewhere gets 506", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		s, h, p := r.bound()
		q := r.peer(s)
		id, req := q.text("m-049", "x")
		q.write(req)
		if f := q.expect(id, 506); f.header("From-Path") != s.URI().String() {
			t.Fatalf("got %q", f.text)
		}
		id, req = p.text("m-050", "y")
		p.write(req)
		p.expect(id, 200) // M-058: each on its own connection
		if m := next[*msrp.Received](h); string(m.Body) != "y" {
			t.Fatalf("got %+v", m)
		}
	})

	t.Run("M-051/Failure-Report no silences every error", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		s, _, p := r.bound()
		_, bad := p.text("m-051", "x", "Failure-Report: no", "Byte-Range: 0-4/4")
		p.write(bad)
		_, req := p.text("m-051", "x", "Failure-Report: no")
		p.write(strings.Replace(req, s.ID(), strings.Repeat("0", 32), 1))
		p.write(strings.Replace(req, "text/plain", "image/png", 1))
		q := r.peer(s)
		q.write(req)
		q.silence(30e6)
		p.silence(30e6)
	})

	t.Run("M-052/From-Path is checked", func(t *testing.T) {
		other := strings.Replace(peerURI, "peer0", "evil0", 1)
		moved := strings.Replace(peerURI, "192.0.2.7", "198.51.100.1", 1)
		for _, c := range []struct {
			check msrp.FromPathCheck
			from  string
			code  int
		}{
			{msrp.FromPathSessionID, peerURI, 200},
			{msrp.FromPathSessionID, moved, 200},
			{msrp.FromPathSessionID, other, 403},
			{msrp.FromPathSessionID, scheme + "://192.0.2.1:1/r;tcp " + peerURI, 200},
			{msrp.FromPathSessionID, peerURI + " " + other, 403},
			{msrp.FromPathSessionID, strings.Replace(peerURI, scheme, otherScheme, 1), 403},
			{msrp.FromPathWhole, peerURI, 200},
			{msrp.FromPathWhole, moved, 403},
			{msrp.FromPathOff, other, 200},
		} {
			r := newRig(t, msrp.Config{FromPath: c.check})
			s, _ := r.session()
			s.SetPeer(known(t, peerURI))
			p := r.peer(s)
			p.uri = c.from
			id, req := p.text("m-052", "x")
			p.write(req)
			p.expect(id, c.code)
		}
	})

	t.Run("M-052/not before the peer is known, and the previous path counts too", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		s, _ := r.session()
		p := r.peer(s)
		p.uri = strings.Replace(peerURI, "peer0", "early", 1)
		say := func(code int) {
			t.Helper()
			id, req := p.text("m-052", "x")
			p.write(req)
			p.expect(id, code)
		}
		say(200)
		s.SetPeer(known(t, p.uri))
		say(200)
		s.SetPeer(known(t, peerURI))
		say(200)
		p.uri = strings.Replace(peerURI, "peer0", "other", 1)
		say(403)
	})

	t.Run("M-053/a connection that breaks fails all its sessions", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		s1, h1, p := r.bound()
		s2, h2 := r.session()
		s2.SetPeer(known(t, peerURI))
		p.to = s2.URI().String()
		p.bind()
		next[*msrp.Received](h2)
		lost := send(t, s1, text("never answered"))
		p.expectRequest("SEND")
		p.tcp().SetLinger(0)
		p.nc.Close()
		if f := next[msrp.Fate](h1); f.MessageID != lost || f.Kind != msrp.Failed || f.Why != msrp.ByConnection {
			t.Fatalf("got %+v", f)
		}
		isClosed(t, h1, msrp.ErrConnectionLost)
		isClosed(t, h2, msrp.ErrConnectionLost)
		q := r.peer(s1)
		id, req := q.text("m-053", "x")
		q.write(req)
		q.expect(id, 481)
		s1.Close()
		h1.nothing()
	})

	t.Run("M-057/addresses are tried in order, at the port of the URI", func(t *testing.T) {
		there := newRemote(t)
		var tried []string
		r := newRig(t, msrp.Config{
			Resolve: func(_ context.Context, host string) ([]netip.Addr, error) {
				if host != "peer.example" {
					t.Errorf("looked up %q", host)
				}
				return []netip.Addr{netip.MustParseAddr("127.0.0.9"), netip.MustParseAddr("127.0.0.1")}, nil
			},
			Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
				tried = append(tried, addr)
				return new(net.Dialer).DialContext(ctx, network, addr)
			},
		})
		s, _ := r.session()
		port := there.l.Addr().(*net.TCPAddr).AddrPort().Port()
		path := strings.Replace(there.path, "127.0.0.1", "Peer.example", 1)
		s.SetPeer(known(t, path))
		if err := s.Connect(ctx); err != nil {
			t.Fatal(err)
		}
		there.accept(s).expectRequest("SEND")
		for i, want := range []string{"127.0.0.9", "127.0.0.1"} {
			if got := netip.MustParseAddrPort(tried[i]); got.Addr().String() != want || got.Port() != port {
				t.Errorf("tried %v", tried)
			}
		}
	})

	t.Run("M-042/only the transport of the first URI matters", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		there := newRemote(t)
		s, _ := r.session()
		path := there.path + " msrps://x.invalid:2855/b;ws"
		s.SetPeer(known(t, path))
		if err := s.Connect(ctx); err != nil {
			t.Fatal(err)
		}
		if f := there.accept(s).expectRequest("SEND"); f.header("To-Path") != path {
			t.Fatalf("got %q", f.text)
		}
	})

	t.Run("M-057/what cannot be reached is an error, and the session stays", func(t *testing.T) {
		var dials atomic.Int32
		r := newRig(t, msrp.Config{Dial: func(context.Context, string, string) (net.Conn, error) {
			dials.Add(1)
			return nil, errors.New("no route")
		}})
		s, h := r.session()
		if err := s.Connect(ctx); !errors.Is(err, msrp.ErrNotEstablished) {
			t.Fatalf("got %v", err)
		}
		s.SetPeer(known(t, peerURI))
		if err := s.Connect(ctx); err == nil || err.Error() != "no route" {
			t.Fatalf("got %v", err)
		}
		bad := []string{scheme + "://h.example:1/x;ws", scheme + "://h.example/x;tcp"}
		if !overTLS {
			bad = append(bad, "msrps://h.example:1/x;tcp")
		}
		for _, bad := range bad {
			s.SetPeer(known(t, bad))
			if err := s.Connect(ctx); !errors.Is(err, msrp.ErrNoTransport) {
				t.Fatalf("%s: got %v", bad, err)
			}
		}
		h.nothing()
		if dials.Load() != 1 {
			t.Fatalf("%d dials", dials.Load())
		}
	})

	t.Run("M-043/Connect of a session that is bound already does nothing", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		s, _, p := r.bound()
		if err := s.Connect(ctx); err != nil {
			t.Fatal(err)
		}
		p.silence(30e6)
	})

	t.Run("M-056/who opened a connection closes it when nobody uses it", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		s, _, p := r.connected()
		s.Close()
		p.closed()
	})

	t.Run("M-056/the other side leaves time to bind another session", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		s, _, p := r.bound()
		s.Close()
		id, req := p.text("m-056", "x")
		p.write(req)
		p.expect(id, 481)
		s2, h2 := r.session()
		p.to = s2.URI().String()
		p.bind()
		next[*msrp.Received](h2)
	})

	t.Run("D-023/the URI of a closed session is dead", func(t *testing.T) {
		r := newRig(t, msrp.Config{LingerTimeout: 20 * time.Millisecond})
		s, h, p := r.bound()
		s.Close()
		s.Close()
		p.closed()
		q := r.peer(s)
		id, req := q.text("m-023", "x")
		q.write(req)
		q.expect(id, 481)
		h.nothing()
		if err := s.Connect(ctx); !errors.Is(err, msrp.ErrClosed) {
			t.Fatalf("got %v", err)
		}
		if err := s.SetPeer(known(t, peerURI)); !errors.Is(err, msrp.ErrClosed) {
			t.Fatalf("got %v", err)
		}
	})

	t.Run("D-023/messages under way when the session closes get their fates", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		s, h, p := r.bound()
		a := send(t, s, text("unanswered"))
		b := send(t, s, msrp.Outgoing{ContentType: "text/plain", Body: []byte("unreported"), SuccessReport: true})
		p.expectRequest("SEND")
		p.expectRequest("SEND")
		// The fates below depend on what has left: the peer has seen it, the engine may still be about to notice.
		if err := s.Flush(contextFor(t, 50*time.Millisecond)); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
		s.Close()
		if f := next[msrp.Fate](h); f.MessageID != a || f.Kind != msrp.Failed || f.Why != msrp.ByEnd {
			t.Fatalf("got %+v", f)
		}
		if f := next[msrp.Fate](h); f.MessageID != b || f.Kind != msrp.Unconfirmed {
			t.Fatalf("M-081: got %+v", f)
		}
		h.nothing()
	})

	t.Run("promise 1/messages that wait for completion keep the connection until they are answered", func(t *testing.T) {
		r := newRig(t, msrp.Config{LingerTimeout: time.Second})
		s, h, p := r.bound()
		h.on(nil)
		id, req := p.text("m-late", "x", "Success-Report: yes")
		p.write(req)
		m := next[*msrp.Received](h)
		s.Close()
		p.silence(30e6)
		m.Accept()
		p.expect(id, 200)
		p.closed() // M-109: no REPORT into a session that is over
	})

	t.Run("endpoint/Close lets what is ready leave and stops everything", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		s, h, p := r.bound()
		h.on(nil)
		id, req := p.text("m-end", "x")
		p.write(req)
		m := next[*msrp.Received](h)
		closed := make(chan error)
		go func() { closed <- r.endpoint.Close(contextFor(t, limit)) }()
		poll(t, func() bool { return errors.Is(s.SetPeer(known(t, peerURI)), msrp.ErrClosed) })
		m.Accept()
		p.expect(id, 200)
		p.closed()
		p.nc.Close()
		if err := <-closed; err != nil {
			t.Fatal(err)
		}
		if _, err := r.endpoint.NewSession(msrp.SessionConfig{Base: r.base, Handler: h}); !errors.Is(err, msrp.ErrClosed) {
			t.Fatalf("got %v", err)
		}
	})
}

func contextFor(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// poll waits until f holds.
func poll(t testing.TB, f func() bool) {
	t.Helper()
	deadline := time.After(limit)
	for !f() {
		select {
		case <-time.After(time.Millisecond):
		case <-deadline:
			t.Fatal("waited in vain")
		}
	}
}
