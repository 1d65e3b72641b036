package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-msrp/parley/msrp"
)

// serveEngine is package msrp with a handler that only counts, and without SIP: sessions are made over the control connection. It serves until in ends.
// A CPU profile is written to the file named, if one is.
func serveEngine(ctx context.Context, addr, profile string, in io.Reader, out io.Writer) (err error) {
	if _, err := raiseOpenFiles(0); err != nil {
		return err
	}
	if profile != "" {
		f, err := os.Create(profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	e, err := msrp.NewEndpoint(msrp.Config{
		ChunkSize: 2 * gibi, Interruptible: true, MaxMessage: -1, // bulk goes in one chunk
		BorrowedBodies: true,                            // a handler that only counts has done with them
		MaxConnections: -1, MaxConnectionsPerSource: -1, // as many as the files that may be open
		TLS: &msrp.TLS{Certificate: shown},
	})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	at := l.Addr().(*net.TCPAddr)
	over, err := net.Listen("tcp", net.JoinHostPort(at.IP.String(), "0"))
	if err != nil {
		l.Close()
		return err
	}
	served := make(chan error, 2)
	go func() { served <- e.Serve(l) }()       // ends with the endpoint
	go func() { served <- e.ServeTLS(over) }() // likewise
	base := msrp.URI{Host: at.IP.String(), Port: at.Port, Transport: "tcp"}
	secure := base
	secure.Secure, secure.Port = true, over.Addr().(*net.TCPAddr).Port
	ballast := make([]byte, ballastSize)
	err = serve(ctx, addresses{MSRP: at.String()}, in, out, func() subject { return &engine{endpoint: e, base: base, secure: secure} })
	runtime.KeepAlive(ballast)
	cut, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	e.Close(cut) // what generators left behind may be cut off
	return errors.Join(err, <-served, <-served)
}

// An engine does the demands of one control connection. As a Handler it counts.
type engine struct {
	endpoint *msrp.Endpoint
	base     msrp.URI
	secure   msrp.URI // over TLS
	sessions []*msrp.Session

	cancel  context.CancelFunc // of what sends
	sending sync.WaitGroup
	sent    atomic.Int64
	failed  atomic.Pointer[error]

	received, delivered atomic.Int64
}

func (e *engine) do(d demand) (r reply, err error) {
	switch d.Do {
	case doOpen:
		for _, peer := range d.Peers {
			path, err := e.open(peer, d)
			if err != nil {
				return r, err
			}
			r.Paths = append(r.Paths, path)
		}
	case doConnect:
		err = e.last().Connect(context.Background())
	case doSend:
		ctx, cancel := context.WithCancel(context.Background())
		e.cancel = cancel
		e.sending.Go(func() { e.send(ctx, make([]byte, d.Body)) }) // ends with ctx
	case doStop:
		e.cancel()
		e.sending.Wait()
		err = e.settle()
	case doEach:
		for _, s := range e.sessions {
			if err := e.sendOne(context.Background(), s, msrp.Outgoing{ContentType: "text/plain", Body: make([]byte, d.Body)}); err != nil {
				return r, err
			}
		}
		err = e.settle()
	case doStream:
		err = e.sendOne(context.Background(), e.last(), msrp.Outgoing{ContentType: "text/plain", Stream: io.LimitReader(zeros{}, int64(d.Body)), Size: int64(d.Body)})
		if err == nil {
			err = e.settle()
		}
	case doSink: // the session that was opened is one
	case doMemory:
		r.Memory, err = readMemory()
	default:
		err = errors.ErrUnsupported
	}
	return r, err
}

func (e *engine) close() {
	if e.cancel != nil {
		e.cancel()
	}
	e.sending.Wait()
	for _, s := range e.sessions {
		s.Close()
	}
}

func (e *engine) last() *msrp.Session { return e.sessions[len(e.sessions)-1] }

func (e *engine) open(peer string, d demand) (path string, err error) {
	to, err := msrp.ParsePath(peer)
	if err != nil {
		return "", err
	}
	c := msrp.SessionConfig{Base: e.base, Accept: msrp.Types{"*"}, Handler: e}
	if to[0].Secure {
		c.Base = e.secure
	}
	if d.Streams {
		c.Handler = streamer{e}
	}
	s, err := e.endpoint.NewSession(c)
	if err != nil {
		return "", err
	}
	e.sessions = append(e.sessions, s)
	p := msrp.Peer{Path: to, Accept: msrp.Types{"*"}}
	if d.Fingerprint != "" {
		f, err := msrp.ParseFingerprint(d.Fingerprint)
		if err != nil {
			return "", err
		}
		p.Fingerprints = []msrp.Fingerprint{f}
	}
	return msrp.FormatPath(s.Path()), s.SetPeer(p)
}

// send sends until ctx ends. Send waits for room in the queue, and the engine for room in the session's window.
func (e *engine) send(ctx context.Context, body []byte) {
	for {
		err := e.sendOne(ctx, e.last(), msrp.Outgoing{ContentType: "text/plain", Body: body})
		if ctx.Err() != nil {
			return
		} else if err != nil {
			e.fail(err)
			return
		}
	}
}

func (e *engine) sendOne(ctx context.Context, s *msrp.Session, m msrp.Outgoing) error {
	e.sent.Add(1)
	_, err := s.Send(ctx, m)
	if err != nil {
		e.sent.Add(-1)
	}
	return err
}

func (e *engine) fail(err error) { e.failed.CompareAndSwap(nil, &err) }

// settle waits until all that was sent is delivered.
func (e *engine) settle() error {
	moved := time.Now()
	for last := int64(-1); ; time.Sleep(time.Millisecond / 4) {
		delivered := e.delivered.Load()
		switch failed := e.failed.Load(); {
		case failed != nil:
			return *failed
		case delivered == e.sent.Load():
			return nil
		case delivered != last:
			moved, last = time.Now(), delivered
		case time.Since(moved) > stallTime:
			return fmt.Errorf("%d of %d messages were delivered, and nothing more for %s", delivered, e.sent.Load(), stallTime)
		}
	}
}

// Message counts.
func (e *engine) Message(_ *msrp.Session, m *msrp.Received) {
	e.received.Add(1)
	m.Accept()
}

// Report has nothing to do: none is asked for.
func (e *engine) Report(*msrp.Session, msrp.Report) {}

// Fate counts.
func (e *engine) Fate(_ *msrp.Session, f msrp.Fate) {
	if f.Kind != msrp.Delivered {
		e.fail(fmt.Errorf("a message was not delivered: %s by %s, %d %s", f.Kind, f.Why, f.Code, f.Comment))
	}
	e.delivered.Add(1)
}

// Closed has nothing to do: the generator closes its connections when it is done, and misses responses if they end before.
func (e *engine) Closed(*msrp.Session, error) {}

// A streamer takes messages as they arrive, and throws them away.
type streamer struct{ *engine }

// Stream throws away.
func (e streamer) Stream(_ *msrp.Session, in *msrp.Incoming) {
	e.received.Add(1)
	go func() { // ends with the message or the connection
		if _, err := io.Copy(io.Discard, in); err == nil {
			in.Accept()
		}
	}()
}
