package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"
)

type sendCommand struct {
	daemon
	output
	Session string   `arg:"" help:"session_id of the session (see \"parley sessions\")."`
	Text    []string `arg:"" optional:"" help:"The message."`
	File    string   `placeholder:"FILE" help:"Send this file in place of text, of any size; - reads the standard input."`
	Name    string   `placeholder:"NAME" help:"Name that the peer is told for the file (that of FILE)."`
	Type    string   `placeholder:"TYPE" help:"Media type of the message (text/plain; of a file by its name)."`
	Report  bool     `help:"Ask for a success report."`
}

// Validate says what is wrong with the command line.
func (c *sendCommand) Validate() error {
	switch {
	case (c.File != "") == (len(c.Text) > 0):
		return errors.New("say a message, like \"parley send SESSION_ID hello\", or a file with --file")
	case c.Name != "" && c.File == "":
		return errors.New("--name is for a file: name one with --file")
	}
	return nil
}

// sent is what the daemon says of a message.
type sent struct {
	MessageID string `json:"message_id"`
}

func (c *sendCommand) Run(ctx context.Context, std IO) error {
	message, err := c.send(ctx, std)
	if err != nil {
		return err
	}
	return c.print(std.Out, message, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, message.MessageID)
		return err
	})
}

func (c *sendCommand) send(ctx context.Context, std IO) (sent, error) {
	if c.File != "" {
		return c.sendFile(ctx, std)
	}
	params := map[string]string{
		"session_id": c.Session, "mime": cmp.Or(c.Type, "text/plain"), "body": strings.Join(c.Text, " "), "return": "id",
	}
	if c.Report {
		params["success_report"] = "yes"
	}
	var message sent
	err := c.call(ctx, "msrp_ua_send_message", params, &message)
	return message, err
}

// sendFile hands a file over while it is read; on a terminal a line says how far that is.
func (c *sendCommand) sendFile(ctx context.Context, std IO) (sent, error) {
	in, name, size := std.In, "stdin", int64(0)
	if c.File != "-" {
		f, n, err := openFile(c.File)
		if err != nil {
			return sent{}, err
		}
		defer f.Close()
		in, name, size = f, filepath.Base(c.File), n
	}
	name = cmp.Or(c.Name, name)
	path := "/v1/sessions/" + url.PathEscape(c.Session) + "/files/" + url.PathEscape(name)
	if c.Report {
		path += "?success_report=yes"
	}
	p := newProgress(std.Err, size)
	answer, err := c.ask(ctx, request{
		method: "PUT", path: path, contentType: cmp.Or(c.Type, typeOf(name)), body: io.TeeReader(in, p), length: size,
	})
	p.end()
	if err != nil {
		return sent{}, err
	}
	defer answer.Close()
	var message sent
	if err := json.NewDecoder(answer).Decode(&message); err != nil {
		return sent{}, fmt.Errorf("the daemon's answer cannot be read: %w", err)
	}
	return message, nil
}
