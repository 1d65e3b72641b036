package web

import (
	"net/http"
	"strconv"
)

// mi carries the management interface. Its answers have status 200, those that tell an error too.
func (s *Server) mi(w http.ResponseWriter, r *http.Request) {
	s.withBody(w, r, func(body []byte) {
		answer := s.config.MI.Serve(r.Context(), callerOf(r).Rights, body)
		if answer == nil {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
		_, _ = w.Write(answer)
	})
}
