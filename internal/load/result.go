package load

import (
	"maps"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Result is what there was.
type Result struct {
	Seconds  float64  `json:"seconds"` // that are measured
	Calls    Calls    `json:"calls"`
	Messages Messages `json:"messages"`
	Setup    Times    `json:"setup"`   // from the INVITE to the session
	Latency  Times    `json:"latency"` // from a message to its response, or its report
}

// Calls counts calls.
type Calls struct {
	Started     int            `json:"started"`
	Established int            `json:"established"`
	Failed      int            `json:"failed"`
	Lost        int            `json:"lost"` // ended by something else than this program
	Rate        float64        `json:"per_second"`
	Why         map[string]int `json:"why,omitempty"` // failures by code and reason
}

// Messages counts messages.
type Messages struct {
	Sent      int            `json:"sent"`
	Delivered int            `json:"delivered"`
	Failed    int            `json:"failed"`
	Octets    int64          `json:"octets"` // of those that were delivered
	Rate      float64        `json:"per_second"`
	Why       map[string]int `json:"why,omitempty"`
}

// Times are percentiles, in microseconds.
type Times struct {
	Count int64 `json:"count"`
	P50   int64 `json:"p50_us"`
	P90   int64 `json:"p90_us"`
	P99   int64 `json:"p99_us"`
	P999  int64 `json:"p999_us"`
	Max   int64 `json:"max_us"`
}

// counts are those of a run so far.
type counts struct {
	Calls    Calls
	Messages Messages
}

// maxWhy bounds the kinds of failures that are told apart: a peer writes the reasons.
const maxWhy = 20

func count(why map[string]int, reason string) map[string]int {
	if why == nil {
		why = map[string]int{}
	}
	if _, known := why[reason]; !known && len(why) >= maxWhy {
		reason = "others"
	}
	why[reason]++
	return why
}

func (c *Calls) fail(reason string) {
	c.Failed++
	c.Why = count(c.Why, reason)
}

func (c *Calls) why() string {
	for _, reason := range slices.Sorted(maps.Keys(c.Why)) {
		return reason
	}
	return "no answer"
}

func (m *Messages) fail(reason string) {
	m.Failed++
	m.Why = count(m.Why, reason)
}

// result is what there is so far.
func (g *generator) result() Result {
	g.mu.Lock()
	defer g.mu.Unlock()
	end := g.ended
	if end.IsZero() {
		end = time.Now()
	}
	r := Result{Seconds: end.Sub(g.began).Seconds(), Calls: g.counts.Calls, Messages: g.counts.Messages, Setup: g.setups.times(), Latency: g.times.times()}
	r.Calls.Why, r.Messages.Why = maps.Clone(r.Calls.Why), maps.Clone(r.Messages.Why)
	if r.Seconds > 0 {
		r.Messages.Rate = float64(r.Messages.Delivered) / r.Seconds
		r.Calls.Rate = float64(r.Calls.Established) / r.Seconds
	}
	return r
}

// histogram keeps times in microseconds, up to a minute, to three digits.
type histogram struct{ h *hdrhistogram.Histogram }

func newHistogram() histogram {
	return histogram{hdrhistogram.New(1, time.Minute.Microseconds(), 3)}
}

func (h histogram) record(d time.Duration) {
	_ = h.h.RecordValue(min(max(d.Microseconds(), 1), time.Minute.Microseconds()))
}

func (h histogram) times() Times {
	q := h.h.ValueAtQuantile
	return Times{Count: h.h.TotalCount(), P50: q(50), P90: q(90), P99: q(99), P999: q(99.9), Max: h.h.Max()}
}
