package trace

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
)

const (
	// maxFollowers is how many may follow a tap at a time.
	maxFollowers = 8
	// maxBehind and maxBehindOctets are how much waits for one of them.
	maxBehind       = 4096
	maxBehindOctets = 4 << 20
)

// ErrTooManyFollowers says that no other can follow the messages at the same time.
var ErrTooManyFollowers = errors.New("8 follow the messages already; end one of them")

// Follower follows the messages that pass. One goroutine at a time uses it.
type Follower struct {
	tap     *Tap
	wants   func(*Passed) bool
	queue   chan Passed
	octets  atomic.Int64 // in queue
	dropped atomic.Uint64
	leave   func()
}

// Follow begins to follow what passes; wants, which may be nil, says which messages. The error is ErrTooManyFollowers.
func (t *Tap) Follow(wants func(*Passed) bool) (*Follower, error) {
	if t.followers.Add(1) > maxFollowers {
		t.followers.Add(-1)
		return nil, ErrTooManyFollowers
	}
	f := &Follower{tap: t, wants: wants, queue: make(chan Passed, maxBehind)}
	f.leave = t.Join(f.see)
	return f, nil
}

func (f *Follower) see(p *Passed) {
	if f.wants != nil && !f.wants(p) {
		return
	}
	n := int64(len(p.Octets))
	if f.octets.Add(n) <= maxBehindOctets {
		m := *p
		m.Octets = slices.Clone(p.Octets)
		select {
		case f.queue <- m:
			return
		default:
		}
	}
	f.octets.Add(-n)
	f.dropped.Add(1)
}

// Next waits for the next message. dropped is how many were left out before it, because the follower was too slow. The error is ctx's, or ErrClosed.
func (f *Follower) Next(ctx context.Context) (p Passed, dropped uint64, err error) {
	select {
	case p = <-f.queue:
		f.octets.Add(-int64(len(p.Octets)))
		return p, f.dropped.Swap(0), nil
	case <-f.tap.closed:
		return p, 0, ErrClosed
	case <-ctx.Done():
		return p, 0, ctx.Err()
	}
}

// Close ends it.
func (f *Follower) Close() {
	f.leave()
	f.tap.followers.Add(-1)
}

// ErrClosed says that the tap has ended.
var ErrClosed = errors.New("the node shuts down")
