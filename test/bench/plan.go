package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/parley-msrp/parley/test/daemon"
)

// A plan is what one call of bench does.
type plan struct {
	daemon   string
	out      string
	profile  string
	runs     int
	duration time.Duration
	awake    bool
	only     *regexp.Regexp
	sessions int // of a crowd, and nothing else; 0: the table
	sharing  int // how many of them share a connection
	warmup   time.Duration
	top      int // calls a second
	held     int
	soak     time.Duration // of calls, and nothing else; 0: the table
}

func (p plan) execute(ctx context.Context) (err error) {
	if p.soak > 0 {
		return p.soakCalls(ctx)
	}
	if p.sessions > 0 {
		return measureCrowd(ctx, crowd{kind: engineMode, sessions: p.sessions, perConnection: p.sharing}, os.Stdout, io.Discard)
	}
	if err := os.MkdirAll(filepath.Dir(p.out), 0o755); err != nil {
		return err
	}
	out, err := os.Create(p.out)
	if err != nil {
		return err
	}
	defer out.Close()
	chosen := slices.DeleteFunc(allRows(), func(r row) bool { return !p.only.MatchString(r.name()) })
	if len(chosen) > 0 {
		if err := p.measureRows(ctx, chosen, out); err != nil {
			return err
		}
	}
	if err := p.measureCalls(ctx, out); err != nil {
		return err
	}
	if err := p.measureJournal(ctx, out); err != nil {
		return err
	}
	if p.only.MatchString("idle") {
		if err := measureCrowd(ctx, crowd{kind: engineMode, sessions: idleSessions, perConnection: 1}, os.Stdout, out); err != nil {
			return err
		}
		c := crowd{kind: wholeAgent, sessions: p.held, perConnection: 1}
		if p.warmup > 0 {
			c.rest = holdTime
		}
		if err := measureCrowd(ctx, c, os.Stdout, out); err != nil {
			return err
		}
	}
	return out.Close()
}

func (p plan) measureRows(ctx context.Context, chosen []row, out *os.File) (err error) {
	sleep, err := p.keepAwake(ctx)
	if err != nil {
		return err
	}
	defer sleep()
	servers, err := p.start(ctx)
	for _, s := range servers {
		defer func() { err = errors.Join(err, s.stop()) }()
	}
	if err != nil {
		return err
	}
	fmt.Printf("each figure: median of %d runs of %s (least to most)\n", p.runs, p.duration)
	for _, r := range chosen {
		able := servers
		if works[r.Work].control || r.TLS {
			able = slices.DeleteFunc(slices.Clone(servers), func(s server) bool { return s.control == "" })
		}
		outcomes, err := p.measure(ctx, r, able)
		if err != nil {
			return fmt.Errorf("%s: %w", r.name(), err)
		}
		if err := report(os.Stdout, out, r, able, outcomes); err != nil {
			return err
		}
	}
	return nil
}

// keepAwake keeps the processors awake until sleep is called, if that is wanted.
func (p plan) keepAwake(ctx context.Context) (sleep func() error, err error) {
	if !p.awake {
		return func() error { return nil }, nil
	}
	a, err := startSelf(ctx, awakeMode)
	if err != nil {
		return nil, err
	}
	if _, err := a.out.ReadByte(); err != nil {
		return nil, errors.Join(fmt.Errorf("the processors are not kept awake: %w", err), a.stop())
	}
	return a.stop, nil
}

// The ports of the echo and the engine have as many digits as the daemon's MSRP port, so that all are sent the same octets.
const (
	echoPort   = 2856
	enginePort = 2857
)

// start starts what is to be measured on one loopback address: the daemon, unless there is none, the engine, and last the echo.
func (p plan) start(ctx context.Context) (servers []server, err error) {
	addr, err := daemon.Address()
	if err != nil {
		return nil, err
	}
	if p.daemon != "" {
		s, err := startDaemon(ctx, p.daemon, addr, "")
		if err != nil {
			return servers, err
		}
		servers = append(servers, s)
	}
	for _, args := range [][]string{
		{engineMode, netip.AddrPortFrom(addr, enginePort).String(), p.profile},
		{echoMode, netip.AddrPortFrom(addr, echoPort).String()},
	} {
		s, err := startServer(ctx, args[0], args...)
		if err != nil {
			return servers, err
		}
		servers = append(servers, s)
	}
	return servers, nil
}

// startDaemon starts the daemon with further lines of its sip section.
func startDaemon(ctx context.Context, binary string, addr netip.Addr, sip string) (server, error) {
	var err error
	if binary, err = filepath.Abs(binary); err != nil { // it runs in dir
		return server{}, err
	}
	dir, err := os.MkdirTemp("", "parley-bench-")
	if err != nil {
		return server{}, err
	}
	d, err := daemon.Start(ctx, binary, dir, addr, daemon.ConfigSIP(addr, sip, "log: {level: warn}\n"))
	if err != nil {
		return server{}, errors.Join(err, os.RemoveAll(dir))
	}
	stop := func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
		defer cancel()
		return errors.Join(d.Stop(ctx), os.RemoveAll(dir))
	}
	return server{name: "parley", pid: d.PID(), sip: d.SIP().String(), stop: stop}, nil
}

// measure runs a row against each server in turn, as often as planned, so that what disturbs the machine for a while disturbs all alike.
func (p plan) measure(ctx context.Context, r row, servers []server) ([][]outcome, error) {
	outcomes := make([][]outcome, len(servers))
	for range p.runs {
		for i, s := range servers {
			found, err := load(ctx, order{Row: r, SIP: s.sip, Control: s.control, PID: s.pid, Duration: p.duration})
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.name, err)
			}
			if found.Count == 0 {
				return nil, fmt.Errorf("%s: nothing was answered in %s", s.name, p.duration)
			}
			outcomes[i] = append(outcomes[i], found)
		}
	}
	return outcomes, nil
}
