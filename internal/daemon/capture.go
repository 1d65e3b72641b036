package daemon

import (
	"github.com/parley-msrp/parley/internal/config"
	"github.com/parley-msrp/parley/internal/hep"
	"github.com/parley-msrp/parley/internal/statistics"
	"github.com/parley-msrp/parley/internal/telemetry"
	"github.com/parley-msrp/parley/internal/version"
)

// capture begins to send what passes to the capture server, where there is one.
func (n *node) capture(c *config.HEP) {
	network, address := c.Server()
	if network == "" {
		return
	}
	n.hep = hep.NewSender(hep.Config{
		Network: network, Address: address, ID: uint32(c.ID), Node: n.data.node, Password: c.Password, Bodies: c.Bodies, Logger: n.log,
	}, n.control.Tap())
	n.control.Statistics().Set.Source(func(yield func(statistics.Value)) {
		sent, dropped := n.hep.Counts()
		for _, x := range []struct {
			name string
			n    uint64
		}{{"sent", sent}, {"dropped", dropped + n.control.Tap().Dropped()}} {
			yield(statistics.Value{Number: float64(x.n), Metric: statistics.Metric{
				Group: "hep", Name: x.name, Metric: "hep_messages_total", Labels: []statistics.Label{{Name: "result", Value: x.name}},
				Help: "SIP and MSRP messages for the capture server: sent, and dropped because there were too many or it was not reached.",
			}})
		}
	})
}

// traceMessages begins to have messages traced, where somebody wants the spans.
func (n *node) traceMessages(c *config.OTel) {
	if url := c.URL(); url != "" {
		n.tracer = telemetry.New(telemetry.Config{Endpoint: url, OneIn: c.OneIn, Node: n.data.node, Version: version.String(), Logger: n.log})
		n.control.TraceMessages(n.tracer)
	}
}

// closeTap ends all who see what passes, once the agent is closed.
func (n *node) closeTap() {
	if n.hep != nil {
		n.hep.Close()
	}
	n.control.Close()
}
