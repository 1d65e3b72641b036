package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

const (
	// smallBody is what a request may hold without waiting for a place among the large ones.
	smallBody = 64 << 10
	maxLarge  = 8
	largeTime = 10 * time.Second // that a large one waits for its place
)

// mi carries the management interface. Its answers have status 200, those that tell an error too.
func (s *Server) mi(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength > s.config.MaxBody {
		s.tooLarge(w)
		return
	}
	// Without a length the body may be large.
	if r.ContentLength < 0 || r.ContentLength > smallBody {
		if !s.enterLarge(r.Context()) {
			w.Header().Set("Retry-After", "5")
			problem(w, http.StatusServiceUnavailable, "there are too many large requests at the same time")
			return
		}
		defer func() { <-s.large }()
	}
	body, err := readBody(http.MaxBytesReader(w, r.Body, s.config.MaxBody), r.ContentLength)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		s.tooLarge(w)
		return
	case err != nil:
		problem(w, http.StatusBadRequest, "the body could not be read to its end")
		return
	}
	answer := s.config.MI.Serve(r.Context(), body)
	if answer == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
	_, _ = w.Write(answer)
}

// enterLarge waits for a place among the large requests; whoever gets one gives it back.
func (s *Server) enterLarge(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, largeTime)
	defer cancel()
	select {
	case s.large <- struct{}{}:
		return true
	case <-ctx.Done():
	case <-s.closing.Done():
	}
	return false
}

func (s *Server) tooLarge(w http.ResponseWriter) {
	problem(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("a request holds at most %d octets", s.config.MaxBody))
}

func readBody(body io.Reader, length int64) ([]byte, error) {
	if length < 0 {
		return io.ReadAll(body)
	}
	b := make([]byte, length)
	_, err := io.ReadFull(body, b)
	return b, err
}
