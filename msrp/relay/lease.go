package relay

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/parley-msrp/parley/msrp"
)

// Owner is told what becomes of a session's path, from goroutines of the client. Its methods must not block, and may end the lease.
type Owner interface {
	// PathChanged: the session has another path, which the peer has to be told of by a new offer before the old one expires (RFC 4976 §5.1, R-014).
	PathChanged()
	// PathExpired: the path is dead, and there is no other one. err says why.
	PathExpired(err error)
}

// Lease is a session's place behind the relays.
type Lease struct {
	client  *Client
	session *msrp.Session
	owner   Owner

	mu    sync.Mutex
	ended bool
	link  *msrp.Link // to the first relay
	path  []msrp.URI
	end   time.Time   // of path; zero: it does not expire
	timer *time.Timer // renews, or tells of the end; nil: the path does not expire
}

// Join gets a path through the relays for a session that has no connection yet, and binds it to the connection to the first relay:
// Session.Path shows the path from then on. It blocks until the relays have answered, or ctx ends. An error, an *Error where it is about a relay, means
// that the session is as it was.
func (c *Client) Join(ctx context.Context, s *msrp.Session, o Owner) (*Lease, error) {
	if err := c.take(ctx); err != nil {
		return nil, err
	}
	defer c.give()
	c.hold()
	l := &Lease{client: c, session: s, owner: o}
	g, err := c.authenticate(ctx, s.URI())
	if err == nil {
		err = s.Relay(g.link, g.path)
	}
	if err != nil {
		c.release()
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.link, l.path = g.link, g.path
	l.expire(g.expires)
	return l, nil
}

// Alive says whether the connection that the path begins with stands. A path is dead with it (RFC 4976 §6.3, R-017).
func (l *Lease) Alive() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.link.Closed():
		return false
	default:
		return true
	}
}

// Rejoin gets another path where the one at hand is dead, over a new connection to the first relay if need be, and puts the session onto it. The peer has
// to be told of it by a new offer. It blocks as Join does.
func (l *Lease) Rejoin(ctx context.Context) error {
	if l.Alive() {
		return nil
	}
	_, err := l.again(ctx)
	return err
}

// End gives the lease back: its path is not renewed any more. The session has been closed, or will be. Doing it again does nothing.
func (l *Lease) End() {
	l.mu.Lock()
	ended := l.ended
	l.ended = true
	if l.timer != nil {
		l.timer.Stop()
	}
	l.mu.Unlock()
	if !ended {
		l.client.release()
	}
}

// renewBefore is how long before its end a path of that lifetime is renewed: long enough for an AUTH and a re-INVITE, 2 min at most.
func renewBefore(life time.Duration) time.Duration { return min(life/4, 2*time.Minute) }

// expire has the path renewed before its end. Holding l.mu.
func (l *Lease) expire(life time.Duration) {
	l.end = time.Time{}
	if life == 0 || l.ended {
		return
	}
	end := time.Now().Add(life)
	l.end = end
	l.timer = time.AfterFunc(life-renewBefore(life), func() {
		l.client.spawn(func() { l.renew(end) })
	})
}

// renew gets another path. Where that fails, the one at hand is used to its end.
func (l *Lease) renew(end time.Time) {
	ctx, cancel := context.WithDeadline(l.client.ctx, end)
	defer cancel()
	changed, err := l.again(ctx)
	switch {
	case err == nil && changed:
		l.owner.PathChanged()
	case err != nil && l.client.ctx.Err() == nil:
		l.client.cfg.Logger.Warn("the path through the MSRP relay cannot be renewed", "session_id", l.session.ID(), "err", err)
		l.mu.Lock()
		defer l.mu.Unlock()
		if !l.ended && l.end.Equal(end) { // else Rejoin has been faster
			l.timer = time.AfterFunc(time.Until(end), func() { l.expired(err) })
		}
	}
}

// again authenticates once more, and puts the session onto what comes of it.
func (l *Lease) again(ctx context.Context) (changed bool, err error) {
	if err := l.client.take(ctx); err != nil {
		return false, err
	}
	defer l.client.give()
	g, err := l.client.authenticate(ctx, l.session.URI())
	if err != nil {
		return false, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false, nil
	}
	if err := l.session.Relay(g.link, g.path); err != nil {
		return false, err
	}
	changed = !slices.Equal(l.path, g.path)
	l.link, l.path = g.link, g.path
	if l.timer != nil {
		l.timer.Stop()
	}
	l.expire(g.expires)
	return changed, nil
}

func (l *Lease) expired(err error) {
	l.mu.Lock()
	ended := l.ended
	l.mu.Unlock()
	if !ended {
		l.owner.PathExpired(err)
	}
}
