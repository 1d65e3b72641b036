package sip

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// conn is one stream connection, or one that is being dialed. One goroutine reads it; another writes while there is something
// to write.
type conn struct {
	s      *Stack
	id     uint64
	remote remote
	peer   netip.Addr // counted in pool.perPeer; invalid for dialed connections

	lastUse atomic.Int64 // when a message came or went, as time since the clock's start
	gone    atomic.Bool  // closing or closed: takes nothing more

	mu       sync.Mutex
	nc       net.Conn // nil while it is dialed
	local    netip.AddrPort
	identity *Identity // TLS: of the peer, verified; nil: it showed no certificate
	queue    [][]byte
	queued   int // octets
	writing  bool
	closing  bool // close once the queue is written
	lingers  bool // then wait for the peer to close first
	closed   bool
	watchers map[watcher]struct{}
}

// watcher is told when the connection that its request went on fails; not when the peer closed it in order, for then the answer
// may still come on another one (RFC 3261 §18.2.2). No lock is held meanwhile.
type watcher interface {
	connFailed(c *conn, err error)
}

// openWatcher is a watcher that is told of failures before the connection is open only.
type openWatcher interface {
	watcher
	untilOpen()
}

func newConn(s *Stack, to remote) *conn {
	c := &conn{s: s, remote: to}
	c.used()
	return c
}

func (c *conn) used() { c.lastUse.Store(int64(time.Since(c.s.clock.began))) }

// flow names the connection in the messages that come on it. local and identity are set before the reader starts.
func (c *conn) flow() Flow {
	return Flow{Proto: c.remote.proto, Local: c.local, Remote: c.remote.addr, Conn: c.id, Peer: c.identity}
}

// opened gives a dialed connection its net.Conn; false where it was given up meanwhile.
func (c *conn) opened(nc net.Conn, id *Identity) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.nc, c.local, c.identity = nc, addrPortOf(nc.LocalAddr()), id
	for w := range c.watchers {
		if _, ok := w.(openWatcher); ok {
			delete(c.watchers, w)
		}
	}
	c.startWriter()
	return true
}

// send queues octets, which must not be changed later. errConnClosed where the connection is gone, ErrLimit where the peer reads too slowly;
// the connection ends then.
func (c *conn) send(octets []byte, w watcher) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.closing {
		return errConnClosed
	}
	if c.queued+len(octets) > c.s.cfg.MaxWriteQueue && c.queued > 0 {
		c.s.spawn(func() { c.fail(ErrLimit) }) // not from here: it calls watchers
		return ErrLimit
	}
	if _, untilOpen := w.(openWatcher); w != nil && (!untilOpen || c.nc == nil) {
		if c.watchers == nil {
			c.watchers = make(map[watcher]struct{})
		}
		c.watchers[w] = struct{}{}
	}
	c.used()
	c.queue = append(c.queue, octets)
	c.queued += len(octets)
	c.startWriter()
	return nil
}

// startWriter is called with the lock held.
func (c *conn) startWriter() {
	if c.nc == nil || c.writing || c.closed || len(c.queue) == 0 {
		return
	}
	c.writing = true
	c.s.tasks.Go(c.write) // a reader or the maker of c is among the tasks, or Close waits for neither
}

// unwatch is the end of what send began.
func (c *conn) unwatch(w watcher) {
	c.mu.Lock()
	delete(c.watchers, w)
	c.mu.Unlock()
}

// writeTimeout is how long a write may take, in units of T1: 16 s.
const writeTimeout = 32

// write is the writer goroutine; it ends when the queue is empty or the connection fails.
func (c *conn) write() {
	for {
		c.mu.Lock()
		batch := c.queue
		nc := c.nc
		if len(batch) == 0 || c.closed {
			c.writing = false
			end := c.closing && !c.closed && !c.lingers
			linger := c.closing && !c.closed && c.lingers
			c.mu.Unlock()
			if end {
				c.fail(nil)
			} else if linger {
				halfClose(nc)
			}
			return
		}
		c.queue, c.queued = nil, 0
		c.mu.Unlock()
		for _, octets := range batch {
			if len(octets) > len(crlf) {
				c.s.tap(c.flow(), true, octets)
			}
		}
		buffers := net.Buffers(batch)
		_ = nc.SetWriteDeadline(time.Now().Add(writeTimeout * c.s.cfg.T1))
		if _, err := buffers.WriteTo(nc); err != nil {
			c.fail(err)
		}
	}
}

func halfClose(nc net.Conn) {
	if h, ok := nc.(interface{ CloseWrite() error }); ok {
		_ = h.CloseWrite()
	}
}

// fail ends the connection; err is nil for an end in order.
func (c *conn) fail(err error) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return
	}
	c.closed = true
	c.gone.Store(true)
	if err == nil && len(c.queue) > 0 {
		err = errConnClosed
	}
	watchers, nc := c.watchers, c.nc
	c.watchers, c.queue, c.queued = nil, nil, 0
	c.mu.Unlock()
	c.s.pool.remove(c)
	c.hangUp(nc, err == nil)
	if err == nil {
		return
	}
	c.s.log.Debug("connection failed", "error", err)
	for w := range watchers {
		w.connFailed(c, err)
	}
}

// hangUp closes what the connection was on; nil: nothing yet. TLS has a last word, which may wait for the peer, where it ends in order.
func (c *conn) hangUp(nc net.Conn, inOrder bool) {
	tc, ok := nc.(*tls.Conn)
	switch {
	case nc == nil:
	case !ok:
		nc.Close()
	case inOrder:
		c.s.tasks.Go(func() { tc.Close() }) // the caller is among the tasks, or Close waits for none yet
	default:
		tc.NetConn().Close()
	}
}

// drop ends a connection that has no goroutine yet; nobody is told.
func (c *conn) drop() {
	c.mu.Lock()
	c.closed = true
	c.gone.Store(true)
	c.watchers, c.queue = nil, nil
	c.mu.Unlock()
	c.s.pool.remove(c)
}

// closeWhenWritten ends the connection once its queue is empty.
func (c *conn) closeWhenWritten() {
	c.mu.Lock()
	c.closing, c.lingers = true, false
	c.gone.Store(true)
	now := !c.writing
	c.mu.Unlock()
	if now {
		c.fail(nil)
	}
}

// linger writes what is queued, says that nothing follows, and leaves the rest to the reader: closing with octets unread would
// take the last answer back.
func (c *conn) linger() {
	c.mu.Lock()
	c.closing, c.lingers = true, true
	c.gone.Store(true)
	nc := c.nc
	if c.writing {
		nc = nil // the writer does it
	}
	c.mu.Unlock()
	if nc != nil {
		halfClose(nc) // over TLS this may wait for the peer
	}
}

// read is the connection's goroutine; it ends when the connection does.
func (c *conn) read() {
	f := framer{maxHead: c.s.cfg.MaxHead, maxBody: c.s.cfg.MaxBody}
	var began time.Time // of the message that is not complete
	for {
		c.setReadDeadline(&f, began)
		n, err := c.nc.Read(f.space())
		if n > 0 {
			f.filled(n)
			wasPartial := !began.IsZero()
			complete, open := c.frames(&f)
			if !open {
				c.discard()
				return
			}
			if !f.partial() {
				began = time.Time{}
			} else if complete || !wasPartial {
				began = time.Now()
			}
		}
		if err == nil || errors.Is(err, os.ErrDeadlineExceeded) && began.IsZero() && !c.idle() {
			continue
		}
		if errors.Is(err, io.EOF) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, net.ErrClosed) {
			err = nil
		}
		c.fail(err)
		return
	}
}

// frames handles what is complete; complete tells whether anything was, open whether reading goes on.
func (c *conn) frames(f *framer) (complete, open bool) {
	for {
		fr := f.next()
		switch fr.kind {
		case frameNone:
			return complete, true
		case framePing:
			c.used()
			_ = c.send(crlf, nil) // a failure ends the connection by itself
			continue
		}
		complete = true
		c.used()
		c.s.tap(c.flow(), false, fr.octets)
		c.s.receive(inbound{flow: c.flow()}, fr.m, fr.fault)
		if fr.kind == frameEnd {
			return complete, false
		}
	}
}

// idle tells whether the connection was unused for so long that it is closed.
func (c *conn) idle() bool { return c.unused() >= c.s.cfg.IdleTimeout }

func (c *conn) unused() time.Duration {
	return time.Since(c.s.clock.began) - time.Duration(c.lastUse.Load())
}

// setReadDeadline: a message that began is complete within 64*T1, whatever trickles in.
func (c *conn) setReadDeadline(f *framer, began time.Time) {
	if f.partial() && !began.IsZero() {
		_ = c.nc.SetReadDeadline(began.Add(64 * c.s.cfg.T1))
		return
	}
	_ = c.nc.SetReadDeadline(time.Now().Add(c.s.cfg.IdleTimeout - c.unused()))
}

// lingerTime is how long the peer may take to read our last words, in units of T1.
const lingerTime = 8

// discard reads on without looking until the peer closes, for a short time.
func (c *conn) discard() {
	c.linger()
	_ = c.nc.SetReadDeadline(time.Now().Add(lingerTime * c.s.cfg.T1))
	buf := make([]byte, 4<<10)
	for {
		if _, err := c.nc.Read(buf); err != nil {
			c.fail(nil)
			return
		}
	}
}
