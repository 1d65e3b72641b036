package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"time"

	"github.com/parley-msrp/parley/internal/event"
	"github.com/parley-msrp/parley/internal/journal"
	"github.com/parley-msrp/parley/internal/telemetry"
	"github.com/parley-msrp/parley/internal/web/openapi"
)

const (
	// keepBuffer is how large a buffer a stream keeps between two events.
	keepBuffer = 64 << 10
	// restTime is how long a stream waits for one more event when the server shuts down.
	restTime = 100 * time.Millisecond
)

func (s *Server) eventRoutes() []route {
	return []route{{stream: true, serve: s.serverSent, Operation: openapi.Operation{
		Method: "GET", Path: "/v1/events", ID: "followEvents", Tag: "events", Summary: "Follow the events",
		Detail: "A stream of server-sent events: `event` is the name, `id` the cursor, `data` the event as a CloudEvent 1.0. `event: lost` says how many events a client " +
			"was too slow for.",
		Params:   []openapi.Param{{In: "header", Name: "Last-Event-ID", Doc: "In place of from, as browsers send it when they come back."}},
		Query:    eventQuery{},
		Answers:  []openapi.Answer{{Status: 200, Doc: "The stream; each data is an Event.", Type: "text/event-stream", Schema: &openapi.Schema{Type: "string"}}},
		Problems: []int{400, 410, 503},
	}}, {stream: true, serve: s.webSocket, Operation: openapi.Operation{
		Method: "GET", Path: "/v1/events/ws", ID: "followEventsByWebSocket", Tag: "events", Summary: "Follow the events over WebSocket",
		Detail: "Each message is a JSON object with a `type`: an event as a CloudEvent 1.0, or `lost`, which says how many events a client was too slow for, or `position`, " +
			"whose `id` is the cursor of the last event that was looked at.",
		Params:   []openapi.Param{{In: "header", Name: "Last-Event-ID", Doc: "In place of from."}},
		Query:    eventQuery{},
		Answers:  []openapi.Answer{{Status: 101, Doc: "The stream; each message is an Event, or one of Parley's own."}},
		Problems: []int{400, 410, 426, 503},
	}}}
}

// follower tells one client what happens, in its own form.
type follower interface {
	begin() error
	event(e *event.Event) error // may keep it back until flush
	flush() error
	lost(dropped uint64) error
	alive(cursor string) error // cursor of the last event that was looked at, where that is news; else ""
}

// followEvents has a reader of its own for each client, so that a slow one holds nobody up and costs no memory. accept turns the request into a
// follower, whose context ends with the client; it has answered itself where it cannot. What run said goes to ended.
func (s *Server) followEvents(w http.ResponseWriter, r *http.Request, accept func() (context.Context, follower, bool), ended func(error)) {
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
	reader, err := s.config.Events.Subscribe(f.from)
	if err != nil {
		status, detail := cannotSubscribe(err)
		problem(w, status, detail)
		return
	}
	defer reader.Close()
	client, to, ok := accept()
	if !ok {
		return
	}
	stream := &stream{filter: f.filter, reader: reader, to: to, closing: s.closing, keepAlive: s.config.KeepAlive, tracer: s.config.Tracer, stands: s.stands(r)}
	err = stream.run(client)
	if err != nil {
		s.config.Logger.Debug("event stream ended", "err", err)
	}
	ended(err)
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

// errNoClient ends a stream whose client was let in, and would not be now, or not as the same.
var errNoClient = errors.New("the client is none any more, or may do something else")

// stands says whether the client of a request that goes on still is one, with the same rights.
func (s *Server) stands(r *http.Request) func() bool {
	return func() bool { return s.config.Gate.Stands(r, callerOf(r)) }
}

// stream is one client that follows the events.
type stream struct {
	filter    event.Filter
	reader    journal.Reader
	to        follower
	closing   context.Context
	keepAlive time.Duration
	tracer    *telemetry.Tracer // nil: nobody traces
	stands    func() bool       // whether the client still is one

	at   event.Event // the last one read
	read string      // its cursor
	told string      // cursor of the last event written
}

// run tells events until the client goes away, a write fails, the journal is closed, or the server shuts down.
func (s *stream) run(client context.Context) error {
	if err := s.to.begin(); err != nil {
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
		case !s.stands():
			return errNoClient
		}
		if err := s.alive(); err != nil {
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
	var err error
	if s.at, err = s.reader.Next(ctx); err != nil {
		if lost, ok := errors.AsType[*journal.LostError](err); ok {
			return s.to.lost(lost.Dropped)
		}
		return err
	}
	s.read = s.at.Cursor
	if s.filter.Match(&s.at) {
		s.told = s.at.Cursor
		if err := s.write(&s.at); err != nil {
			return err
		}
	}
	if s.reader.Ready() {
		return nil
	}
	// Whoever is about to run may have something to tell, which goes along then. Where nobody is, nothing waits for anything.
	runtime.Gosched()
	if s.reader.Ready() {
		return nil
	}
	return s.to.flush()
}

// write writes an event, in a span where it has a trace.
func (s *stream) write(e *event.Event) error {
	span := s.tracer.Continue(telemetry.Producer, "event stream", e.Trace, "parley.session_id", e.SessionID)
	err := s.to.event(e)
	span.End(err)
	return err
}

// alive also tells how far a stream has read that few events are for, so that it need not begin again from far back.
func (s *stream) alive() error {
	if s.read == s.told {
		return s.to.alive("")
	}
	s.told = s.read
	return s.to.alive(s.read)
}
