package sink

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/parley-msrp/parley/internal/event"
	"github.com/parley-msrp/parley/internal/journal"
	"github.com/parley-msrp/parley/internal/telemetry"
)

// keepBuffer is how large a buffer a target keeps between two notifications.
const keepBuffer = 64 << 10

// carrier takes notifications to one socket. One goroutine at a time uses it.
type carrier interface {
	// send blocks until the notification is on its way, cannot be, or ctx ends.
	send(ctx context.Context, notification []byte) error
	close()
}

// counts are kept over all targets.
type counts struct {
	sent, tooLong, failed, lost atomic.Uint64
}

// SubscriberCounts say what became of notifications so far.
type SubscriberCounts struct {
	Sockets int    // that get events now
	Sent    uint64 // handed to the system, or written to a connection
	TooLong uint64 // not sent, as they fit no datagram
	Failed  uint64 // datagrams that could not be sent
	Lost    uint64 // events that the journal dropped before they were read, of all names
}

// Counts counts.
func (s *Subscribers) Counts() SubscriberCounts {
	s.mu.Lock()
	sockets := len(s.targets)
	s.mu.Unlock()
	c := &s.counts
	return SubscriberCounts{Sockets: sockets, Sent: c.sent.Load(), TooLong: c.tooLong.Load(), Failed: c.failed.Load(), Lost: c.lost.Load()}
}

// target is one socket that gets events.
type target struct {
	all    *Subscribers
	socket Socket
	reader journal.Reader
	to     carrier

	work    context.Context // ends when the target is stopped
	cancel  context.CancelFunc
	reading context.Context // ends before, when the node shuts down
	finish  context.CancelFunc
	expiry  *time.Timer // holding all.mu; nil: none was set
	failing bool        // the last notification failed, which was logged
	buffer  []byte      // of the last notification
}

func newTarget(s *Subscribers, socket Socket, reader journal.Reader) *target {
	t := &target{all: s, socket: socket, reader: reader}
	t.work, t.cancel = context.WithCancel(context.Background())
	t.reading, t.finish = context.WithCancel(t.work)
	switch socket.Network {
	case "udp":
		t.to = &udp{socket: socket, policy: s.config.Policy}
	case "unix":
		t.to = &unix{path: socket.Address}
	default:
		t.to = &stream{address: socket.Address, dial: s.config.Dial}
	}
	return t
}

// stop ends the target. It does nothing the second time.
func (t *target) stop() {
	t.cancel()
	if t.expiry != nil {
		t.expiry.Stop()
	}
}

// expireAfter has all subscriptions looked at after d. Holding all.mu.
func (t *target) expireAfter(d time.Duration) {
	if t.expiry == nil {
		t.expiry = time.AfterFunc(d, t.all.expired)
		return
	}
	t.expiry.Reset(d)
}

// run sends events as they come; then, when the node shuts down, what the journal still has.
func (t *target) run() {
	defer t.reader.Close()
	defer t.to.close()
	for {
		e, err := t.reader.Next(t.reading)
		if errors.Is(err, context.Canceled) {
			break
		}
		if !t.take(&e, err) {
			return
		}
	}
	for {
		ctx, cancel := context.WithTimeout(t.work, restTime)
		e, err := t.reader.Next(ctx)
		cancel()
		if !t.take(&e, err) {
			return
		}
	}
}

// take sends what the journal gave, if it is of those that are wanted. False: there is no more.
func (t *target) take(e *event.Event, err error) bool {
	var lost *journal.LostError
	switch {
	case errors.As(err, &lost):
		t.all.counts.lost.Add(lost.Dropped)
		t.failed(lost)
	case err != nil:
		return false
	case t.all.wants(e.Name, t.socket):
		t.buffer = e.AppendNotification(t.buffer[:0])
		t.traced(e, func() error { return t.send(e, t.buffer) })
		if cap(t.buffer) > keepBuffer {
			t.buffer = nil
		}
	}
	return t.work.Err() == nil
}

// traced sends an event, in a span where it has a trace.
func (t *target) traced(e *event.Event, send func() error) {
	span := t.all.config.Tracer.Continue(telemetry.Producer, "socket", e.Trace, "parley.socket", t.socket.String(), "parley.session_id", e.SessionID)
	span.End(send())
}

func (t *target) send(e *event.Event, notification []byte) error {
	counts := &t.all.counts
	err := t.to.send(t.work, notification)
	switch {
	case err == nil:
		counts.sent.Add(1)
		t.failing = false
	case t.work.Err() != nil:
	case errors.Is(err, errTooLong):
		counts.tooLong.Add(1)
		t.all.config.Logger.Warn("event not sent: it fits no datagram", "socket", t.socket.String(), "session_id", e.SessionID, "event", string(e.Name), "octets", len(notification))
	default:
		counts.failed.Add(1)
		t.failed(err)
	}
	return err
}

// failed logs the first of several failures.
func (t *target) failed(err error) {
	if !t.failing {
		t.failing = true
		t.all.config.Logger.Warn("events do not arrive", "socket", t.socket.String(), "err", err)
	}
}
