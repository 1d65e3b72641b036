package msrp

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/parley-msrp/parley/internal/wire"
)

// Link is a connection that this side has opened to a relay (RFC 4976 §5.2). Sessions that use the relay are bound to it by Session.Relay, and it
// stays open without any. Safe for concurrent use.
type Link struct{ conn *conn }

// NewLink takes an open connection to a relay into the endpoint, which closes it in the end. Errors: ErrClosed; nc is closed then.
func (e *Endpoint) NewLink(nc net.Conn) (*Link, error) {
	c := e.adoptLink(nc)
	if c == nil {
		return nil, ErrClosed
	}
	return &Link{c}, nil
}

// Closed is closed when the connection is, by whichever side; the sessions on it are over then (RFC 4975 §5.4).
func (l *Link) Closed() <-chan struct{} { return l.conn.done }

// Close closes the connection once no session is on it and its output has left. It does not wait.
func (l *Link) Close() {
	c := l.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept = false
	c.retireLocked(connLeaving)
}

// AuthRequest is an AUTH request (RFC 4976 §5.1).
type AuthRequest struct {
	To      []URI    // the relays, the nearest one first; the last one is asked
	From    URI      // of the session that asks
	Headers []Header // Expires, Authorization
}

// AuthResponse is the response to an AUTH.
type AuthResponse struct {
	Code    int
	Comment string
	Headers []Header // those that a relay puts in: WWW-Authenticate, Use-Path, Expires
}

// Values are the values of all headers of that name, in order.
func (r *AuthResponse) Values(name string) []string {
	var all []string
	for _, h := range r.Headers {
		if strings.EqualFold(h.Name, name) {
			all = append(all, h.Value)
		}
	}
	return all
}

// Auth sends an AUTH and waits for its response, whatever that says, until ctx ends. It waits no longer than Config.ResponseTimeout for the response
// (then ErrTimeout). Other errors: *HeaderError for what cannot be sent, ErrConnectionLost, that of ctx.
func (l *Link) Auth(ctx context.Context, r AuthRequest) (*AuthResponse, error) {
	extra, err := headerLines(r.Headers)
	if err != nil {
		return nil, err
	}
	c := l.conn
	ctx, cancel := context.WithTimeoutCause(ctx, c.endpoint.cfg.ResponseTimeout, fmt.Errorf("%w: no response to an AUTH", ErrTimeout))
	defer cancel()
	id, answer, ok := c.ask(wire.Request{Method: "AUTH", ToPath: FormatPath(r.To), FromPath: r.From.String(), Extra: extra})
	if !ok {
		return nil, ErrConnectionLost
	}
	select {
	case a := <-answer:
		return a, nil
	case <-c.done:
	case <-ctx.Done():
		c.forgetAuth(id)
		return nil, context.Cause(ctx)
	}
	select {
	case a := <-answer: // it came just before the end
		return a, nil
	default:
		return nil, ErrConnectionLost
	}
}

// headerLines are header lines of a request, with their CRLFs.
func headerLines(headers []Header) (string, error) {
	var b strings.Builder
	for _, h := range headers {
		if strings.ContainsFunc(h.Value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return "", &HeaderError{h.Name, "holds a control character"}
		}
		b.WriteString(h.Name + ": " + h.Value + "\r\n")
	}
	return b.String(), nil
}

// ask queues a request under a fresh transaction id. False: the connection is about to close.
func (c *conn) ask(r wire.Request) (id uint64, answer <-chan *AuthResponse, ok bool) {
	id = c.endpoint.idents.transaction()
	r.ID = transactionText(id)
	waits := make(chan *AuthResponse, 1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state >= connGivenUp {
		return 0, nil, false
	}
	if c.asked == nil {
		c.asked = make(map[uint64]chan<- *AuthResponse)
	}
	c.asked[id] = waits
	b := c.output()
	b.octets = r.AppendTo(b.octets, nil, wire.Complete)
	c.kick()
	return id, waits, true
}

func (c *conn) forgetAuth(id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.asked, id)
}

// takeAsked ends the AUTH that a response is to. Nil: it is to none. Holding c.mu.
func (c *conn) takeAsked(id uint64) chan<- *AuthResponse {
	waits := c.asked[id]
	if waits != nil {
		delete(c.asked, id)
	}
	return waits
}

func readAuthResponse(h *wire.Head) *AuthResponse {
	a := &AuthResponse{Code: h.Code, Comment: string(h.Comment)}
	for line := range strings.Lines(string(h.Other)) {
		name, value, _ := strings.Cut(line, ":")
		a.Headers = append(a.Headers, Header{name, strings.Trim(value, " \t\r\n")})
	}
	return a
}

// adoptLink makes a connection to a relay the endpoint's, to be kept while no session is on it. Nil: the endpoint is closed, and nc too.
func (e *Endpoint) adoptLink(nc net.Conn) *conn {
	c := newConn(e, nc, false)
	c.kept = true
	if !e.own(c) {
		return nil
	}
	return c
}

// Relay binds the session to a connection to a relay, which gave it usePath by an AUTH from the session's URI (RFC 4976 §5.1): Path shows it from now
// on, and what is sent goes along it. Where the path was another one before, the peer has to be told by a new offer. The side
// that is active calls Connect later on as without a relay; the other one sends nothing before the peer has (M-047). Errors: ErrClosed,
// ErrConnectionLost, *ConfigError for an unusable path, or where the session is bound without a relay.
func (s *Session) Relay(l *Link, usePath []URI) error {
	if len(usePath) == 0 || len(usePath) >= maxPath {
		return &ConfigError{"usePath", fmt.Sprintf("has %d URIs, 1 to %d are possible", len(usePath), maxPath-1)}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.over.Load():
		return ErrClosed
	case s.relays == nil && s.conn != nil:
		return &ConfigError{"link", "the session is bound to another connection"}
	}
	if s.conn != nil && s.conn != l.conn {
		s.unbind()
	}
	s.awaits = s.awaits || s.relays == nil
	if !s.bind(l.conn) {
		return ErrConnectionLost
	}
	s.relays = slices.Clone(usePath)
	s.moves.Add(1)
	if p := s.peer.Load(); p != nil {
		next := *p
		next.toPath = s.toPath(&next)
		s.peer.Store(&next)
	}
	return nil
}

// toPath is the To-Path of requests to a peer. Holding s.mu.
func (s *Session) toPath(p *peer) string { return FormatPath(slices.Concat(s.relays, p.Path)) }

// connectRelayed is Connect for a session that uses a relay: its connection stands. False: it uses none.
func (s *Session) connectRelayed() (relayed bool, err error) {
	s.mu.Lock()
	relayed = s.relays != nil
	if relayed && s.awaits {
		s.rebind = true
		s.speak()
	}
	s.mu.Unlock()
	if relayed && !s.bound() {
		return true, ErrConnectionLost
	}
	return relayed, nil
}

// speak lets a session behind a relay send: the peer was heard of, or this side is the active one. Holding s.mu.
func (s *Session) speak() {
	if !s.awaits {
		return
	}
	s.awaits = false
	s.stopBindTimer()
	s.ready()
}

// maxRelayed is the largest body of a chunk that goes through a relay, in octets: kamailio's fails above about 11 kB with its head.
const maxRelayed = 8 << 10

// chunkSize is the largest body of a chunk. Holding s.mu.
func (s *Session) chunkSize() int64 {
	if s.relays != nil {
		return int64(min(s.endpoint.cfg.ChunkSize, maxRelayed))
	}
	return int64(s.endpoint.cfg.ChunkSize)
}
