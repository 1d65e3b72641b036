package sip

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// ringer is a transaction of one timer.
type ringer struct {
	name  string
	began time.Time
	mu    sync.Mutex
	log   *[]string
	timer timer
}

func (r *ringer) start(c *clock) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c.start(&r.timer, r, timerLife, time.Second)
}

func (r *ringer) expire(_ timerID, generation uint32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if generation == r.timer.generation {
		*r.log = append(*r.log, fmt.Sprint(time.Since(r.began).Seconds(), r.name))
	}
}

func TestClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClock()
		var log []string
		began := time.Now()
		ring := func(name string) *ringer { return &ringer{name: name, began: began, log: &log} }
		a, b, d, e := ring("a"), ring("b"), ring("d"), ring("e")
		a.start(c)
		c.start(&b.timer, b, timerLife, 2*time.Second)
		time.Sleep(100 * time.Millisecond)
		d.start(c)
		e.start(c)
		time.Sleep(100 * time.Millisecond)
		c.stop(&d.timer) // from the middle
		a.start(c)       // anew: to the end
		time.Sleep(5 * time.Second)
		a.start(c) // on a queue that was empty
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := strings.Join(log, " "); got != "1.1e 1.2a 2b 6.2a" {
			t.Errorf("rang %s", got)
		}
		c.mu.Lock()
		for _, q := range c.queues {
			if q.first != nil || q.last != nil {
				t.Error("a queue is not empty")
			}
		}
		c.mu.Unlock()
		a.start(c)
		if err := c.close(context.Background()); err != nil {
			t.Error(err)
		}
		a.start(c)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if len(log) != 4 {
			t.Errorf("rang after the end: %v", log)
		}
	})
}

func TestClockManyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClock()
		var log []string
		for range 3*endedAtOnce + 1 {
			r := &ringer{began: time.Now(), log: &log}
			r.start(c)
		}
		time.Sleep(1001 * time.Millisecond)
		synctest.Wait()
		if len(log) != 3*endedAtOnce+1 {
			t.Errorf("%d rang", len(log))
		}
		_ = c.close(context.Background())
	})
}
