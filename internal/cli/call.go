package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

type callCommand struct {
	daemon
	To    string `arg:"" help:"SIP URI to call."`
	From  string `default:"sip:parley@127.0.0.1" help:"SIP URI of the caller (${default})."`
	Types string `default:"text/plain *" help:"Media types to offer, separated by spaces (${default})."`
}

// Help is shown below the command's usage.
func (callCommand) Help() string {
	return "The running daemon calls; each line that is typed is sent, what comes is printed. The end of the input (Ctrl-D) ends the session once everything typed has its fate."
}

// followed is one session of the daemon that a terminal stays with.
type followed struct {
	std    IO
	id     string
	open   map[string]bool // messages without a fate
	stands bool
}

// occurrence is what is read of an event.
type occurrence struct {
	Type    string
	Subject string
	Data    struct {
		ContentType string `json:"content_type"`
		Body        *string
		BodyRef     *struct{} `json:"body_ref"` // the body is elsewhere
		MessageID   string    `json:"message_id"`
		Status      string
		Fate        string
		Code        int
		Reason      string
	}
}

var (
	errOver      = errors.New("over")
	errNoSession = errors.New("no session")
)

// Run starts a session and stays with it.
func (c *callCommand) Run(ctx context.Context, std IO) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events, done := make(chan occurrence), make(chan struct{})
	defer close(done)
	follows := make(chan error, 1) // nil once events are followed: before the session is, so that nothing of it is missed
	go func() {                    // ends with ctx, or with the stream
		defer close(events)
		err := c.daemon.follow(ctx, "/v1/events", "events", func() { follows <- nil }, func(data []byte) error { return handOver(data, events, done) })
		select {
		case follows <- err: // it never began
		default:
		}
	}()
	if err := <-follows; err != nil {
		return err
	}
	start := startCommand{daemon: c.daemon, To: c.To, From: c.From, Types: c.Types}
	id, err := start.start(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(std.Err, "calling %s; the session is %s\n", printable(c.To), id)
	terminal, std := newConsole(std)
	rest := func() {}
	defer func() { rest() }()
	begin := func() (<-chan string, error) {
		typed, restore, err := terminal.talk(func() {})
		if err != nil {
			return nil, err
		}
		rest = restore
		lines := make(chan string)
		go readLines(typed, std.Err, lines, done) // ends with the input or, if that never ends, with the process
		return lines, nil
	}
	err = c.stay(ctx, &followed{std: std, id: id, open: map[string]bool{}}, events, begin)
	switch {
	case errors.Is(err, errOver):
		return nil
	case errors.Is(err, errNoSession):
		return err
	}
	// Whatever else ends the command ends the session: nobody is there any more.
	closing, cancelClosing := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancelClosing()
	var ok string
	return errors.Join(err, c.call(closing, "msrp_ua_end_session", map[string]string{"session_id": id}, &ok))
}

// stay goes on until the session or the input is over; errOver for the session, errNoSession where it came to nothing. Lines are typed once it stands.
func (c *callCommand) stay(ctx context.Context, f *followed, events <-chan occurrence, begin func() (<-chan string, error)) error {
	var lines <-chan string
	typed := false // everything
	for !typed || len(f.open) > 0 {
		select {
		case e, ok := <-events:
			if !ok {
				if ctx.Err() != nil {
					return nil
				}
				return errors.New("the daemon closed the stream of events")
			}
			if e.Subject != f.id {
				continue
			}
			stood := f.stands
			err := f.tell(e)
			if err == nil && f.stands && !stood {
				lines, err = begin()
			}
			if err != nil {
				return err
			}
		case line, ok := <-lines:
			switch {
			case !ok:
				lines, typed = nil, true
			case line != "":
				c.say(ctx, f, line)
			}
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

func (c *callCommand) say(ctx context.Context, f *followed, line string) {
	// Events are read by the goroutine that this runs on: the fate is not told before the message is known.
	message, err := (&sendCommand{daemon: c.daemon, Session: f.id, Text: []string{line}}).send(ctx, f.std)
	if err != nil {
		fmt.Fprintln(f.std.Err, "not sent:", err)
		return
	}
	f.open[message.MessageID] = true
}

// tell prints an event of the session.
func (f *followed) tell(e occurrence) error {
	switch e.Type {
	case "E_MSRP_SESSION_NEW":
		f.stands = true
		fmt.Fprintln(f.std.Err, "connected; type a line to send it, end the input (Ctrl-D) to leave")
	case "E_MSRP_SESSION_FAILED":
		return fmt.Errorf("%w: %d %s", errNoSession, e.Data.Code, printable(e.Data.Reason))
	case "E_MSRP_SESSION_END":
		fmt.Fprintf(f.std.Err, "the session is over: %s\n", printable(e.Data.Reason))
		return errOver
	case "E_MSRP_MSG_RECEIVED":
		if e.Data.Body == nil || e.Data.BodyRef != nil || !isText(e.Data.ContentType) {
			fmt.Fprintf(f.std.Err, "peer sent %s; \"parley events\" shows it\n", printable(e.Data.ContentType))
			return nil
		}
		fmt.Fprintf(f.std.Out, "peer: %s\n", printable(*e.Data.Body))
	case "E_MSRP_MSG_SENT":
		if e.Data.Fate == "failed" {
			fmt.Fprintf(f.std.Err, "not delivered: %d\n", e.Data.Code)
		}
		delete(f.open, e.Data.MessageID)
	case "E_MSRP_REPORT_RECEIVED":
		if !strings.HasPrefix(e.Data.Status, "200") {
			fmt.Fprintf(f.std.Err, "not delivered: %s\n", printable(e.Data.Status))
		}
		delete(f.open, e.Data.MessageID)
	}
	return nil
}

// handOver gives an event to who stays with the session, unless that has gone.
func handOver(data []byte, events chan<- occurrence, done <-chan struct{}) error {
	var e occurrence
	if err := json.Unmarshal(data, &e); err != nil {
		return fmt.Errorf("the daemon's event cannot be read: %w", err)
	}
	select {
	case events <- e:
	case <-done:
	}
	return nil
}
