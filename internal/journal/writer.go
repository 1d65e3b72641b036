package journal

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/parley-msrp/parley/internal/event"
)

// How long the writer waits after a failure before it opens the stream again. An outside server has to be done with what the connection brought it.
const (
	backoffLeast, backoffMost = 100 * time.Millisecond, 2 * time.Second
	settle                    = time.Second
)

// run is the writer. It ends when the journal is closed and everything kept, or ctx ends.
func (j *Durable) run(ctx context.Context) {
	defer close(j.ended)
	least := backoffLeast
	if j.cfg.URL != "" {
		least = settle
	}
	wait := least
	for {
		err := j.write(ctx)
		if err == nil || ctx.Err() != nil {
			j.finish(err)
			return
		}
		if j.Err() == nil {
			wait = least // it was available until now
		}
		j.fail(err)
		j.closeStore()
		for {
			j.refuse()
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				j.finish(err)
				return
			}
			wait = min(2*wait, backoffMost)
			if err = j.reopening(ctx); err == nil {
				break
			}
			j.fail(err)
		}
	}
}

// fail notes that nothing can be kept.
func (j *Durable) fail(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.problem == nil {
		j.since = time.Now()
		for i := range j.queue {
			j.queue[i].since = j.since
		}
		for i := range j.backlog {
			j.backlog[i].since = j.since
		}
		j.cfg.Logger.Error("the journal is not available: nothing is kept", "err", err)
	} else if err.Error() != j.problem.Error() {
		j.cfg.Logger.Warn("the journal is still not available", "err", err)
	}
	j.problem = err
}

// refuse tells those who have waited for longer than patience that it was in vain.
func (j *Durable) refuse() {
	j.mu.Lock()
	if time.Since(j.since) < j.cfg.Patience {
		j.mu.Unlock()
		return
	}
	if !j.refusing {
		j.refusing = true
		j.cfg.Logger.Error("the journal has not been available for too long: messages, commands and new calls are refused", "err", j.problem)
	}
	var refused []func(error)
	vain := func(e pending) bool {
		if e.kept == nil || time.Since(e.since) < j.cfg.Patience {
			return false
		}
		refused = append(refused, e.kept)
		return true
	}
	j.backlog, j.queue = slices.DeleteFunc(j.backlog, vain), slices.DeleteFunc(j.queue, vain)
	j.waiters = 0 // who is left: the writer is woken for the first of them only
	for i := range j.queue {
		if j.queue[i].kept != nil {
			j.waiters++
		}
	}
	err := fmt.Errorf("%w: %w", ErrUnavailable, j.problem)
	j.mu.Unlock()
	for _, kept := range refused {
		kept(err)
	}
}

// finish ends the journal: who still waits is told so.
func (j *Durable) finish(err error) {
	j.closeStore()
	j.mu.Lock()
	if j.problem == nil {
		j.problem = err
	}
	j.closed = true
	all := append(slices.Clone(j.backlog), j.queue...)
	j.unkept = len(all) + len(j.inflight)
	j.queue = nil
	j.mu.Unlock()
	for _, p := range j.inflight {
		for _, kept := range p.kept {
			call(kept, ErrClosed)
		}
	}
	for _, e := range all {
		call(e.kept, ErrClosed)
	}
}

func call(kept func(error), err error) {
	if kept != nil {
		kept(err)
	}
}

func (j *Durable) closeStore() {
	j.mu.Lock()
	st := j.store
	j.store = nil
	j.change()
	j.mu.Unlock()
	if st != nil {
		st.close()
	}
}

// reopen opens the stream again and finds out which packs are in it. Whether it takes others, prove finds out.
func (j *Durable) reopen(ctx context.Context) error {
	st, err := openStore(ctx, &j.cfg)
	if err != nil {
		return err
	}
	if err := j.resolve(ctx, st); err != nil {
		st.close()
		return err
	}
	j.mu.Lock()
	j.store = st
	j.change()
	j.mu.Unlock()
	return nil
}

// reopening is reopen, which may take its time. Who waits for too long is told meanwhile.
func (j *Durable) reopening(ctx context.Context) error {
	opened := make(chan error, 1)
	go func() { opened <- j.reopen(ctx) }() // ends within the time limits of the server and its interface
	tick := time.NewTicker(backoffMost / 4)
	defer tick.Stop()
	for {
		select {
		case err := <-opened:
			return err
		case <-tick.C:
			j.refuse()
		}
	}
}

// resolve completes the packs that were stored without being heard of.
func (j *Durable) resolve(ctx context.Context, st *store) error {
	if st.instance != j.instance {
		return fmt.Errorf("the stream %s was made again: restart to go on with it", st.stream)
	}
	for len(j.inflight) > 0 && j.inflight[0].sequence <= st.last {
		p := j.inflight[0]
		found, err := st.get(ctx, p.sequence)
		if err != nil && !errors.Is(err, errNoPack) {
			return err
		}
		if err == nil && found.name != p.name {
			return fmt.Errorf("another process writes to the stream %s: each node needs a name of its own", st.stream)
		}
		j.complete()
	}
	if end := j.next - 1 - uint64(len(j.inflight)); st.last != end {
		return fmt.Errorf("the stream %s ends with pack %d, and not with %d: another process writes to it", st.stream, st.last, end)
	}
	return nil
}

// write writes packs until something fails, or the journal is closed and everything is kept. After a failure the packs that were under way come first, and
// nothing else goes before they are stored: a server that leads the stream may have lost the others of its cluster, without which it cannot
// store anything, and does not know that yet.
func (j *Durable) write(ctx context.Context) error {
	st := j.store
	answers := make(chan *nats.Msg, 256) // more than ever wait: nats.go drops what finds no place
	inbox := st.conn.NewInbox()
	sub, err := st.conn.ChanSubscribe(inbox, answers)
	if err != nil {
		return err
	}
	defer func() { _ = sub.Unsubscribe() }()
	for _, p := range j.inflight {
		if err := j.send(st, p, inbox); err != nil {
			return err
		}
	}
	if j.Err() != nil {
		if err := j.prove(ctx, st, answers); err != nil {
			return err
		}
	}
	timeout := time.NewTimer(ackTimeout)
	defer timeout.Stop()
	limit := int(st.conn.MaxPayload()) - headRoom // asked for once: the connection is locked while it is written to
	for {
		if len(j.inflight) < j.ahead {
			made, closed := j.take(limit)
			if len(made) > 0 && len(j.inflight) == len(made) {
				timeout.Reset(ackTimeout)
			}
			for _, p := range made {
				if err := j.send(st, p, inbox); err != nil {
					return err
				}
			}
			if closed && len(j.inflight) == 0 {
				return nil
			}
		}
		wake := j.wake
		if len(j.inflight) >= j.ahead {
			wake = nil
		}
		select {
		case <-wake:
			runtime.Gosched() // who is about to run may have something to keep, too
		case m := <-answers:
			if err := putError(m); err != nil {
				return err
			}
			j.complete()
			timeout.Reset(ackTimeout)
		case <-timeout.C:
			if len(j.inflight) > 0 {
				return errSilent
			}
		case <-st.lost:
			return errLost
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// What ends the use of a store, beside what it answers.
var (
	errSilent = errors.New("NATS: the stream does not answer")
	errLost   = errors.New("NATS: the connection is lost")
)

// prove waits until what was under way is stored, and notes that the journal is available then.
func (j *Durable) prove(ctx context.Context, st *store, answers <-chan *nats.Msg) error {
	timeout, tick := time.NewTimer(ackTimeout), time.NewTicker(backoffMost/4)
	defer timeout.Stop()
	defer tick.Stop()
	for len(j.inflight) > 0 {
		select {
		case m := <-answers:
			if err := putError(m); err != nil {
				return err
			}
			j.complete()
			timeout.Reset(ackTimeout)
		case <-tick.C:
			j.refuse()
		case <-timeout.C:
			return errSilent
		case <-st.lost:
			return errLost
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	j.mu.Lock()
	j.problem, j.refusing = nil, false
	j.mu.Unlock()
	j.cfg.Logger.Info("the journal is available again")
	return nil
}

// send sends a pack, which goes behind the one before it and nowhere else.
func (j *Durable) send(st *store, p *outgoing, inbox string) error {
	return st.conn.PublishMsg(&nats.Msg{
		Subject: p.subject, Reply: inbox, Data: p.lines,
		Header: nats.Header{
			"Nats-Expected-Last-Sequence": {strconv.FormatUint(p.sequence-1, 10)},
			event.HeaderFormat:            {strconv.Itoa(event.Format)},
			event.HeaderFirst:             {strconv.FormatUint(p.first, 10)},
			event.HeaderPack:              {p.name},
		},
	})
}
