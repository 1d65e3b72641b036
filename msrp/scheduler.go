package msrp

import (
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
const sliceSize = 32 << 10

// ready puts the session into the row of its connection if it has something to send and may (M-047). Holding s.mu.
func (s *Session) ready() {
	o := &s.outgoing
	if o.scheduled || !o.sendable() || o.unanswered >= s.endpoint.cfg.Window || s.conn == nil || s.peer.Load() == nil {
		return
	}
	o.scheduled = true
	s.conn.schedule(s)
}

// sendable says whether a chunk of the first message in the queue can be made.
func (o *outgoing) sendable() bool {
	m := o.queue.first()
	return m != nil && (m.abort || m.body.ready(m.next))
}

// appendChunk appends the session's next chunk to b, and puts the session into the row again if it has more.
func (s *Session) appendChunk(c *conn, b *batch) {
	s.mu.Lock()
	o := &s.outgoing
	o.scheduled = false
	if s.conn != c || s.over.Load() || !o.sendable() || o.unanswered >= s.endpoint.cfg.Window {
		s.ready() // on another connection, if it has moved
		s.mu.Unlock()
		return
	}
	m := o.queue.first()
	open := false
	if m.abort {
		s.appendAbort(b, m)
	} else {
		open = s.startChunk(c, b, m)
	}
	o.scheduled, o.inChunk = open, open // until the chunk is at its end
	if !open {
		s.ready()
	}
	s.mu.Unlock()
	s.deliver() // the message may have been given up
}

// takeBody gives octets of the message for its next chunk, at most n; see source.take. A message whose body cannot be had is given up.
func (s *Session) takeBody(m *message, n int64) (octets []byte, last, ok bool) {
	octets, last, err := m.body.take(m.next, n)
	if limit := s.peer.Load().MaxSize; err == nil && limit > 0 && m.next+int64(len(octets)) > limit {
		err = &SizeError{Size: m.next + int64(len(octets)), Max: limit}
	}
	if err != nil {
		s.abandon(m, Fate{Kind: Failed, Why: BySource, Comment: err.Error()})
		return nil, false, false
	}
	return octets, last, true
}

// startChunk appends a chunk, or with true the beginning of an interruptible one.
func (s *Session) startChunk(c *conn, b *batch, m *message) (open bool) {
	limit := int64(s.endpoint.cfg.ChunkSize)
	chunk, last, ok := s.takeBody(m, min(limit, sliceSize))
	if !ok || len(chunk) == 0 && !last {
		return false
	}
	open = len(chunk) > plainChunk
	size := int64(len(chunk))
	t, id := s.transaction(c, m, chunk)
	r := s.request(m, id)
	r.Range = ByteRange{Start: m.next + 1, End: m.next + size, Total: m.body.size}
	m.begun = true
	if open {
		r.Range.End = wire.Star // RFC 4975 §7.1.1: it can be interrupted (M-070)
		b.octets = r.AppendHead(b.octets)
		c.writer.chunk = &openChunk{session: s, message: m, transaction: t, id: id, from: m.next + 1, until: m.next + limit}
		return true
	}
	m.next += size
	flag := wire.More
	if last {
		flag = wire.Complete
	}
	b.octets = r.AppendTo(b.octets, chunk, flag)
	if t != nil {
		b.transactions = append(b.transactions, t)
	}
	if last {
		s.madeLast(b, m)
	}
	return false
}

// continueChunk appends the next slice of the chunk in progress, or ends it: because it is at its end, because the
// message is given up (M-082), because its reader has nothing now, or because something else waits (M-074).
func (c *conn) continueChunk(b *batch, control bool) {
	wait := control || c.othersWait()
	w := c.writer.chunk
	s, m := w.session, w.message
	s.mu.Lock()
	due := func() bool { return wait && m.next+1-w.from >= plainChunk }
	last, ends := false, due()
	if !m.ended && !s.over.Load() && !ends {
		last, ends = s.appendSlice(b, w)
	}
	flag := wire.More
	switch {
	case last:
		flag = wire.Complete
	case m.ended || s.over.Load():
		flag = wire.Aborted
	case !ends && m.next < w.until && !due():
		s.mu.Unlock()
		return
	}
	b.octets = wire.AppendEnd(b.octets, w.id, true, flag)
	c.writer.chunk = nil
	if w.transaction != nil {
		w.transaction.span.to = m.next
		b.transactions = append(b.transactions, w.transaction)
	}
	if last {
		s.madeLast(b, m)
	}
	s.outgoing.scheduled, s.outgoing.inChunk = false, false
	s.ready()
	s.mu.Unlock()
	s.deliver()
}

// appendSlice appends the next slice of a chunk in progress. last: the message ends with it; ends: the chunk has to end now. Holding s.mu.
func (s *Session) appendSlice(b *batch, w *openChunk) (last, ends bool) {
	m := w.message
	n := min(w.until-m.next, sliceSize)
	slice, last, ok := s.takeBody(m, n)
	if !ok || len(slice) == 0 && !last {
		return false, true
	}
	if m.next+1 > w.from && wire.ContainsEndLine(append(w.tail, slice...), w.id) {
		return false, true // M-018: it goes into a chunk with another id
	}
	b.octets = append(b.octets, slice...)
	m.next += int64(len(slice))
	w.tail = append(w.tail[:0], slice[max(0, len(slice)-maxEndLine):]...)
	return last, endsInHyphens(slice)
}

// appendAbort appends the empty chunk that gives a message up between two chunks (M-019). Nobody waits for its response.
func (s *Session) appendAbort(b *batch, m *message) {
	r := s.request(m, transactionText(s.endpoint.idents.transaction()))
	r.Range = ByteRange{Start: 1, End: 0, Total: m.body.size} // M-045
	b.octets = r.AppendTo(b.octets, nil, wire.Aborted)
	m.abort = false
	s.dequeue(m)
}

// madeLast notes that the last chunk of the message at the head of the queue was made.
func (s *Session) madeLast(b *batch, m *message) {
	m.whole = true
	m.body.close()
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
	if o.room != nil {
		close(o.room)
		o.room = nil
	}
}

// transaction makes the transaction of a chunk, with an id that does not make an end-line in its body (M-018). Nil: with
// Failure-Report no nothing is answered. Holding s.mu.
func (s *Session) transaction(c *conn, m *message, chunk []byte) (*transaction, string) {
	for {
		n := s.endpoint.idents.transaction()
		id := transactionText(n)
		if wire.ContainsEndLine(chunk, id) {
			continue
		}
		if m.failure == FailureNo {
			return nil, id
		}
		t := &transaction{id: n, session: s, message: m, span: span{m.next + 1, m.next + int64(len(chunk))}}
		c.mu.Lock()
		fresh := c.transactions.open(t)
		c.mu.Unlock()
		if !fresh {
			continue
		}
		m.open++
		if m.failure == FailureYes {
			s.outgoing.unanswered++
		}
		return t, id
	}
}

// request is the head that all chunks of a message share (M-068).
func (s *Session) request(m *message, id string) wire.Request {
	r := wire.Request{
		ID:          id,
		Method:      "SEND",
		ToPath:      s.peer.Load().toPath,
		FromPath:    s.fromPath,
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
