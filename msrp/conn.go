package msrp

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// conn is a connection: the unit of transport, shared by the sessions bound to it. Its reader goroutine lives as long as
// the connection, a writer goroutine only while there is output.
type conn struct {
	proven   atomic.Bool // valid MSRP of a peer has come
	endpoint *Endpoint
	net      net.Conn
	socket   *socket // nil: read and write net in the plain way
	inbound  bool
	secured  bool   // TLS
	shown    []byte // certificate of the peer in DER; nil: none. Set before the first frame is read
	source   netip.Prefix
	done     chan struct{} // closed with the connection

	reader reader // owned by the reader goroutine
	writer writer // owned by whoever has set writing

	mu           sync.Mutex // taken after Session.mu, before nothing
	state        connState
	sessions     map[*Session]struct{}
	used         bool // a session is or was bound, or the connection is ours
	closing      *time.Timer
	whenClosed   []func()
	foreign      bool                            // leads to a peer's relay
	kept         bool                            // a Link, open without sessions too
	asked        map[uint64]chan<- *AuthResponse // AUTHs that wait for their responses
	control      *batch                          // complete responses and REPORTs that wait to leave; nil: none
	next, last   *Session                        // row of those that have a chunk to send
	writing      bool                            // somebody writes
	parked       bool                            // nobody does, but a chunk is open whose reader has nothing
	again        bool                            // something about the chunk in progress has changed
	stalled      bool                            // it was parked for stallTime
	stall        *time.Timer
	batching     bool // the reader is at work on what one read brought, and will start the writing
	paused       bool // the reader waits for room
	resume       chan struct{}
	uncompleted  int   // messages that wait for Accept or Reject
	octets       int64 // of those
	buffered     int64 // octets of messages in streams that nobody has read yet
	transactions transactions
}

type connState uint8

const (
	connOpen    connState = iota
	connResting           // nobody uses it; who opened it may close it or bind another session
	connLeaving           // nobody uses it; what is still to leave leaves
	connGivenUp           // the same, and nobody may use it again: framing is lost
	connShut              // our direction is closed
	connClosed
)

// shutTime is how long the peer may take to close its direction after ours is closed. Closing both at once would throw
// away responses that the peer has not read yet.
const shutTime = 2 * time.Second

func newConn(e *Endpoint, nc net.Conn, inbound bool) *conn {
	c := &conn{
		endpoint: e,
		net:      nc,
		socket:   newSocket(nc),
		inbound:  inbound,
		source:   sourceOf(nc.RemoteAddr()),
		used:     !inbound,
		done:     make(chan struct{}),
		resume:   make(chan struct{}, 1),
	}
	c.useTLS()
	c.reader.opened = time.Now()
	c.transactions.expire = c.expire
	return c
}

// usable says whether a further session may be bound.
func (c *conn) usable() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state <= connLeaving
}

// join adds a session. False: the connection is about to close.
func (c *conn) join(s *Session) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state > connLeaving {
		return false
	}
	if c.state != connOpen {
		c.state = connOpen
		c.closing.Stop()
	}
	if c.sessions == nil {
		c.sessions = make(map[*Session]struct{}, 1)
	}
	c.sessions[s] = struct{}{}
	c.used = true
	return true
}

// leave removes a session; when it was the last one, the connection is closed once its output has left (M-056). Who opened
// it does so at once, but where it leads to a peer's relay only after Config.RelayTimeout. The other side gives it Config.LingerTimeout to do so, as it may be about to bind another session.
func (c *conn) leave(s *Session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.sessions, s)
	c.lookAgainLocked() // a chunk of the session may have to be cut off
	switch {
	case !c.used, c.kept:
	case c.inbound, c.foreign:
		c.retireLocked(connResting)
	default:
		c.retireLocked(connLeaving)
	}
}

// leadsToRelay notes that the connection is one to a peer's relay.
func (c *conn) leadsToRelay() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.foreign = true
}

// retire closes the connection once its output has left, if no session is bound to it.
func (c *conn) retire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.retireLocked(connLeaving)
}

func (c *conn) retireLocked(state connState) {
	if len(c.sessions) > 0 || c.state >= state {
		return
	}
	c.state = state
	if c.closing != nil {
		c.closing.Stop()
	}
	next, after := c.cutOff, c.endpoint.cfg.LingerTimeout
	if state == connResting {
		next = c.retire
		if c.foreign {
			after = c.endpoint.cfg.RelayTimeout
		}
	}
	c.closing = time.AfterFunc(after, next)
	c.shutWhenDone()
}

// cutOff closes a retired connection whatever is left to do.
func (c *conn) cutOff() {
	c.mu.Lock()
	retired := c.state >= connLeaving
	c.mu.Unlock()
	if retired {
		c.fail(errLinger)
	}
}

// shutWhenDone closes our direction if the connection is retired and nothing is left to do. Holding c.mu.
func (c *conn) shutWhenDone() {
	if c.state != connLeaving && c.state != connGivenUp || c.writing || c.batching || c.parked || c.hasOutput() {
		return
	}
	if c.state == connLeaving && c.uncompleted > 0 {
		return
	}
	c.state = connShut
	c.wake()
	c.closing.Reset(shutTime)
	if !c.secured {
		c.shut()
		return
	}
	c.endpoint.wg.Add(1) // the reader holds one, so this cannot be the first
	go func() {          // ends by shutTime at the latest: TLS has to write for it, which waits for the peer
		defer c.endpoint.wg.Done()
		c.shut()
	}()
}

// shut closes our direction.
func (c *conn) shut() {
	if half, ok := c.net.(interface{ CloseWrite() error }); !ok || half.CloseWrite() != nil {
		c.net.Close() // the reader notices
	}
}

// hangUp closes both. Taking leave of a TLS peer waits for it, which only one is worth that took leave itself.
func (c *conn) hangUp(cause error) {
	if t, ok := c.net.(*tls.Conn); ok && !errors.Is(cause, io.EOF) {
		t.NetConn().Close()
		return
	}
	c.net.Close()
}

// fail closes the connection; its sessions are over (RFC 4975 §5.4, M-053), or recover.
func (c *conn) fail(cause error) {
	c.mu.Lock()
	if c.state == connClosed {
		c.mu.Unlock()
		return
	}
	c.state = connClosed
	close(c.done)
	if c.closing != nil {
		c.closing.Stop()
	}
	if c.stall != nil {
		c.stall.Stop()
	}
	open := c.transactions.takeAll()
	c.transactions.stop()
	c.control, c.next, c.last = nil, nil, nil
	sessions, whenClosed := c.sessions, c.whenClosed
	c.sessions, c.whenClosed = nil, nil
	c.mu.Unlock()

	c.hangUp(cause)
	c.endpoint.disown(c)
	for _, f := range whenClosed {
		f()
	}
	c.endpoint.cfg.Logger.Debug("msrp connection closed", "cause", cause)
	c.endSessions(sessions, open, cause, false)
}

// giveUp is for a connection whose octets cannot be trusted any more: its sessions are over, what is written already may
// still leave, nothing is read (M-112).
func (c *conn) giveUp(cause error) {
	c.mu.Lock()
	sessions, open := c.sessions, c.transactions.takeAll()
	c.sessions = nil
	c.used = true
	c.retireLocked(connGivenUp)
	c.mu.Unlock()
	c.endSessions(sessions, open, cause, true)
}

// endSessions tells the sessions on a connection that it is lost; open are its transactions without response. final: whoever is at the other end is no
// peer to go on with. Those that have left it may still have waited for responses there.
func (c *conn) endSessions(sessions map[*Session]struct{}, open []*transaction, cause error, final bool) {
	for s := range sessions {
		s.disconnected(c, open, fmt.Errorf("%w: %w", ErrConnectionLost, cause), final)
	}
	var left []*Session
	for _, t := range open {
		if _, stayed := sessions[t.session]; !stayed && !slices.Contains(left, t.session) {
			left = append(left, t.session)
			t.session.unheard(c, open)
		}
	}
}

// onClose calls f when the connection is closed.
func (c *conn) onClose(f func()) {
	c.mu.Lock()
	open := c.state != connClosed
	if open {
		c.whenClosed = append(c.whenClosed, f)
	}
	c.mu.Unlock()
	if !open {
		f()
	}
}

// only returns the session bound to the connection if there is exactly one.
func (c *conn) only() *Session {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.sessions) != 1 {
		return nil
	}
	for s := range c.sessions {
		return s
	}
	return nil
}
