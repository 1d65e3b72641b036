package journal

import (
	"context"
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
	if st == nil {
		return s
	}
	oldest, octets, err := st.oldest(ctx)
	s.Octets = octets
	if err != nil || oldest == nil || oldest.first > s.Appended {
		return s
	}
	s.Events = s.Appended - oldest.first + 1
	if began, err := oldest.began(); err == nil {
		s.Oldest = began
	}
	return s
}

// oldest is the oldest pack; nil: there is none.
func (st *store) oldest(ctx context.Context) (p *pack, octets uint64, err error) {
	first, last, octets, err := st.bounds(ctx)
	if err != nil || first > last {
		return nil, octets, err
	}
	found, err := st.get(ctx, first)
	return &found, octets, err
}
