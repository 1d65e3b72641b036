package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/parley-msrp/parley/internal/event"
)

// Subscribe makes a reader. Its error is of the kind that Journal says, or ErrUnavailable where the stream has to be asked for the cursor and does not answer.
func (j *Durable) Subscribe(cursor string) (Reader, error) {
	j.mu.Lock()
	st, last, number, closed := j.store, j.tail.last, j.tail.number, j.closed
	j.mu.Unlock()
	switch {
	case closed:
		return nil, ErrClosed
	case cursor == Newest:
		return (&durableReader{journal: j, sequence: last + 1, number: number + 1}).opened(), nil
	case cursor == Oldest:
		return (&durableReader{journal: j, sequence: 1}).opened(), nil
	}
	instance, sequence, index, ok := event.ParseCursor(cursor)
	switch {
	case !ok:
		return nil, fmt.Errorf("%w: %.80q was never given out", ErrCursorUnknown, cursor)
	case instance != j.instance:
		return nil, fmt.Errorf("%w: %.80q is from another journal, which this one took the place of", ErrCursorLost, cursor)
	case sequence > last:
		return nil, fmt.Errorf("%w: %.80q was never given out", ErrCursorUnknown, cursor)
	}
	r := &durableReader{journal: j, sequence: sequence}
	if err := r.begin(st, index); err != nil {
		return nil, fmt.Errorf("%w: %.80q", err, cursor)
	}
	return r.opened(), nil
}

// durableReader holds at most what one read from the stream brings, and a pack of the tail.
type durableReader struct {
	journal  *Durable
	sequence uint64        // of the pack to read next; of events, where there are some
	number   uint64        // that the next event has; 0: not known, and nothing is missed
	events   []event.Event // of the pack at hand
	index    int           // of the next one of them
	fetched  []pack        // packs to read after it
	closed   bool
}

// begin starts behind an event of the pack at r.sequence.
func (r *durableReader) begin(st *store, index int) error {
	j := r.journal
	j.mu.Lock()
	found, ok := j.tail.find(r.sequence)
	j.mu.Unlock()
	if !ok {
		if st == nil {
			return ErrUnavailable
		}
		p, err := st.get(context.Background(), r.sequence)
		switch {
		case errors.Is(err, errNoPack):
			return fmt.Errorf("%w: they were dropped", ErrCursorLost)
		case err != nil:
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		found.sequence, found.first = p.sequence, p.first
		if found.events, _ = j.read(&p); p.alien != nil {
			return fmt.Errorf("%w: they cannot be read", ErrCursorLost)
		}
	}
	if found.sequence != r.sequence || index >= len(found.events) {
		return fmt.Errorf("%w: it was never given out", ErrCursorUnknown)
	}
	r.events, r.index, r.number = found.events, index+1, found.first+uint64(index)+1
	return nil
}

func (r *durableReader) opened() *durableReader {
	r.journal.readers.Add(1)
	return r
}

func (r *durableReader) Close() {
	if !r.closed {
		r.journal.readers.Add(-1)
	}
	r.closed, r.events, r.fetched = true, nil, nil
}

func (r *durableReader) Next(ctx context.Context) (event.Event, error) {
	for {
		if r.closed {
			return event.Event{}, ErrClosed
		}
		if err := ctx.Err(); err != nil {
			return event.Event{}, err
		}
		if lost := r.damaged(); lost > 0 {
			return event.Event{}, &LostError{Dropped: lost}
		}
		for r.index < len(r.events) && r.events[r.index].Name != "" {
			i := r.index
			r.index++
			r.number++
			if e := r.events[i]; !e.Name.Internal() {
				e.Cursor = event.Cursor(r.journal.instance, r.sequence, i)
				return e, nil
			}
		}
		if r.index < len(r.events) {
			continue // with those that cannot be read
		}
		if err := r.load(ctx); err != nil {
			return event.Event{}, err
		}
	}
}

// damaged passes over the next events that cannot be read, and counts them.
func (r *durableReader) damaged() (lost uint64) {
	for r.index < len(r.events) && r.events[r.index].Name == "" {
		lost++
		r.index++
		r.number++
	}
	return lost
}

// Ready looks at what is in memory only.
func (r *durableReader) Ready() bool {
	if r.index < len(r.events) || len(r.fetched) > 0 {
		return true
	}
	r.journal.mu.Lock()
	defer r.journal.mu.Unlock()
	next := r.sequence
	if r.events != nil {
		next++
	}
	return next <= r.journal.tail.last
}

// load gets the next pack, if there is one, or waits for something to change.
func (r *durableReader) load(ctx context.Context) error {
	if r.events != nil {
		r.events, r.index = nil, 0
		r.sequence++
	}
	if len(r.fetched) > 0 {
		p := r.fetched[0]
		r.fetched = r.fetched[1:]
		events, _ := r.journal.read(&p)
		if p.alien != nil {
			if r.sequence = p.sequence + 1; p.sequence == 1 {
				r.number = 1
			}
			// The number of the next pack says whether events are missing.
			return nil
		}
		return r.use(recent{sequence: p.sequence, first: p.first, events: events})
	}
	j := r.journal
	j.mu.Lock()
	st, last, closed := j.store, j.tail.last, j.closed
	found, ok := j.tail.find(r.sequence)
	var change <-chan struct{}
	if !ok && (r.sequence > last || st == nil) {
		if closed {
			j.mu.Unlock()
			return ErrClosed
		}
		change = j.awaitChange()
	}
	j.mu.Unlock()
	switch {
	case ok:
		return r.use(found)
	case change != nil:
		select {
		case <-change:
		case <-ctx.Done():
		}
		return nil
	}
	return r.fetch(ctx, st)
}

// use makes a pack the one at hand, and says how many events are missing before it.
func (r *durableReader) use(p recent) error {
	lost := uint64(0)
	if r.number != 0 && p.first > r.number {
		lost = p.first - r.number
	}
	r.sequence, r.number, r.events, r.index = p.sequence, p.first, p.events, 0
	if lost > 0 {
		return &LostError{Dropped: lost}
	}
	return nil
}

// pause is how long to wait before the stream is asked again for what it must have.
const pause = 100 * time.Millisecond

// fetch reads packs from the stream. Where that fails, it is tried again: the stream may be read later.
func (r *durableReader) fetch(ctx context.Context, st *store) error {
	packs, err := st.fetch(ctx, r.sequence)
	if err == nil && len(packs) > 0 {
		r.fetched = packs
		return nil
	}
	if err == nil {
		// Nothing from here on, though there was: it was dropped, or another server of the cluster does not have it yet.
		var first uint64
		if first, _, _, err = st.bounds(ctx); err == nil && first > r.sequence {
			r.sequence = first
			return nil
		}
	}
	if err != nil {
		r.journal.cfg.Logger.Debug("reading the journal failed", "err", err)
	}
	select {
	case <-time.After(pause):
	case <-ctx.Done():
	}
	return nil
}
