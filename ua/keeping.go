package ua

import (
	"sync"
	"time"
)

// keepAfter is how long after a change the state of a call is made: a call that is over by then costs nothing, and one that changes again costs once.
const keepAfter = 8 * time.Millisecond

// changed are calls whose state the Keeper is to get.
type changed struct {
	mu    sync.Mutex
	calls []*Call
	wake  chan struct{} // holds a token after the first one
}

// add has the call's state kept before long.
func (q *changed) add(c *Call) {
	q.mu.Lock()
	first := len(q.calls) == 0
	q.calls = append(q.calls, c)
	q.mu.Unlock()
	if first {
		select {
		case q.wake <- struct{}{}:
		default:
		}
	}
}

func (q *changed) take() []*Call {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := q.calls
	q.calls = nil
	return all
}

// keepUntilClosed gives the Keeper the states of calls that have changed. What is left when the agent closes is over.
func (a *Agent) keepUntilClosed() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	for {
		select {
		case <-a.changed.wake:
		case <-a.ctx.Done():
			return
		}
		timer.Reset(keepAfter)
		select {
		case <-timer.C:
		case <-a.ctx.Done():
			return
		}
		for _, c := range a.changed.take() {
			c.makeState()
		}
	}
}

// keep has the state of the call kept before long.
func (c *Call) keep() {
	if c.agent.cfg.Keeper == nil {
		return
	}
	c.mu.Lock()
	due := !c.toKeep && !c.over
	c.toKeep = c.toKeep || due
	c.mu.Unlock()
	if due {
		c.agent.changed.add(c)
	}
}
