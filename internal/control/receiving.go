package control

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"time"

	"github.com/parley-msrp/parley/cpim"
	"github.com/parley-msrp/parley/internal/event"
	"github.com/parley-msrp/parley/internal/telemetry"
	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/ua"
)

// Bodies keeps the bodies that are too large for events.
type Bodies interface {
	// PutBody keeps what r reads, to its end. It blocks; an error is r's own, or says why nothing is kept.
	PutBody(ctx context.Context, r io.Reader) (event.BodyRef, error)
}

// KeepBodies says where bodies above limit octets go; before any call comes or goes.
func (c *Control) KeepBodies(to Bodies, limit int) { c.bodies, c.maxBody = to, limit }

var (
	_ ua.Streamer = (*teller)(nil)
	_ ua.Beginner = (*teller)(nil)
)

// Begun notes that a message began to arrive: after a restart it is known that it will never be whole.
func (t *teller) Begun(s *ua.Session, messageID string) {
	t.control.emit(event.NewBegun(s.ID(), messageID), nil)
}

// Unfinished tells that a message will never be whole.
func (t *teller) Unfinished(s *ua.Session, messageID string, octets int64) {
	if t.control.memory.received(messageKey{s.ID(), messageID}) {
		return // an earlier process had it whole
	}
	t.control.statistics.messages.unkept.Inc()
	t.tell(event.NewIncomplete(s.ID(), messageID, event.Octets(octets), event.Reason(unfinished)), nil)
}

const unfinished = "its rest did not come"

// Message keeps the message, and only then accepts it. One that was on its way while the session ended comes too late.
func (t *teller) Message(s *ua.Session, m *ua.Message) {
	if m.Bodiless || len(m.Body) == 0 {
		m.Accept()
		return
	}
	key := messageKey{s.ID(), m.MessageID}
	if m.Duplicate || t.control.memory.received(key) {
		t.control.statistics.messages.repeated.Inc()
		t.keeping.repeat(key, m)
		return
	}
	t.keeping.begin(key)
	a := arrival{session: s, key: key, contentType: m.ContentType, cpim: m.CPIM, completable: m, span: t.control.receiving(s, m.MessageID)}
	if t.control.bodies == nil || len(m.Body) <= t.control.maxBody {
		t.keep(&a, t.whole(&a, m.Body))
		return
	}
	t.control.arriving.Go(func() { t.keepLarge(&a, bytes.NewReader(m.Body)) }) // ends when the body is kept, or cannot be
}

// Stream keeps a large message while it comes.
func (t *teller) Stream(s *ua.Session, in *ua.Incoming) {
	key := messageKey{s.ID(), in.MessageID}
	if in.Duplicate || t.control.memory.received(key) {
		t.control.statistics.messages.repeated.Inc()
		t.control.arriving.Go(func() { // ends with the message
			if _, err := io.Copy(io.Discard, in); err == nil {
				t.keeping.repeat(key, in)
			}
		})
		return
	}
	t.keeping.begin(key)
	a := &arrival{session: s, key: key, contentType: in.ContentType, completable: in, span: t.control.receiving(s, in.MessageID)}
	t.control.arriving.Go(func() { t.take(a, in) }) // ends with the message
}

// arrival is a message that is being kept.
type arrival struct {
	completable
	session     *ua.Session
	key         messageKey
	contentType string
	cpim        cpim.Chain
	span        *telemetry.Span // nil: it is not traced
}

// take reads a message, and keeps it. What has the size of an event after all, because its sender made it smaller, is told as one.
func (t *teller) take(a *arrival, in io.Reader) {
	limit := t.control.maxBody
	if t.control.bodies == nil {
		limit = math.MaxInt - 1
	}
	begin, err := io.ReadAll(io.LimitReader(in, int64(limit)+1))
	if err != nil {
		t.broken(a, int64(len(begin)), err)
		return
	}
	if cpim.Is(a.contentType) {
		var code int
		var why string
		if a.cpim, code, why = ua.Unwrap(begin); code != 0 {
			t.keeping.refuse(a.key, a.completable, code, why)
			a.span.Fail(why)
			return
		}
	}
	switch {
	case len(begin) == 0:
		t.keeping.accept(a.key, a.completable)
		a.span.End(nil)
	case len(begin) <= limit:
		t.keep(a, t.whole(a, begin))
	default:
		t.keepLarge(a, io.MultiReader(bytes.NewReader(begin), in))
	}
}

// keepLarge keeps a body beside the events, and then its event.
func (t *teller) keepLarge(a *arrival, body io.Reader) {
	counted := &counter{r: body}
	ref, err := t.control.bodies.PutBody(t.control.ctx, counted)
	if err != nil {
		t.broken(a, counted.n, err)
		return
	}
	e := event.NewMessage(a.key.session, a.contentType, []byte{}, event.MessageID(a.key.message), event.Body(ref))
	if a.cpim != nil {
		e.Own = append(e.Own, event.CPIM(a.cpim, a.session.Senders(a.cpim), false))
	}
	t.keep(a, e)
}

// keep puts a message into the journal, and completes it then.
func (t *teller) keep(a *arrival, e event.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	told := t.of(a.key.session)
	if told.over {
		t.keeping.refuse(a.key, a.completable, 481, "")
		a.span.Fail("the session is over")
		return
	}
	came, count := time.Now(), &t.control.statistics.messages
	t.appendTraced(e, a.span, func(err error) {
		if err == nil {
			count.received.Inc()
			count.keeping.Observe(time.Since(came))
			told.received.Add(1)
		} else {
			count.unkept.Inc()
		}
		t.keeping.done(a.key, a.completable, err)
		a.span.End(err)
	})
}

// broken ends a message that did not come whole, or cannot be kept.
func (t *teller) broken(a *arrival, octets int64, err error) {
	reason := unfinished
	if !errors.Is(err, msrp.ErrIncomplete) {
		reason = "it could not be kept"
		t.control.log.LogAttrs(t.control.ctx, slog.LevelWarn, "message not kept", slog.String("session_id", a.key.session),
			slog.String("call_id", a.session.Call().CallID()), slog.String("err", err.Error()))
	}
	t.control.statistics.messages.unkept.Inc()
	t.keeping.done(a.key, a.completable, err)
	a.span.Fail(reason)
	t.tell(event.NewIncomplete(a.key.session, a.key.message, event.Octets(octets), event.Reason(reason)), nil)
}

// counter counts what is read.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// whole tells a message as it was on the wire, or unwrapped where that was asked for.
func (t *teller) whole(a *arrival, body []byte) event.Event {
	id := event.MessageID(a.key.message)
	switch {
	case a.cpim == nil:
		return event.NewMessage(a.key.session, a.contentType, body, id)
	case t.control.unwrap:
		inner := a.cpim.Innermost()
		return event.NewMessage(a.key.session, inner.ContentType(), inner.Content, id, event.CPIM(a.cpim, a.session.Senders(a.cpim), false))
	}
	return event.NewMessage(a.key.session, a.contentType, body, id, event.CPIM(a.cpim, a.session.Senders(a.cpim), true))
}
