package msrp

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// hop is what connections are reused by (RFC 4975 §5.4, M-046).
type hop struct {
	host      string // lower case
	port      int
	transport string // lower case
	secure    bool   // TLS
	name      string // TLS: whose certificate it has to be; of who has no fingerprints
	trust     string // TLS: what is wanted of the certificate, and which one is shown; see trust.key
}

// dialled is a connection that was or is being opened to a hop. The fields are set when ready is closed.
type dialled struct {
	ready chan struct{}
	conn  *conn
	err   error
	again bool // whoever dialled gave up: the others have to dial for themselves
}

// maxAddresses bounds how many addresses of a name are tried: whoever names it decides how many it has.
const maxAddresses = 16

// connectTries bounds how often Connect looks for another connection because the one it found was just closing.
const connectTries = 3

// Connect opens a connection to the left-most URI of the peer's path, or reuses one, and binds the session to it with a
// SEND: the first queued message, else one without body (RFC 4975 §5.4, M-044). It blocks until the connection stands or
// ctx ends, not until the bind is answered. A session that is bound already stays as it is. Errors: ErrNotEstablished
// without SetPeer, ErrClosed, ErrNoTransport, ErrConnectDenied, ErrConnectLimit, and those of name resolution and of Config.Dial.
func (s *Session) Connect(ctx context.Context) error {
	p := s.peer.Load()
	if p == nil {
		return ErrNotEstablished
	}
	if relayed, err := s.connectRelayed(); relayed {
		return err
	}
	next, err := p.hop()
	with := trust{p.fingerprints(), s.certificate}
	switch {
	case err != nil:
		return err
	case next.secure && s.endpoint.cfg.TLS == nil:
		return errNoTLS
	case next.secure:
		next.trust = with.key()
	}
	for range connectTries {
		if s.over.Load() {
			return ErrClosed
		}
		if s.bound() {
			return nil
		}
		c, err := s.endpoint.connection(ctx, next, with)
		if err != nil {
			return err
		}
		if s.bindActive(c, p) {
			return nil
		}
		c.leave(s) // nobody else may be using it
	}
	if s.over.Load() {
		return ErrClosed
	}
	return fmt.Errorf("%w: closed again as soon as it was open", ErrConnectionLost)
}

// bound says whether the session has a connection. If that serves a path that is new, a SEND says so to the peer (RFC 4975 §8.4, D-016).
func (s *Session) bound() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil && s.rebind {
		s.rebind = false
		if s.outgoing.next() == nil {
			s.queueBind()
			s.ready()
		}
	}
	return s.conn != nil
}

// bindActive binds the session to a connection that we opened to its peer as of p. True: it is bound, be it to another one, or its peer is another
// by now, and who connects is for that exchange to say.
func (s *Session) bindActive(c *conn, p *peer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.peer.Load(); now.Path[0] != p.Path[0] || now.At != p.At {
		c.leave(s)
		return true
	}
	s.rebind = false
	if s.conn != nil && s.conn != c {
		c.leave(s)
		return true
	}
	// RFC 4975 §5.4: the active side sends a SEND at once, so that the peer can tie the connection to the session.
	if s.outgoing.next() == nil {
		s.queueBind()
	}
	if len(p.Path) > 1 {
		c.leadsToRelay()
	}
	return s.bind(c)
}

func hopOf(u URI) (hop, error) {
	switch {
	case !strings.EqualFold(u.Transport, "tcp"):
		return hop{}, fmt.Errorf("%w: %q", ErrNoTransport, u.Transport)
	case u.Port == 0:
		return hop{}, fmt.Errorf("%w: it has no port", ErrNoTransport)
	}
	h := hop{host: strings.ToLower(u.Host), port: u.Port, transport: "tcp", secure: u.Secure}
	if h.secure {
		h.name = h.host
	}
	return h, nil
}

// connection returns an open connection to a hop. Sessions that ask at the same time share one.
func (e *Endpoint) connection(ctx context.Context, next hop, with trust) (*conn, error) {
	for {
		e.mu.Lock()
		if e.closed {
			e.mu.Unlock()
			return nil, ErrClosed
		}
		d, found := e.routes[next]
		if !found {
			d = &dialled{ready: make(chan struct{})}
			e.routes[next] = d
		}
		e.mu.Unlock()
		if !found {
			e.open(ctx, next, with, d)
			return d.conn, d.err
		}
		select {
		case <-d.ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		switch {
		case d.err == nil && d.conn.usable():
			return d.conn, nil
		case d.err != nil && !d.again:
			return nil, d.err
		}
		e.unroute(next, d)
	}
}

// open dials for all who wait for d.
func (e *Endpoint) open(ctx context.Context, next hop, with trust, d *dialled) {
	defer close(d.ready)
	c, err := e.dial(ctx, next, with)
	if err != nil {
		d.err, d.again = err, ctx.Err() != nil
		e.unroute(next, d)
		return
	}
	if !e.own(c) {
		d.err = ErrClosed
		e.unroute(next, d)
		return
	}
	d.conn = c
	c.onClose(func() { e.unroute(next, d) })
}

func (e *Endpoint) unroute(next hop, d *dialled) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.routes[next] == d {
		delete(e.routes, next)
	}
}

// dial tries the addresses of a hop in order (RFC 4975 §8.3, M-057), and makes a connection that nobody owns yet.
func (e *Endpoint) dial(ctx context.Context, next hop, with trust) (*conn, error) {
	addrs, err := e.addresses(ctx, next.host)
	if err != nil {
		return nil, err
	}
	var failed error
	for _, a := range addrs[:min(len(addrs), maxAddresses)] {
		c, err := e.dialOne(ctx, netip.AddrPortFrom(a.Unmap(), uint16(next.port)), next, with)
		if err == nil {
			return c, nil
		}
		if failed = err; ctx.Err() != nil {
			break
		}
	}
	return nil, failed
}

// dialOne connects to one address, if that may be: what names lead to is only known here (D-024).
func (e *Endpoint) dialOne(ctx context.Context, to netip.AddrPort, next hop, with trust) (*conn, error) {
	if !e.mayConnect(to) {
		return nil, fmt.Errorf("%w: %s", ErrConnectDenied, to)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err() // nothing of it leaves, so it does not count
	}
	forgive, err := e.attempts.begin(to)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, e.cfg.DialTimeout)
	defer cancel()
	nc, err := e.cfg.Dial(ctx, "tcp", to.String())
	if err == nil && next.secure {
		nc, err = e.secure(ctx, nc, next.name, with)
	}
	if err != nil {
		return nil, err
	}
	c := newConn(e, nc, false)
	c.reader.forgive = forgive
	return c, nil
}

// mayConnect asks the address policy. No single host is at an unspecified or a multicast address: the first one is this machine to some systems.
func (e *Endpoint) mayConnect(to netip.AddrPort) bool {
	if a := to.Addr(); a.IsUnspecified() || a.IsMulticast() {
		return false
	}
	return e.cfg.MayConnect == nil || e.cfg.MayConnect(netip.AddrPortFrom(to.Addr().WithZone(""), to.Port()))
}

func (e *Endpoint) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	found, err := e.cfg.Resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, &net.DNSError{Err: "no addresses", Name: host, IsNotFound: true}
	}
	return found, nil
}
