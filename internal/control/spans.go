package control

import (
	"strconv"
	"sync"

	"github.com/parley-msrp/parley/internal/event"
	"github.com/parley-msrp/parley/internal/telemetry"
	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/ua"
)

// TraceMessages has the way of each message followed: one that comes from its last octet (of a large one: from its first) to its 200, one that is sent from the command to its fate.
// Events carry the trace context on. Before any call comes or goes.
func (c *Control) TraceMessages(t *telemetry.Tracer) { c.tracer = t }

// about are the attributes of a span that is about a message.
func about(s *ua.Session, operation, messageID string) []string {
	return []string{
		"messaging.system", "msrp", "messaging.operation.name", operation, "messaging.message.id", messageID,
		"parley.session_id", s.ID(), "sip.call_id", s.Call().CallID(),
	}
}

// receiving begins the span of a message that came; nil: it is not traced.
func (c *Control) receiving(s *ua.Session, messageID string) *telemetry.Span {
	if c.tracer == nil {
		return nil
	}
	return c.tracer.Begin(telemetry.Consumer, "receive", "", about(s, "receive", messageID)...)
}

// appendTraced is append, with a span for the way into the journal. Holding t.mu.
func (t *teller) appendTraced(e event.Event, of *telemetry.Span, kept func(error)) {
	if of == nil {
		t.append(e, kept)
		return
	}
	e.Trace = of.Context()
	way := t.control.tracer.Begin(telemetry.Internal, "journal append", e.Trace)
	t.append(e, func(err error) {
		way.End(err)
		kept(err)
	})
}

// leaving are the spans of a message on its way to the peer.
type leaving struct{ all, way *telemetry.Span }

// leavings are the messages of a call that are on their way, where somebody traces. The engine's queue bounds them: each has one fate.
type leavings struct {
	mu    sync.Mutex
	spans map[messageKey]leaving
}

// sending begins the span of a command to send; nil: it is not traced.
func (c *Control) sending(s *ua.Session, m *Send, messageID string) *telemetry.Span {
	if c.tracer == nil {
		return nil
	}
	return c.tracer.Begin(telemetry.Producer, "send", m.Parent, about(s, "send", messageID)...)
}

// leaves notes that the engine is about to get a message: its fate ends the spans.
func (t *teller) leaves(key messageKey, all *telemetry.Span) {
	if all == nil {
		return
	}
	way := t.control.tracer.Begin(telemetry.Client, "SEND", all.Context())
	t.leavings.mu.Lock()
	defer t.leavings.mu.Unlock()
	if t.leavings.spans == nil {
		t.leavings.spans = map[messageKey]leaving{}
	}
	t.leavings.spans[key] = leaving{all, way}
}

// spanOf is the span of a message on its way; nil: there is none.
func (t *teller) spanOf(key messageKey) *telemetry.Span {
	t.leavings.mu.Lock()
	defer t.leavings.mu.Unlock()
	return t.leavings.spans[key].all
}

// reported notes what the peer reports, and gives the trace context.
func (t *teller) reported(key messageKey, r *ua.Report) string {
	if t.control.tracer == nil {
		return ""
	}
	span := t.spanOf(key)
	span.Note("REPORT", "msrp.status_code", strconv.Itoa(r.Code))
	return span.Context()
}

// fated ends the spans of a message, and gives their trace context.
func (t *teller) fated(key messageKey, f *ua.Fate) string {
	if t.control.tracer == nil {
		return ""
	}
	t.leavings.mu.Lock()
	l := t.leavings.spans[key]
	delete(t.leavings.spans, key)
	t.leavings.mu.Unlock()
	l.all.Set("msrp.fate", f.Kind.String())
	if f.Code != 0 {
		l.way.Set("msrp.status_code", strconv.Itoa(f.Code))
	}
	if f.Kind == msrp.Failed {
		l.way.Fail(f.Comment)
		l.all.Fail(f.Comment)
	} else {
		l.way.End(nil)
		l.all.End(nil)
	}
	return l.all.Context()
}
