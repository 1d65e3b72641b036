package control

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"

	"github.com/parley-msrp/parley/internal/event"
	"github.com/parley-msrp/parley/internal/telemetry"
	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/ua"
)

// Send queues a message in a session, once the journal has it: its fate follows as an event, also where the process dies in between. A command does
// not wait for the session: the agent refuses where its queue is full (msrp.Config.RefuseWhenFull).
func (c *Control) Send(m Send) (messageID string, err error) {
	s := c.agent.Session(m.SessionID)
	if m.Key == "" {
		return c.send(s, m, nil)
	}
	sum := digest("send", m.SessionID, m.ContentType, string(m.Body), m.Disposition, fmt.Sprint(m.FailureReport, m.SuccessReport))
	return c.commands.once(m.Key, sum, func() (string, error) { return c.send(s, m, event.Key(m.Key, sum)) })
}

func (c *Control) send(s *ua.Session, m Send, own []event.Param) (messageID string, err error) {
	if s == nil {
		return "", ErrUnknownSession
	}
	out := ua.Outgoing{
		MessageID: newMessageID(), ContentType: m.ContentType, Body: m.Body, Stream: m.Stream, Size: m.Size, Yields: m.Stream != nil,
		FailureReport: m.FailureReport, SuccessReport: m.SuccessReport,
	}
	if m.Disposition != "" {
		out.Headers = []msrp.Header{{Name: "Content-Disposition", Value: m.Disposition}}
	}
	if err := s.MaySend(&out); err != nil {
		c.statistics.messages.refused.Inc()
		return "", err
	}
	t, ok := s.Call().Handler().(*teller)
	if !ok {
		return "", ErrUnknownSession
	}
	span, key := c.sending(s, &m, out.MessageID), messageKey{s.ID(), out.MessageID}
	if err := t.queued(s.ID(), &m, out.MessageID, span, own); err != nil {
		span.Fail(err.Error())
		return "", err
	}
	t.leaves(key, span)
	id, err := s.Send(context.Background(), out)
	if err != nil {
		// It was possible a moment ago.
		c.statistics.messages.refused.Inc()
		e := event.NewSent(s.ID(), out.MessageID, event.FateFailed, event.Comment(err.Error()))
		e.Trace = t.fated(key, &ua.Fate{Kind: msrp.Failed, Comment: err.Error()})
		t.tell(e, nil)
		return "", err
	}
	t.countSent(s.ID())
	return id, nil
}

// queued tells that a message was accepted, and waits until that is kept.
func (t *teller) queued(sessionID string, m *Send, messageID string, span *telemetry.Span, own []event.Param) error {
	e := event.NewQueued(sessionID, messageID, m.ContentType)
	switch {
	case m.Stream == nil:
		e.Own = append(e.Own, event.Octets(int64(len(m.Body))))
		if len(m.Body) > 0 && (t.control.bodies == nil || len(m.Body) <= t.control.maxBody) {
			e.Own = append(e.Own, event.Text(m.Body))
		}
	case m.Size > 0:
		e.Own = append(e.Own, event.Octets(m.Size))
	}
	e.Own = append(e.Own, own...)
	kept := make(chan error, 1)
	t.mu.Lock()
	t.appendTraced(e, span, func(err error) { kept <- err })
	t.mu.Unlock()
	return <-kept
}

// newMessageID is a Message-ID that nobody can guess (RFC 4975 §7.1.1).
func newMessageID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}
