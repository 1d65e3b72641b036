package web

import (
	"context"
	"maps"
	"net/http"
	"strings"

	"github.com/parley-msrp/parley/internal/access"
	"github.com/parley-msrp/parley/internal/telemetry"
)

const shuttingDown = "the node is shutting down"

// Handler checks who asks, and hands on to what is asked for.
func (s *Server) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.enter() {
			problem(w, http.StatusServiceUnavailable, shuttingDown)
			return
		}
		defer s.running.Done()
		maps.Copy(w.Header(), s.headers)
		w, done := s.follow(w, r)
		defer done()
		caller, refusal := s.config.Gate.Admit(r)
		if refusal != nil {
			turnAway(w, refusal)
			return
		}
		s.dispatch(w, r, caller)
	})
}

func (s *Server) dispatch(w http.ResponseWriter, r *http.Request, caller access.Caller) {
	route, allowed := s.find(r)
	switch {
	case route != nil:
		if refusal := caller.Permit(route.operation); refusal != nil {
			turnAway(w, refusal)
			return
		}
		ctx := context.WithValue(r.Context(), callerKey{}, caller)
		if s.config.Tracer != nil {
			ctx = telemetry.WithParent(ctx, r.Header.Get(telemetry.Header))
		}
		route.serve(w, r.WithContext(ctx))
	case allowed != nil:
		methods := strings.Join(allowed, ", ")
		w.Header().Set("Allow", methods)
		problem(w, http.StatusMethodNotAllowed, "this path takes "+methods)
	default:
		problem(w, http.StatusNotFound, "there is nothing at this path")
	}
}

func turnAway(w http.ResponseWriter, refusal *access.Refusal) {
	maps.Copy(w.Header(), refusal.Header)
	problem(w, refusal.Status, refusal.Detail)
}

type callerKey struct{}

// callerOf is whose request it is; Handler puts that in.
func callerOf(r *http.Request) access.Caller {
	caller, _ := r.Context().Value(callerKey{}).(access.Caller)
	return caller
}
