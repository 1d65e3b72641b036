package daemon

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"

	"github.com/parley-msrp/parley/internal/control"
	"github.com/parley-msrp/parley/internal/route"
	"github.com/parley-msrp/parley/ua"
)

// maxRouting bounds how many INVITEs run the request route at a time; more get 503.
const maxRouting = 256

// router runs the request route for each INVITE.
type router struct {
	script  *route.Script
	control *control.Control
	log     *slog.Logger
	places  chan struct{}
	wg      sync.WaitGroup
}

func newRouter(s *route.Script, c *control.Control, log *slog.Logger) *router {
	return &router{script: s, control: c, log: log, places: make(chan struct{}, maxRouting)}
}

// invite takes an INVITE from the agent, which must not be held up: a script may take its time.
func (r *router) invite(inv *ua.Invitation) {
	select {
	case r.places <- struct{}{}:
	default:
		r.done(inv, inv.Reject(503, "too many calls in the request route"))
		return
	}
	r.wg.Go(func() { // bounded by places; the script has a time limit
		defer func() { <-r.places }()
		r.run(inv)
	})
}

// wait waits for the scripts that run.
func (r *router) wait() { r.wg.Wait() }

func (r *router) run(inv *ua.Invitation) {
	decision, err := r.script.Run(context.Background(), route.Request{
		Method: "INVITE", RequestURI: inv.RequestURI(), From: inv.From(), To: inv.To(), Source: inv.Source(),
		CallID: inv.CallID(), Header: inv.Message().Header, Types: inv.Types(),
	})
	switch {
	case err != nil:
		r.log.Error("request route failed", "call_id", inv.CallID(), "err", err)
		r.done(inv, inv.Reject(500, ""))
	case decision.Answer != nil:
		r.done(inv, r.control.Answer(inv, decision.Answer))
	default:
		r.done(inv, inv.Reject(decision.Code, decision.Reason))
	}
}

// done logs what became of an INVITE where that is not an established call.
func (r *router) done(inv *ua.Invitation, err error) {
	var refused *ua.RefusedError
	switch {
	case err == nil:
	case errors.As(err, &refused):
		r.log.Info("call refused", "call_id", inv.CallID(), "code", refused.Code, "reason", refused.Reason)
	default:
		r.log.Warn("call not answered", "call_id", inv.CallID(), "err", strings.TrimSpace(err.Error()))
	}
}
