package main

import (
	"fmt"
	"slices"
	"time"
)

// A row is one line of the table: what the load generator does.
type row struct {
	Work     string // key of works
	Sessions int    // each on a connection of its own
	Window   int    // SENDs that wait for their 200 at the same time, in each session
	OneWrite bool   // a window goes out in one write, and the next one when all of it is answered; else each SEND is a write of its own
	Body     int    // octets
	TLS      bool   // against the engine and the echo, each with a listener for it
}

const gibi = 1 << 30

var rows = []row{
	{Work: "messages", Sessions: 1, Window: 1, Body: 100},
	{Work: "messages", Sessions: 1, Window: 16, Body: 100},
	{Work: "messages", Sessions: 1, Window: 16, Body: 100, OneWrite: true},
	{Work: "messages", Sessions: 10, Window: 1, Body: 100},
	{Work: "messages", Sessions: 10, Window: 16, Body: 100},
	{Work: "messages", Sessions: 10, Window: 16, Body: 100, OneWrite: true},
	{Work: "messages", Sessions: 10, Window: 64, Body: 100, OneWrite: true},
	{Work: "messages", Sessions: 1000, Window: 4, Body: 100},
	{Work: "messages", Sessions: 10, Window: 1, Body: 64 << 10},
	{Work: "messages", Sessions: 10, Window: 16, Body: 64 << 10},
	{Work: "sending", Sessions: 1, Window: 64, Body: 100},
	{Work: "bulk-received", Sessions: 1, Window: 1, Body: gibi},
	{Work: "bulk-sent", Sessions: 1, Window: 1, Body: gibi},
}

// allRows are the rows, and the same over TLS.
func allRows() []row {
	all := slices.Clone(rows)
	for _, r := range rows {
		r.TLS = true
		all = append(all, r)
	}
	return all
}

// idleSessions is how many idle sessions a measurement of all rows ends with.
const idleSessions = 5000

// A work is a kind of load, measured in a unit of its own.
type work struct {
	unit    string
	of      string // what is sent, for people
	control bool   // it is done by servers that are told what to do over a control connection: the engine and the echo, not the daemon
	run     func(order) (outcome, error)
}

var works = map[string]work{
	"messages":      {unit: "messages/s", run: receiveMessages},
	"sending":       {unit: "messages/s", of: " sent by the server", control: true, run: takeMessages},
	"commands":      {unit: "messages/s", of: " sent by command", run: postCommands},
	"bulk-received": {unit: "MiB/s", of: " in one chunk to the server", control: true, run: giveBulk},
	"bulk-sent":     {unit: "MiB/s", of: " in one chunk from the server", control: true, run: takeBulk},
}

// name identifies the row in build/bench.jsonl, from one version to the next.
func (r row) name() string {
	write := "each"
	if r.OneWrite {
		write = "window"
	}
	over := ""
	if r.TLS {
		over = "/tls"
	}
	return fmt.Sprintf("%s/body=%d/sessions=%d/window=%d/write=%s%s", r.Work, r.Body, r.Sessions, r.Window, write, over)
}

// title is the row for people.
func (r row) title() string {
	s := fmt.Sprintf("%s%s, %d session", size(r.Body), works[r.Work].of, r.Sessions)
	if r.Sessions > 1 {
		s += "s"
	}
	if r.Body < gibi {
		s += fmt.Sprintf(", window %d", r.Window)
	}
	switch {
	case r.Window == 1 || r.Work != "messages":
	case r.OneWrite:
		s += " in one write"
	default:
		s += ", frame by frame"
	}
	if r.TLS {
		s += ", over TLS"
	}
	return s
}

func size(octets int) string {
	switch {
	case octets >= gibi:
		return fmt.Sprintf("%d GiB", octets/gibi)
	case octets >= 1<<10:
		return fmt.Sprintf("%d KiB", octets>>10)
	}
	return fmt.Sprintf("%d B", octets)
}

// An order is what the generator reads from its standard input.
type order struct {
	Row      row
	SIP      string // where to invite; empty: sessions are asked for at Control
	Control  string // host:port
	HTTP     string // host:port, where commands go
	Request  string // the command
	PID      int    // the serving process, whose CPU time is read
	Duration time.Duration
}

// An outcome is what the generator writes to its standard output.
type outcome struct {
	Count     int64         // messages answered in the measured time; MiB of bulk
	Elapsed   time.Duration // the measured time
	CPU       time.Duration // of the serving process in that time, user and system
	Generator time.Duration // CPU time of the generator
	Sent      int           // octets of one SEND; 0: not said
	Answer    int           // octets of one response, on average
	Frames    int           // that a message came in; 0: not counted
}

func (o outcome) perSecond() float64 { return float64(o.Count) / o.Elapsed.Seconds() }

// micros is a CPU time for each message (or MiB), in microseconds.
func (o outcome) micros(cpu time.Duration) float64 {
	return float64(cpu) / float64(time.Microsecond) / float64(max(o.Count, 1))
}
