package sink

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	// parallel is how many sessions' events are on their way to one webhook at the same time.
	parallel = 16

	// Waits between two attempts: the first, doubled each time up to the longest; what is waited is between a half and the whole of it.
	firstRetry   = time.Second
	longestRetry = 5 * time.Minute
)

// backOff is how long to wait after so many failures in a row.
func backOff(failures int) time.Duration {
	d := longestRetry
	if failures < 10 {
		d = min(firstRetry<<max(0, failures-1), longestRetry)
	}
	return d/2 + rand.N(d/2)
}

// gate lets attempts through: several at a time while all goes well, after a failure one at a time, each after a longer wait. Safe for concurrent use.
type gate struct {
	mu       sync.Mutex
	inside   int
	failures int       // in a row; those of attempts that were under way together count once
	round    int       // of attempts; the next one begins with a failure
	until    time.Time // nobody passes before, after a failure
	changed  chan struct{}
}

func newGate() *gate { return &gate{changed: make(chan struct{})} }

// enter waits until an attempt may be made; once closing has ended, not for one after a failure. Whoever passes calls leave with the round.
func (g *gate) enter(ctx, closing context.Context) (round int, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for {
		if g.failures > 0 {
			ctx = closing
		}
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		left := time.Until(g.until)
		if g.inside < parallel && g.failures == 0 || g.inside == 0 && left <= 0 {
			g.inside++
			return g.round, nil
		}
		g.wait(ctx, left)
	}
}

// wait waits for a change, or for left where that is above zero. Holding g.mu, which is let go meanwhile.
func (g *gate) wait(ctx context.Context, left time.Duration) {
	changed := g.changed
	g.mu.Unlock()
	defer g.mu.Lock()
	var due <-chan time.Time
	if left > 0 {
		timer := time.NewTimer(left)
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-changed:
	case <-due:
	case <-ctx.Done():
	}
}

// leave tells what became of an attempt. atLeast is how long the receiver asks not to be disturbed.
func (g *gate) leave(round int, ok bool, atLeast time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	switch {
	case ok:
		g.failures = 0
	case round == g.round:
		g.round++
		g.failures++
		g.until = time.Now().Add(max(backOff(g.failures), atLeast))
	}
	close(g.changed)
	g.changed = make(chan struct{})
}
