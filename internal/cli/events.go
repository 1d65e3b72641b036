package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"time"
)

type eventsCommand struct {
	daemon
	From string `placeholder:"CURSOR" help:"Begin after this cursor; 0 begins with the oldest event that is kept."`
	output
}

func (c *eventsCommand) Run(ctx context.Context, std IO) error {
	path := "/v1/events"
	if c.From != "" {
		path += "?from=" + url.QueryEscape(c.From)
	}
	return c.follow(ctx, path, "events", nil, func(data []byte) error { return c.show(std.Out, data) })
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
