package control

import (
	"sync/atomic"
	"time"

	"github.com/parley-msrp/parley/internal/statistics"
	"github.com/parley-msrp/parley/msrp"
)

// mediaStatistics counts what passes over MSRP.
type mediaStatistics struct {
	received, sent        statistics.Counter // octets
	requests, reports     statistics.Counter
	answers, transactions *codes
	responses             *statistics.Histogram
	connections           atomic.Int64
	limits                [3]statistics.Counter // by msrp.Limit
}

// Octets implements msrp.Counter.
func (s *mediaStatistics) Octets(received, sent int) {
	if received > 0 {
		s.received.Add(uint64(received))
	}
	if sent > 0 {
		s.sent.Add(uint64(sent))
	}
}

// Request implements msrp.Counter.
func (s *mediaStatistics) Request(report bool) {
	if report {
		s.reports.Inc()
		return
	}
	s.requests.Inc()
}

// Answer implements msrp.Counter.
func (s *mediaStatistics) Answer(code int) { s.answers.inc(code) }

// Transaction implements msrp.Counter.
func (s *mediaStatistics) Transaction(code int, after time.Duration) {
	s.transactions.inc(code)
	s.responses.Observe(after)
}

// Connections implements msrp.Counter.
func (s *mediaStatistics) Connections(change int) { s.connections.Add(int64(change)) }

// Limit implements msrp.Counter.
func (s *mediaStatistics) Limit(l msrp.Limit) {
	if int(l) < len(s.limits) {
		s.limits[l].Inc()
	}
}

func (s *mediaStatistics) add(set *statistics.Set) {
	s.answers = newCodes(200, 400, 403, 408, 413, 415, 423, 481, 501, 506)
	s.transactions = newCodes(200, 400, 403, 408, 413, 415, 423, 481, 501, 506)
	s.responses = statistics.NewHistogram(times...)
	label := func(name, value string) []statistics.Label { return []statistics.Label{{Name: name, Value: value}} }
	const octets = "Octets of MSRP that were read and written."
	set.Counter(statistics.Metric{Group: "msrp", Name: "octets_in", Metric: "msrp_octets_total", Help: octets, Labels: label("direction", "in")}, &s.received)
	set.Counter(statistics.Metric{Group: "msrp", Name: "octets_out", Metric: "msrp_octets_total", Help: octets, Labels: label("direction", "out")}, &s.sent)
	const requests = "MSRP requests that came: chunks (SEND), and REPORTs."
	set.Counter(statistics.Metric{Group: "msrp", Name: "chunks", Metric: "msrp_requests_total", Help: requests, Labels: label("method", "SEND")}, &s.requests)
	set.Counter(statistics.Metric{Group: "msrp", Name: "reports", Metric: "msrp_requests_total", Help: requests, Labels: label("method", "REPORT")}, &s.reports)
	s.answers.each(func(code string, k *statistics.Counter) {
		set.Counter(statistics.Metric{
			Group: "msrp", Name: "answers_" + code, Metric: "msrp_answers_total", Help: "Responses to requests that came, by code.", Labels: label("code", code),
		}, k)
	})
	s.transactions.each(func(code string, k *statistics.Counter) {
		set.Counter(statistics.Metric{
			Group: "msrp", Name: "transactions_" + code, Metric: "msrp_transactions_total", Labels: label("code", code),
			Help: "Chunks of ours that were answered, by code; 408 where no response came in time.",
		}, k)
	})
	set.Histogram(statistics.Metric{
		Group: "msrp", Name: "responses", Metric: "msrp_response_seconds", Help: "Time from a chunk's last octet to its response, or until it was given up.",
	}, s.responses)
	set.Source(func(yield func(statistics.Value)) {
		yield(statistics.Value{
			Metric: statistics.Metric{Group: "msrp", Name: "connections", Metric: "msrp_connections", Help: "Open MSRP connections.", Kind: statistics.Varying},
			Number: float64(s.connections.Load()),
		})
	})
	for l, name := range [...]string{msrp.LimitConnections: "connections", msrp.LimitReading: "reading", msrp.LimitQueue: "queue"} {
		set.Counter(statistics.Metric{
			Group: "msrp", Name: "limit_" + name, Metric: "msrp_limits_total", Labels: label("limit", name),
			Help: "How often a limit was reached: connections (one was closed), reading (a connection was not read for a while), queue (a message was refused).",
		}, &s.limits[l])
	}
}
