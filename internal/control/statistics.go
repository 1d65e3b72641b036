package control

import (
	"fmt"
	"time"

	"github.com/parley-msrp/parley/internal/statistics"
	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/ua"
)

// Statistics counts what the node does. It is the agent's ua.Counter, and its MSRP endpoint's msrp.Counter (MSRP).
type Statistics struct {
	Set *statistics.Set // all that is counted

	calls struct {
		called, calling *codes
		limited         statistics.Counter
	}
	sessions struct{ established, failed, ended statistics.Counter }
	messages struct {
		received, unkept, repeated, sent, refused                   statistics.Counter
		delivered, reported, written, failed, unconfirmed, timeouts statistics.Counter
		keeping                                                     *statistics.Histogram
	}
	msrp mediaStatistics
}

var (
	_ ua.Counter   = (*Statistics)(nil)
	_ msrp.Counter = (*mediaStatistics)(nil)
)

// NewStatistics makes the counters, and a set of them.
func NewStatistics() *Statistics {
	s := &Statistics{Set: &statistics.Set{}}
	s.calls.called = newCodes(200, 401, 403, 404, 407, 415, 416, 480, 486, 487, 488, 500, 503, 603)
	s.calls.calling = newCodes(200, 401, 403, 404, 407, 408, 480, 486, 487, 488, 500, 503, 603)
	s.messages.keeping = statistics.NewHistogram(times...)
	s.addCalls()
	s.addSessions()
	s.addMessages()
	s.msrp.add(s.Set)
	return s
}

// times are the bounds of what is measured: from what memory takes to what a peer may take.
var times = []time.Duration{
	100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond, time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond,
	25 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2500 * time.Millisecond,
	5 * time.Second, 10 * time.Second, 30 * time.Second,
}

// MSRP is the counter of the MSRP endpoint.
func (s *Statistics) MSRP() msrp.Counter { return &s.msrp }

// Called implements ua.Counter.
func (s *Statistics) Called(code int) { s.calls.called.inc(code) }

// Calling implements ua.Counter.
func (s *Statistics) Calling(code int) { s.calls.calling.inc(code) }

// Limited implements ua.Counter.
func (s *Statistics) Limited() { s.calls.limited.Inc() }

func (s *Statistics) addCalls() {
	const help = "Calls by direction and by the SIP status that they came to."
	for _, d := range []struct {
		name  string
		codes *codes
	}{{"in", s.calls.called}, {"out", s.calls.calling}} {
		d.codes.each(func(result string, c *statistics.Counter) {
			s.Set.Counter(statistics.Metric{
				Group: "calls", Name: d.name + "_" + result, Metric: "calls_total", Help: help,
				Labels: []statistics.Label{{Name: "direction", Value: d.name}, {Name: "result", Value: result}},
			}, c)
		})
	}
	s.Set.Counter(statistics.Metric{
		Group: "calls", Name: "limited", Metric: "calls_limited_total", Help: "Calls that were refused because a limit was reached; parley_calls_total has them too.",
	}, &s.calls.limited)
}

func (s *Statistics) addSessions() {
	for _, x := range []struct {
		name, help string
		counter    *statistics.Counter
	}{
		{"established", "Sessions that were established.", &s.sessions.established},
		{"failed", "Sessions that came to nothing while they were set up.", &s.sessions.failed},
		{"ended", "Established sessions that ended, whatever ended them.", &s.sessions.ended},
	} {
		s.Set.Counter(statistics.Metric{Group: "sessions", Name: x.name, Metric: "sessions_" + x.name + "_total", Help: x.help}, x.counter)
	}
}

func (s *Statistics) addMessages() {
	m := &s.messages
	const help = "Messages by direction and by what became of them; of those that were to be sent, accepted has each of the others but refused."
	for _, x := range []struct {
		direction, result string
		counter           *statistics.Counter
	}{
		{"in", "received", &m.received},
		{"in", "unkept", &m.unkept},
		{"in", "repeated", &m.repeated},
		{"out", "accepted", &m.sent},
		{"out", "refused", &m.refused},
		{"out", "delivered", &m.delivered},
		{"out", "reported", &m.reported},
		{"out", "written", &m.written},
		{"out", "failed", &m.failed},
		{"out", "unconfirmed", &m.unconfirmed},
	} {
		s.Set.Counter(statistics.Metric{
			Group: "messages", Name: x.direction + "_" + x.result, Metric: "messages_total", Help: help,
			Labels: []statistics.Label{{Name: "direction", Value: x.direction}, {Name: "result", Value: x.result}},
		}, x.counter)
	}
	s.Set.Counter(statistics.Metric{
		Group: "messages", Name: "timeouts", Metric: "messages_timed_out_total", Help: "Messages that failed because no response came in time; parley_messages_total has them as failed.",
	}, &m.timeouts)
	s.Set.Histogram(statistics.Metric{
		Group: "messages", Name: "kept", Metric: "message_keeping_seconds", Help: "Time from a whole message to its being kept, which its 200 waits for.",
	}, m.keeping)
}

// addState adds what is found out when somebody asks: the sessions, and what the journal holds.
func (c *Control) addState() {
	c.statistics.Set.Source(func(yield func(statistics.Value)) {
		n := c.sessionCounts()
		for _, x := range []struct {
			state string
			n     int
		}{{"inviting", n.Inviting}, {"confirmed", n.Confirmed}, {"live", n.Established}, {"terminated", n.Terminated}} {
			yield(statistics.Value{Number: float64(x.n), Metric: statistics.Metric{
				Group: "sessions", Name: x.state, Metric: "sessions", Kind: statistics.Varying,
				Help: "Sessions by state: live ones are established.", Labels: []statistics.Label{{Name: "state", Value: x.state}},
			}})
		}
	})
	c.statistics.Set.Source(func(yield func(statistics.Value)) {
		n := journalCounts(c.journal)
		failing := 0.0
		if n.Problem != "" {
			failing = 1
		}
		for _, x := range []struct {
			name, metric, help string
			kind               statistics.Kind
			n                  float64
		}{
			{"events", "journal_events", "Events that the journal holds.", statistics.Varying, float64(n.Events)},
			{"octets", "journal_octets", "Octets that they take.", statistics.Varying, float64(n.Octets)},
			{"appended", "journal_appended_total", "Events since the journal was made.", statistics.Rising, float64(n.Appended)},
			{"waiting", "journal_waiting", "Events that wait to be kept.", statistics.Varying, float64(n.Waiting)},
			{"dropped", "journal_dropped_total", "Events that could not be kept, because the journal was unavailable for too long.", statistics.Rising, float64(n.Dropped)},
			{"damaged", "journal_damaged_packs_total", "Packs of events that were found not to be readable, whole or in part.", statistics.Rising, float64(n.Damaged)},
			{"failing", "journal_failing", "1 while nothing can be kept, else 0.", statistics.Varying, failing},
		} {
			yield(statistics.Value{Number: x.n, Metric: statistics.Metric{Group: "journal", Name: x.name, Metric: x.metric, Help: x.help, Kind: x.kind}})
		}
	})
}

// fate counts what became of a message. The failure that may follow after Written counts, too.
func (s *Statistics) fate(f ua.Fate) {
	m := &s.messages
	switch f.Kind {
	case msrp.Delivered:
		m.delivered.Inc()
	case msrp.Reported:
		m.reported.Inc()
	case msrp.Written:
		m.written.Inc()
	case msrp.Unconfirmed:
		m.unconfirmed.Inc()
	case msrp.Failed:
		m.failed.Inc()
		if f.Why == msrp.ByTimeout {
			m.timeouts.Inc()
		}
	}
}

// codes counts by code: each of those that are looked for by itself, the others by their class.
type codes struct {
	known   map[int]*statistics.Counter
	list    []int
	classes [10]statistics.Counter // by the first digit
}

func newCodes(known ...int) *codes {
	c := &codes{known: map[int]*statistics.Counter{}, list: known}
	for _, code := range known {
		c.known[code] = &statistics.Counter{}
	}
	return c
}

func (c *codes) inc(code int) {
	if k := c.known[code]; k != nil {
		k.Inc()
		return
	}
	c.classes[min(max(code/100, 0), 9)].Inc()
}

// each calls f for all of them, the classes as "4xx".
func (c *codes) each(f func(name string, k *statistics.Counter)) {
	for _, code := range c.list {
		f(fmt.Sprint(code), c.known[code])
	}
	for class := 2; class <= 6; class++ {
		f(fmt.Sprintf("%dxx", class), &c.classes[class])
	}
}
