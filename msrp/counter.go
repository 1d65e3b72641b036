package msrp

import (
	"time"

	"github.com/parley-msrp/parley/internal/wire"
)

// Counter counts what passes an Endpoint, for statistics. Its methods are called for each read, write and frame, from many goroutines, some with locks
// held: they must be cheap, not block, and not call back.
type Counter interface {
	// Octets counts those that were read or written.
	Octets(received, sent int)
	// Request counts a request of a peer that came to its end; report: a REPORT, else a SEND or another one.
	Request(report bool)
	// Answer counts a response to a peer's request, by its code.
	Answer(code int)
	// Transaction counts a chunk of ours that was answered, by the code; 408 also where no response came in time. after is the time since its last
	// octet left.
	Transaction(code int, after time.Duration)
	// Connections counts open connections up and down.
	Connections(change int)
	// Limit counts how often a limit was reached.
	Limit(l Limit)
}

// Limit is one that a Counter is told of.
type Limit uint8

// The limits.
const (
	LimitConnections Limit = iota // a connection was closed: Config.MaxConnections, or that for each source
	LimitReading                  // reading from a connection stopped: Config.UncompletedMessages and others
	LimitQueue                    // a message was refused: Config.QueuedMessages or QueuedOctets with RefuseWhenFull
)

// countFrame counts a frame that has come to its end.
func (c *conn) countFrame(h *wire.Head) {
	if k := c.endpoint.cfg.Counter; k != nil && !h.IsResponse() {
		k.Request(string(h.Method) == "REPORT")
	}
}

// countAnswer counts a response to a peer.
func (c *conn) countAnswer(code int) {
	if k := c.endpoint.cfg.Counter; k != nil {
		k.Answer(code)
	}
}

// countTransaction counts what became of a transaction.
func (c *conn) countTransaction(t *transaction, code int) {
	k := c.endpoint.cfg.Counter
	if k == nil {
		return
	}
	var after time.Duration
	if !t.due.IsZero() { // else the response was faster than the writer
		after = time.Since(t.due.Add(-c.endpoint.cfg.ResponseTimeout))
	}
	k.Transaction(code, after)
}

func (e *Endpoint) limit(l Limit) {
	if e.cfg.Counter != nil {
		e.cfg.Counter.Limit(l)
	}
}

func (e *Endpoint) countConnections(change int) {
	if e.cfg.Counter != nil {
		e.cfg.Counter.Connections(change)
	}
}
