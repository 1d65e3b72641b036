// Package events reads the events of a Parley node from its journal, which is a JetStream stream. It is for consumers that talk to the NATS cluster which the
// node's nats.url names; others have GET /v1/events. docs/reliability.md says what is stored, docs/events.md which events there are.
package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/parley-msrp/parley/internal/event"
)

// Event is one thing that happened: a CloudEvent 1.0.
type Event struct {
	ID       string // cursor: what GET /v1/events?from=ID goes on after
	Source   string // the node
	Type     string // E_MSRP_MSG_RECEIVED and the like
	Subject  string // the session_id
	Time     time.Time
	Sequence uint64          // of the event in its session, from 1 and without gaps
	Data     json.RawMessage // the event's parameters, an object
}

// Stream is the name of a node's stream.
func Stream(node string) string { return event.Stream(node) }

// FormatError says that a message is a pack of events of a newer version, which must not be guessed at.
type FormatError struct{ Found string }

func (e *FormatError) Error() string {
	return fmt.Sprintf("events: format %q is newer than %d, which this version reads", e.Found, event.Format)
}

// DamagedError says that a message in the stream cannot be read, or that some of its events cannot.
type DamagedError struct {
	Sequence uint64 // of the message in the stream
	Lost     int    // events of it that cannot be read; 0: it is no pack of events at all
	Err      error  // what is wrong with the first of them
}

func (e *DamagedError) Error() string {
	if e.Lost == 0 {
		return fmt.Sprintf("events: message %d is no pack of events: %v", e.Sequence, e.Err)
	}
	return fmt.Sprintf("events: %d events of message %d cannot be read: %v", e.Lost, e.Sequence, e.Err)
}

// Unwrap gives the reason.
func (e *DamagedError) Unwrap() error { return e.Err }

// Parse reads the events that a message of the stream holds. instance is parley-instance of the stream's metadata. A *DamagedError comes with the events
// that can be read; a *FormatError says that a newer version must.
func Parse(instance string, m jetstream.Msg) ([]Event, error) {
	about, err := m.Metadata()
	if err != nil {
		return nil, err
	}
	f := m.Headers().Get(event.HeaderFormat)
	if format, err := strconv.Atoi(f); err != nil || format != event.Format {
		if err == nil && format > event.Format {
			return nil, &FormatError{f}
		}
		return nil, &DamagedError{Sequence: about.Sequence.Stream, Err: fmt.Errorf("%s is %.80q, want %d", event.HeaderFormat, f, event.Format)}
	}
	var events []Event
	damage := &DamagedError{Sequence: about.Sequence.Stream}
	i := -1
	for line := range event.Lines(m.Data()) {
		i++
		var e struct {
			Source, Type, Subject, Sequence string
			Time                            time.Time
			Data                            json.RawMessage
		}
		err := json.Unmarshal(line, &e)
		if err == nil && e.Type == "" {
			err = errors.New("no type")
		}
		if err != nil {
			if damage.Lost++; damage.Err == nil {
				damage.Err = err
			}
			continue
		}
		if event.Name(e.Type).Internal() {
			continue
		}
		n, _ := strconv.ParseUint(e.Sequence, 10, 64) // none for an event without session
		events = append(events, Event{
			ID: event.Cursor(instance, about.Sequence.Stream, i), Source: e.Source, Type: e.Type, Subject: e.Subject, Time: e.Time, Sequence: n, Data: e.Data,
		})
	}
	if damage.Lost > 0 {
		return events, damage
	}
	return events, nil
}

// Consumer reads all events of a node. Whoever uses the same Name goes on where the last one stopped; one at a time.
type Consumer struct {
	Node string // whose events
	Name string // of the durable consumer in the stream: letters, digits, '-' and '_'
	New  bool   // a consumer that is made begins with what happens from now on; otherwise with the oldest event kept
	// Retry is how long after a failure, or the end of a process, what was not done is handed over again, 10 s.
	Retry time.Duration
	// Damaged is told of what cannot be read, before the events of the same message that can be; Run then goes on. Nil: Run returns the *DamagedError, again each time
	// that it gets there, so that nothing is passed over that nobody has heard of.
	Damaged func(*DamagedError)
}

// Run hands over event after event, those of a session in order, until ctx ends, which is no error, or handle returns an error, which Run returns. Each event
// comes at least once: again, with those that are stored with it, where handle failed, or the process or a server ended before it was done. handle may take
// its time. Servers of a cluster may go and come back while js' connection finds one of them again (nats.MaxReconnects).
func (c Consumer) Run(ctx context.Context, js jetstream.JetStream, handle func(context.Context, Event) error) error {
	s, err := patiently(ctx, func() (jetstream.Stream, error) { return js.Stream(ctx, Stream(c.Node)) })
	if err != nil {
		return fmt.Errorf("events: stream of the node %s: %w", c.Node, err)
	}
	instance := s.CachedInfo().Config.Metadata[event.MetaInstance]
	config := jetstream.ConsumerConfig{
		Durable: c.Name, AckPolicy: jetstream.AckExplicitPolicy, AckWait: max(c.Retry, 0), MaxAckPending: 1, // in order, whatever fails
	}
	if config.AckWait == 0 {
		config.AckWait = 10 * time.Second
	}
	if c.New {
		config.DeliverPolicy = jetstream.DeliverNewPolicy
	}
	consumer, err := patiently(ctx, func() (jetstream.Consumer, error) { return s.CreateOrUpdateConsumer(ctx, config) })
	if err != nil {
		return fmt.Errorf("events: consumer %s: %w", c.Name, err)
	}
	messages, err := consumer.Messages(jetstream.PullHeartbeat(heartbeat))
	if err != nil {
		return err
	}
	defer messages.Stop()
	defer context.AfterFunc(ctx, messages.Stop)()
	for {
		m, err := messages.Next()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, jetstream.ErrNoHeartbeat):
			continue // the server is away for a moment
		case err != nil:
			return err
		}
		if err := c.take(ctx, instance, m, config.AckWait/3, handle); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			_ = m.Nak() // else it comes again after Retry
			return err
		}
		if err := acknowledge(ctx, m, config.AckWait); err != nil {
			return err
		}
	}
}

// patiently asks again, for half a minute, where no server answers: the cluster may be choosing leaders.
func patiently[T any](ctx context.Context, ask func() (T, error)) (T, error) {
	for end := time.Now().Add(patience); ; {
		answer, err := ask()
		if err == nil || ctx.Err() != nil || time.Now().After(end) || !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, nats.ErrTimeout) && !errors.Is(err, nats.ErrNoResponders) {
			return answer, err
		}
		select {
		case <-time.After(again):
		case <-ctx.Done():
		}
	}
}

const (
	patience  = 30 * time.Second
	heartbeat = 2 * time.Second        // of a server that has nothing to tell; after two of them another one is asked
	again     = 250 * time.Millisecond // after which an acknowledgement is repeated that none answered
)

// acknowledge says that a message is done, until that was heard or the message comes again anyhow. Where the server is gone that leads the consumer, nobody
// hears it until there is another one.
func acknowledge(ctx context.Context, m jetstream.Msg, retry time.Duration) error {
	for end := time.Now().Add(retry); ; {
		err := m.DoubleAck(ctx)
		switch {
		case err == nil || ctx.Err() != nil:
			return nil
		case errors.Is(err, nats.ErrConnectionClosed):
			return err
		case time.Now().After(end):
			return nil
		}
		select {
		case <-time.After(again):
		case <-ctx.Done():
		}
	}
}

// take handles the events of one message. While that goes on, it tells the server so.
func (c Consumer) take(ctx context.Context, instance string, m jetstream.Msg, every time.Duration, handle func(context.Context, Event) error) error {
	events, err := Parse(instance, m)
	var damage *DamagedError
	if errors.As(err, &damage) && c.Damaged != nil {
		c.Damaged(damage)
	} else if err != nil {
		return err
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() { // ends with take
		defer close(stopped)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				_ = m.InProgress()
			case <-stop:
				return
			}
		}
	}()
	defer func() { close(stop); <-stopped }()
	for _, e := range events {
		if err := handle(ctx, e); err != nil {
			return err
		}
	}
	return ctx.Err()
}
