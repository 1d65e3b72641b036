package web

import (
	"net/http"
	"strings"

	"github.com/parley-msrp/parley/internal/access"
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
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		if s.config.Product != "" {
			h.Set("Server", s.config.Product)
		}
		w, done := s.follow(w, r)
		defer done()
		if refusal := access.Loopback(r); refusal != nil {
			problem(w, refusal.Status, refusal.Detail)
			return
		}
		s.dispatch(w, r)
	})
}

func (s *Server) dispatch(w http.ResponseWriter, r *http.Request) {
	route, allowed := s.find(r)
	switch {
	case route != nil:
		route.serve(w, r)
	case allowed != nil:
		methods := strings.Join(allowed, ", ")
		w.Header().Set("Allow", methods)
		problem(w, http.StatusMethodNotAllowed, "this path takes "+methods)
	default:
		problem(w, http.StatusNotFound, "there is nothing at this path")
	}
}
