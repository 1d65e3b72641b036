package control

import (
	"context"
	"time"

	"github.com/parley-msrp/parley/internal/journal"
	"github.com/parley-msrp/parley/internal/statistics"
	"github.com/parley-msrp/parley/ua"
)

// Figures say how the node does.
type Figures struct {
	Listeners Listeners
	Sessions  SessionCounts
	Messages  MessageCounts
	Latencies Latencies
	Journal   JournalCounts
}

// Listeners are the addresses that the node listens on, each with its transport: udp:127.0.0.1:5060.
type Listeners struct {
	SIP  []string `json:"sip" doc:"Where SIP is taken: TRANSPORT:ADDRESS:PORT."`
	MSRP []string `json:"msrp" doc:"Where MSRP is taken."`
}

// SessionCounts are the sessions that live, by state.
type SessionCounts struct {
	Inviting    int `json:"inviting" doc:"Their INVITE is under way."`
	Confirmed   int `json:"confirmed" doc:"Their 2xx is under way."`
	Established int `json:"established" doc:"Messages can be sent."`
	Terminated  int `json:"terminated" doc:"Their BYE is under way."`
}

// MessageCounts are the messages since the start.
type MessageCounts struct {
	Received    uint64 `json:"received" doc:"That came and were kept."`
	Sent        uint64 `json:"sent" doc:"That were accepted for sending."`
	Delivered   uint64 `json:"delivered" doc:"Of those, the ones that were answered 200, reported as successful, or written where no answer was asked for."`
	Failed      uint64 `json:"failed" doc:"The ones that failed, with whatever code."`
	Unconfirmed uint64 `json:"unconfirmed" doc:"The ones whose success REPORT did not come."`
}

// Latencies are how long things took, since the start.
type Latencies struct {
	Keeping   Latency `json:"keeping" doc:"From a whole message to its being kept, which its 200 waits for."`
	Responses Latency `json:"responses" doc:"From the last octet of a chunk that was sent to its response."`
}

// Latency counts durations by how long they were.
type Latency struct {
	Count   uint64          `json:"count" doc:"How many there were."`
	Seconds float64         `json:"seconds" doc:"How long they were together."`
	Buckets []LatencyBucket `json:"buckets" doc:"How many were short, the bounds rising; the rest was longer."`
}

// LatencyBucket counts the durations up to a bound.
type LatencyBucket struct {
	Bound float64 `json:"bound" doc:"In seconds."`
	Count uint64  `json:"count" doc:"How many were no longer, those of smaller bounds included."`
}

func latencyOf(h *statistics.Histogram) Latency {
	d := h.Load()
	l := Latency{Count: d.Count, Seconds: d.Sum.Seconds(), Buckets: []LatencyBucket{}}
	for _, b := range d.Buckets {
		l.Buckets = append(l.Buckets, LatencyBucket{b.Bound.Seconds(), b.Count})
	}
	return l
}

// JournalCounts are what the journal holds.
type JournalCounts struct {
	Events   uint64 `json:"events" doc:"Events that are kept."`
	Octets   uint64 `json:"octets" doc:"That they take."`
	Oldest   string `json:"oldest,omitempty" doc:"When the oldest of them happened."`
	Appended uint64 `json:"appended" doc:"Events since the journal was made."`
	Waiting  int    `json:"waiting" doc:"Events that wait to be kept."`
	Dropped  uint64 `json:"dropped" doc:"Events that could not be kept, because the journal was unavailable for too long, since the start."`
	Damaged  int    `json:"damaged" doc:"Packs of events, as they are stored, that were found not to be readable, whole or in part, since the start; what they held is lost."`
	Problem  string `json:"problem,omitempty" doc:"Why nothing can be kept at the moment."`
}

func journalCounts(j journal.Journal) JournalCounts {
	ctx, cancel := context.WithTimeout(context.Background(), statsTimeout)
	defer cancel()
	s := j.Stats(ctx)
	c := JournalCounts{Events: s.Events, Octets: s.Octets, Appended: s.Appended, Waiting: s.Waiting, Dropped: s.Dropped, Damaged: s.Damaged}
	if !s.Oldest.IsZero() {
		c.Oldest = s.Oldest.UTC().Format(time.RFC3339Nano)
	}
	if s.Problem != nil {
		c.Problem = s.Problem.Error()
	}
	return c
}

// statsTimeout is how long the journal has to say how it does.
const statsTimeout = time.Second

// Figures says how the node does now.
func (c *Control) Figures() Figures {
	m := &c.statistics.messages
	f := Figures{
		Listeners: Listeners{SIP: c.agent.SIPAddrs(), MSRP: c.agent.MSRPAddrs()},
		Messages: MessageCounts{
			Received: m.received.Load(), Sent: m.sent.Load(), Delivered: m.delivered.Load() + m.reported.Load() + m.written.Load(),
			Failed: m.failed.Load(), Unconfirmed: m.unconfirmed.Load(),
		},
		Latencies: Latencies{Keeping: latencyOf(m.keeping), Responses: latencyOf(c.statistics.msrp.responses)},
		Sessions:  c.sessionCounts(),
		Journal:   journalCounts(c.journal),
	}
	return f
}

func (c *Control) sessionCounts() SessionCounts {
	var n SessionCounts
	for _, s := range c.agent.Sessions() {
		switch s.State() {
		case ua.Inviting:
			n.Inviting++
		case ua.Confirmed:
			n.Confirmed++
		case ua.Established:
			n.Established++
		case ua.Terminated:
			n.Terminated++
		}
	}
	return n
}
