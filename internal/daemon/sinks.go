package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"time"

	"github.com/parley-msrp/parley/internal/access"
	"github.com/parley-msrp/parley/internal/certificate"
	"github.com/parley-msrp/parley/internal/config"
	"github.com/parley-msrp/parley/internal/event"
	"github.com/parley-msrp/parley/internal/sink"
	"github.com/parley-msrp/parley/internal/version"
)

// sinks take events outward.
type sinks struct {
	sockets  *sink.Subscribers
	webhooks *sink.Webhooks
	asker    *sink.Asker // nil: no application is to be asked about calls
}

// startSinks makes ready to ask the application about calls, and begins to send events to the sockets and webhooks that the configuration names, and to those that were registered before.
func (n *node) startSinks(c *config.Config, files *certificate.Files) error {
	policy := targets(&c.Events)
	n.sinks.sockets = sink.NewSubscribers(sink.SubscribersConfig{
		Journal: n.control, Append: n.control.Raise, Policy: policy, NoUnix: !c.Events.UnixSockets, MaxSockets: c.Events.MaxSockets, Logger: n.log, Tracer: n.tracer,
	})
	for _, entry := range c.Events.Subscribe {
		s, err := config.ParseSubscription(entry)
		if err == nil {
			err = n.sinks.sockets.Subscribe(event.Name(s.Event), s.Socket, sink.Never)
		}
		if err != nil {
			return fmt.Errorf("events.subscribe: %w", err)
		}
	}
	configured, err := registrationsOf(c.Webhooks)
	if err != nil {
		return fmt.Errorf("webhooks: %w", err)
	}
	roots, err := files.Roots()
	if err != nil {
		return err
	}
	hooks := sink.WebhooksConfig{
		Journal: n.control, Configured: configured, Policy: policy, Roots: roots,
		// Where events have no end, attempts have none.
		RetryFor: cmp.Or(c.Journal.MaxAge, time.Duration(math.MaxInt64)),
		Product:  version.Server(), Logger: n.log, Tracer: n.tracer,
	}
	if n.data.path != "" {
		hooks.Store = sink.File(filepath.Join(n.data.path, "webhooks.json"))
	}
	if n.sinks.webhooks, err = sink.NewWebhooks(hooks); err != nil {
		return fmt.Errorf("webhooks: %w", err)
	}
	n.sinks.asker, err = newAsker(c, files)
	return err
}

func registrationsOf(entries []string) ([]sink.Registration, error) {
	var all []sink.Registration
	for _, entry := range entries {
		w, err := config.ParseWebhook(entry)
		if err != nil {
			return nil, err
		}
		r := sink.Registration{URL: w.URL, Secret: w.Secret, Filter: event.Filter{Sessions: w.Sessions, Tags: w.Tags}}
		for _, name := range w.Types {
			r.Filter.Types = append(r.Filter.Types, event.Name(name))
		}
		all = append(all, r)
	}
	return all, nil
}

// targets says where events may be sent to.
func targets(c *config.Events) sink.Policy {
	return access.Addresses{Allow: config.Targets(c.TargetAllow), Deny: config.Targets(c.TargetDeny)}.Permit
}

// close takes outward what the journal still has, until ctx ends.
func (s *sinks) close(ctx context.Context) error {
	var errs [2]error
	done := make(chan struct{})
	go func() { // ends when the sockets have
		defer close(done)
		if s.sockets != nil {
			errs[0] = s.sockets.Close(ctx)
		}
	}()
	if s.webhooks != nil {
		errs[1] = s.webhooks.Close(ctx)
	}
	if s.asker != nil {
		s.asker.Close()
	}
	<-done
	return errors.Join(errs[:]...)
}
