package sip

import (
	"context"
	"sync"
	"time"
)

// expirer is a transaction that a timer belongs to. expire is called without any lock; it compares generation with the timer's
// under its own lock, for the timer may have been stopped or started anew meanwhile.
type expirer interface {
	expire(which timerID, generation uint32)
}

// timerID tells the timers of a transaction apart.
type timerID uint8

const (
	timerRepeat timerID = iota // RFC 3261 timers A, E, G, and the 200 ms after which a server transaction sends 100
	timerLife                  // B, F, H, I, J, K, L, M, D
	timersPerTx
)

// timer is one slot of a transaction. start and stop are called with the transaction's lock held.
type timer struct {
	owner      expirer
	queue      *timerQueue // nil: not running
	prev, next *timer
	due        time.Duration // since the clock's start
	generation uint32
	which      timerID
}

// clock runs the timers of all transactions. Their lengths are few, and timers of equal length end in the order in which they
// began: one queue and one timer of the runtime for each length do.
type clock struct {
	mu      sync.Mutex
	began   time.Time
	queues  map[time.Duration]*timerQueue
	closed  bool
	running int           // queues whose run is under way
	idle    chan struct{} // closed when the last run ends after close
}

type timerQueue struct {
	clock       *clock
	length      time.Duration
	first, last *timer
	wake        *time.Timer // nil until used
	armed       bool
}

func newClock() *clock {
	return &clock{began: time.Now(), queues: make(map[time.Duration]*timerQueue), idle: make(chan struct{})}
}

// now is the time since the clock's start.
func (c *clock) now() time.Duration { return time.Since(c.began) }

// start makes t end after d, whether it was running or not.
func (c *clock) start(t *timer, owner expirer, which timerID, d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t.unlink()
	t.generation++
	t.owner, t.which = owner, which
	if c.closed {
		return
	}
	q := c.queues[d]
	if q == nil {
		q = &timerQueue{clock: c, length: d}
		c.queues[d] = q
	}
	t.due = c.now() + d
	t.queue, t.prev = q, q.last
	if q.last != nil {
		q.last.next = t
	} else {
		q.first = t
	}
	q.last = t
	q.arm(d)
}

// stop makes sure that t does not end any more; its transaction recognises an end that is under way by the generation.
func (c *clock) stop(t *timer) {
	c.mu.Lock()
	t.unlink()
	t.generation++
	c.mu.Unlock()
}

func (t *timer) unlink() {
	q := t.queue
	if q == nil {
		return
	}
	if t.prev != nil {
		t.prev.next = t.next
	} else {
		q.first = t.next
	}
	if t.next != nil {
		t.next.prev = t.prev
	} else {
		q.last = t.prev
	}
	t.queue, t.prev, t.next = nil, nil, nil
}

// arm makes the queue run after d, unless it will run before.
func (q *timerQueue) arm(d time.Duration) {
	if q.armed {
		return
	}
	q.armed = true
	if q.wake == nil {
		q.wake = time.AfterFunc(d, q.run)
		return
	}
	q.wake.Reset(d)
}

// ended is a timer that has come to its end.
type ended struct {
	owner      expirer
	which      timerID
	generation uint32
}

const endedAtOnce = 128 // bounds how long the clock's lock is held

// run is the runtime timer's goroutine; clock.close waits for it.
func (q *timerQueue) run() {
	c := q.clock
	var batch [endedAtOnce]ended
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return
	}
	c.running++
	q.armed = false
	for !c.closed {
		n := q.take(batch[:0])
		if n == 0 {
			if q.first != nil {
				q.arm(q.first.due - c.now())
			}
			break
		}
		c.mu.Unlock()
		for _, e := range batch[:n] {
			e.owner.expire(e.which, e.generation)
		}
		c.mu.Lock()
	}
	if c.running--; c.closed && c.running == 0 {
		close(c.idle)
	}
	c.mu.Unlock()
}

// take unlinks timers that are due.
func (q *timerQueue) take(batch []ended) int {
	now := q.clock.now()
	for q.first != nil && q.first.due <= now && len(batch) < endedAtOnce {
		t := q.first
		t.unlink()
		batch = append(batch, ended{t.owner, t.which, t.generation})
	}
	return len(batch)
}

// close stops every timer and waits for those that are just ending, at most until ctx ends.
func (c *clock) close(ctx context.Context) error {
	c.mu.Lock()
	if !c.closed {
		c.closed = true
		for _, q := range c.queues {
			if q.wake != nil {
				q.wake.Stop()
			}
		}
		if c.running == 0 {
			close(c.idle)
		}
	}
	c.mu.Unlock()
	select {
	case <-c.idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
