package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"time"

	"github.com/parley-msrp/parley/test/daemon"
)

// A callRow is a server and a transport over which it is called.
type callRow struct {
	server string // agent, or parley: the whole daemon
	proto  string
}

var callRows = []callRow{{"agent", "udp"}, {"agent", "tcp"}, {"parley", "udp"}, {"parley", "tcp"}}

func (r callRow) name() string { return fmt.Sprintf("%s/calls/proto=%s", r.server, r.proto) }

// What serveAgent is told to be.
const (
	wholeAgent = "agent"
	bareAgent  = "dialogs"
)

// The rates that are tried, in calls a second: each is a tenth above the one before.
const (
	firstRate   = 5000
	lastRate    = 60000 // unless a lower one is asked for
	momentRate  = 1000  // where a moment is all that is wanted
	stepsOfRate = 5     // a rate lasts so many times the duration of a run
)

// A caller of many is a server, a phone that calls it, and what reads both.
type exchange struct {
	row     callRow
	server  server
	control *control // nil: it takes no demands
	phone   *process
	from    *json.Decoder
	to      *json.Encoder
}

// A pass is what one rate came to.
type pass struct {
	rate   int
	phone  phoneReply
	cpu    time.Duration // of the server
	allocs float64       // for each call; 0: not known
	octets float64       // of those
	heap   int64         // octets at its end
	failed string        // why the rate cannot be kept; empty: it can
}

// measureCalls runs the rows of calls that are chosen: rising rates until one fails, and the highest before that held as long as the warm-up.
func (p plan) measureCalls(ctx context.Context, out io.Writer) error {
	for _, r := range callRows {
		if !p.only.MatchString(r.name()) || r.server == "parley" && p.daemon == "" {
			continue
		}
		if err := p.measureCallRow(ctx, r, out); err != nil {
			return fmt.Errorf("%s: %w", r.name(), err)
		}
	}
	if err := p.measureHeld(ctx, out); err != nil {
		return err
	}
	return p.measureOverload(ctx, out)
}

func (p plan) measureCallRow(ctx context.Context, r callRow, out io.Writer) (err error) {
	sleep, err := p.keepAwake(ctx)
	if err != nil {
		return err
	}
	defer sleep()
	x, err := p.startExchange(ctx, r, wholeAgent)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.stop()) }()
	fmt.Printf("\n%s: INVITE, 200 with SDP, ACK, BYE, 200 over %s\n", r.server, r.proto)
	rate, length := momentRate, p.duration
	if p.warmup > 0 {
		rate, length = firstRate, stepsOfRate*p.duration
		if _, err := x.pass(rate, p.warmup); err != nil {
			return err
		}
	}
	var best []pass
	for ; rate <= p.top; rate = next(rate) {
		found, err := x.pass(rate, length)
		if err != nil {
			return err
		}
		found.print(os.Stdout)
		if found.failed != "" {
			break
		}
		best = append(best, found)
		if p.warmup == 0 {
			break
		}
	}
	if len(best) == 0 {
		return fmt.Errorf("not even %d calls a second", rate)
	}
	if p.warmup > 0 {
		if best, err = x.hold(best, p.warmup); err != nil {
			return err
		}
	}
	return json.NewEncoder(out).Encode(best[len(best)-1].figure(r))
}

func next(rate int) int { return (rate + rate/10) / 100 * 100 }

// hold has the highest rate kept for a while, and if that fails the one below it.
func (x *exchange) hold(best []pass, length time.Duration) ([]pass, error) {
	for ; len(best) > 0; best = best[:len(best)-1] {
		rate := best[len(best)-1].rate
		fmt.Printf("  %d a second, held for %s:\n", rate, length)
		if _, err := x.pass(firstRate, holdTime); err != nil { // what failed comes to its end: a 200 without ACK is sent again for 32 s
			return nil, err
		}
		found, err := x.pass(rate, length)
		if err != nil {
			return nil, err
		}
		found.print(os.Stdout)
		if found.failed == "" {
			best[len(best)-1] = found
			return best, nil
		}
	}
	return nil, errors.New("no rate could be held")
}

func (p plan) startExchange(ctx context.Context, r callRow, kind string) (x *exchange, err error) {
	addr, err := daemon.Address()
	if err != nil {
		return nil, err
	}
	var s server
	if r.server == "parley" {
		s, err = startDaemon(ctx, p.daemon, addr, "")
	} else {
		profile := ""
		if p.profile != "" {
			profile = p.profile + ".calls"
		}
		s, err = startServer(ctx, r.server, agentMode, netip.AddrPortFrom(addr, daemon.SIPPort).String(), profile, kind)
	}
	if err != nil {
		return nil, err
	}
	return newExchange(ctx, r, s)
}

// newExchange gives a server its phone; it stops with the exchange, or with the error.
func newExchange(ctx context.Context, r callRow, s server) (x *exchange, err error) {
	x = &exchange{row: r, server: s}
	if x.server.control != "" {
		if x.control, err = dialControl(x.server.control); err != nil {
			return nil, errors.Join(err, x.stop())
		}
	}
	if x.phone, err = startSelf(ctx, phoneMode); err != nil {
		return nil, errors.Join(err, x.stop())
	}
	x.from, x.to = json.NewDecoder(x.phone.out), json.NewEncoder(x.phone.in)
	return x, nil
}

func (x *exchange) stop() (err error) {
	if x.phone != nil {
		err = x.phone.stop()
	}
	if x.control != nil {
		err = errors.Join(err, x.control.end())
	}
	return errors.Join(err, x.server.stop())
}

// use has the phone do something.
func (x *exchange) use(d phoneDemand) (r phoneReply, err error) {
	d.Proto, d.Server = x.row.proto, x.server.sip
	err = x.to.Encode(d)
	if err == nil {
		err = x.from.Decode(&r)
	}
	if r.Error != "" {
		err = errors.New(r.Error)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", d.Do, err)
	}
	return r, err
}

// pass has the phone call at a rate for a while.
func (x *exchange) pass(rate int, length time.Duration) (s pass, err error) {
	s.rate = rate
	before, err := x.count()
	if err != nil {
		return s, err
	}
	cpu, err := cpuTime(x.server.pid)
	if err != nil {
		return s, err
	}
	if s.phone, err = x.use(phoneDemand{Do: phoneCall, Rate: rate, Duration: length}); err != nil {
		return s, err
	}
	after, err := x.count()
	if err != nil {
		return s, err
	}
	now, err := cpuTime(x.server.pid)
	s.cpu = now - cpu
	s.heap = after.Heap
	if n := s.phone.Finished; n > 0 && x.control != nil {
		s.allocs = float64(after.Mallocs-before.Mallocs) / float64(n)
		s.octets = float64(after.Octets-before.Octets) / float64(n)
	}
	s.judge(length)
	return s, err
}

func (x *exchange) count() (counters, error) {
	if x.control == nil {
		return counters{}, nil
	}
	r, err := x.control.do(demand{Do: doCount})
	return r.Counters, err
}

// judge says whether the rate was kept: no call failed, the phone and the server kept up, and requests that had to be repeated were rare.
func (s *pass) judge(length time.Duration) {
	wanted := float64(s.rate) * length.Seconds()
	r := s.phone
	switch {
	case r.Failed > 0:
		s.failed = fmt.Sprintf("%d calls failed (%s)", r.Failed, r.Why)
	case float64(r.Started) < 0.97*wanted:
		s.failed = fmt.Sprintf("only %.0f calls a second could be started", float64(r.Started)/length.Seconds())
	case float64(r.Finished) < 0.97*float64(r.Started)-float64(s.rate)/10:
		s.failed = fmt.Sprintf("only %d of %d calls came to their end", r.Finished, r.Started)
	case r.Repeated > r.Started/100:
		s.failed = fmt.Sprintf("%d requests had to be sent again", r.Repeated)
	}
}

func (s *pass) perSecond() float64 { return float64(s.phone.Finished) / s.phone.Elapsed.Seconds() }

func (s *pass) micros(d time.Duration) float64 {
	return float64(d.Microseconds()) / float64(max(s.phone.Finished, 1))
}

func (s *pass) print(w io.Writer) {
	fmt.Fprintf(w, "  %6d a second: %8.0f  %6.1f µs CPU a call  generator %5.1f µs", s.rate, s.perSecond(), s.micros(s.cpu), s.micros(s.phone.Generator))
	if s.allocs > 0 {
		fmt.Fprintf(w, "  %5.1f allocations of %5.0f octets  heap %4d MiB", s.allocs, s.octets, s.heap>>20)
	}
	fmt.Fprintf(w, "  %d repeated", s.phone.Repeated)
	if s.failed != "" {
		fmt.Fprintf(w, "  FAILS: %s", s.failed)
	}
	fmt.Fprintln(w)
}

func (s *pass) figure(r callRow) figure {
	rate := s.perSecond()
	return figure{
		Name: r.name(), Value: rate, Unit: "calls/s", Least: rate, Most: rate, Runs: 1,
		CPUMicrosPerCall: s.micros(s.cpu), GeneratorPerCall: s.micros(s.phone.Generator), AllocsPerCall: s.allocs, HeapOctets: s.heap,
	}
}
