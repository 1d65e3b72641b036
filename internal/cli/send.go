package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
)

type sendCommand struct {
	daemon
	output
	Session string   `arg:"" help:"session_id of the session (see \"parley sessions\")."`
	Text    []string `arg:"" help:"The message."`
	Type    string   `default:"text/plain" help:"Media type of the message (${default})."`
	Report  bool     `help:"Ask for a success report."`
}

func (c *sendCommand) Run(ctx context.Context, std IO) error {
	params := map[string]string{
		"session_id": c.Session, "mime": c.Type, "body": strings.Join(c.Text, " "), "return": "id",
	}
	if c.Report {
		params["success_report"] = "yes"
	}
	var sent struct {
		MessageID string `json:"message_id"`
	}
	if err := c.call(ctx, "msrp_ua_send_message", params, &sent); err != nil {
		return err
	}
	return c.print(std.Out, sent, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, sent.MessageID)
		return err
	})
}
