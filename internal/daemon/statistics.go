package daemon

import (
	"time"

	"github.com/parley-msrp/parley/internal/statistics"
)

// countSinks adds what the sockets and webhooks that get events count.
func (n *node) countSinks() {
	n.control.Statistics().Set.Source(func(yield func(statistics.Value)) {
		c := n.sinks.sockets.Counts()
		yield(statistics.Value{Number: float64(c.Sockets), Metric: statistics.Metric{
			Group: "subscribers", Name: "sockets", Metric: "subscriber_sockets", Help: "Sockets that get events.", Kind: statistics.Varying,
		}})
		for _, x := range []struct {
			name string
			n    uint64
		}{{"sent", c.Sent}, {"too_long", c.TooLong}, {"failed", c.Failed}, {"lost", c.Lost}} {
			yield(statistics.Value{Number: float64(x.n), Metric: statistics.Metric{
				Group: "subscribers", Name: x.name, Metric: "subscriber_events_total", Labels: []statistics.Label{{Name: "result", Value: x.name}},
				Help: "Events for sockets, by what became of them: sent, too_long for a datagram, failed, lost because the socket was too slow.",
			}})
		}
	})
	n.control.Statistics().Set.Source(func(yield func(statistics.Value)) {
		all := n.sinks.webhooks.List()
		var delivered, givenUp uint64
		var waiting, failing int
		var lag time.Duration
		for i := range all {
			w := &all[i]
			delivered += w.Delivered
			givenUp += w.GivenUp
			waiting += w.Waiting
			lag = max(lag, w.Lag)
			if w.Attempts > 0 {
				failing++
			}
		}
		for _, x := range []struct {
			name, metric, help string
			kind               statistics.Kind
			n                  float64
		}{
			{"hooks", "webhooks", "Webhooks that are registered.", statistics.Varying, float64(len(all))},
			{"failing", "webhooks_failing", "Webhooks whose last attempt failed.", statistics.Varying, float64(failing)},
			{"delivered", "webhook_events_delivered_total", "Events that webhooks took.", statistics.Rising, float64(delivered)},
			{"given_up", "webhook_events_given_up_total", "Events that a webhook did not take within the time there is.", statistics.Rising, float64(givenUp)},
			{"waiting", "webhook_events_waiting", "Events that are in hand for webhooks.", statistics.Varying, float64(waiting)},
			{"lag", "webhook_lag_seconds", "Age of the oldest of them.", statistics.Varying, lag.Seconds()},
		} {
			yield(statistics.Value{Number: x.n, Metric: statistics.Metric{Group: "webhooks", Name: x.name, Metric: x.metric, Help: x.help, Kind: x.kind}})
		}
	})
}
