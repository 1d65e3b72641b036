// Package sip carries SIP messages (RFC 3261): octets to messages and back, transports, and transactions.
// Dialogs are the business of internal/dialog.
package sip

import (
	"context"
	"hash/maphash"
	"log/slog"
	"net/netip"
	"sync"
	"time"
)

// Stack is one SIP element's transports and transactions. Its methods may be called concurrently.
//
// One goroutine reads each socket and calls the User inline, so that messages are seen in the order in which they came.
type Stack struct {
	cfg    Config
	log    *slog.Logger
	clock  *clock
	seed   maphash.Seed // for the To tags of answers without transaction
	server serverTable
	client clientTable
	pool   pool
	routes routeCache
	suites []uint16 // of TLS 1.2

	answers sync.Pool // of *[]byte, where answers are written that are sent at once

	mu        sync.Mutex
	endpoints []*endpoint // replaced, never changed in place
	closed    bool
	done      chan struct{}  // closed by Close
	tasks     sync.WaitGroup // every goroutine but the clock's
}

// NewStack makes a stack that listens nowhere yet.
func NewStack(c Config) (*Stack, error) {
	c, err := c.populate()
	if err != nil {
		return nil, err
	}
	s := &Stack{cfg: c, log: c.Logger, clock: newClock(), seed: maphash.MakeSeed(), done: make(chan struct{}), suites: suites()}
	s.answers.New = func() any { return new([]byte) }
	s.server.init(s.clock, c.T1)
	s.client.init()
	s.pool.init(s)
	s.routes.init()
	return s, nil
}

// spawn runs f in a goroutine that Close waits for; false, and no goroutine, once Close was called.
func (s *Stack) spawn(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.tasks.Go(f)
	return true
}

// wait sleeps, but no longer than until Close; false then.
func (s *Stack) wait(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.done:
		return false
	}
}

// untilClosed gives a context that ends with Close.
func (s *Stack) untilClosed() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	s.tasks.Go(func() { // ends with ctx; the caller is among the tasks
		select {
		case <-s.done:
			cancel()
		case <-ctx.Done():
		}
	})
	return ctx, cancel
}

// Transactions counts the client and the server transactions, those included that have done their work and only take repeats.
func (s *Stack) Transactions() (client, server int) {
	return s.client.count(), s.server.count()
}

func (s *Stack) tap(f Flow, sent bool, octets []byte) {
	if s.cfg.Tap != nil {
		s.cfg.Tap(f, sent, octets)
	}
}

// Close ends listeners, connections and transactions and waits for every goroutine of the stack, at most until ctx ends; its
// error is ctx's then. Connections are closed once what waits on them is written. Client transactions that are open end with
// ErrClosed. It must not be called from the User's methods or from an event.
func (s *Stack) Close(ctx context.Context) error {
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	endpoints := s.endpoints
	s.mu.Unlock()
	if first {
		s.client.endAll(ErrClosed) // first, or what follows would end them with other errors
		close(s.done)
		for _, e := range endpoints {
			e.close()
		}
	}
	s.pool.drain()
	err := s.clock.close(ctx)
	ended := make(chan struct{})
	go func() { // ends with the last task, which closed sockets make end
		s.tasks.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		s.pool.abort()
		return ctx.Err()
	}
	return err
}

// receive takes a message off a socket. It runs on the socket's reader goroutine. m is nil where there was no start line.
func (s *Stack) receive(in inbound, m *Message, f fault) {
	if m == nil {
		s.log.Debug("no SIP message", "proto", in.flow.Proto.String())
		return
	}
	s.disbelieve(in.flow, m)
	e, hasVia, broken := check(m)
	if f.code == 0 {
		f = broken
	}
	if !m.IsRequest() {
		if f.code != 0 || !hasVia {
			s.log.Debug("broken response discarded", "fault", f.reason, "call_id", e.callID)
			return
		}
		s.response(in.flow, m, &e)
		return
	}
	if hasVia {
		m.rows[e.viaRow].Value = stampVia(m.room, m.rows[e.viaRow].Value, e.via, e.viaLength, in.flow.Remote)
	}
	if s.unwelcome(in, m, e.via, hasVia) {
		return
	}
	if f.code != 0 {
		// Never an answer to an ACK (S-034).
		s.log.Debug("broken request", "fault", f.reason, "method", m.Method, "call_id", e.callID)
		if m.Method != "ACK" {
			s.replyStateless(s.pathTo(in, e.via, hasVia), m, f.code, f.reason, nil)
		}
		return
	}
	s.request(in, m, &e)
}

// inbound says what a message came on.
type inbound struct {
	flow   Flow
	socket *udpSocket // nil on streams
}

// response hands a response to its client transaction (RFC 3261 §17.1.3, §18.1.2; S-033).
func (s *Stack) response(f Flow, m *Message, e *essentials) {
	if tx := s.client.find(e.via.branch(), e.cseqOf); tx != nil && tx.ownVia(e.via) {
		if m.moreVias() {
			return
		}
		tx.response(f, m)
		return
	}
	if m.moreVias() || !s.ownSentBy(e.via) {
		s.log.Debug("foreign response dropped", "call_id", e.callID)
		return
	}
	s.cfg.User.Stray(f, m)
}

// moreVias: a response with several Vias was meant for somebody else (RFC 3261 §8.1.3.3).
func (m *Message) moreVias() bool {
	n := 0
	for i := range m.rows {
		if m.rows[i].Name != hVia {
			continue
		}
		if n++; n > 1 || elementEnd(m.rows[i].Value) < len(m.rows[i].Value) {
			return true
		}
	}
	return false
}

// ownSentBy tells whether a Via could be one of ours.
func (s *Stack) ownSentBy(v via) bool {
	addr, err := netip.ParseAddr(v.Host)
	if err != nil {
		return false
	}
	addr = addr.Unmap()
	for _, e := range s.listeners() {
		if e.addr.Port() == v.sentByPort() && (e.addr.Addr() == addr || e.wildcard()) {
			return true
		}
	}
	return false
}

func (s *Stack) listeners() []*endpoint {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.endpoints
}
