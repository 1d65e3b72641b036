package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/parley-msrp/parley/internal/event"
	"github.com/parley-msrp/parley/internal/journal"
	"github.com/parley-msrp/parley/internal/web/openapi"
)

const (
	// writePiece is written under one write time limit.
	writePiece = 64 << 10
	// keepBuffer is how large a buffer a stream keeps between two events.
	keepBuffer = 64 << 10
	// restTime is how long a stream waits for one more event when the server shuts down.
	restTime = 100 * time.Millisecond
)

func (s *Server) eventRoutes() []route {
	return []route{{stream: true, serve: s.events, Operation: openapi.Operation{
		Method: "GET", Path: "/v1/events", ID: "followEvents", Tag: "events", Summary: "Follow the events",
		Detail: "A stream of server-sent events: `event` is the name, `id` the cursor, `data` the event as a CloudEvent 1.0. `event: lost` says how many events a client " +
			"was too slow for.",
		Params:   []openapi.Param{{In: "header", Name: "Last-Event-ID", Doc: "In place of from, as browsers send it when they come back."}},
		Query:    eventQuery{},
		Answers:  []openapi.Answer{{Status: 200, Doc: "The stream; each data is an Event.", Type: "text/event-stream", Schema: &openapi.Schema{Type: "string"}}},
		Problems: []int{400, 410, 503},
	}}}
}

// events tells the journal as server-sent events (WHATWG HTML, "Server-sent events"): each stream with a reader of its own, so
// that a slow one holds nobody up and costs no memory.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	f, err := selectionOf(r)
	if err != nil {
		refuseQuery(w, err)
		return
	}
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		problem(w, http.StatusServiceUnavailable, fmt.Sprintf("there are %d event streams already", s.config.MaxStreams))
		return
	}
	reader, err := s.config.Events.Subscribe(f.From)
	if err != nil {
		status, detail := cannotSubscribe(err)
		problem(w, status, detail)
		return
	}
	defer reader.Close()
	stream := &stream{
		selection: f, reader: reader, w: w, control: http.NewResponseController(w),
		closing: s.closing, keepAlive: s.config.KeepAlive, writeTimeout: s.config.WriteTimeout,
	}
	if err := stream.run(r.Context()); err != nil {
		s.config.Logger.Debug("event stream ended", "err", err)
	}
}

func cannotSubscribe(err error) (status int, detail string) {
	switch {
	case errors.Is(err, journal.ErrCursorUnknown):
		return http.StatusBadRequest, err.Error()
	case errors.Is(err, journal.ErrCursorLost):
		return http.StatusGone, err.Error() + "; from=0 reads from the oldest event kept"
	}
	return http.StatusServiceUnavailable, err.Error()
}

// stream is one response to GET /v1/events.
type stream struct {
	selection
	reader       journal.Reader
	w            http.ResponseWriter
	control      *http.ResponseController
	closing      context.Context
	keepAlive    time.Duration
	writeTimeout time.Duration

	buffer []byte
	read   string // cursor of the last event read
	told   string // cursor of the last event written
}

// run tells events until the client goes away, a write fails, the journal is closed, or the server shuts down.
func (s *stream) run(client context.Context) error {
	// The limit for reading a request would end a stream, too: the server watches the connection by reading from it.
	if err := s.control.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	s.w.Header().Set("Content-Type", "text/event-stream")
	s.w.WriteHeader(http.StatusOK)
	if err := s.write([]byte("retry: 1000\n\n")); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(client)
	defer cancel()
	defer context.AfterFunc(s.closing, cancel)()
	for {
		if err := s.tell(ctx, s.keepAlive); err != nil {
			return err
		}
		switch {
		case client.Err() != nil:
			return nil
		case ctx.Err() != nil:
			return s.rest(client)
		}
		if err := s.writeKeepAlive(); err != nil {
			return err
		}
	}
}

// tell writes events as they come, for as long as d. Its error is for good.
func (s *stream) tell(ctx context.Context, d time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	for {
		if err := s.next(ctx); err != nil {
			if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
				return nil
			}
			return err
		}
	}
}

// rest tells what the journal has when the server shuts down: the ends of the sessions, above all.
func (s *stream) rest(client context.Context) error {
	for {
		ctx, cancel := context.WithTimeout(client, restTime)
		err := s.next(ctx)
		cancel()
		if err != nil {
			return nil
		}
	}
}

// next waits for one event and writes it, if it is of those that were asked for.
func (s *stream) next(ctx context.Context) error {
	e, err := s.reader.Next(ctx)
	var lost *journal.LostError
	if errors.As(err, &lost) {
		return s.write(fmt.Appendf(nil, "event: lost\ndata: {\"dropped\":%d}\n\n", lost.Dropped))
	}
	if err != nil {
		return err
	}
	s.read = e.Cursor
	if !s.matches(&e) {
		return nil
	}
	s.told = e.Cursor
	return s.writeEvent(&e)
}

func (s *stream) writeEvent(e *event.Event) error {
	b := s.buffer[:0]
	b = append(b, "event: "...)
	b = append(b, e.Name...)
	b = append(b, "\nid: "...)
	b = append(b, e.Cursor...)
	b = append(b, "\ndata: "...)
	b = e.AppendCloudEvent(b)
	b = append(b, "\n\n"...)
	if cap(b) <= keepBuffer {
		s.buffer = b
	}
	return s.write(b)
}

// writeKeepAlive also tells how far a stream has read that few events are for, so that it need not begin again from far back.
func (s *stream) writeKeepAlive() error {
	if s.read == s.told {
		return s.write([]byte(": keep-alive\n\n"))
	}
	s.told = s.read
	return s.write(fmt.Appendf(nil, ": keep-alive\nid: %s\n\n", s.read))
}

func (s *stream) write(b []byte) error {
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
