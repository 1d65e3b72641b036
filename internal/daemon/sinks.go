package daemon

import (
	"fmt"

	"github.com/parley-msrp/parley/internal/access"
	"github.com/parley-msrp/parley/internal/config"
	"github.com/parley-msrp/parley/internal/event"
	"github.com/parley-msrp/parley/internal/sink"
)

// subscribe makes ready to send events to sockets, and does so to those that the configuration names.
func (n *node) subscribe(c *config.Events) error {
	n.sockets = sink.NewSubscribers(sink.SubscribersConfig{
		Journal: n.control, Append: n.control.Raise, Policy: targets(c), NoUnix: !c.UnixSockets, MaxSockets: c.MaxSockets, Logger: n.log,
	})
	for _, entry := range c.Subscribe {
		s, err := config.ParseSubscription(entry)
		if err == nil {
			err = n.sockets.Subscribe(event.Name(s.Event), s.Socket, sink.Never)
		}
		if err != nil {
			return fmt.Errorf("events.subscribe: %w", err)
		}
	}
	return nil
}

// targets says where events may be sent to.
func targets(c *config.Events) sink.Policy {
	return access.Addresses{Allow: config.Targets(c.TargetAllow), Deny: config.Targets(c.TargetDeny)}.Permit
}
