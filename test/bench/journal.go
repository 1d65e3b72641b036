package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/parley-msrp/parley/test/daemon"
)

// journalRow is the load that the journal is measured under.
var journalRow = row{Work: "messages", Sessions: 10, Window: 16, Body: 100, OneWrite: true}

// measureJournal shows what it costs to keep every event, with one consumer reading along: how many messages a second, how long a response takes, and
// how many messages can be sent by the management interface.
func (p plan) measureJournal(ctx context.Context, out io.Writer) error {
	if p.daemon == "" {
		return nil
	}
	for _, durability := range []string{"memory", "process", "fsync"} {
		name := "journal/" + durability
		chosen := journalChoice{load: p.only.MatchString(name + "/" + journalRow.name()), waiting: p.only.MatchString(name + "/waiting")}
		for _, conns := range commandConns {
			if durability != "memory" && p.only.MatchString(commandRow(name, conns)) {
				chosen.commands = append(chosen.commands, conns)
			}
		}
		if !chosen.load && !chosen.waiting && chosen.commands == nil {
			continue
		}
		if err := p.measureDurability(ctx, durability, chosen, out); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// journalChoice is what to measure with one durability.
type journalChoice struct {
	load, waiting bool
	commands      []int // connections
}

// measureDurability keeps the processors awake only where one thing is done at a time: elsewhere four processes are seldom all asleep, and the one of the lowest
// priority would be in the way of those that share a processor beside it.
func (p plan) measureDurability(ctx context.Context, durability string, chosen journalChoice, out io.Writer) (err error) {
	addr, err := daemon.Address()
	if err != nil {
		return err
	}
	binary, err := filepath.Abs(p.daemon) // it runs in dir
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(filepath.Dir(binary), "journal-") // on a disk, as journals are
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if durability == "fsync" {
		rate, err := syncRate(dir, p.duration)
		if err != nil {
			return err
		}
		fmt.Printf("\nthe disk: %.0f writes of 4 KiB with fsync a second\n", rate)
	}
	if err := os.Setenv("PARLEY_HTTP_MAX_REQUESTS_PER_SECOND", "0"); err != nil { // the daemon inherits it
		return err
	}
	d, err := daemon.Start(ctx, binary, dir, addr, daemon.Config(addr, "log: {level: warn}\njournal: {durability: "+durability+"}\n"))
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
		defer cancel()
		err = errors.Join(err, d.Stop(ctx))
	}()
	c, err := consume(ctx, d)
	if err != nil {
		return err
	}
	defer c.stop()
	name := "journal/" + durability
	fmt.Printf("\njournal: %s, one consumer reading along\n", durability)
	encoder := json.NewEncoder(out)
	if chosen.load {
		if err := p.measureKeeping(ctx, d, c, name, encoder); err != nil {
			return err
		}
	}
	if chosen.waiting {
		if err := p.measureWaiting(ctx, d, name, encoder); err != nil {
			return err
		}
	}
	if chosen.commands == nil {
		return nil
	}
	bare, err := os.MkdirTemp(filepath.Dir(binary), "journal-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(bare)) }()
	return p.measureCommands(ctx, d, name, bare, durability, chosen.commands, encoder)
}

// measureKeeping shows how many messages a second are kept, and told to the consumer.
func (p plan) measureKeeping(ctx context.Context, d *daemon.Daemon, c *consumer, name string, encoder *json.Encoder) error {
	var outcomes []outcome
	answered := int64(0)
	before, began := c.events.Load(), time.Now()
	for range p.runs {
		found, err := load(ctx, order{Row: journalRow, SIP: d.SIP().String(), PID: d.PID(), Duration: p.duration})
		if err != nil {
			return err
		}
		outcomes = append(outcomes, found)
		answered += found.Count
	}
	took, read := time.Since(began), c.events.Load()-before
	f := summary(outcomes)
	f.Name, f.Unit = name+"/"+journalRow.name(), "messages/s"
	fmt.Printf("  %s\n  %9.0f messages/s  (%.0f to %.0f)  %7.2f µs CPU each; the consumer got %d events, %.0f a second\n",
		journalRow.title(), f.Value, f.Least, f.Most, f.CPUMicrosPerMessage, read, float64(read)/took.Seconds())
	if read < answered {
		return fmt.Errorf("the consumer got %d events of %d messages", read, answered)
	}
	return encoder.Encode(f)
}

// consumer follows the events.
type consumer struct {
	events atomic.Int64
	cancel context.CancelFunc
	done   chan struct{}
}

func consume(ctx context.Context, d *daemon.Daemon) (*consumer, error) {
	ctx, cancel := context.WithCancel(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.URL("/v1/events"), nil)
	if err != nil {
		cancel()
		return nil, err
	}
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		cancel()
		return nil, err
	}
	c := &consumer{cancel: cancel, done: make(chan struct{})}
	go func() { // ends by stop
		defer close(c.done)
		defer r.Body.Close()
		buf := make([]byte, 256<<10)
		for {
			n, err := r.Body.Read(buf)
			c.events.Add(int64(bytes.Count(buf[:n], []byte("\ndata: "))))
			if err != nil {
				return
			}
		}
	}()
	return c, nil
}

func (c *consumer) stop() {
	c.cancel()
	<-c.done
}

// measureWaiting shows how long a message in a quiet session waits for its 200, from its last octet on.
func (p plan) measureWaiting(ctx context.Context, d *daemon.Daemon, name string, encoder *json.Encoder) (err error) {
	sleep, err := p.keepAwake(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sleep()) }()
	opener, err := newCaller(d.SIP().String())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opener.end()) }()
	s, err := openSession(opener, row{Window: 1, Body: 100})
	if err != nil {
		return err
	}
	defer s.conn.Close()
	var waited []time.Duration
	for begin := time.Now(); time.Since(begin) < 2*p.duration; {
		at := time.Now()
		if err := s.write(1); err != nil {
			return err
		}
		if _, err := s.read(1); err != nil {
			return err
		}
		waited = append(waited, time.Since(at))
	}
	slices.Sort(waited)
	at := func(percent int) time.Duration { return waited[(len(waited)-1)*percent/100] }
	fmt.Printf("  from a message's last octet to its 200, one at a time: p50 %s, p99 %s, of %d\n", at(50), at(99), len(waited))
	return encoder.Encode(figure{Name: name + "/waiting", Value: micros(at(50)), Unit: "µs to a response, p50; most is p99", Least: micros(at(0)), Most: micros(at(99)), Runs: 1})
}

// syncRate is how many small writes a second the disk takes that are on it afterwards.
func syncRate(dir string, d time.Duration) (float64, error) {
	f, err := os.Create(filepath.Join(dir, "sync"))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	n, begin := 0, time.Now()
	for ; time.Since(begin) < d; n++ {
		if _, err := f.Write(make([]byte, 4<<10)); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
	}
	return float64(n) / time.Since(begin).Seconds(), nil
}
