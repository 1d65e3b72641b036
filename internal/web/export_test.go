package web

import "time"

// SetRequestTime shortens what a request may take, before Start.
func (s *Server) SetRequestTime(d time.Duration) { s.http.ReadTimeout, s.http.WriteTimeout = d, d }
