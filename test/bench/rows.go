package main

import (
	"fmt"
	"time"
)

// A row is one line of the table: what the load generator does.
type row struct {
	Work     string // key of works
	Sessions int    // each on a connection of its own
	Window   int    // SENDs that wait for their 200 at the same time, in each session
	OneWrite bool   // a window goes out in one write, and the next one when all of it is answered; else each SEND is a write of its own
	Body     int    // octets
}

var rows = []row{
	{Work: "messages", Sessions: 1, Window: 1, Body: 100},
	{Work: "messages", Sessions: 1, Window: 16, Body: 100},
	{Work: "messages", Sessions: 1, Window: 16, Body: 100, OneWrite: true},
	{Work: "messages", Sessions: 10, Window: 1, Body: 100},
	{Work: "messages", Sessions: 10, Window: 16, Body: 100},
	{Work: "messages", Sessions: 10, Window: 16, Body: 100, OneWrite: true},
}

// works are the kinds of load; each is measured in units of its own.
var works = map[string]struct {
	unit string
	run  func(order) (outcome, error)
}{
	"messages": {unit: "messages/s", run: sendMessages},
}

// name identifies the row in build/bench.jsonl, from one version to the next.
func (r row) name() string {
	write := "each"
	if r.OneWrite {
		write = "window"
	}
	return fmt.Sprintf("%s/body=%d/sessions=%d/window=%d/write=%s", r.Work, r.Body, r.Sessions, r.Window, write)
}

// title is the row for people.
func (r row) title() string {
	s := fmt.Sprintf("%d B, %2d session", r.Body, r.Sessions)
	if r.Sessions > 1 {
		s += "s"
	}
	s += fmt.Sprintf(", window %d", r.Window)
	switch {
	case r.Window == 1:
	case r.OneWrite:
		s += " in one write"
	default:
		s += ", frame by frame"
	}
	return s
}

// An order is what the generator reads from its standard input.
type order struct {
	Row      row
	SIP      string // where to invite; empty: nobody to invite, straight to MSRP
	MSRP     string // host:port of a server without SIP
	PID      int    // the serving process, whose CPU time is read
	Duration time.Duration
}

// An outcome is what the generator writes to its standard output.
type outcome struct {
	Count   int64         // messages answered in the measured time
	Elapsed time.Duration // the measured time
	CPU     time.Duration // of the serving process in that time, user and system
	Sent    int           // octets of one SEND
	Answer  int           // octets of one response, on average
}

func (o outcome) perSecond() float64 { return float64(o.Count) / o.Elapsed.Seconds() }

func (o outcome) cpuMicroseconds() float64 {
	return float64(o.CPU) / float64(time.Microsecond) / float64(max(o.Count, 1))
}
