package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/parley-msrp/parley/test/daemon"
)

const (
	overloadSessions = 50
	overloadEvery    = 100 * time.Millisecond // a message in each of them
	overloadAllowed  = firstRate              // sip.max_calls_per_second; three times as many come
)

// measureOverload shows what live sessions notice of more calls than are allowed: how long the responses to their messages take before and meanwhile. It is an error
// if one gets none, or if a call is neither answered nor refused by 503 with Retry-After.
func (p plan) measureOverload(ctx context.Context, out io.Writer) (err error) {
	r := callRow{"parley", "udp"}
	name := fmt.Sprintf("parley/overload/sessions=%d", overloadSessions)
	if !p.only.MatchString(name) || p.daemon == "" {
		return nil
	}
	allowed := overloadAllowed
	if p.warmup == 0 {
		allowed = overloadSessions // as many at once, too
	}
	addr, err := daemon.Address()
	if err != nil {
		return err
	}
	s, err := startDaemon(ctx, p.daemon, addr, fmt.Sprintf("  max_calls_per_second: %d\n", allowed))
	if err != nil {
		return err
	}
	x, err := newExchange(ctx, r, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.stop()) }()
	fmt.Printf("\nparley: %d live sessions, a message every %s in each; %d calls a second come, %d are allowed\n", overloadSessions, overloadEvery, 3*allowed, allowed)
	live, err := openLive(s.sip)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, live.end()) }()
	length := stepsOfRate * p.duration
	select {
	case <-time.After(length):
	case <-ctx.Done():
		return ctx.Err()
	}
	before := live.taken()
	found, err := x.use(phoneDemand{Do: phoneCall, Rate: 3 * allowed, Duration: length, Overload: true})
	if err != nil {
		return err
	}
	during := live.taken()
	before.print("before")
	during.print("meanwhile")
	fmt.Printf("  calls      %d came, %d answered and ended, %d refused with Retry-After, %d failed, %d on their way\n",
		found.Started, found.Finished, found.Shed, found.Failed, found.Started-found.Finished-found.Shed-found.Failed)
	if found.Failed > 0 {
		return fmt.Errorf("%s: %d calls failed: %s", name, found.Failed, found.Why)
	}
	return json.NewEncoder(out).Encode(figure{
		Name: name, Value: micros(during.at(50)), Unit: "µs to a response", Least: micros(during.at(0)), Most: micros(during.at(100)), Runs: 1,
	})
}

// live are sessions in each of which a message leaves now and then.
type live struct {
	opener  opener
	running sync.WaitGroup
	stop    chan struct{}

	mu   sync.Mutex
	took latencies
	errs []error
}

func openLive(sip string) (_ *live, err error) {
	l := &live{stop: make(chan struct{})}
	if l.opener, err = newOpener(order{SIP: sip}); err != nil {
		return nil, err
	}
	for i := range overloadSessions {
		s, err := openSession(l.opener, row{Body: 100, Window: 1})
		if err != nil {
			return nil, errors.Join(fmt.Errorf("session %d: %w", i+1, err), l.end())
		}
		l.running.Go(func() { l.run(s) }) // ends with stop, or with its session
	}
	return l, nil
}

func (l *live) run(s *session) {
	defer s.conn.Close()
	tick := time.NewTicker(overloadEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-l.stop:
			return
		}
		start := time.Now()
		err := s.write(1)
		if err == nil {
			_, err = s.read(1)
		}
		took := time.Since(start)
		l.mu.Lock()
		if err != nil {
			l.errs = append(l.errs, fmt.Errorf("a live session: %w", err))
		} else {
			l.took = append(l.took, took)
		}
		l.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// taken is how long each message took since the last time.
func (l *live) taken() latencies {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.took
	l.took = nil
	slices.Sort(t)
	return t
}

// end ends all sessions. Its error says which was lost, or what was not answered.
func (l *live) end() error {
	close(l.stop)
	l.running.Wait()
	return errors.Join(append(l.errs, l.opener.end())...)
}

// latencies are sorted.
type latencies []time.Duration

// at is the one below which so many of a hundred are; 0 if there are none.
func (l latencies) at(percent int) time.Duration {
	if len(l) == 0 {
		return 0
	}
	return l[(len(l)-1)*percent/100]
}

func (l latencies) print(when string) {
	fmt.Printf("  %-9s  %6d messages answered: median %6.0f µs  99 in 100 %6.0f µs  longest %6.0f µs\n", when, len(l), micros(l.at(50)), micros(l.at(99)), micros(l.at(100)))
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
