package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/parley-msrp/parley/internal/load"
)

type benchCommand struct {
	output
	To     string `arg:"" optional:"" help:"SIP URI to call; \";transport=tcp\" calls over TCP."`
	Listen string `placeholder:"ADDR:PORT" help:"Take calls and messages there until interrupted, in place of making them: the other end of a measurement."`
	Echo   bool   `help:"With --listen: send each message back."`

	Calls    float64       `placeholder:"RATE" help:"Make this many full calls a second. Without it sessions are held, and messages sent in them."`
	Messages int           `placeholder:"N" help:"With --calls: messages in each call."`
	Sessions int           `default:"10" help:"Sessions that are held (${default})."`
	Window   int           `default:"16" help:"Messages of a session that wait for their response (${default})."`
	Rate     float64       `placeholder:"RATE" help:"Messages a second, in all sessions together (as fast as they are answered)."`
	Size     int           `default:"100" help:"Octets of a message (${default})."`
	Report   bool          `help:"Ask for success reports, and measure the time to them."`
	TLS      bool          `name:"tls" help:"MSRP over TLS."`
	Duration time.Duration `default:"10s" help:"How long (${default})."`

	As    string `placeholder:"URI" help:"Own SIP URI (sip:bench@ADDRESS)."`
	Local string `placeholder:"ADDR" help:"Own address (the one towards the peer)."`
	Proxy string `placeholder:"URI" help:"SIP URI of an outbound proxy."`

	MaxP99    time.Duration `name:"max-p99" placeholder:"TIME" help:"Fail where 99 of 100 messages take longer."`
	MaxFailed int           `default:"-1" placeholder:"N" help:"Fail where more calls and messages fail, or are lost."`
	MinRate   float64       `placeholder:"RATE" help:"Fail below this many messages a second, with --calls calls."`
}

// Help is shown below the command's usage.
func (benchCommand) Help() string {
	return `What answers may be anything that takes MSRP, "parley serve" for example:
  parley bench sip:bob@127.0.0.1 --sessions 100 --window 4 --report
  parley bench sip:bob@127.0.0.1 --calls 500 --messages 1 --max-failed 0 --max-p99 20ms`
}

// Validate says what is wrong with the command line.
func (c *benchCommand) Validate() error {
	switch {
	case (c.Listen != "") == (c.To != ""):
		return errors.New("name somebody to call, like \"parley bench sip:bob@127.0.0.1\", or take calls with --listen")
	case c.Echo && c.Listen == "":
		return errors.New("--echo is for --listen")
	}
	return nil
}

// Run calls, or takes calls.
func (c *benchCommand) Run(ctx context.Context, std IO) error {
	if c.Listen != "" {
		return c.take(ctx, std)
	}
	return c.generate(ctx, std)
}

// take is the other end.
func (c *benchCommand) take(ctx context.Context, std IO) error {
	a := load.Answering{Listen: c.Listen, TLS: c.TLS, Echo: c.Echo, Ready: func(at string) { fmt.Fprintln(std.Err, "taking calls at", at) }}
	if isTerminal(std.Err) {
		a.Progress = func(t load.Taken) {
			fmt.Fprintf(std.Err, "\r%4.0f s  %d calls, %d live, %d messages\x1b[K", t.Seconds, t.Calls, t.Live, t.Messages)
		}
	}
	t, err := load.Answer(ctx, a)
	if err != nil {
		return err
	}
	return c.print(std.Out, t, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "calls     %d\nmessages  %d, %.1f a second, %s\nin        %.1f s\n", t.Calls, t.Messages, t.Rate, octets(t.Octets), t.Seconds)
		return err
	})
}

// generate makes the load.
func (c *benchCommand) generate(ctx context.Context, std IO) error {
	if c.Local == "" {
		host, err := addressTowards(c.To)
		if err != nil {
			return err
		}
		c.Local = host
	}
	if c.As == "" {
		c.As = "sip:bench@" + bracketed(c.Local)
	}
	run := load.Config{
		To: c.To, From: c.As, Host: c.Local, TLS: c.TLS, Proxy: c.Proxy, Calls: c.Calls, Messages: c.Messages, Sessions: c.Sessions, Window: c.Window,
		Rate: c.Rate, Size: c.Size, Report: c.Report, Duration: c.Duration,
	}
	live := isTerminal(std.Err)
	if live {
		run.Progress = func(r load.Result) { fmt.Fprint(std.Err, "\r"+c.line(r)+"\x1b[K") }
	}
	r, err := load.Run(ctx, run)
	if live {
		fmt.Fprint(std.Err, "\r\x1b[K")
	}
	if err != nil {
		return err
	}
	if err := c.print(std.Out, r, func(w io.Writer) error { return c.report(w, r) }); err != nil {
		return err
	}
	return c.judge(r)
}

// line is the progress of a run.
func (c *benchCommand) line(r load.Result) string {
	if c.Calls > 0 {
		return fmt.Sprintf("%4.0f s  %d calls, %.0f a second, %d failed", r.Seconds, r.Calls.Established, r.Calls.Rate, r.Calls.Failed)
	}
	return fmt.Sprintf("%4.0f s  %d messages, %.0f a second, %d failed, p99 %s", r.Seconds, r.Messages.Delivered, r.Messages.Rate, r.Messages.Failed, microseconds(r.Latency.P99))
}

func (c *benchCommand) report(w io.Writer, r load.Result) error {
	fmt.Fprintf(w, "calls     %d started, %d established, %d failed, %d lost", r.Calls.Started, r.Calls.Established, r.Calls.Failed, r.Calls.Lost)
	if c.Calls > 0 {
		fmt.Fprintf(w, ", %.1f a second", r.Calls.Rate)
	}
	fmt.Fprintln(w)
	times(w, "set-up", r.Setup)
	if r.Messages.Sent > 0 {
		fmt.Fprintf(w, "messages  %d sent, %d delivered, %d failed, %.1f a second, %s/s\n", r.Messages.Sent, r.Messages.Delivered, r.Messages.Failed,
			r.Messages.Rate, octets(int64(float64(r.Messages.Octets)/r.Seconds)))
		times(w, "latency", r.Latency)
	}
	for _, why := range []map[string]int{r.Calls.Why, r.Messages.Why} {
		for _, reason := range slices.Sorted(maps.Keys(why)) {
			fmt.Fprintf(w, "failed    %d × %s\n", why[reason], printable(reason))
		}
	}
	_, err := fmt.Fprintf(w, "in        %.1f s\n", r.Seconds)
	return err
}

func times(w io.Writer, name string, t load.Times) {
	if t.Count > 0 {
		fmt.Fprintf(w, "%-9s p50 %s, p90 %s, p99 %s, p99.9 %s, longest %s\n", name, microseconds(t.P50), microseconds(t.P90), microseconds(t.P99), microseconds(t.P999), microseconds(t.Max))
	}
}

func microseconds(n int64) string { return (time.Duration(n) * time.Microsecond).String() }

// judge says which limit was passed.
func (c *benchCommand) judge(r load.Result) error {
	var errs []error
	if failed := r.Calls.Failed + r.Calls.Lost + r.Messages.Failed; c.MaxFailed >= 0 && failed > c.MaxFailed {
		errs = append(errs, fmt.Errorf("%d calls and messages failed, at most %d may (--max-failed)", failed, c.MaxFailed))
	}
	if p99 := time.Duration(r.Latency.P99) * time.Microsecond; c.MaxP99 > 0 && p99 > c.MaxP99 {
		errs = append(errs, fmt.Errorf("99 of 100 messages took up to %v, they may take %v (--max-p99)", p99, c.MaxP99))
	}
	rate, what := r.Messages.Rate, "messages"
	if c.Calls > 0 {
		rate, what = r.Calls.Rate, "calls"
	}
	if rate < c.MinRate {
		errs = append(errs, fmt.Errorf("%.1f %s a second, there should be %g (--min-rate)", rate, what, c.MinRate))
	}
	return errors.Join(errs...)
}
