package sip

import (
	"context"
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
	draining bool
}

// remote is what a connection leads to.
type remote struct {
	proto Proto
	addr  netip.AddrPort
}

func (p *pool) init(s *Stack) {
	p.s = s
	p.conns = make(map[uint64]*conn)
	p.byRemote = make(map[remote]*conn)
	p.perPeer = make(map[netip.Addr]int)
}

// accepted takes a connection that a listener got, or closes it where a limit is reached.
func (p *pool) accepted(proto Proto, nc net.Conn) {
	c := newConn(p.s, remote{proto, addrPortOf(nc.RemoteAddr())})
	c.nc, c.local, c.peer = nc, addrPortOf(nc.LocalAddr()), peerOf(c.remote.addr.Addr())
	if !p.add(c) && (!p.evict() || !p.add(c)) {
		nc.Close()
		p.s.log.Warn("connection refused, limit reached")
		return
	}
	if !p.s.spawn(c.read) {
		c.fail(ErrClosed)
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
	p.byRemote[c.remote] = c
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

// send queues octets on the connection id, else on one to that remote address, which is dialed if there is none. w, if not nil, watches that
// connection from then on. It does not block.
func (p *pool) send(id uint64, to remote, octets []byte, w watcher) (*conn, error) {
	for range 2 { // a connection may end between find and send
		c := p.find(id, to)
		if c == nil {
			break
		}
		if err := c.send(octets, w); err != errConnClosed {
			return c, err
		}
	}
	c := newConn(p.s, to)
	if !p.add(c) {
		return nil, ErrLimit
	}
	err := c.send(octets, w)
	if err == nil && !p.s.spawn(c.dial) {
		err = ErrClosed
	}
	if err != nil {
		c.drop()
		return nil, err
	}
	return c, nil
}

// dial is the first part of an outgoing connection's goroutine; the reader follows.
func (c *conn) dial() {
	ctx, cancel := context.WithTimeout(context.Background(), 16*c.s.cfg.T1)
	defer cancel()
	stop := make(chan struct{})
	c.s.tasks.Go(func() { // Close must not wait for a peer that does not answer
		select {
		case <-c.s.done:
			cancel()
		case <-stop:
		}
	})
	nc, err := c.s.cfg.DialStream(ctx, "tcp", c.remote.addr.String())
	close(stop)
	if err != nil {
		c.fail(err)
		return
	}
	if !c.opened(nc) {
		nc.Close()
		return
	}
	c.read()
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
