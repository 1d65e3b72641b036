package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"
)

type eventsCommand struct {
	daemon
	From    string   `placeholder:"CURSOR" help:"Begin after this cursor; 0 begins with the oldest event that is kept."`
	Type    []string `placeholder:"NAME" help:"Only events of these types."`
	Session string   `placeholder:"ID" help:"Only events of this session."`
	Follow  bool     `default:"true" negatable:"" help:"Go on with what happens from now on, until interrupted; --no-follow ends with what there is, from the oldest event unless --from says otherwise."`
	output
}

// caughtUp is how long nothing comes when all that there was has come.
const caughtUp = time.Second

func (c *eventsCommand) Run(ctx context.Context, std IO) error {
	query := url.Values{}
	from := c.From
	if !c.Follow {
		from = cmp.Or(from, "0")
	}
	for name, value := range map[string]string{"from": from, "type": strings.Join(c.Type, ","), "session": c.Session} {
		if value != "" {
			query.Set(name, value)
		}
	}
	path := "/v1/events"
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	if c.Follow {
		return c.follow(ctx, path, "events", nil, func(data []byte) error { return c.show(std.Out, data) })
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	quiet := time.AfterFunc(callTimeout, cancel) // until the daemon answers
	defer quiet.Stop()
	return c.follow(ctx, path, "events", func() { quiet.Reset(caughtUp) }, func(data []byte) error {
		quiet.Reset(caughtUp)
		return c.show(std.Out, data)
	})
}

func (c *eventsCommand) show(w io.Writer, data []byte) error {
	if c.Output == "json" {
		_, err := fmt.Fprintf(w, "%s\n", data)
		return err
	}
	var e struct {
		Type    string
		Subject string
		Time    time.Time
		Data    json.RawMessage
		Dropped uint64 // not an event: so many were lost to this reader
	}
	if err := json.Unmarshal(data, &e); err != nil {
		return fmt.Errorf("the daemon's event cannot be read: %w", err)
	}
	if e.Dropped > 0 {
		_, err := fmt.Fprintf(w, "%d events were dropped before they were read\n", e.Dropped)
		return err
	}
	_, err := fmt.Fprintf(w, "%s  %-22s %s\n", e.Time.UTC().Format("2006-01-02T15:04:05.000Z"), printable(e.Type), printable(string(e.Data)))
	return err
}
