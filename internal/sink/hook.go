package sink

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/parley-msrp/parley/internal/event"
	"github.com/parley-msrp/parley/internal/journal"
	"github.com/parley-msrp/parley/internal/telemetry"
)

// States of a webhook.
const (
	StateActive   = "active"   // what was tried last was delivered, or nothing was tried yet
	StateRetrying = "retrying" // what was tried last was not delivered
	StateDead     = "dead"     // an event was given up, and nothing was delivered since
	StateGone     = "gone"     // the receiver answered 410: nothing is delivered any more
)

// WebhookStatus is what is shown of a webhook.
type WebhookStatus struct {
	ID         string
	URL        string
	Configured bool // by the configuration, not by Register
	Filter     event.Filter
	Created    time.Time

	State       string
	Delivered   uint64        // events, since the start
	Attempts    int           // in a row that failed
	Waiting     int           // events in hand
	Lag         time.Duration // age of the oldest of them
	GivenUp     uint64        // events that were not delivered within the time there is
	Gaps        uint64        // times that the journal no longer had the next event
	LastError   string
	LastFailure time.Time // zero: none
	LastSuccess time.Time // zero: none
}

// hook is one webhook at work.
type hook struct {
	hookState // Cursor and Gone as they were kept last
	all       *Webhooks
	filter    event.Filter
	fresh     bool           // what is older than the hook is left out
	reader    journal.Reader // to begin with; nil: follow makes one
	window    *window
	gate      *gate

	work    context.Context // ends when the hook is stopped
	cancel  context.CancelFunc
	reading context.Context // ends before, when the node shuts down
	finish  context.CancelFunc
	running sync.WaitGroup

	mu     sync.Mutex
	shown  WebhookStatus // the figures of it
	isGone bool
}

func newHook(w *Webhooks, s hookState) *hook {
	h := &hook{
		hookState: s, all: w, filter: event.Filter{Types: s.Types, Sessions: s.Sessions, Tags: s.Tags},
		window: newWindow(s.Cursor), gate: newGate(), isGone: s.Gone,
	}
	h.work, h.cancel = context.WithCancel(context.Background())
	h.reading, h.finish = context.WithCancel(h.work)
	return h
}

// start begins to deliver. It is called once.
func (h *hook) start() {
	if !h.isGone {
		h.running.Go(h.follow) // ends when the hook is stopped, and then all that it started
	}
}

// stop ends a hook and waits for that.
func (h *hook) stop() {
	h.cancel()
	h.running.Wait()
}

// follow reads the journal and has each event delivered that is for the receiver.
func (h *hook) follow() {
	for h.open() {
		again := h.readAll()
		h.reader.Close()
		h.reader = nil
		if !again || pause(h.reading, firstRetry) != nil {
			return
		}
	}
}

// open makes a reader from where the hook has come to. False: there will be none.
func (h *hook) open() bool {
	if h.reader != nil {
		return true
	}
	cursor := h.window.last()
	if cursor == journal.Newest {
		// It began with what was new then, and has not come to anything yet: what is older than it is left out.
		cursor, h.fresh = journal.Oldest, true
	}
	for {
		reader, err := h.all.config.Journal.Subscribe(cursor)
		switch {
		case err == nil:
			h.reader = reader
			return true
		case errors.Is(err, journal.ErrCursorLost), errors.Is(err, journal.ErrCursorUnknown):
			h.gap(err)
			cursor = journal.Oldest
		default:
			h.failed(err.Error())
			if pause(h.reading, firstRetry) != nil {
				return false
			}
		}
	}
}

// readAll reads until the hook is to end (false), or the reader is of no more use.
func (h *hook) readAll() (again bool) {
	for {
		e, err := h.next()
		var lost *journal.LostError
		switch {
		case errors.As(err, &lost):
			h.gap(lost)
			continue
		case errors.Is(err, journal.ErrClosed), h.work.Err() != nil, err != nil && h.reading.Err() != nil:
			return false
		case err != nil:
			h.failed(err.Error())
			return true
		case h.fresh && e.Time.Before(h.Created), !h.filter.Match(&e):
			h.window.skip(e.Cursor)
			continue
		}
		p := &pending{session: e.SessionID, body: e.AppendCloudEvent(nil), at: e.Time, trace: e.Trace}
		first, err := h.window.add(h.work, p, e.Cursor)
		if err != nil {
			return false
		}
		if first {
			h.running.Go(func() { h.deliver(p.session) }) // ends when nothing of its session waits, or with the hook; windowEvents of them at most
		}
	}
}

// next reads an event. When the node shuts down there is one more for as long as the journal has any.
func (h *hook) next() (event.Event, error) {
	e, err := h.reader.Next(h.reading)
	if !errors.Is(err, context.Canceled) || h.work.Err() != nil {
		return e, err
	}
	ctx, cancel := context.WithTimeout(h.work, restTime)
	defer cancel()
	return h.reader.Next(ctx)
}

// deliver delivers the events of a session one after the other.
func (h *hook) deliver(session string) {
	for failures := 0; ; {
		p := h.window.next(session)
		if p == nil {
			return
		}
		done, err := h.attempt(p)
		switch {
		case err != nil:
			return
		case done:
			h.window.finish(p)
			failures = 0
			continue
		}
		failures++
		if time.Since(p.at) > h.all.config.RetryFor {
			h.giveUp(p)
			failures = 0
			continue
		}
		if pause(h.reading, backOff(failures)) != nil {
			return
		}
	}
}

// attempt tries to deliver an event once. An error says that nothing is to be delivered any more.
func (h *hook) attempt(p *pending) (done bool, err error) {
	round, err := h.gate.enter(h.work, h.reading)
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(h.work, attemptTime)
	defer cancel()
	span, trace := h.delivering(p)
	answer, err := h.all.poster.post(ctx, h.URL, h.Secret, "application/cloudevents+json; charset=utf-8", trace, p.body)
	delivered(span, answer, err)
	if h.work.Err() != nil {
		h.gate.leave(round, false, 0)
		return false, h.work.Err()
	}
	// An answer that is about this event does not hold up others.
	alive := err == nil && answer.status < 500 && answer.status != http.StatusTooManyRequests && answer.status != http.StatusRequestTimeout
	h.gate.leave(round, alive, answer.retryAfter)
	switch {
	case err != nil:
		h.failed(err.Error())
	case answer.status == http.StatusGone:
		h.over()
		return false, context.Canceled
	case answer.status < 200 || answer.status > 299:
		h.failed(fmt.Sprintf("answered %d %s", answer.status, http.StatusText(answer.status)))
	default:
		h.delivered()
		return true, nil
	}
	return false, nil
}

// delivering begins the span of an attempt, where the event has a trace, and gives the trace context that the receiver gets.
func (h *hook) delivering(p *pending) (span *telemetry.Span, context string) {
	span = h.all.config.Tracer.Continue(telemetry.Client, "webhook", p.trace, "parley.webhook", h.ID, "parley.session_id", p.session)
	if span == nil {
		return nil, p.trace
	}
	return span, span.Context()
}

// delivered ends it.
func delivered(span *telemetry.Span, answer reply, err error) {
	switch {
	case span == nil:
	case err != nil:
		span.Fail(err.Error())
	default:
		span.Set("http.response.status_code", strconv.Itoa(answer.status))
		if answer.status > 299 {
			span.Fail(http.StatusText(answer.status))
			return
		}
		span.End(nil)
	}
}

// over ends a hook whose receiver wants no more.
func (h *hook) over() {
	h.mu.Lock()
	h.isGone = true
	h.mu.Unlock()
	h.failed("answered 410 Gone")
	h.all.config.Logger.Warn("webhook gone: the receiver answered 410", "webhook", h.ID)
	h.cancel()
}

func (h *hook) delivered() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.shown.Attempts > 0 {
		h.all.config.Logger.Info("webhook delivers again", "webhook", h.ID)
	}
	h.shown.Delivered++
	h.shown.Attempts = 0
	h.shown.State = StateActive
	h.shown.LastSuccess = time.Now().UTC()
}

func (h *hook) failed(reason string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.shown.Attempts == 0 {
		h.all.config.Logger.Warn("webhook does not deliver", "webhook", h.ID, "err", reason)
	}
	h.shown.Attempts++
	if h.shown.State != StateDead {
		h.shown.State = StateRetrying
	}
	h.shown.LastError, h.shown.LastFailure = reason, time.Now().UTC()
}

// giveUp drops an event that could not be delivered in time.
func (h *hook) giveUp(p *pending) {
	h.window.finish(p)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.shown.GivenUp++
	h.shown.State = StateDead
	h.all.config.Logger.Error("event given up: the webhook did not take it in time", "webhook", h.ID, "session_id", p.session)
}

// gap notes that events are no longer there.
func (h *hook) gap(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.shown.Gaps++
	h.shown.LastError, h.shown.LastFailure = err.Error(), time.Now().UTC()
	h.all.config.Logger.Error("webhook lost events", "webhook", h.ID, "err", err)
}

func (h *hook) status() WebhookStatus {
	_, waiting, lag := h.window.position(time.Now())
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.shown
	s.ID, s.URL, s.Configured, s.Filter, s.Created = h.ID, h.URL, h.Configured, h.filter, h.Created
	s.Waiting, s.Lag = waiting, lag
	switch {
	case h.isGone:
		s.State = StateGone
	case s.State == "":
		s.State = StateActive
	}
	return s
}

// moved says whether there is something to keep.
func (h *hook) moved() bool {
	cursor, _, _ := h.window.position(time.Now())
	h.mu.Lock()
	defer h.mu.Unlock()
	return cursor != h.Cursor || h.isGone != h.Gone
}

// keep gives what is kept of the hook.
func (h *hook) keep() hookState {
	cursor, _, _ := h.window.position(time.Now())
	h.mu.Lock()
	defer h.mu.Unlock()
	h.Cursor, h.Gone = cursor, h.isGone
	s := h.hookState
	if s.Configured {
		return hookState{ID: s.ID, Configured: true, Created: s.Created, Cursor: s.Cursor, Gone: s.Gone}
	}
	return s
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
