package journal

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	keepEvery = time.Minute
	bodyGrace = time.Hour   // bodies are kept for so much longer than events
	orphaned  = time.Minute // after which a body has its event, if it ever gets one
)

// keep drops what the stream's own limits do not know of, until the journal ends.
func (j *Durable) keep(ctx context.Context) {
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	for {
		aged := false // there may be what is too old, not only too much
		select {
		case <-tick.C:
			aged = true
		case <-j.filled:
		case <-ctx.Done():
			return
		}
		j.mu.Lock()
		st, total := j.store, j.tail.number
		j.mu.Unlock()
		if st == nil {
			continue
		}
		var err error
		if aged {
			err = j.purge(ctx, st, total)
		}
		if err == nil {
			err = j.dropBodies(ctx, st, aged)
		}
		if err != nil && ctx.Err() == nil {
			j.cfg.Logger.Warn("what is old cannot be dropped from the journal", "err", err)
		}
	}
}

// dropBodies drops the bodies whose events are gone, if aged says that there may be such, and the oldest ones where three quarters of their room are taken.
func (j *Durable) dropBodies(ctx context.Context, st *store, aged bool) error {
	bodies, err := st.js.ObjectStore(ctx, st.bucket)
	if err != nil {
		return err
	}
	status, err := bodies.Status(ctx)
	if err != nil || status.Size() == 0 {
		return err
	}
	full := func(octets uint64) bool { return j.cfg.MaxBodyOctets > 0 && octets > uint64(j.cfg.MaxBodyOctets)/4*3 }
	if !aged && !full(status.Size()) {
		return nil // all of them would be listed for nothing
	}
	all, err := bodies.List(ctx)
	if err != nil {
		return ignoreNone(err)
	}
	slices.SortFunc(all, func(a, b *jetstream.ObjectInfo) int { return cmp.Compare(a.ModTime.UnixNano(), b.ModTime.UnixNano()) })
	oldest, before, _, err := st.oldest(ctx)
	if err != nil {
		return err // else all would count as older than every event
	}
	if oldest == nil {
		before = time.Now()
	}
	before = before.Add(-orphaned)
	octets := status.Size()
	for _, body := range all {
		if !body.ModTime.Before(before) && !full(octets) {
			break
		}
		if err := st.dropBody(ctx, body); err != nil {
			return err
		}
		octets -= min(octets, body.Size)
	}
	return nil
}

// purge drops the oldest packs as long as the others hold MaxEvents or more.
func (j *Durable) purge(ctx context.Context, st *store, total uint64) error {
	if j.cfg.MaxEvents <= 0 {
		return nil
	}
	low, high, _, err := st.bounds(ctx)
	if err != nil || low > high {
		return err
	}
	// The first pack that is not needed any more lies before the first one whose successor begins behind this number.
	enough := int64(total) - j.cfg.MaxEvents + 1
	for low < high {
		middle := low + (high-low+1)/2
		p, err := st.numbered(ctx, middle, high)
		if err != nil {
			return err
		}
		if p != nil && int64(p.first) <= enough {
			low = p.sequence
		} else {
			high = middle - 1
		}
	}
	s, err := st.js.Stream(ctx, st.stream)
	if err != nil {
		return err
	}
	return s.Purge(ctx, jetstream.WithPurgeSequence(low)) // keeps low
}

// numbered is the first pack from low to high whose number can be read; nil: there is none.
func (st *store) numbered(ctx context.Context, low, high uint64) (*pack, error) {
	for ; low <= high; low++ {
		p, err := st.get(ctx, low)
		switch {
		case errors.Is(err, errNoPack):
		case err != nil:
			return nil, err
		case p.alien == nil:
			return &p, nil
		}
	}
	return nil, nil
}
