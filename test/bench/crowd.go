package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"time"

	"github.com/parley-msrp/parley/test/daemon"
)

// What a crowd's generator is told to do.
const (
	crowdBind    = "bind"    // make the sessions, and bind a connection to each
	crowdSend    = "send"    // send a message in each session, and take all responses
	crowdReceive = "receive" // have the engine send a message in each session, and answer it
)

// spareFiles is how many files a process has open beside its sessions' connections.
const spareFiles = 100

// A crowd is a number of idle sessions, some to a TCP connection, in as many engines as the limit of open files makes necessary.
type crowd struct {
	kind                    string // engine, or agent: its sessions are made by SIP
	sessions, perConnection int
	rest                    time.Duration // after they were made: finished transactions live 32 s
	parts                   []*part
}

// A part is an engine and its generator.
type part struct {
	sessions  int
	engine    server
	control   *control
	generator *process
	from      *json.Decoder
	to        *json.Encoder
	before    memory
}

// A crowdDemand is what the driver asks of a generator, on a line, as JSON.
type crowdDemand struct {
	Do            string
	Control       string
	SIP           string // where to invite; empty: sessions are asked for at Control
	Sessions      int
	PerConnection int
	Part          int // decides on the addresses that the connections come from
}

// A crowdReply is what it gets when all of that is done.
type crowdReply struct{ Error string }

// measureCrowd opens the sessions, lets them be idle, and has a message go to each, and with the engine from each; it is an error if one is not answered.
func measureCrowd(ctx context.Context, c crowd, table, lines io.Writer) (err error) {
	sessions, perConnection := c.sessions, c.perConnection
	// Each of the generator's groups may have one connection that is not full.
	need := (sessions+perConnection-1)/perConnection + groups + spareFiles
	limit, err := raiseOpenFiles(uint64(need))
	if err != nil {
		return err
	}
	room := (int(limit) - groups - spareFiles) * perConnection
	if room < 1 {
		return fmt.Errorf("the hard limit of open files (ulimit -Hn) is %d: too low for anything", limit)
	}
	count := (sessions + room - 1) / room
	sharing := "each on a TCP connection of its own"
	if perConnection > 1 {
		sharing = fmt.Sprintf("%d to a TCP connection", perConnection)
	}
	fmt.Fprintf(table, "\n%s: %d idle sessions, %s\n", c.kind, sessions, sharing)
	if count > 1 {
		fmt.Fprintf(table, "  the hard limit of open files (ulimit -Hn) is %d, and one process would need %d: the sessions are spread over %d %s processes\n",
			limit, need, count, c.kind)
	}
	defer func() {
		for _, p := range c.parts {
			err = errors.Join(err, p.stop())
		}
	}()
	for i := range count {
		p, err := startPart(ctx, c.kind, sessions*(i+1)/count-sessions*i/count)
		if err != nil {
			return err
		}
		c.parts = append(c.parts, p)
	}
	return c.measure(table, lines)
}

func startPart(ctx context.Context, kind string, sessions int) (_ *part, err error) {
	addr, err := daemon.Address()
	if err != nil {
		return nil, err
	}
	p := &part{sessions: sessions}
	args := []string{engineMode, netip.AddrPortFrom(addr, enginePort).String(), ""}
	if kind == wholeAgent {
		args = []string{agentMode, netip.AddrPortFrom(addr, daemon.SIPPort).String(), "", wholeAgent}
	}
	if p.engine, err = startServer(ctx, kind, args...); err != nil {
		return nil, err
	}
	if p.control, err = dialControl(p.engine.control); err != nil {
		return nil, errors.Join(err, p.engine.stop())
	}
	if p.generator, err = startSelf(ctx, crowdMode); err != nil {
		return nil, errors.Join(err, p.control.end(), p.engine.stop())
	}
	p.from, p.to = json.NewDecoder(p.generator.out), json.NewEncoder(p.generator.in)
	return p, nil
}

func (p *part) stop() error {
	return errors.Join(p.generator.stop(), p.control.end(), p.engine.stop())
}

func (c *crowd) measure(table, lines io.Writer) error {
	for _, p := range c.parts {
		r, err := p.control.do(demand{Do: doMemory})
		if err != nil {
			return err
		}
		p.before = r.Memory
	}
	encoder := json.NewEncoder(lines)
	say := func(what string, value float64, unit string) error {
		return encoder.Encode(figure{Name: fmt.Sprintf("%s/idle/sessions=%d/per-connection=%d/%s", c.kind, c.sessions, c.perConnection, what), Value: value, Unit: unit, Least: value, Most: value, Runs: 1})
	}
	timed := func(do, name, title string) error {
		took, err := c.all(do)
		if err != nil {
			return err
		}
		rate := float64(c.sessions) / took.Seconds()
		fmt.Fprintf(table, "  %-47s %8.2f s  (%.0f a second)\n", title, took.Seconds(), rate)
		return say(name, rate, "sessions/s")
	}
	held := func(name, when string) error {
		m, err := c.held()
		if err != nil {
			return err
		}
		n := int64(c.sessions)
		fmt.Fprintf(table, "  %-47s %8d octets a session: heap %d, stacks %d; resident %d\n", "idle "+when, (m.Heap+m.Stacks)/n, m.Heap/n, m.Stacks/n, m.Resident/n)
		return errors.Join(say(name+"/held", float64(m.Heap+m.Stacks)/float64(n), "octets/session"), say(name+"/resident", float64(m.Resident)/float64(n), "octets/session"))
	}
	if err := timed(crowdBind, "bound", "connected and bound, all answered"); err != nil {
		return err
	}
	time.Sleep(c.rest)
	if err := held("fresh", "after that"); err != nil {
		return err
	}
	if err := timed(crowdSend, "to-engine", "a message to it in each, all answered"); err != nil {
		return err
	}
	if c.kind == wholeAgent {
		return held("used", "again")
	}
	if err := timed(crowdReceive, "from-engine", "a message from it in each, all answered"); err != nil {
		return err
	}
	return held("used", "again")
}

// all has all generators do the same at once.
func (c *crowd) all(do string) (time.Duration, error) {
	start := time.Now()
	var running sync.WaitGroup
	errs := make([]error, len(c.parts))
	for i, p := range c.parts {
		running.Go(func() { // ends with the generator's answer or its end
			var r crowdReply
			err := p.to.Encode(crowdDemand{Do: do, Control: p.engine.control, SIP: p.engine.sip, Sessions: p.sessions, PerConnection: c.perConnection, Part: i})
			if err == nil {
				err = p.from.Decode(&r)
			}
			if r.Error != "" {
				err = errors.New(r.Error)
			}
			errs[i] = err
		})
	}
	running.Wait()
	return time.Since(start), errors.Join(errs...)
}

// idleTime is how long nothing happens until memory is measured, after which the engine takes a connection for idle.
const idleTime = 5 * time.Second

// held is what all engines hold more than at the beginning, once the sessions are idle.
func (c *crowd) held() (sum memory, err error) {
	time.Sleep(idleTime)
	for _, p := range c.parts {
		r, err := p.control.do(demand{Do: doMemory})
		if err != nil {
			return sum, err
		}
		sum.Heap += r.Memory.Heap - p.before.Heap
		sum.Stacks += r.Memory.Stacks - p.before.Stacks
		sum.Resident += r.Memory.Resident - p.before.Resident
	}
	return sum, nil
}
