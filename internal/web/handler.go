package web

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/parley-msrp/parley/internal/access"
)

const shuttingDown = "the node is shutting down"

// route is what one path takes.
type route struct {
	methods []string
	serve   http.HandlerFunc
}

func (s *Server) table() map[string]route {
	get := []string{http.MethodGet, http.MethodHead}
	return map[string]route{
		"/mi":        {[]string{http.MethodPost}, s.mi},
		"/v1/events": {[]string{http.MethodGet}, s.events},
		"/healthz":   {get, s.health},
	}
}

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
		if refusal := access.Loopback(r); refusal != nil {
			problem(w, refusal.Status, refusal.Detail)
			return
		}
		s.dispatch(w, r)
	})
}

func (s *Server) dispatch(w http.ResponseWriter, r *http.Request) {
	route, known := s.routes[r.URL.Path]
	switch {
	case !known:
		problem(w, http.StatusNotFound, "there is nothing at this path")
	case !slices.Contains(route.methods, r.Method):
		allowed := strings.Join(route.methods, ", ")
		w.Header().Set("Allow", allowed)
		problem(w, http.StatusMethodNotAllowed, "this path takes "+allowed)
	default:
		route.serve(w, r)
	}
}

// problem answers with a problem document (RFC 9457); detail says what was wrong and what would be right.
func problem(w http.ResponseWriter, status int, detail string) {
	writeJSON(w, "application/problem+json", status, struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail,omitempty"`
	}{"about:blank", http.StatusText(status), status, detail})
}

func writeJSON(w http.ResponseWriter, contentType string, status int, document any) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	// An error here is the client's connection, which is gone.
	_ = json.NewEncoder(w).Encode(document)
}

// health is 200 once everything listens, until the node shuts down.
func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	type document struct {
		Status string `json:"status"`
		Reason string `json:"reason,omitempty"`
	}
	err := s.config.Ready()
	if err != nil {
		writeJSON(w, "application/json", http.StatusServiceUnavailable, document{"unavailable", err.Error()})
		return
	}
	writeJSON(w, "application/json", http.StatusOK, document{Status: "ok"})
}
