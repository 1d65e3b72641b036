// Command bench measures the daemon from outside, beside a raw echo of the same bytes: how many messages a second, and how much CPU time each costs.
//
// Three processes take part, on loopback: the built daemon, a raw TCP echo, and a load generator, the latter two being this program again.
// Each row of the table (rows.go) is run several times in turn against the daemon and the echo; the medians and spreads stand side by side.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	switch {
	case len(args) == 1 && args[0] == "generate":
		return generate(ctx, os.Stdin, os.Stdout)
	case len(args) == 2 && args[0] == "echo":
		return serveEcho(ctx, args[1], os.Stdout)
	}
	var p plan
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&p.daemon, "daemon", "build/parley", "the built `program`; without one the echo alone is measured")
	flags.StringVar(&p.out, "out", "build/bench.jsonl", "`file` that takes each figure as a JSON object on a line")
	flags.IntVar(&p.runs, "runs", 5, "runs of each row against each server")
	flags.DurationVar(&p.duration, "duration", 2*time.Second, "measured time of one run")
	only := flags.String("only", "", "measure only the rows whose names match this regular `expression`")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 || p.runs < 1 || p.duration <= 0 {
		return fmt.Errorf("usage: bench [-daemon PROGRAM] [-out FILE] [-runs N] [-duration TIME] [-only EXPRESSION]")
	}
	var err error
	if p.only, err = regexp.Compile(*only); err != nil {
		return err
	}
	return p.execute(ctx)
}
