package web

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"time"
)

const requestID = "X-Request-Id"

// follow gives a request its ID, the client's own where that is fit for a log line, which the answer bears too. The function that it
// returns logs what came of the request.
func (s *Server) follow(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, func()) {
	id := r.Header.Get(requestID)
	if !fitID(id) {
		id = rand.Text()
	}
	w.Header().Set(requestID, id)
	began := time.Now()
	watched := &watchedWriter{ResponseWriter: w, status: http.StatusOK}
	return watched, func() {
		level := slog.LevelInfo
		if r.Method == http.MethodGet || r.Method == http.MethodHead || watched.status < 300 && r.URL.Path == "/mi" {
			level = slog.LevelDebug // what changes nothing, and the programs' own way to ask
		}
		if !s.config.Logger.Enabled(context.Background(), level) {
			return
		}
		attrs := []slog.Attr{
			slog.String("request_id", id), slog.String("method", r.Method), slog.String("path", shortPath(r)), slog.Int("status", watched.status),
			slog.Duration("took", time.Since(began)),
		}
		if session := r.PathValue("session_id"); session != "" {
			attrs = append(attrs, slog.String("session_id", cut(session)))
		}
		s.config.Logger.LogAttrs(context.Background(), level, "http request", attrs...)
	}
}

// fitID: at most 64 letters, digits or -._
func fitID(id string) bool {
	for i := range len(id) {
		switch c := id[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '.', c == '_':
		default:
			return false
		}
	}
	return id != "" && len(id) <= 64
}

const longestLogged = 128 // octets of what a client has written

func cut(s string) string { return s[:min(len(s), longestLogged)] }

func shortPath(r *http.Request) string { return cut(r.URL.EscapedPath()) }

// watchedWriter notes the status of an answer.
type watchedWriter struct {
	http.ResponseWriter
	status int
}

func (w *watchedWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach what is below.
func (w *watchedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
