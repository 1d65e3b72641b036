package msrp

import (
	"context"
	"hash/maphash"
	"net"
	"net/netip"
	"sync"

	"github.com/parley-msrp/parley/internal/wire"
)

// Endpoint owns connections and sessions. Safe for concurrent use.
type Endpoint struct {
	cfg      Config
	seed     maphash.Seed
	idents   idents
	sessions sessionTable
	buffers  bufferPool // of readSize
	bulk     bufferPool // of bulkSize
	batches  sync.Pool  // *batch
	blocks   sync.Pool  // *streamBlock
	decoders sync.Pool  // *wire.Decoder between two frames
	attempts *attempts
	done     chan struct{}
	wg       sync.WaitGroup // one for each goroutine of the endpoint, but
	feeders  sync.WaitGroup // for those that read and close an Outgoing.Stream

	mu        sync.Mutex
	closed    bool
	listeners map[net.Listener]struct{}
	conns     map[*conn]struct{}
	inbound   int // of conns, those that came in
	sources   map[netip.Prefix]int
	routes    map[hop]*dialled
}

// NewEndpoint makes an endpoint. The error is a *ConfigError.
func NewEndpoint(c Config) (*Endpoint, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	e := &Endpoint{
		cfg:       c,
		seed:      maphash.MakeSeed(),
		attempts:  newAttempts(c.ConnectAttempts),
		done:      make(chan struct{}),
		listeners: make(map[net.Listener]struct{}),
		conns:     make(map[*conn]struct{}),
		sources:   make(map[netip.Prefix]int),
		routes:    make(map[hop]*dialled),
	}
	e.sessions.seed = e.seed
	e.buffers.size, e.bulk.size = readSize, bulkSize
	e.batches.New = func() any { return new(batch) }
	e.blocks.New = func() any { return new(streamBlock) }
	e.decoders.New = func() any { return wire.NewDecoder(e.limits()) }
	return e, nil
}

// Close closes all sessions (as Session.Close does) and listeners, lets octets that are queued (responses, REPORTs) leave
// until ctx ends, closes all connections, and waits for all goroutines of the endpoint; for a Read of an Outgoing.Stream only until ctx ends. It
// returns the error of ctx if connections had to be cut off, or a Read had not returned. It must not be called from a Handler.
func (e *Endpoint) Close(ctx context.Context) error {
	e.mu.Lock()
	if !e.closed {
		e.closed = true
		close(e.done)
	}
	for l := range e.listeners {
		l.Close()
	}
	e.mu.Unlock()
	for _, s := range e.sessions.all() {
		s.Close()
	}
	for _, c := range e.connections() {
		c.retire()
	}
	idle, done := make(chan struct{}), make(chan struct{})
	go func() {
		e.wg.Wait()
		close(idle)
		e.feeders.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	for _, c := range e.connections() {
		c.fail(ErrClosed)
	}
	<-idle
	return ctx.Err()
}

// closing says whether Close was called.
func (e *Endpoint) closing() bool {
	select {
	case <-e.done:
		return true
	default:
		return false
	}
}

// register makes a session known; its URI is alive from then on.
func (e *Endpoint) register(s *Session) error {
	if !e.sessions.add(s) {
		return ErrClosed // a session-id of 128 random bits came twice: the source of random numbers cannot be trusted
	}
	if e.closing() {
		s.Close()
		return ErrClosed
	}
	return nil
}

func (e *Endpoint) connections() []*conn {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := make([]*conn, 0, len(e.conns))
	for c := range e.conns {
		all = append(all, c)
	}
	return all
}

// own makes a new connection the endpoint's, and starts its reader. False: the endpoint is closed or a limit is reached; the connection is closed then.
func (e *Endpoint) own(c *conn) bool {
	e.mu.Lock()
	if e.closed || c.inbound && (e.inbound >= e.cfg.MaxConnections || e.sources[c.source] >= e.cfg.MaxConnectionsPerSource) {
		full := !e.closed
		e.mu.Unlock()
		c.net.Close()
		if full {
			e.limit(LimitConnections)
		}
		return false
	}
	e.conns[c] = struct{}{}
	if c.inbound {
		e.inbound++
		e.sources[c.source]++
	}
	e.wg.Add(1)
	e.mu.Unlock()
	e.countConnections(1)
	go c.read() // ends when the connection is closed
	return true
}

// disown forgets a closed connection.
func (e *Endpoint) disown(c *conn) {
	e.countConnections(-1)
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.conns, c)
	if !c.inbound {
		return
	}
	e.inbound--
	if e.sources[c.source]--; e.sources[c.source] == 0 {
		delete(e.sources, c.source)
	}
}

func (e *Endpoint) limits() wire.Limits { return wire.Limits{Strict: e.cfg.Strict} }
