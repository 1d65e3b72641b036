package msrp

import (
	"bytes"
	"time"

	"github.com/parley-msrp/parley/internal/wire"
)

// openChunk is an interruptible chunk whose end-line has not been written. It belongs to the writer.
type openChunk struct {
	session     *Session
	message     *message
	transaction *transaction // nil: nothing will be answered
	id          string
	from        int64  // first octet, counted from 1
	until       int64  // where it ends if nothing comes between, in octets of the message
	tail        []byte // the last octets written, as many as an end-line could begin in
}

// sliceSize is how much of an interruptible chunk is written before it is looked whether something else waits, in octets.
const sliceSize = 64 << 10

// stallTime is how long a chunk stays open while its reader has nothing. A peer may take a body that does not move for a broken connection.
const stallTime = time.Second

// ready puts the session into the row of its connection if it has something to send and may (M-047). Holding s.mu.
func (s *Session) ready() {
	o := &s.outgoing
	if o.inChunk != nil {
		s.row.lookAgain()
		return
	}
	if o.scheduled || o.unanswered >= s.endpoint.cfg.Window || s.conn == nil || s.awaits || s.peer.Load() == nil || o.next() == nil {
		return
	}
	o.scheduled = true
	s.conn.schedule(s)
}

// next is the message that the next chunk is made of, nil for none: the first one in the queue that does not yield, else the first one that does. One
// whose reader has nothing now does not hold up the others.
func (o *outgoing) next() *message {
	var yielding *message
	for _, m := range o.queue.items[o.queue.head:] {
		switch {
		case !m.abort && !m.body.ready(m.next):
		case m.abort || !m.yields:
			return m
		case yielding == nil:
			yielding = m
		}
	}
	return yielding
}

// appendChunk appends the session's next chunk to b, or several if no other session waits, and puts the session into the row again if it has more.
func (s *Session) appendChunk(c *conn, b *batch) {
	s.mu.Lock()
	if s.row != c {
		s.mu.Unlock()
		return // its turn came as it lost the connection
	}
	o := &s.outgoing
	o.scheduled = false
	for alone := true; alone && len(b.octets) < batchSize; {
		m := o.next()
		if m == nil || s.conn != c || s.over.Load() || o.unanswered >= s.endpoint.cfg.Window {
			break
		}
		if m.abort {
			s.appendAbort(b, m)
			break
		}
		var open bool
		if open, alone = s.startChunk(c, b, m); open {
			o.scheduled, o.inChunk = true, m // until the chunk is at its end
			break
		}
	}
	if o.inChunk == nil {
		s.ready() // on another connection, if it has moved
	}
	s.mu.Unlock()
	s.deliver() // a message may have been given up
}

// takeBody gives octets of the message, at most n, for a chunk that ends in tail so far; see source.take. False: there are none now, or the body
// cannot be had, and the message is given up.
func (s *Session) takeBody(m *message, n int64, tail []byte) (piece, bool) {
	p, err := m.body.take(m.next, n, tail)
	if limit := s.peer.Load().MaxSize; err == nil && limit > 0 && m.next+int64(len(p.octets)) > limit {
		err = &SizeError{Size: m.next + int64(len(p.octets)), Max: limit}
	}
	if err != nil {
		s.abandon(m, Fate{Kind: Failed, Why: BySource, Comment: err.Error()})
		return piece{}, false
	}
	return p, len(p.octets) > 0 || p.last || p.cut
}

// startChunk appends a chunk, or, if open, the beginning of an interruptible one. alone: no other session waits for its turn, as far as is known.
func (s *Session) startChunk(c *conn, b *batch, m *message) (open, alone bool) {
	limit := s.chunkSize()
	p, ok := s.takeBody(m, min(limit, sliceSize), nil)
	if !ok {
		return false, false
	}
	open = len(p.octets) > plainChunk
	size := int64(len(p.octets))
	t, id, alone := s.transaction(c, m, p.octets)
	r := s.request(m, id)
	r.Range = ByteRange{Start: m.next + 1, End: m.next + size, Total: m.body.size}
	m.begun = true
	if open {
		r.Range.End = wire.Star // RFC 4975 §7.1.1: it can be interrupted (M-070)
		b.octets = r.AppendHead(b.octets)
		c.writer.chunk = &openChunk{session: s, message: m, transaction: t, id: id, from: m.next + 1, until: m.next + limit, tail: make([]byte, 0, 2*maxEndLine+1)}
		return true, false
	}
	m.next += size
	flag := wire.More
	if p.last {
		flag = wire.Complete
	}
	b.octets = r.AppendTo(b.octets, p.octets, flag)
	if t != nil {
		b.transactions = append(b.transactions, t)
	}
	if p.last {
		s.madeLast(b, m)
	}
	return false, alone
}

// continueChunk appends the next slice of the chunk in progress, or ends it: because it is at its end, because the message is given up (M-082), because
// something else waits (M-074), or because its reader has had nothing for a while. With control, responses or REPORTs are to follow.
func (c *conn) continueChunk(b *batch, control bool) {
	others, stalled := c.look()
	w := c.writer.chunk
	s, m := w.session, w.message
	s.mu.Lock()
	// D-016: what follows goes to the new path.
	wait := control || others || s.conn != c || m.yields && s.outgoing.next() != m
	c.writer.starved = false
	var p piece
	var flag wire.Flag
	switch {
	case wait && m.next+1-w.from >= plainChunk:
		flag = wire.More
	case m.ended || s.over.Load():
	default:
		p, flag = s.takeSlice(w)
		m.next += int64(len(p.octets))
		if p.octets == nil && flag == 0 {
			next := s.outgoing.next() // M-072: others do not wait for a reader
			c.writer.starved = next == nil
			wait = wait || stalled || next != nil && next != m
		}
		if flag == 0 && (wait || m.next >= w.until) {
			flag = wire.More
		}
	}
	if m.ended || s.over.Load() {
		flag = wire.Aborted
	}
	if flag == 0 {
		w.keepTail(p.octets)
		b.pass(p.octets, m.body.block)
		s.mu.Unlock()
		return
	}
	b.octets = append(b.octets, p.octets...)
	b.octets = wire.AppendEnd(b.octets, w.id, true, flag)
	c.writer.chunk = nil
	if w.transaction != nil {
		w.transaction.span.to = m.next
		b.transactions = append(b.transactions, w.transaction)
	}
	if flag == wire.Complete {
		s.madeLast(b, m)
	}
	if s.outgoing.inChunk == m { // else the session has lost the connection meanwhile
		s.outgoing.scheduled, s.outgoing.inChunk = false, nil
	}
	s.ready()
	s.mu.Unlock()
	s.deliver()
}

// takeSlice gives the next slice of a chunk in progress, and the flag if the chunk has to end with it. Neither: there is nothing now. Holding s.mu.
func (s *Session) takeSlice(w *openChunk) (piece, wire.Flag) {
	m := w.message
	p, ok := s.takeBody(m, min(w.until-m.next, sliceSize), w.tail)
	switch {
	case !ok:
		return piece{}, 0
	case w.endsWithin(p):
		return piece{}, wire.More // M-018: what would end the chunk goes into one with another id
	case p.last:
		return p, wire.Complete
	case p.cut:
		return p, wire.More
	}
	return p, 0
}

// endsWithin says whether the chunk would hold an end-line of its own with these octets behind what was written.
func (w *openChunk) endsWithin(p piece) bool {
	if !p.hyphens && !bytes.Contains(w.tail, hyphens) {
		return false
	}
	seam := append(w.tail, p.octets[:min(len(p.octets), maxEndLine+1)]...)
	return wire.ContainsEndLine(seam, w.id) || wire.ContainsEndLine(p.octets, w.id)
}

// keepTail keeps the end of the octets written.
func (w *openChunk) keepTail(octets []byte) {
	if len(octets) >= maxEndLine {
		w.tail = append(w.tail[:0], octets[len(octets)-maxEndLine:]...)
		return
	}
	w.tail = append(w.tail, octets...)
	w.tail = w.tail[:copy(w.tail, w.tail[max(0, len(w.tail)-maxEndLine):])]
}

// appendAbort appends the empty chunk that gives a message up between two chunks (M-019). Nobody waits for its response.
func (s *Session) appendAbort(b *batch, m *message) {
	r := s.request(m, transactionText(s.endpoint.idents.transaction()))
	r.Range = ByteRange{Start: 1, End: 0, Total: m.body.size} // M-045
	b.octets = r.AppendTo(b.octets, nil, wire.Aborted)
	m.abort = false
	s.dequeue(m)
}

// keptBody is the size up to which a body is kept until its message is answered, so that it can be sent anew should the session move (resend).
const keptBody = 16 << 10

// madeLast notes that the last chunk of a message was made.
func (s *Session) madeLast(b *batch, m *message) {
	m.whole = true
	s.hold(m)
	s.dequeue(m)
	b.finished = append(b.finished, finished{s, m})
	s.settle(m)
}

// dequeue takes a message out of the queue, if it is in it.
func (s *Session) dequeue(m *message) {
	if !m.queued || m.abort {
		return
	}
	o := &s.outgoing
	m.queued = false
	o.queue.remove(m)
	o.octets -= m.counted
	// Who waits for room is woken when there is room for several: not for each message.
	cfg := &s.endpoint.cfg
	if room := o.queue.len() <= cfg.QueuedMessages-cfg.QueuedMessages/4 && o.octets <= cfg.QueuedOctets-cfg.QueuedOctets/4; o.room != nil && (room || o.empty()) {
		close(o.room)
		o.room = nil
	}
}

// transaction makes the transaction of a chunk, with an id that does not make an end-line in its body (M-018). Nil: with
// Failure-Report no nothing is answered. alone is as in startChunk. Holding s.mu.
func (s *Session) transaction(c *conn, m *message, chunk []byte) (t *transaction, id string, alone bool) {
	for {
		n := s.endpoint.idents.transaction()
		id := transactionText(n)
		if wire.ContainsEndLine(chunk, id) {
			continue
		}
		if m.failure == FailureNo {
			return nil, id, false
		}
		t := &m.first
		if m.begun {
			t = new(transaction)
		}
		*t = transaction{id: n, session: s, message: m, span: span{m.next + 1, m.next + int64(len(chunk))}}
		c.mu.Lock()
		fresh := c.transactions.open(t)
		alone := c.next == nil && c.control == nil
		c.mu.Unlock()
		if !fresh {
			continue
		}
		m.open++
		if m.failure == FailureYes {
			s.outgoing.unanswered++
		}
		return t, id, alone
	}
}

// request is the head that all chunks of a message share (M-068).
func (s *Session) request(m *message, id string) wire.Request {
	p := s.peer.Load()
	r := wire.Request{
		ID:          id,
		Method:      "SEND",
		ToPath:      p.toPath,
		FromPath:    p.fromPath,
		MessageID:   m.id,
		HasRange:    true,
		ContentType: m.contentType,
		MIME:        m.mime,
	}
	if m.success {
		r.Success = wire.Yes
	}
	switch m.failure {
	case FailurePartial:
		r.Failure = wire.Partial
	case FailureNo:
		r.Failure = wire.No
	}
	return r
}
