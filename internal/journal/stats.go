package journal

import (
	"context"
	"fmt"
	"time"
)

// Stats says how a journal is doing.
type Stats struct {
	Events   uint64    // kept
	Octets   uint64    // that they take
	Oldest   time.Time // when the oldest of them happened; zero where there is none, or that cannot be told
	Appended uint64    // events since the journal was made
	Waiting  int       // events that are not kept yet
	Dropped  uint64    // events that could not be kept, because too many waited
	Damaged  int       // packs that were found not to be readable, whole or in part, since the process began
	Problem  error     // why nothing can be kept at the moment; nil: it can
}

// Err says why nothing can be kept at the moment; nil: it can.
func (j *Durable) Err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.problem
}

// Refusing says that the journal has not been available for Config.Patience or longer.
func (j *Durable) Refusing() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.refusing
}

// Stats asks the stream how much it holds.
func (j *Durable) Stats(ctx context.Context) Stats {
	j.mu.Lock()
	st := j.store
	s := Stats{Appended: j.tail.number, Waiting: len(j.queue), Dropped: j.dropped, Problem: j.problem}
	j.mu.Unlock()
	s.Damaged = j.damage.count()
	if st == nil {
		return s
	}
	oldest, began, octets, err := st.oldest(ctx)
	s.Octets = octets
	if err != nil || oldest == nil || oldest.first > s.Appended {
		return s
	}
	s.Events, s.Oldest = s.Appended-oldest.first+1, began
	return s
}

// oldest is the oldest pack that can be read, and when it began; nil: there is none at all.
func (st *store) oldest(ctx context.Context) (p *pack, began time.Time, octets uint64, err error) {
	first, last, octets, err := st.bounds(ctx)
	if err != nil || first > last {
		return nil, began, octets, err
	}
	if found, err := st.get(ctx, first); err == nil {
		if began, ok := found.began(); ok {
			return &found, began, octets, nil
		}
	}
	packs, err := st.fetch(ctx, first)
	for i := range packs {
		if began, ok := packs[i].began(); ok {
			return &packs[i], began, octets, nil
		}
	}
	if err == nil {
		err = fmt.Errorf("none of the packs from %d on can be read", first)
	}
	return nil, began, octets, err
}
