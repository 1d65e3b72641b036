package statistics

import (
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestHistogram(t *testing.T) {
	h := NewHistogram(time.Millisecond, time.Second)
	for _, d := range []time.Duration{0, time.Millisecond, 2 * time.Millisecond, time.Second, time.Minute} {
		h.Observe(d)
	}
	want := Distribution{5, 61*time.Second + 3*time.Millisecond, []Bucket{{time.Millisecond, 2}, {time.Second, 4}}}
	if diff := cmp.Diff(want, h.Load()); diff != "" {
		t.Error(diff)
	}
}

// TestConcurrentCounting loses nothing, and may be read meanwhile.
func TestConcurrentCounting(t *testing.T) {
	var s Set
	c, h := &Counter{}, NewHistogram(time.Second)
	s.Counter(Metric{Group: "a", Name: "c"}, c)
	s.Histogram(Metric{Group: "a", Name: "h"}, h)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 1000 {
				c.Inc()
				h.Observe(time.Millisecond)
				if len(s.All()) != 2 {
					t.Error("not all are there")
				}
			}
		})
	}
	all.Wait()
	for _, v := range s.All() {
		if v.Number != 8000 || v.Kind == Timing && v.Distribution.Count != 8000 {
			t.Errorf("%s is %v", v.Path(), v.Number)
		}
	}
}
