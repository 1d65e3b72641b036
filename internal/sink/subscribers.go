// Package sink delivers events outward: to the sockets of receivers that were written for OpenSIPS, and to webhooks. Each receiver follows the journal
// with a reader of its own, so that none holds up another, and none costs memory that grows with what it has not taken.
package sink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/parley-msrp/parley/internal/event"
	"github.com/parley-msrp/parley/internal/journal"
	"github.com/parley-msrp/parley/internal/telemetry"
)

// Journal is what the events come from.
type Journal interface {
	Subscribe(cursor string) (journal.Reader, error)
}

const (
	// DefaultMaxSockets is how many sockets get events at the same time.
	DefaultMaxSockets = 64
	// Never is the expiry of a subscription that has none.
	Never = time.Duration(-1)
	// expiredTime is how long a subscription is still listed after it expired.
	expiredTime = time.Minute
	// restTime is how long a receiver waits for one more event when the node shuts down.
	restTime = 100 * time.Millisecond
)

// Errors of Subscribe and Raise besides ErrSocket and ErrForbidden.
var (
	ErrUnknownEvent = errors.New("there is no such event")
	ErrNobody       = errors.New("nobody subscribed to the event")
	ErrTooMany      = errors.New("too many sockets get events already")
	ErrClosed       = errors.New("the node is shutting down")
)

// SubscribersConfig says what Subscribers do; zero values mean the defaults.
type SubscribersConfig struct {
	Journal    Journal           // required
	Policy     Policy            // nil: events may go anywhere
	NoUnix     bool              // unix sockets are refused
	MaxSockets int               // DefaultMaxSockets
	Logger     *slog.Logger      // nil: nothing is logged
	Tracer     *telemetry.Tracer // nil: deliveries have no spans

	// Append puts an event that was raised by hand into the journal; nil: none can be raised.
	Append func(e event.Event, kept func(error))

	// Dial opens TCP connections; nil: the system does, as far as Policy lets it.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Subscribers are the receivers that subscribed as OpenSIPS' do, event by event, each for a time. Safe for concurrent use.
type Subscribers struct {
	config SubscribersConfig
	counts counts

	mu      sync.Mutex
	byEvent map[event.Name][]*subscription // the newest first, as OpenSIPS lists them
	targets map[Socket]*target
	closed  bool
	running sync.WaitGroup
}

// subscription is one event for one socket.
type subscription struct {
	socket Socket
	since  time.Time
	expire time.Duration // Never: it stays
}

// left is how long a subscription still lasts.
func (s *subscription) left(now time.Time) time.Duration {
	if s.expire == Never {
		return math.MaxInt64
	}
	return s.expire - now.Sub(s.since)
}

// Subscription is one listed subscription.
type Subscription struct {
	Event   event.Name
	Socket  string
	Expire  time.Duration // as it was asked for, or Never
	Left    time.Duration // of Expire
	Expired bool
}

// NewSubscribers has no subscription yet.
func NewSubscribers(c SubscribersConfig) *Subscribers {
	if c.MaxSockets <= 0 {
		c.MaxSockets = DefaultMaxSockets
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Dial == nil {
		c.Dial = c.Policy.dialer().DialContext
	}
	return &Subscribers{config: c, byEvent: map[event.Name][]*subscription{}, targets: map[Socket]*target{}}
}

// Subscribe sends events of a name to a socket from now on, for the time expire, or Never without end; one that is there already gets the new time. Zero
// ends it. An error wraps ErrUnknownEvent, ErrSocket, ErrForbidden, ErrTooMany, ErrClosed, or is the journal's.
func (s *Subscribers) Subscribe(name event.Name, socket string, expire time.Duration) error {
	if !event.Known(name) {
		return fmt.Errorf("%w: %.64q", ErrUnknownEvent, name)
	}
	to, err := ParseSocket(socket)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.prune(time.Now())
	if expire == 0 {
		s.remove(name, to)
		s.settle()
		return nil
	}
	if err := s.start(to); err != nil {
		return err
	}
	s.put(name, to, expire)
	s.settle()
	return nil
}

// start makes the target of a socket, unless it is there. Holding s.mu.
func (s *Subscribers) start(to Socket) error {
	at, literal := to.literal()
	switch {
	case s.closed:
		return ErrClosed
	case s.targets[to] != nil:
		return nil
	case len(s.targets) >= s.config.MaxSockets:
		return fmt.Errorf("%w: %d", ErrTooMany, len(s.targets))
	case to.Network == "unix" && s.config.NoUnix:
		return fmt.Errorf("%w: unix sockets are turned off", ErrForbidden)
	case literal:
		if err := s.config.Policy.Check(at); err != nil {
			return err
		}
	}
	reader, err := s.config.Journal.Subscribe(journal.Newest)
	if err != nil {
		return err
	}
	t := newTarget(s, to, reader)
	s.targets[to] = t
	s.running.Go(t.run) // ends when the target is stopped, or with the journal
	return nil
}

// put notes a subscription. One that is there keeps its place in the list. Holding s.mu.
func (s *Subscribers) put(name event.Name, to Socket, expire time.Duration) {
	now := time.Now()
	if i := s.index(name, to); i >= 0 {
		s.byEvent[name][i].since, s.byEvent[name][i].expire = now, expire
		return
	}
	s.byEvent[name] = slices.Insert(s.byEvent[name], 0, &subscription{socket: to, since: now, expire: expire})
}

func (s *Subscribers) index(name event.Name, to Socket) int {
	return slices.IndexFunc(s.byEvent[name], func(sub *subscription) bool { return sub.socket == to })
}

func (s *Subscribers) remove(name event.Name, to Socket) {
	if i := s.index(name, to); i >= 0 {
		s.byEvent[name] = slices.Delete(s.byEvent[name], i, i+1)
	}
}

// prune forgets what expired a while ago. Holding s.mu.
func (s *Subscribers) prune(now time.Time) {
	for name, all := range s.byEvent {
		s.byEvent[name] = slices.DeleteFunc(all, func(sub *subscription) bool { return sub.left(now) <= -expiredTime })
	}
}

// settle stops each target that nothing is for any more, and says to the others when to ask again. Holding s.mu.
func (s *Subscribers) settle() {
	now := time.Now()
	longest := map[Socket]time.Duration{}
	for _, all := range s.byEvent {
		for _, sub := range all {
			longest[sub.socket] = max(longest[sub.socket], sub.left(now))
		}
	}
	for to, t := range s.targets {
		left := longest[to]
		if left <= 0 {
			delete(s.targets, to)
			t.stop()
			continue
		}
		t.expireAfter(left)
	}
}

// expired is called when the last subscription of a target ought to be over.
func (s *Subscribers) expired() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
}

// Raise tells an event that has not happened, to try receivers out: it goes through the journal to whoever reads the events of that name. The error is
// ErrNobody where no socket gets them, or says why it could not be kept.
func (s *Subscribers) Raise(name event.Name, params []event.Param) error {
	s.mu.Lock()
	now := time.Now()
	somebody := slices.ContainsFunc(s.byEvent[name], func(sub *subscription) bool { return sub.left(now) > 0 })
	s.mu.Unlock()
	if !somebody || s.config.Append == nil {
		return ErrNobody
	}
	kept := make(chan error, 1)
	s.config.Append(event.Event{Name: name, Params: params, Own: []event.Param{event.Raised()}}, func(err error) { kept <- err })
	return <-kept
}

// wants says whether a socket gets the events of a name now.
func (s *Subscribers) wants(name event.Name, to Socket) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.index(name, to)
	return i >= 0 && s.byEvent[name][i].left(time.Now()) > 0
}

// List lists the subscriptions in the order of the catalogue, those of one event the newest first; expired ones for a minute more.
func (s *Subscribers) List() []Subscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.prune(now)
	var list []Subscription
	for _, kind := range event.Catalogue() {
		for _, sub := range s.byEvent[kind.Name] {
			left := sub.left(now)
			list = append(list, Subscription{Event: kind.Name, Socket: sub.socket.String(), Expire: sub.expire, Left: max(0, left), Expired: left <= 0})
		}
	}
	return list
}

// Close sends what the journal still has, until ctx ends, and returns when every target has ended.
func (s *Subscribers) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	all := make([]*target, 0, len(s.targets))
	for _, t := range s.targets {
		t.finish()
		all = append(all, t)
	}
	s.mu.Unlock()
	stop := context.AfterFunc(ctx, func() {
		for _, t := range all {
			t.stop()
		}
	})
	s.running.Wait()
	stop()
	for _, t := range all {
		t.stop()
	}
	return ctx.Err()
}
