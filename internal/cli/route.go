package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/parley-msrp/parley/internal/route"
)

type routeCommand struct {
	Test routeTestCommand `cmd:"" help:"Try a request route on a recorded INVITE: say what it decides."`
}

type routeTestCommand struct {
	File   string    `arg:"" help:"The request route to try."`
	Invite string    `required:"" placeholder:"FILE" help:"The INVITE as text, or an OPTIONS; lines end in LF or CRLF."`
	Source string    `default:"udp:127.0.0.1:5060" placeholder:"PROTO:ADDR:PORT" help:"Where it comes from (${default})."`
	User   string    `placeholder:"NAME" help:"Whose credentials it shows, of the realm that the script asks for (nobody's)."`
	At     time.Time `placeholder:"TIME" help:"When it comes, like 2026-11-22T09:30:00+01:00 (now)."`
	output
}

// Validate says what is wrong with the command line.
func (c *routeTestCommand) Validate() error {
	proto, address, _ := strings.Cut(c.Source, ":")
	_, err := netip.ParseAddrPort(address)
	if err != nil || !slices.Contains([]string{"udp", "tcp", "tls"}, proto) {
		return fmt.Errorf("--source %q: want one like udp:192.0.2.7:5060", c.Source)
	}
	return nil
}

func (c *routeTestCommand) Run(ctx context.Context, std IO) error {
	r, err := readRecorded(c.Invite)
	if err != nil {
		return err
	}
	prints := []printed{}
	script, err := route.Load(c.File, route.WithPrint(func(p route.Print) {
		prints = append(prints, printed{p.Line, p.Text})
		if c.Output == "text" {
			fmt.Fprintf(std.Out, "print, line %d: %s\n", p.Line, printable(p.Text))
		}
	}))
	if err != nil {
		return err
	}
	d, err := script.Run(ctx, route.Request{
		Method: r.message.Method, RequestURI: r.message.RequestURI, From: r.message.From().URI.String(), To: r.message.To().URI.String(),
		Source: c.Source, CallID: r.message.CallID(), Types: r.types(), WrappedTypes: r.wrappedTypes(), Offer: r.offer, Time: c.At,
		Header: unasserted(r.message.Values), List: unasserted(r.message.List),
		Verify: func(string) (string, bool) { return c.User, c.User != "" },
	})
	if err != nil {
		return fmt.Errorf("%w (the caller would get 500)", err)
	}
	o := newOutcome(d, r.refuses(d.Answer))
	o.Prints = prints
	return c.print(std.Out, o, o.write)
}

// unasserted hides what nobody who is trusted has asserted, as a daemon does.
func unasserted(values func(string) []string) func(string) []string {
	return func(name string) []string {
		if strings.EqualFold(name, "P-Asserted-Identity") {
			return nil
		}
		return values(name)
	}
}

// outcome is what a script decided, and what the caller gets.
type outcome struct {
	Decision    string            `json:"decision"` // answer, reject, redirect, challenge or ask
	Code        int               `json:"code"`     // of the final response; after ask, of the one that comes if the application does not decide
	Reason      string            `json:"reason,omitempty"`
	Types       []string          `json:"types,omitempty"`
	MaxDuration *float64          `json:"max_duration,omitempty"` // seconds; 0: no limit
	MaxSize     int64             `json:"max_size,omitempty"`     // octets
	Profile     string            `json:"profile,omitempty"`
	Handler     string            `json:"handler,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
	Contacts    []string          `json:"contacts,omitempty"`
	Realm       string            `json:"realm,omitempty"` // of a challenge
	Prints      []printed         `json:"prints"`
}

type printed struct {
	Line int    `json:"line"`
	Text string `json:"text"`
}

// newOutcome says what becomes of a decision where the offer refuses the types that it answers with, or not.
func newOutcome(d route.Decision, refuses error) outcome {
	o := outcome{
		Decision: "reject", Code: d.Code, Reason: d.Reason, Types: d.Answer, Contacts: d.Contacts, Realm: d.Challenge,
		MaxSize: d.Session.MaxSize, Profile: d.Session.Profile, Handler: d.Session.Handler, Tags: d.Session.Tags,
	}
	if limit := d.Session.MaxDuration; limit != 0 {
		seconds := max(limit, 0).Seconds()
		o.MaxDuration = &seconds
	}
	switch {
	case d.Ask:
		o.Decision = "ask"
		if d.Answer != nil {
			o.Code = 200
		}
	case d.Contacts != nil:
		o.Decision = "redirect"
	case d.Challenge != "":
		o.Decision = "challenge"
	case d.Answer != nil && refuses != nil:
		o.Decision, o.Code, o.Reason = "answer", 488, refuses.Error()
	case d.Answer != nil:
		o.Decision, o.Code = "answer", 200
	}
	return o
}

func (o *outcome) write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d", o.Decision, o.Code)
	if o.Reason != "" {
		fmt.Fprintf(&b, " %s", o.Reason)
	}
	b.WriteByte('\n')
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "  %-12s %s\n", name, value)
		}
	}
	row("types", strings.Join(o.Types, " "))
	if o.MaxDuration != nil {
		row("max_duration", fmt.Sprintf("%v seconds", *o.MaxDuration))
	}
	if o.MaxSize > 0 {
		row("max_size", fmt.Sprintf("%d octets", o.MaxSize))
	}
	row("profile", o.Profile)
	row("handler", o.Handler)
	for _, name := range slices.Sorted(maps.Keys(o.Tags)) {
		row("tag", name+"="+o.Tags[name])
	}
	row("realm", o.Realm)
	for _, contact := range o.Contacts {
		row("contact", contact)
	}
	_, err := io.WriteString(w, printable(b.String()))
	return err
}
