package statistics

import (
	"strings"
	"sync"
)

// Kind says how a value moves.
type Kind uint8

// The kinds.
const (
	Rising  Kind = iota // only rises, from 0 at the start
	Varying             // rises and falls
	Timing              // a distribution of durations
)

// Label tells values of one metric apart.
type Label struct{ Name, Value string }

// Metric names and explains one value.
type Metric struct {
	Group, Name string  // as OpenSIPS names it: group:name
	Metric      string  // as Prometheus names it; those with different Labels share it
	Labels      []Label // a fixed set of them for each Metric
	Help        string  // one sentence, the same for all with this Metric
	Kind        Kind
}

// Path is group:name.
func (m *Metric) Path() string { return m.Group + ":" + m.Name }

// Value is a metric's value at one moment.
type Value struct {
	Metric
	Number       float64      // for Rising and Varying
	Distribution Distribution // for Timing
}

// Set is all that is counted, in the order in which it was added. Safe for concurrent use.
type Set struct {
	mu      sync.Mutex
	sources []func(yield func(Value))
}

// Counter adds a counter to the set.
func (s *Set) Counter(m Metric, c *Counter) {
	s.Source(func(yield func(Value)) { yield(Value{Metric: m, Number: float64(c.Load())}) })
}

// Histogram adds a histogram to the set.
func (s *Set) Histogram(m Metric, h *Histogram) {
	m.Kind = Timing
	s.Source(func(yield func(Value)) {
		d := h.Load()
		yield(Value{Metric: m, Number: float64(d.Count), Distribution: d})
	})
}

// Source adds values that are found out when somebody asks. It yields the same metrics each time, and must not block for long.
func (s *Set) Source(values func(yield func(Value))) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sources = append(s.sources, values)
}

// All are all values now.
func (s *Set) All() []Value {
	s.mu.Lock()
	sources := s.sources
	s.mu.Unlock()
	var all []Value
	for _, values := range sources {
		values(func(v Value) { all = append(all, v) })
	}
	return all
}

// Select are the values that a selection asks for, each once: "all", a group with a colon behind it, a group:name, or a name alone, in
// whatever case. What there is not is left out.
func (s *Set) Select(selection []string) []Value {
	var selected []Value
	all := s.All()
	taken := make([]bool, len(all))
	for _, wanted := range selection {
		group, inGroup := strings.CutSuffix(wanted, ":")
		for i := range all {
			v := &all[i]
			if !taken[i] && (wanted == "all" || inGroup && v.Group == group || strings.EqualFold(v.Path(), wanted) || strings.EqualFold(v.Name, wanted)) {
				taken[i] = true
				selected = append(selected, *v)
			}
		}
	}
	return selected
}
