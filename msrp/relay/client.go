package relay

import (
	"context"
	"sync"
	"time"

	"github.com/parley-msrp/parley/internal/auth"
	"github.com/parley-msrp/parley/msrp"
)

// Client uses one chain of own relays, over one connection to the first of them. Safe for concurrent use.
type Client struct {
	cfg Config
	// turn is held by whom the connection's AUTHs are up to: they go one at a time.
	turn chan struct{}
	hops []*hop // used in turn

	// ctx ends when the client closes; running counts the renewals under way.
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu     sync.Mutex
	closed bool
	link   *msrp.Link // nil: none was opened yet; it may be closed
	leases int        // that are not ended
	idle   *time.Timer
}

// hop is one own relay, and what is remembered of it.
type hop struct {
	uri    msrp.URI
	digest *auth.RelayClient
	bare   bool // credentials without the uri parameter are what works
}

// New makes a Client. It connects to nobody yet. The error says which setting is wrong. A relay that is talked to in clear is warned of here, once.
func New(c Config) (*Client, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	client := &Client{cfg: c, turn: make(chan struct{}, 1)}
	client.ctx, client.cancel = context.WithCancel(context.Background())
	for _, u := range c.Relays {
		client.hops = append(client.hops, &hop{uri: u, digest: auth.NewRelayClient(c.Credentials)})
		if !u.Secure {
			c.Logger.Warn("the MSRP relay is used in clear, as its URI says: anybody on the way can read messages and take over sessions", "relay", u.Host)
		}
	}
	return client, nil
}

// Close ends all leases' renewals, waits for those under way, and lets go of the connection, which closes with its last session.
func (c *Client) Close() {
	c.mu.Lock()
	c.closed = true
	if c.idle != nil {
		c.idle.Stop()
	}
	link := c.link
	c.mu.Unlock()
	c.cancel()
	c.running.Wait()
	if link != nil {
		link.Close()
	}
}

// spawn runs f in a goroutine that Close waits for, unless the client is closed.
func (c *Client) spawn(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.running.Go(f)
	}
}

// take waits for the turn.
func (c *Client) take(ctx context.Context) error {
	select {
	case c.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-c.ctx.Done():
		return ErrClosed
	}
}

func (c *Client) give() { <-c.turn }

// connection gives the open connection to the first relay, or opens one. fresh says that it was opened. In turn.
func (c *Client) connection(ctx context.Context) (link *msrp.Link, fresh bool, err error) {
	c.mu.Lock()
	link = c.link
	c.mu.Unlock()
	if link != nil {
		select {
		case <-link.Closed():
		default:
			return link, false, nil
		}
	}
	nc, err := c.connect(ctx)
	if err != nil {
		return nil, false, err
	}
	if link, err = c.cfg.Endpoint.NewLink(nc); err != nil {
		return nil, false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		link.Close()
		return nil, false, ErrClosed
	}
	c.link = link
	return link, true, nil
}

// hold counts a lease; the connection stays as long as there is one, and IdleTimeout longer.
func (c *Client) hold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leases++
	if c.idle != nil {
		c.idle.Stop()
	}
}

func (c *Client) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leases--
	switch {
	case c.leases > 0 || c.closed:
	case c.idle == nil:
		c.idle = time.AfterFunc(c.cfg.IdleTimeout, c.unused)
	default:
		c.idle.Reset(c.cfg.IdleTimeout)
	}
}

// unused closes the connection if no lease has come in between.
func (c *Client) unused() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.leases == 0 && c.link != nil {
		c.link.Close()
		c.link = nil
	}
}
