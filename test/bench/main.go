// Command bench measures Parley from outside, beside a raw echo of the same octets: how many messages a second, and how much CPU time each costs.
//
// Four processes take part, on loopback: the built daemon, the engine alone (package msrp with a handler that only counts), a raw TCP peer, and a load
// generator, the latter three being this program again. Each row of the table (rows.go) is run several times in turn against each of them; the medians
// and spreads stand side by side. With -sessions it measures a crowd of idle sessions instead (crowd.go).
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
	if len(args) > 0 {
		switch mode := args[0]; {
		case mode == generateMode && len(args) == 1:
			return generate(ctx, os.Stdin, os.Stdout)
		case mode == crowdMode && len(args) == 1:
			return generateCrowd(os.Stdin, os.Stdout)
		case mode == phoneMode && len(args) == 1:
			return usePhone(os.Stdin, os.Stdout)
		case mode == agentMode && len(args) == 4:
			return serveAgent(ctx, args[1], args[2], args[3] == bareAgent, os.Stdin, os.Stdout)
		case mode == awakeMode && len(args) == 1:
			return stayAwake(os.Stdin, os.Stdout)
		case mode == echoMode && len(args) == 2:
			return serveEcho(ctx, args[1], os.Stdin, os.Stdout)
		case mode == bareMode && len(args) == 3:
			return serveBare(ctx, args[1], args[2], os.Stdin, os.Stdout)
		case mode == engineMode && len(args) == 3:
			return serveEngine(ctx, args[1], args[2], os.Stdin, os.Stdout)
		}
	}
	var p plan
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&p.daemon, "daemon", "build/parley", "the built `program`; without one the engine and the echo alone are measured")
	flags.StringVar(&p.out, "out", "build/bench.jsonl", "`file` that takes each figure as a JSON object on a line")
	flags.IntVar(&p.runs, "runs", 5, "runs of each row against each server")
	flags.DurationVar(&p.duration, "duration", time.Second, "measured time of one run")
	flags.DurationVar(&p.warmup, "warmup", 40*time.Second, "how long calls are made before they are measured, and then held at the top rate: finished transactions live 32 s; 0: a moment at one rate")
	flags.IntVar(&p.top, "top", lastRate, "the highest `rate` of calls that is tried")
	flags.IntVar(&p.held, "held", 50000, "`number` of calls that are set up and held")
	flags.DurationVar(&p.soak, "soak", 0, "make nothing but calls for this `time`, at half the highest rate: what the agent holds has to be the same before and after")
	flags.StringVar(&p.profile, "cpuprofile", "", "`file` that takes the engine's CPU profile of all rows measured; with the suffixes .calls and .calls.alloc the agent's")
	flags.BoolVar(&p.awake, "awake", true, "keep idle processors awake with a busy process of the lowest priority (awake.go)")
	flags.IntVar(&p.sessions, "sessions", 0, "measure nothing but this `number` of idle sessions, and a message to each")
	flags.IntVar(&p.sharing, "per-connection", 1, "how many of -sessions share a connection")
	only := flags.String("only", "", "measure only the rows whose names match this regular `expression`")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 || p.runs < 1 || p.duration <= 0 || p.sessions < 0 || p.sharing < 1 || p.warmup < 0 || p.top < 1 || p.held < 1 || p.soak < 0 {
		return fmt.Errorf("usage: bench [-daemon PROGRAM] [-out FILE] [-runs N] [-duration TIME] [-only EXPRESSION] [-warmup TIME] [-top RATE] [-held N] [-cpuprofile FILE] [-awake=false] | bench -sessions N [-per-connection N] | bench -soak TIME")
	}
	var err error
	if p.only, err = regexp.Compile(*only); err != nil {
		return err
	}
	return p.execute(ctx)
}
