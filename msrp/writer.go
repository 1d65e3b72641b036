package msrp

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// batchSize is about how much leaves in one write, in octets.
const batchSize = 64 << 10

// batch is what leaves in one write.
type batch struct {
	octets       []byte
	sent         int            // octets that have left
	transactions []*transaction // whose requests end in it
	finished     []finished     // messages whose last octet is in it
}

// finished is a message whose last octet is in a batch.
type finished struct {
	session *Session
	message *message
}

// writer is what belongs to whoever writes to a connection.
type writer struct {
	chunk *openChunk // an interruptible chunk that is not at its end
}

// output is where responses and REPORTs are appended to. Holding c.mu.
func (c *conn) output() *batch {
	if c.control == nil {
		c.control = c.takeBatch()
	}
	return c.control
}

// waiting is how many octets of responses and REPORTs wait. Holding c.mu.
func (c *conn) waiting() int {
	if c.control == nil {
		return 0
	}
	return len(c.control.octets)
}

func (c *conn) takeBatch() *batch { return c.endpoint.batches.Get().(*batch) }

func (c *conn) putBatch(b *batch) {
	if cap(b.octets) > 2*batchSize {
		b.octets = nil
	}
	clear(b.transactions)
	clear(b.finished)
	b.octets, b.sent, b.transactions, b.finished = b.octets[:0], 0, b.transactions[:0], b.finished[:0]
	c.endpoint.batches.Put(b)
}

// hasOutput says whether something waits to leave, apart from a chunk in progress. Holding c.mu.
func (c *conn) hasOutput() bool { return c.control != nil || c.next != nil }

// kick starts a writer if there is output and nobody writes. Holding c.mu.
func (c *conn) kick() {
	if c.writing || c.batching || c.state >= connShut || !c.hasOutput() {
		return
	}
	c.writing = true
	c.endpoint.wg.Add(1)
	go c.write(nil) // ends when there is no output, or the connection is closed
}

// schedule puts a session that has a chunk to send at the end of the row. Holding its Session.mu.
func (c *conn) schedule(s *Session) {
	s.row = c
	c.mu.Lock()
	defer c.mu.Unlock()
	c.scheduleLocked(s)
	c.kick()
}

func (c *conn) scheduleLocked(s *Session) {
	s.nextReady = nil
	if c.next == nil {
		c.next, c.last = s, s
		return
	}
	c.last.nextReady = s
	c.last = s
}

// nextReady takes the session whose turn it is to send a chunk; nil: there is none.
func (c *conn) nextReady() *Session {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.next
	if s != nil {
		c.next, s.nextReady = s.nextReady, nil
	}
	return s
}

// beginBatch keeps output back while the reader handles what one read brought.
func (c *conn) beginBatch() {
	c.mu.Lock()
	c.batching = true
	c.mu.Unlock()
}

// endBatch lets it leave: at once in this goroutine as far as the socket takes it without waiting.
func (c *conn) endBatch() {
	c.mu.Lock()
	c.batching = false
	if c.writing || c.state >= connShut || !c.hasOutput() {
		c.shutWhenDone()
		c.mu.Unlock()
		return
	}
	if c.socket == nil {
		c.kick()
		c.mu.Unlock()
		return
	}
	c.writing = true
	c.mu.Unlock()

	b := c.gather()
	if err := c.writeReady(b); err != nil {
		c.fail(err)
		return
	}
	rest := b
	if b.sent == len(b.octets) {
		c.left(b)
		rest = nil
		if !c.more() {
			return
		}
	}
	c.endpoint.wg.Add(1) // the reader holds one, so this cannot be the first
	go c.write(rest)
}

// write is the writer goroutine. It may begin with a batch that has left in part.
func (c *conn) write(b *batch) {
	defer c.endpoint.wg.Done()
	for {
		if b == nil {
			b = c.gather()
		}
		if err := c.flush(b); err != nil {
			c.fail(err)
			return
		}
		c.left(b)
		b = nil
		if !c.more() {
			return
		}
	}
}

// more says whether the writer has to go on; if not, it is one no longer.
func (c *conn) more() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wake()
	if c.state < connShut && (c.hasOutput() || c.writer.chunk != nil) {
		return true
	}
	c.writing = false
	c.shutWhenDone()
	return false
}

// gather takes what is ready: responses and REPORTs first, then a chunk of each session in turn (M-074, M-075).
func (c *conn) gather() *batch {
	b := c.takeControl()
	if c.writer.chunk != nil {
		first := c.takeBatch()
		c.continueChunk(first, b != nil)
		if b != nil {
			first.octets = append(first.octets, b.octets...)
			c.putBatch(b)
		}
		b = first
	}
	if b == nil {
		b = c.takeBatch()
	}
	for len(b.octets) < batchSize && c.writer.chunk == nil {
		s := c.nextReady()
		if s == nil {
			break
		}
		s.appendChunk(c, b)
	}
	if c.writer.chunk != nil {
		c.continueChunk(b, false)
	}
	return b
}

func (c *conn) takeControl() *batch {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.control
	c.control = nil
	return b
}

// othersWait says whether something else than the chunk in progress waits to leave.
func (c *conn) othersWait() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hasOutput()
}

// writeReady writes what the socket takes without waiting.
func (c *conn) writeReady(b *batch) error {
	n, err := c.socket.write(b.octets[b.sent:])
	c.tapSent(b.octets[b.sent : b.sent+n])
	b.sent += n
	return err
}

// flush writes the rest of a batch.
func (c *conn) flush(b *batch) error {
	if c.socket != nil {
		if err := c.writeReady(b); err != nil || b.sent == len(b.octets) {
			return err
		}
	}
	for b.sent < len(b.octets) {
		c.net.SetWriteDeadline(time.Now().Add(c.endpoint.cfg.WriteTimeout))
		n, err := c.net.Write(b.octets[b.sent:])
		c.tapSent(b.octets[b.sent : b.sent+n])
		b.sent += n
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return fmt.Errorf("%w while writing", ErrTimeout) // T-074
			}
			return err
		}
	}
	if c.socket != nil {
		c.net.SetWriteDeadline(time.Time{}) // an expired one would stop socket.write
	}
	return nil
}

func (c *conn) tapSent(octets []byte) {
	if c.endpoint.cfg.Tap != nil && len(octets) > 0 {
		c.endpoint.cfg.Tap(c.net.LocalAddr(), c.net.RemoteAddr(), true, octets)
	}
}

// left does what follows when a batch has left: the response timers start with the last octet (M-079).
func (c *conn) left(b *batch) {
	if len(b.transactions) > 0 {
		due := time.Now().Add(c.endpoint.cfg.ResponseTimeout)
		c.mu.Lock()
		if c.state != connClosed {
			c.transactions.wait(b.transactions, due)
		}
		c.mu.Unlock()
	}
	for _, f := range b.finished {
		f.session.written(f.message)
	}
	c.putBatch(b)
}
