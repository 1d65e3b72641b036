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
	body         []byte         // leaves behind them: a slice of a chunk in progress
	block        *buffer        // that body lies in
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
	chunk   *openChunk // an interruptible chunk that is not at its end
	starved bool       // its reader had nothing
}

// pass adds a slice of a chunk in progress, which lies in a block of what was read ahead, or is copied.
func (b *batch) pass(octets []byte, block *buffer) {
	if block == nil || len(octets) < plainChunk {
		b.octets = append(b.octets, octets...)
		return
	}
	b.body, b.block = octets, block.hold()
}

// rest is what has not left of the octets, then of the body.
func (b *batch) rest() []byte {
	if n := b.sent - len(b.octets); n >= 0 {
		return b.body[n:]
	}
	return b.octets[b.sent:]
}

func (b *batch) done() bool { return b.sent == len(b.octets)+len(b.body) }

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
	if b.block != nil {
		b.block.release()
	}
	b.body, b.block = nil, nil
	clear(b.transactions)
	clear(b.finished)
	b.octets, b.sent, b.transactions, b.finished = b.octets[:0], 0, b.transactions[:0], b.finished[:0]
	c.endpoint.batches.Put(b)
}

// hasOutput says whether a writer has something to do, apart from a chunk that it is at. Holding c.mu.
func (c *conn) hasOutput() bool { return c.control != nil || c.next != nil || c.parked && c.again }

// lookAgain has the chunk in progress looked at: there is more of it, it is given up, or something else is to leave.
func (c *conn) lookAgain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lookAgainLocked()
}

func (c *conn) lookAgainLocked() {
	c.again = true
	c.kick()
}

// look begins to look at the chunk in progress. It says whether something else waits to leave, and whether the chunk has been open for long
// without octets.
func (c *conn) look() (others, stalled bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	stalled = c.stalled
	c.again, c.stalled = false, false
	return c.hasOutput(), stalled
}

// begin makes the caller the writer. Holding c.mu.
func (c *conn) beginWriting() {
	c.writing = true
	if c.parked {
		c.parked = false
		c.stall.Stop()
	}
}

// park leaves a chunk open whose reader has nothing. Holding c.mu.
func (c *conn) park() {
	c.parked = true
	if c.stall == nil {
		c.stall = time.AfterFunc(stallTime, c.stopWaiting)
		return
	}
	c.stall.Reset(stallTime)
}

// stopWaiting is called by the timer.
func (c *conn) stopWaiting() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.parked {
		c.stalled = true
		c.lookAgainLocked()
	}
}

// kick starts a writer if there is output and nobody writes. Holding c.mu.
func (c *conn) kick() {
	if c.writing || c.batching || c.state >= connShut || !c.hasOutput() {
		return
	}
	c.beginWriting()
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
	c.beginWriting()
	c.mu.Unlock()

	b := c.gather()
	if err := c.writeReady(b); err != nil {
		c.fail(err)
		return
	}
	rest := b
	if b.done() {
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
	open := c.writer.chunk != nil
	if c.state < connShut && (c.hasOutput() || open && (c.again || !c.writer.starved)) {
		return true
	}
	c.writing = false
	if open && c.state < connShut {
		c.park()
	}
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
	if c.writer.chunk != nil {
		return b // its slice is the last thing in b
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

// writeReady writes what the socket takes without waiting.
func (c *conn) writeReady(b *batch) error {
	for !b.done() {
		octets := b.rest()
		n, err := c.socket.write(octets)
		c.tapSent(octets[:n])
		b.sent += n
		if err != nil || n < len(octets) {
			return err
		}
	}
	return nil
}

// flush writes the rest of a batch.
func (c *conn) flush(b *batch) error {
	if c.socket != nil {
		if err := c.writeReady(b); err != nil || b.done() {
			return err
		}
	}
	for !b.done() {
		octets := b.rest()
		c.net.SetWriteDeadline(time.Now().Add(c.endpoint.cfg.WriteTimeout))
		n, err := c.net.Write(octets)
		c.tapSent(octets[:n])
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
	if c.endpoint.cfg.Counter != nil && len(octets) > 0 {
		c.endpoint.cfg.Counter.Octets(0, len(octets))
	}
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
	for rest := b.finished; len(rest) > 0; {
		rest = rest[rest[0].session.written(rest):]
	}
	c.putBatch(b)
}
