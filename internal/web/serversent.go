package web

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/parley-msrp/parley/internal/event"
)

// writePiece is written under one write time limit.
const writePiece = 64 << 10

// serverSent tells the journal as server-sent events (WHATWG HTML, "Server-sent events").
func (s *Server) serverSent(w http.ResponseWriter, r *http.Request) {
	to := &serverSent{w: w, control: http.NewResponseController(w), writeTimeout: s.config.WriteTimeout}
	accept := func() (context.Context, follower, bool) { return r.Context(), to, true }
	s.followEvents(w, r, accept, func(error) {})
}

// serverSent is one response to GET /v1/events.
type serverSent struct {
	w            http.ResponseWriter
	control      *http.ResponseController
	writeTimeout time.Duration
	buffer       []byte // events that wait for others
}

func (s *serverSent) begin() error {
	// The limit for reading a request would end a stream, too: the server watches the connection by reading from it.
	if err := s.control.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	s.w.Header().Set("Content-Type", "text/event-stream")
	s.w.WriteHeader(http.StatusOK)
	return s.write([]byte("retry: 1000\n\n"))
}

func (s *serverSent) event(e *event.Event) error {
	b := s.buffer
	b = append(b, "event: "...)
	b = append(b, e.Name...)
	b = append(b, "\nid: "...)
	b = append(b, e.Cursor...)
	b = append(b, "\ndata: "...)
	b = e.AppendCloudEvent(b)
	b = append(b, "\n\n"...)
	s.buffer = b
	if len(b) < writePiece/2 {
		return nil
	}
	return s.flush()
}

func (s *serverSent) flush() error {
	b := s.buffer
	s.buffer = nil
	if cap(b) <= keepBuffer {
		s.buffer = b[:0]
	}
	if len(b) == 0 {
		return nil
	}
	return s.write(b)
}

func (s *serverSent) lost(dropped uint64) error {
	if err := s.flush(); err != nil {
		return err
	}
	return s.write(fmt.Appendf(nil, "event: lost\ndata: {\"dropped\":%d}\n\n", dropped))
}

func (s *serverSent) alive(cursor string) error {
	if err := s.flush(); err != nil {
		return err
	}
	if cursor == "" {
		return s.write([]byte(": keep-alive\n\n"))
	}
	return s.write(fmt.Appendf(nil, ": keep-alive\nid: %s\n\n", cursor))
}

func (s *serverSent) write(b []byte) error {
	for len(b) > 0 {
		piece := b[:min(len(b), writePiece)]
		if err := s.control.SetWriteDeadline(time.Now().Add(s.writeTimeout)); err != nil {
			return err
		}
		if _, err := s.w.Write(piece); err != nil {
			return err
		}
		b = b[len(piece):]
	}
	return s.control.Flush()
}
