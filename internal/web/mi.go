package web

import (
	"net/http"
	"strconv"
)

var jsonType = []string{"application/json"}

// mi carries the management interface. Its answers have status 200, those that tell an error too.
func (s *Server) mi(w http.ResponseWriter, r *http.Request) {
	s.withBody(w, r, func(body []byte) {
		answer := s.config.MI.Serve(r.Context(), callerOf(r).Rights, body)
		if answer == nil {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		h := w.Header()
		h["Content-Type"] = jsonType
		h.Set("Content-Length", strconv.Itoa(len(answer)))
		_, _ = w.Write(answer)
	})
}
