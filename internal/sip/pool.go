package sip

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"sync"
)

// pool knows the stream connections. Its lock is never held while a connection's is taken.
type pool struct {
	s *Stack

	mu       sync.Mutex
	conns    map[uint64]*conn
	byRemote map[remote]*conn   // the youngest for each address
	perPeer  map[netip.Addr]int // accepted ones
	lastID   uint64

	handshakes        int                // TLS, of accepted ones, that are not done
	handshakesPerPeer map[netip.Addr]int // of these

	draining bool
}

// remote is what a connection leads to.
type remote struct {
	proto  Proto
	addr   netip.AddrPort
	domain string // TLS: that the peer is authenticated as; "" for accepted connections
}

// remoteOf: of other protocols than TLS the domain plays no part.
func remoteOf(p Proto, addr netip.AddrPort, domain string) remote {
	if p != TLS {
		domain = ""
	}
	return remote{p, addr, canonicalDomain(domain)}
}

func (p *pool) init(s *Stack) {
	p.s = s
	p.conns = make(map[uint64]*conn)
	p.byRemote = make(map[remote]*conn)
	p.perPeer = make(map[netip.Addr]int)
	p.handshakesPerPeer = make(map[netip.Addr]int)
}

// accepted takes a connection that a listener got, or closes it where a limit is reached.
func (p *pool) accepted(proto Proto, nc net.Conn) {
	c := newConn(p.s, remoteOf(proto, addrPortOf(nc.RemoteAddr()), ""))
	c.nc, c.local, c.peer = nc, addrPortOf(nc.LocalAddr()), peerOf(c.remote.addr.Addr())
	reader := c.read
	if proto == TLS {
		tc, err := p.s.serveTLS(nc)
		if err != nil {
			nc.Close()
			p.s.log.Error("TLS connection refused", "error", err)
			return
		}
		c.nc, reader = tc, func() { c.handshake(tc) }
	}
	if !p.add(c) && (!p.evict() || !p.add(c)) {
		nc.Close()
		p.s.log.Warn("connection refused, limit reached")
		return
	}
	if proto == TLS && !p.beginHandshake(c.peer) {
		c.drop()
		nc.Close()
		p.s.log.Warn("connection refused, limit of TLS handshakes reached")
		return
	}
	if !p.s.spawn(reader) {
		c.fail(ErrClosed)
	}
}

// handshake is the first part of an accepted TLS connection's goroutine; the reader follows.
func (c *conn) handshake(tc *tls.Conn) {
	id, err := c.s.secure(context.Background(), tc) // Close ends it by closing the connection
	c.s.pool.endHandshake(c.peer)
	if err != nil {
		c.fail(err)
		return
	}
	c.mu.Lock()
	c.identity = id
	c.mu.Unlock()
	c.used()
	c.read()
}

// beginHandshake takes a place for a handshake; false where there is none, in all or for that peer.
func (p *pool) beginHandshake(peer netip.Addr) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	limit := p.s.cfg.MaxHandshakes
	if p.handshakes >= limit || p.handshakesPerPeer[peer] >= max(limit/handshakeShare, 1) {
		return false
	}
	p.handshakes++
	p.handshakesPerPeer[peer]++
	return true
}

func (p *pool) endHandshake(peer netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.handshakes--
	if p.handshakesPerPeer[peer]--; p.handshakesPerPeer[peer] <= 0 {
		delete(p.handshakesPerPeer, peer)
	}
}

// peerOf is what a limit per peer counts by: who has one IPv6 address has a whole /64.
func peerOf(a netip.Addr) netip.Addr {
	if a.Is6() {
		p, _ := a.WithZone("").Prefix(64)
		return p.Addr()
	}
	return a
}

// add names and enters a connection unless a limit is reached.
func (p *pool) add(c *conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.draining || len(p.conns) >= p.s.cfg.MaxConns {
		return false
	}
	if c.peer.IsValid() {
		if p.perPeer[c.peer] >= p.s.cfg.MaxConnsPerPeer {
			return false
		}
		p.perPeer[c.peer]++
	}
	p.lastID++
	c.id = p.lastID
	p.conns[c.id] = c
	if c.remote.proto != TLS || c.remote.domain != "" { // who connected here was not authenticated as a domain that requests go to
		p.byRemote[c.remote] = c
	}
	return true
}

// evict ends the connection that was unused the longest, if the limit is reached and that is longer than S-041 wants it kept.
func (p *pool) evict() bool {
	all := p.all()
	if len(all) < p.s.cfg.MaxConns {
		return false
	}
	oldest, unused := (*conn)(nil), 64*p.s.cfg.T1
	for _, c := range all {
		if u := c.unused(); u > unused {
			oldest, unused = c, u
		}
	}
	if oldest == nil {
		return false
	}
	oldest.fail(nil)
	return true
}

// remove forgets a connection. Called once for each.
func (p *pool) remove(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conns[c.id] != c {
		return
	}
	delete(p.conns, c.id)
	if p.byRemote[c.remote] == c {
		delete(p.byRemote, c.remote)
	}
	if c.peer.IsValid() {
		if p.perPeer[c.peer]--; p.perPeer[c.peer] <= 0 {
			delete(p.perPeer, c.peer)
		}
	}
}

// find returns the connection of that number, else one to exactly that remote address; nil where there is none.
// The local address plays no part: it is the listener's for every connection that was accepted.
func (p *pool) find(id uint64, to remote) *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.conns[id]; c != nil && !c.gone.Load() {
		return c
	}
	if c := p.byRemote[to]; c != nil && !c.gone.Load() {
		return c
	}
	return nil
}

// authenticated tells whether the connection of that number leads to that domain.
func (p *pool) authenticated(id uint64, domain string) bool {
	p.mu.Lock()
	c := p.conns[id]
	p.mu.Unlock()
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.identity != nil && c.identity.is(domain)
}

// send queues octets on the connection id, else on one to that remote address, which is dialed if there is none; reused tells. w, if not nil,
// watches that connection from then on. It does not block.
func (p *pool) send(id uint64, to remote, octets []byte, w watcher) (c *conn, reused bool, err error) {
	for range 2 { // a connection may end between find and send
		if c = p.find(id, to); c == nil {
			break
		}
		if err = c.send(octets, w); err != errConnClosed {
			return c, true, err
		}
	}
	c = newConn(p.s, to)
	if !p.add(c) {
		return nil, false, ErrLimit
	}
	err = c.send(octets, w)
	if err == nil && !p.s.spawn(c.dial) {
		err = ErrClosed
	}
	if err != nil {
		c.drop()
		return nil, false, err
	}
	return c, false, nil
}

// dial is the first part of an outgoing connection's goroutine; the reader follows.
func (c *conn) dial() {
	nc, id, err := c.connect()
	if err != nil {
		c.fail(err)
		return
	}
	if !c.opened(nc, id) {
		nc.Close()
		return
	}
	c.read()
}

// connect opens the connection; over TLS to the domain that it is to lead to, and to nobody else.
func (c *conn) connect() (net.Conn, *Identity, error) {
	ctx, stop := c.s.untilClosed() // Close must not wait for a peer that does not answer
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 16*c.s.cfg.T1)
	defer cancel()
	nc, err := c.s.cfg.DialStream(ctx, "tcp", c.remote.addr.String())
	if err != nil || c.remote.proto != TLS {
		return nc, nil, err
	}
	tc, err := c.s.dialTLS(nc, c.remote.domain)
	if err != nil {
		nc.Close()
		return nil, nil, err
	}
	id, err := c.s.secure(ctx, tc)
	if err != nil {
		nc.Close()
		return nil, nil, err
	}
	return tc, id, nil
}

func (p *pool) all() []*conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]*conn, 0, len(p.conns))
	for _, c := range p.conns {
		all = append(all, c)
	}
	return all
}

// drain lets each connection close once its queue is written, and takes no new ones.
func (p *pool) drain() {
	p.mu.Lock()
	p.draining = true
	p.mu.Unlock()
	for _, c := range p.all() {
		c.closeWhenWritten()
	}
}

// abort closes every connection at once.
func (p *pool) abort() {
	for _, c := range p.all() {
		c.fail(ErrClosed)
	}
}
