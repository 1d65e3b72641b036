// Package cli is the command line: the commands, their flags and what they print.
package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/parley-msrp/parley/internal/config"
	"github.com/parley-msrp/parley/internal/version"
)

// Exit statuses.
const (
	exitOK      = 0
	exitFailure = 1 // it did not work
	exitUsage   = 2 // the command line is wrong
)

// Serve runs the daemon until ctx ends.
type Serve func(ctx context.Context, c config.Config, out, errOut io.Writer) error

// IO is what commands read from and write to.
type IO struct {
	In       io.Reader
	Out, Err io.Writer
}

// commands is the whole command line.
type commands struct {
	Serve      serveCommand      `cmd:"" help:"Run the daemon. Without a configuration it listens on loopback."`
	Chat       chatCommand       `cmd:"" help:"Talk in the terminal: call somebody, or wait for a call."`
	Send       sendCommand       `cmd:"" help:"Send a message in a session of a running daemon."`
	Sessions   sessionsCommand   `cmd:"" help:"List, start and end the sessions of a running daemon."`
	Events     eventsCommand     `cmd:"" help:"Show the events of a running daemon as they happen."`
	Trace      traceCommand      `cmd:"" help:"Show the SIP and MSRP messages of a running daemon as they pass."`
	Config     configCommand     `cmd:"" help:"Work with configuration files."`
	Reload     reloadCommand     `cmd:"" help:"Have a running daemon read its configuration anew, without an effect on sessions."`
	Route      routeCommand      `cmd:"" help:"Work with request routes."`
	Call       callCommand       `cmd:"" help:"Have a running daemon call somebody, and talk through it."`
	Bench      benchCommand      `cmd:"" help:"Call somebody again and again, or send as much as is taken, and say how fast that was."`
	Doctor     doctorCommand     `cmd:"" help:"Look for what keeps a daemon from working well on this machine."`
	Import     importCommand     `cmd:"" help:"Make a configuration from that of OpenSIPS with msrp_ua."`
	Token      tokenCommand      `cmd:"" help:"Make a token for a client of the HTTP side, and its line for the file of clients."`
	Version    versionCommand    `cmd:"" help:"Say which version this is."`
	Completion completionCommand `cmd:"" help:"Print a shell's completions of this command line."`
	Man        manCommand        `cmd:"" help:"Print a manual page."`
}

// Main runs one command line and gives the exit status.
func Main(args []string, std IO, serve Serve) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	var c commands
	status := exitOK
	exited := false
	parser, err := kong.New(&c,
		kong.Name("parley"),
		kong.Description("An MSRP user agent: daemon, terminal client and tools."),
		kong.Writers(std.Out, std.Err),
		kong.Exit(func(code int) { status, exited = code, true }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(std, serve),
	)
	if err != nil {
		fmt.Fprintln(std.Err, "parley:", err)
		return exitFailure
	}
	k, err := parser.Parse(args)
	if exited { // --help has been printed
		return status
	}
	if err != nil {
		fmt.Fprintf(std.Err, "parley: %v\nRun \"parley --help\" to see the commands.\n", err)
		return exitUsage
	}
	if err := k.Run(); err != nil {
		fmt.Fprintln(std.Err, "parley:", err)
		return exitFailure
	}
	return exitOK
}

type versionCommand struct{ output }

func (c *versionCommand) Run(std IO) error {
	return c.print(std.Out, map[string]string{"product": version.Product, "version": version.String()}, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, version.Product, version.String())
		return err
	})
}

// output is how a command prints what it found.
type output struct {
	Output string `enum:"text,json" default:"text" help:"text or json (${default})."`
}

// print writes v as one line of JSON where that was asked for, else what text writes.
func (o *output) print(w io.Writer, v any, text func(io.Writer) error) error {
	if o.Output == "json" {
		return json.NewEncoder(w).Encode(v)
	}
	return text(w)
}
