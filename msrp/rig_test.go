package msrp_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/parley-msrp/parley/msrp"
)

// limit is how long is waited for what must happen in real time; a test whose machine is busy with others needs it.
const limit = time.Minute

// rig is an endpoint under test with a way to reach it.
type rig struct {
	t        testing.TB
	endpoint *msrp.Endpoint
	listener net.Listener
	dial     func() net.Conn
	base     msrp.URI
	patience time.Duration
	served   chan error
	cut      *cutter // of its peers
}

// newRig listens on a loopback socket.
func newRig(t testing.TB, cfg msrp.Config) *rig {
	t.Helper()
	l, dial := onLoopback(t)
	return startRig(t, cfg, l, dial, limit)
}

// onLoopback listens on a socket, and gives the way to it.
func onLoopback(t testing.TB) (l net.Listener, dial func() net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l, func() net.Conn {
		nc, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		return nc
	}
}

// newFakeRig listens in memory, for use under fake time.
func newFakeRig(t testing.TB, cfg msrp.Config) *rig {
	t.Helper()
	l := newPipeListener()
	return startRig(t, cfg, l, l.dial, 24*time.Hour)
}

func startRig(t testing.TB, cfg msrp.Config, l net.Listener, dial func() net.Conn, patience time.Duration) *rig {
	t.Helper()
	if overTLS {
		cfg.TLS, l, dial = shows(usual(t), trusted(usual(t))), tlsListener{l}, secured(dial)
	}
	e, err := msrp.NewEndpoint(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, endpoint: e, listener: l, dial: dial, patience: patience, served: make(chan error, 1)}
	r.base = msrp.URI{Host: "127.0.0.1", Port: 2855, Transport: "tcp", Secure: overTLS}
	if a, ok := l.Addr().(*net.TCPAddr); ok {
		r.base.Port = a.Port
	}
	serve := e.Serve
	if _, secure := l.(tlsListener); secure {
		serve = e.ServeTLS
	}
	go func() { r.served <- serve(l) }()
	t.Cleanup(r.close)
	return r
}

func (r *rig) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	r.endpoint.Close(ctx)
	if err := <-r.served; err != nil {
		r.t.Errorf("Serve: %v", err)
	}
}

// session makes a session with a recording handler.
func (r *rig) session(change ...func(*msrp.SessionConfig)) (*msrp.Session, *recorder) {
	r.t.Helper()
	h := &recorder{t: r.t, patience: r.patience, events: make(chan any, 1<<13), accept: (*msrp.Received).Accept}
	c := msrp.SessionConfig{Base: r.base, Accept: msrp.Types{"text/plain", "text/html"}, Handler: h}
	for _, f := range change {
		f(&c)
	}
	s, err := r.endpoint.NewSession(c)
	if err != nil {
		r.t.Fatal(err)
	}
	return s, h
}

// peer connects to the endpoint for a session.
func (r *rig) peer(s *msrp.Session) *rawPeer {
	r.t.Helper()
	p := newRawPeer(r.t, r.dial(), s.URI().String(), r.patience)
	p.cut = r.cut
	return p
}

// known is a peer as its session description named it, at uri.
func known(t testing.TB, uri string) msrp.Peer {
	t.Helper()
	path, err := msrp.ParsePath(uri)
	if err != nil {
		t.Fatal(err)
	}
	return msrp.Peer{Path: path, Accept: msrp.Types{"text/*", "message/cpim"}}
}

// bound is a session to which a raw peer has bound a connection.
func (r *rig) bound(change ...func(*msrp.SessionConfig)) (*msrp.Session, *recorder, *rawPeer) {
	r.t.Helper()
	s, h := r.session(change...)
	if err := s.SetPeer(known(r.t, peerURI)); err != nil {
		r.t.Fatal(err)
	}
	p := r.peer(s)
	p.bind()
	if m := next[*msrp.Received](h); !m.Bodiless {
		r.t.Fatalf("got %+v, want the bodiless bind", m)
	}
	return s, h, p
}

func send(t testing.TB, s *msrp.Session, m msrp.Outgoing) string {
	t.Helper()
	id, err := s.Send(context.Background(), m)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// text is a plain message.
func text(body string) msrp.Outgoing {
	return msrp.Outgoing{ContentType: "text/plain", Body: []byte(body)}
}

// recorder is a Handler that writes down what it hears.
type recorder struct {
	t        testing.TB
	patience time.Duration
	events   chan any // *msrp.Received, msrp.Report, msrp.Fate, error
	mu       sync.Mutex
	accept   func(*msrp.Received)
}

// on sets what is done with messages; nil: nothing.
func (h *recorder) on(f func(*msrp.Received)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.accept = f
}

func (h *recorder) Message(_ *msrp.Session, m *msrp.Received) {
	h.mu.Lock()
	f := h.accept
	h.mu.Unlock()
	if f != nil {
		f(m)
	}
	h.events <- m
}
func (h *recorder) Report(_ *msrp.Session, r msrp.Report) { h.events <- r }
func (h *recorder) Fate(_ *msrp.Session, f msrp.Fate)     { h.events <- f }
func (h *recorder) Closed(_ *msrp.Session, err error)     { h.events <- err }

// next takes the next event, which must be of that kind.
func next[T any](h *recorder) T {
	h.t.Helper()
	select {
	case e := <-h.events:
		v, ok := e.(T)
		if !ok {
			h.t.Fatalf("got event %T %+v, want %T", e, e, v)
		}
		return v
	case <-time.After(h.patience):
		var v T
		h.t.Fatalf("no %T came", v)
		return v
	}
}

// nothing fails if an event has come.
func (h *recorder) nothing() {
	h.t.Helper()
	select {
	case e := <-h.events:
		h.t.Fatalf("got event %T %+v, want none", e, e)
	default:
	}
}

func isClosed(t testing.TB, h *recorder, target error) {
	t.Helper()
	if err := next[error](h); !errors.Is(err, target) {
		t.Fatalf("closed with %v, want %v", err, target)
	}
}

// pipeListener is a listener in memory.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return pipeAddr{} }

func (l *pipeListener) dial() net.Conn {
	ours, theirs := net.Pipe()
	l.conns <- theirs
	return ours
}

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }
