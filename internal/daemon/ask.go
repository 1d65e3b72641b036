package daemon

import (
	"context"
	"fmt"

	"github.com/parley-msrp/parley/internal/certificate"
	"github.com/parley-msrp/parley/internal/config"
	"github.com/parley-msrp/parley/internal/route"
	"github.com/parley-msrp/parley/internal/sink"
	"github.com/parley-msrp/parley/internal/version"
	"github.com/parley-msrp/parley/ua"
)

// newAsker makes what asks the application; nil where there is none to be asked.
func newAsker(c *config.Config, files *certificate.Files) (*sink.Asker, error) {
	if c.Ask.URL == "" {
		return nil, nil
	}
	roots, err := files.Roots()
	if err != nil {
		return nil, err
	}
	a, err := sink.NewAsker(sink.AskerConfig{
		URL: c.Ask.URL, Secret: c.Ask.Secret, Timeout: c.Ask.Timeout, Policy: targets(&c.Events), Roots: roots, Product: version.Server(),
	})
	if err != nil {
		return nil, fmt.Errorf("ask: %w", err)
	}
	return a, nil
}

// ask has the application decide. What it does not decide in time, or not in words that can be read, is as the request route says.
func (r *router) ask(inv *ua.Invitation, otherwise route.Decision) route.Decision {
	otherwise.Ask = false
	if r.asker == nil {
		r.log.Error("request route failed", "call_id", inv.CallID(), "err", "ask: there is no application: name its URL in ask.url")
		return route.Decision{Code: 500}
	}
	// Nobody needs an answer any more once the caller has given up.
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	inv.OnCancel(func(ua.End) { cancel() })
	who := inv.Identity()
	answer, err := r.asker.Ask(ctx, sink.Question{
		CallID: inv.CallID(), FromURI: inv.From(), ToURI: inv.To(), RequestURI: inv.RequestURI(), ContentTypes: inv.Types(), Source: inv.Source(),
		Identity: who.Name, IdentityRealm: who.Realm, IdentityBy: string(who.By), TLSPeer: inv.TLSPeer(),
	})
	var decision route.Decision
	if err == nil {
		decision, err = route.ParseVerdict(answer)
	}
	if err != nil {
		if ctx.Err() == nil {
			r.log.Warn("the application did not decide on a call", "call_id", inv.CallID(), "err", err)
		}
		return otherwise
	}
	return decision
}
