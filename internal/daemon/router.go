package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/parley-msrp/parley/internal/control"
	"github.com/parley-msrp/parley/internal/route"
	"github.com/parley-msrp/parley/internal/sink"
	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/ua"
)

// maxRouting bounds how many INVITEs run the request route at a time, and maxAsking how many OPTIONS; more get 503.
const (
	maxRouting = 256
	maxAsking  = 16
)

// router runs the request route for each INVITE.
type router struct {
	script  atomic.Pointer[route.Script]
	control *control.Control
	asker   *sink.Asker // nil: there is no application to be asked
	users   bool        // there are users who can be challenged
	direct  bool        // an answer takes no time: it waits neither for an MSRP relay nor for names
	log     *slog.Logger
	calls   chan struct{} // places for INVITEs
	queries chan struct{} // places for OPTIONS, which shall not take those of calls
	wg      sync.WaitGroup
}

func newRouter(s *route.Script, c *control.Control, asker *sink.Asker, users bool, log *slog.Logger) *router {
	r := &router{control: c, asker: asker, users: users, log: log, calls: make(chan struct{}, maxRouting), queries: make(chan struct{}, maxAsking)}
	r.script.Store(s)
	return r
}

// invite takes an INVITE from the agent.
func (r *router) invite(inv *ua.Invitation) {
	if r.direct && r.script.Load().Fixed() {
		r.run(inv)
		return
	}
	if !r.start(r.calls, func() { r.run(inv) }) {
		r.done(inv, inv.Reject(503, "too many calls in the request route"))
	}
}

// query takes an OPTIONS, which is answered as a call would be (S-020): the script sees an offer of every media type.
func (r *router) query(q *ua.Query) {
	asked := func() {
		decision, err := r.decide(q, "OPTIONS", msrp.Types{"*"}, nil, nil)
		switch {
		case err != nil:
			_ = q.Reject(500, "")
		case decision.Ask && decision.Answer == nil:
			_ = q.Accept("*") // an application is asked about calls alone
		case decision.Answer != nil:
			_ = q.Accept(decision.Answer...)
		case decision.Contacts != nil:
			_ = q.Redirect(decision.Code, decision.Reason, decision.Contacts...)
		case decision.Challenge != "":
			_ = q.Challenge(decision.Challenge)
		default:
			_ = q.Reject(decision.Code, decision.Reason)
		}
	}
	if !r.start(r.queries, asked) {
		_ = q.Reject(503, "too many questions in the request route")
	}
}

// start runs f beside the agent, which must not be held up: a script may take its time. False: there is no place left.
func (r *router) start(places chan struct{}, f func()) bool {
	select {
	case places <- struct{}{}:
	default:
		return false
	}
	r.wg.Go(func() { // bounded by places; the script has a time limit
		defer func() { <-places }()
		f()
	})
	return true
}

// wait waits for the scripts that run.
func (r *router) wait() { r.wg.Wait() }

// inquiry is what an INVITE and an OPTIONS have in common.
type inquiry interface {
	RequestURI() string
	From() string
	To() string
	Source() string
	CallID() string
	Message() *ua.SIPMessage
	Identity() ua.Identity
	TLSPeer() []string
	Verify(realm string) (username string, ok bool)
}

func (r *router) decide(i inquiry, method string, types, wrapped msrp.Types, offer []byte) (route.Decision, error) {
	who := i.Identity()
	request := route.Request{
		Method: method, RequestURI: i.RequestURI(), From: i.From(), To: i.To(), Source: i.Source(),
		CallID: i.CallID(), Header: i.Message().Header, List: i.Message().List, Types: types, WrappedTypes: wrapped, Offer: offer,
		Identity: route.Identity{Name: who.Name, By: string(who.By), Realm: who.Realm}, TLSPeer: i.TLSPeer(),
	}
	if r.users {
		request.Verify = i.Verify
	}
	decision, err := r.script.Load().Run(context.Background(), request)
	if err != nil {
		r.log.Error("request route failed", "call_id", i.CallID(), "method", method, "err", err)
	}
	return decision, err
}

func (r *router) run(inv *ua.Invitation) {
	decision, err := r.decide(inv, "INVITE", inv.Types(), inv.WrappedTypes(), inv.Offer())
	if err == nil && decision.Ask {
		decision = r.ask(inv, decision)
	}
	switch {
	case err != nil:
		r.done(inv, inv.Reject(500, ""))
	case decision.Answer != nil:
		r.done(inv, r.answer(inv, decision))
	case decision.Challenge != "":
		// No line in the log: nearly each call begins so.
		r.done(inv, r.challenge(inv, decision.Challenge))
	default:
		r.log.Info("call refused as decided", "call_id", inv.CallID(), "code", decision.Code, "reason", decision.Reason)
		if decision.Contacts != nil {
			r.done(inv, inv.Redirect(decision.Code, decision.Reason, decision.Contacts...))
			return
		}
		r.done(inv, inv.Reject(decision.Code, decision.Reason))
	}
}

// challenge asks the caller for credentials.
func (r *router) challenge(inv *ua.Invitation, realm string) error {
	err := inv.Challenge(realm)
	if err != nil && inv.Reject(500, "") == nil {
		return fmt.Errorf("refused with 500: %w", err)
	}
	return err
}

// answer answers as decided. A call that cannot be answered is refused: nobody else decides on it.
func (r *router) answer(inv *ua.Invitation, d route.Decision) error {
	err := r.prepare(inv, &d.Session)
	if err == nil {
		err = r.control.Answer(inv, control.Label{Handler: d.Session.Handler, Tags: d.Session.Tags}, d.Answer...)
	}
	if err != nil && inv.Reject(500, "") == nil {
		return fmt.Errorf("refused with 500: %w", err)
	}
	return err
}

// prepare sets what holds for this call alone.
func (r *router) prepare(inv *ua.Invitation, s *route.Session) error {
	if s.Profile != "" {
		if err := inv.Use(s.Profile); err != nil {
			return err
		}
	}
	return inv.Limit(ua.Limits{MaxDuration: s.MaxDuration, MaxSize: s.MaxSize})
}

// done logs what became of an INVITE where that is not an established call.
func (r *router) done(inv *ua.Invitation, err error) {
	var refused *ua.RefusedError
	switch {
	case err == nil:
	case errors.As(err, &refused):
		r.log.Info("call refused", "call_id", inv.CallID(), "code", refused.Code, "reason", refused.Reason)
	case errors.Is(err, ua.ErrOver):
		r.log.Info("call ended before it was answered", "call_id", inv.CallID())
	default:
		r.log.Warn("call not answered", "call_id", inv.CallID(), "err", strings.TrimSpace(err.Error()))
	}
}
