package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// What a process may hold more after a soak than before: the odd buffer of the runtime's, and nothing that grows with the calls.
const (
	soakHeap       = 4 << 20 // octets
	soakGoroutines = 8
)

// soakCalls makes calls at half the highest rate for a long time. Heap, goroutines and descriptors have to be what they were before.
func (p plan) soakCalls(ctx context.Context) (err error) {
	x, err := p.startExchange(ctx, callRow{"agent", "udp"}, wholeAgent)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.stop()) }()
	top := 0
	for rate := firstRate; rate < lastRate; rate = next(rate) {
		found, err := x.pass(rate, stepsOfRate*p.duration)
		if err != nil {
			return err
		}
		if found.failed != "" {
			break
		}
		top = rate
	}
	if top == 0 {
		return fmt.Errorf("not even %d calls a second", firstRate)
	}
	if _, err := x.pass(top/2, p.warmup); err != nil { // tables do not shrink: they get as large as they will
		return err
	}
	before, err := x.rest(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("\n%d calls a second, half of the most, for %s\n", top/2, p.soak)
	before.print("before")
	found, err := x.pass(top/2, p.soak)
	if err != nil {
		return err
	}
	found.print(os.Stdout)
	after, err := x.rest(ctx)
	if err != nil {
		return err
	}
	after.print("after")
	switch {
	case found.phone.Failed > 0:
		return fmt.Errorf("soak: %d calls failed: %s", found.phone.Failed, found.phone.Why)
	case after.heap > before.heap+soakHeap:
		return errors.New("soak: the heap has grown")
	case after.Goroutines > before.Goroutines+soakGoroutines:
		return errors.New("soak: goroutines are left")
	case after.Descriptors > before.Descriptors:
		return errors.New("soak: descriptors are left")
	case after.Open > 0:
		return fmt.Errorf("soak: %d calls are left", after.Open)
	}
	return nil
}

// A resting is what a process holds when nothing is under way.
type resting struct {
	counters
	heap int64 // octets in use after a garbage collection
}

// restLimit is for calls whose BYE was given up: their sessions end when no MSRP connection has come in 180 s.
const restLimit = 4 * time.Minute

// rest waits until calls and finished transactions are gone.
func (x *exchange) rest(ctx context.Context) (r resting, err error) {
	if _, err := x.pass(firstRate/10, restLimit/20); err != nil { // what has to be sent again is
		return r, err
	}
	for start := time.Now(); time.Since(start) < holdTime || r.Open > 0 && time.Since(start) < restLimit; {
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return r, ctx.Err()
		}
		if r.counters, err = x.count(); err != nil {
			return r, err
		}
	}
	m, err := x.control.do(demand{Do: doMemory})
	if err != nil {
		return r, err
	}
	r.heap = m.Memory.Heap
	r.counters, err = x.count()
	return r, err
}

func (r resting) print(when string) {
	fmt.Printf("  %-6s  heap %6.1f MiB  %3d goroutines  %3d descriptors  %d calls\n", when, float64(r.heap-ballastSize)/(1<<20), r.Goroutines, r.Descriptors, r.Open)
}
