// Package statistics counts, cheaply enough for the message path: what is counted has a name as OpenSIPS' statistics have (group:name), and one for
// Prometheus, so that both show the same numbers.
package statistics

import (
	"sync/atomic"
	"time"
)

// Counter only rises. Safe for concurrent use; the zero value is ready.
type Counter struct {
	n atomic.Uint64
	_ [56]byte // a cache line to itself: neighbours are counted by other processors
}

// Add counts n more.
func (c *Counter) Add(n uint64) { c.n.Add(n) }

// Inc counts one more.
func (c *Counter) Inc() { c.n.Add(1) }

// Load is how much was counted.
func (c *Counter) Load() uint64 { return c.n.Load() }

// Histogram counts durations by how long they are. Safe for concurrent use.
type Histogram struct {
	bounds  []time.Duration // upper ones, rising
	buckets []atomic.Uint64 // one more than bounds
	sum     atomic.Int64    // nanoseconds
}

// NewHistogram makes one with these upper bounds, which rise.
func NewHistogram(bounds ...time.Duration) *Histogram {
	return &Histogram{bounds: bounds, buckets: make([]atomic.Uint64, len(bounds)+1)}
}

// Observe counts a duration.
func (h *Histogram) Observe(d time.Duration) {
	i := 0
	for i < len(h.bounds) && d > h.bounds[i] {
		i++
	}
	h.buckets[i].Add(1)
	h.sum.Add(int64(d))
}

// Distribution is what a Histogram has counted.
type Distribution struct {
	Count   uint64
	Sum     time.Duration
	Buckets []Bucket
}

// Bucket counts the durations up to a bound.
type Bucket struct {
	Bound time.Duration
	Count uint64 // those of smaller bounds included
}

// Load is what was counted. What is counted meanwhile may be in it in part.
func (h *Histogram) Load() Distribution {
	d := Distribution{Sum: time.Duration(h.sum.Load())}
	for i, bound := range h.bounds {
		d.Count += h.buckets[i].Load()
		d.Buckets = append(d.Buckets, Bucket{bound, d.Count})
	}
	d.Count += h.buckets[len(h.bounds)].Load()
	return d
}
