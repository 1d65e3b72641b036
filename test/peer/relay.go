package peer

import (
	"bufio"
	"crypto/tls"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Relay is a scripted MSRP relay on 127.0.0.1. It answers each AUTH as its script says; everything else that comes is kept until the test asks for it.
type Relay struct {
	Addr string // host:port

	listener net.Listener
	secure   *tls.Config // nil: no TLS
	running  sync.WaitGroup

	mu     sync.Mutex
	script func(n int, auth *Frame) *Frame
	auths  []*Frame
	frames []*Frame
	conns  []net.Conn             // in the order of their coming; nil: over
	states []*tls.ConnectionState // of conns
	wake   chan struct{}          // closed and renewed when something happens
}

// Drop is what a script returns to have the connection closed; nil is silence.
var Drop = &Frame{}

// NewRelay opens a relay that ends with the test. The script gives the response to the n-th AUTH, from 1.
func NewRelay(t testing.TB, secure *tls.Config, script func(n int, auth *Frame) *Frame) *Relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &Relay{Addr: l.Addr().String(), listener: l, secure: secure, script: script, wake: make(chan struct{})}
	r.running.Go(r.accept)
	t.Cleanup(func() {
		l.Close()
		r.Cut()
		r.running.Wait()
	})
	return r
}

// Port is where it listens.
func (r *Relay) Port() uint16 { return uint16(r.listener.Addr().(*net.TCPAddr).Port) }

// Script replaces the script. It counts from the first AUTH of all.
func (r *Relay) Script(script func(n int, auth *Frame) *Frame) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.script = script
}

func (r *Relay) accept() {
	for {
		c, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.running.Go(func() { r.serve(c) })
	}
}

func (r *Relay) serve(c net.Conn) {
	defer c.Close()
	var state *tls.ConnectionState
	r.mu.Lock()
	index := len(r.conns)
	r.conns, r.states = append(r.conns, c), append(r.states, nil)
	r.signal()
	r.mu.Unlock()
	defer r.over(index)
	if r.secure != nil {
		s := tls.Server(c, r.secure)
		_ = s.SetDeadline(time.Now().Add(handshakeTime))
		if s.Handshake() != nil {
			return
		}
		_ = s.SetDeadline(time.Time{})
		is := s.ConnectionState()
		c, state = s, &is
		r.mu.Lock()
		r.conns[index], r.states[index] = c, state
		r.mu.Unlock()
	}
	for in := bufio.NewReader(c); ; {
		f, err := ReadFrame(in)
		if err != nil || !r.took(c, f) {
			return
		}
	}
}

// over notes the end of a connection.
func (r *Relay) over(index int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conns[index] = nil
	r.signal()
}

// took handles a frame; false ends the connection.
func (r *Relay) took(c net.Conn, f *Frame) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.signal()
	if f.Method != "AUTH" {
		r.frames = append(r.frames, f)
		return true
	}
	r.auths = append(r.auths, f)
	answer := r.script(len(r.auths), f)
	if answer == Drop {
		return false
	}
	if answer != nil {
		_, _ = c.Write(answer.Bytes())
	}
	return true
}

func (r *Relay) signal() {
	close(r.wake)
	r.wake = make(chan struct{})
}

// Auths are the AUTHs so far.
func (r *Relay) Auths() []*Frame {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.auths)
}

// Forms says of each AUTH so far what credentials it holds: none, those with the uri parameter ("uri"), or those without it ("bare").
func (r *Relay) Forms() string {
	var all []string
	for _, f := range r.Auths() {
		v := f.Get("Authorization")
		switch _, hasURI := DigestParams(v)["uri"]; {
		case v == "":
			all = append(all, "none")
		case hasURI:
			all = append(all, "uri")
		default:
			all = append(all, "bare")
		}
	}
	return strings.Join(all, " ")
}

// Conns counts the connections that came, and those of them that are open.
func (r *Relay) Conns() (came, open int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conns {
		if c != nil {
			open++
		}
	}
	return len(r.conns), open
}

// TLS says how the n-th connection, from 0, was secured; nil if it was not.
func (r *Relay) TLS(n int) *tls.ConnectionState {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n >= len(r.states) {
		return nil
	}
	return r.states[n]
}

// Await waits until done says yes; it is asked whenever something happens.
func (r *Relay) Await(t testing.TB, within time.Duration, what string, done func() bool) {
	t.Helper()
	end := time.NewTimer(within)
	defer end.Stop()
	for {
		r.mu.Lock()
		wake := r.wake
		r.mu.Unlock()
		if done() {
			return
		}
		select {
		case <-wake:
		case <-end.C:
			came, open := r.Conns()
			t.Fatalf("relay: not within %v: %s; AUTHs: %s; %d connections, %d open", within, what, r.Forms(), came, open)
		}
	}
}

// AwaitAuths waits for the n-th AUTH.
func (r *Relay) AwaitAuths(t testing.TB, within time.Duration, n int) {
	t.Helper()
	r.Await(t, within, "so many AUTHs", func() bool { return len(r.Auths()) >= n })
}

// Next is the next frame that is no AUTH.
func (r *Relay) Next(t testing.TB, within time.Duration) *Frame {
	t.Helper()
	var f *Frame
	r.Await(t, within, "a frame", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.frames) > 0 {
			f, r.frames = r.frames[0], r.frames[1:]
		}
		return f != nil
	})
	return f
}

// Frames are those that have not been asked for.
func (r *Relay) Frames() []*Frame {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.frames)
}

// Put writes a frame to the newest connection.
func (r *Relay) Put(f *Frame) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range slices.Backward(r.conns) {
		if c != nil {
			_, _ = c.Write(f.Bytes())
			return
		}
	}
}

// Cut closes all connections.
func (r *Relay) Cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conns {
		if c != nil {
			c.Close()
		}
	}
}
