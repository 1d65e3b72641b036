package load

import (
	"context"
	"sync"
	"time"
)

// pace says when the next of many things is due. Any number of goroutines may wait for it.
type pace struct {
	every time.Duration // 0: at once
	mu    sync.Mutex
	next  time.Time
}

func newPace(rate float64) *pace {
	p := &pace{next: time.Now()}
	if rate > 0 {
		p.every = time.Duration(float64(time.Second) / rate)
	}
	return p
}

// wait returns when the next one is due; false where ctx ended first. One that was late is made up for.
func (p *pace) wait(ctx context.Context) bool {
	if p.every == 0 {
		return ctx.Err() == nil
	}
	p.mu.Lock()
	due := p.next
	p.next = p.next.Add(p.every)
	p.mu.Unlock()
	left := time.Until(due)
	if left <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
