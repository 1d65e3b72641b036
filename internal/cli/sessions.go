package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
)

type sessionsCommand struct {
	List  listCommand  `cmd:"" default:"withargs" help:"List the sessions (the default)."`
	Start startCommand `cmd:"" help:"Start a session and print its session_id."`
	End   endCommand   `cmd:"" help:"End a session."`
}

type listCommand struct {
	daemon
	output
}

var stateNames = [...]string{"inviting", "confirmed", "established", "ending"}

func (c *listCommand) Run(ctx context.Context, std IO) error {
	var all json.RawMessage // JSON has what the daemon tells, whatever version it is of
	if err := c.call(ctx, "msrp_ua_list_sessions", nil, &all); err != nil {
		return err
	}
	var sessions []listed
	if err := json.Unmarshal(all, &sessions); err != nil {
		return fmt.Errorf("the daemon's answer cannot be read: %w", err)
	}
	return c.print(std.Out, all, func(w io.Writer) error { return table(w, sessions) })
}

// listed is what the table has of a session.
type listed struct {
	SessionID string `json:"session_id"`
	Type      string `json:"type"`
	State     int    `json:"dlg_state"`
	Lifetime  int    `json:"lifetime"`
	FromURI   string `json:"from_uri"`
	ToURI     string `json:"to_uri"`
}

func table(out io.Writer, sessions []listed) error {
	if len(sessions) == 0 {
		_, err := fmt.Fprintln(out, "no sessions")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SESSION_ID\tTYPE\tSTATE\tLEFT\tFROM\tTO")
	for _, s := range sessions {
		state := "?"
		if s.State >= 0 && s.State < len(stateNames) {
			state = stateNames[s.State]
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%ds\t%s\t%s\n", s.SessionID, s.Type, state, s.Lifetime, printable(s.FromURI), printable(s.ToURI))
	}
	return w.Flush()
}

type startCommand struct {
	daemon
	output
	To    string `arg:"" help:"SIP URI to call."`
	From  string `default:"sip:parley@127.0.0.1" help:"SIP URI of the caller (${default})."`
	Types string `default:"text/plain *" help:"Media types to offer, separated by spaces (${default})."`
}

func (c *startCommand) Run(ctx context.Context, std IO) error {
	id, err := c.start(ctx)
	if err != nil {
		return err
	}
	return c.print(std.Out, map[string]string{"session_id": id}, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, id)
		return err
	})
}

// start starts the session and gives its session_id.
func (c *startCommand) start(ctx context.Context) (string, error) {
	params := map[string]string{
		"content_types": c.Types, "from_uri": c.From, "to_uri": c.To, "ruri": c.To, "return": "id",
	}
	var started struct {
		SessionID string `json:"session_id"`
	}
	err := c.daemon.call(ctx, "msrp_ua_start_session", params, &started)
	return started.SessionID, err
}

type endCommand struct {
	daemon
	Session string `arg:"" help:"session_id of the session."`
}

func (c *endCommand) Run(ctx context.Context) error {
	var ok string
	return c.call(ctx, "msrp_ua_end_session", map[string]string{"session_id": c.Session}, &ok)
}
