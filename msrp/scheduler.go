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
	from        int64 // first octet, counted from 1
	until       int64 // where it ends if nothing comes between, in octets of the message
}

// sliceSize is how much of an interruptible chunk is written before it is looked whether something else waits, in octets.
const sliceSize = 32 << 10

// ready puts the session into the row of its connection if it has something to send and may (M-047). Holding s.mu.
func (s *Session) ready() {
	o := &s.outgoing
	if o.scheduled || o.empty() || o.unanswered >= s.endpoint.cfg.Window || s.conn == nil || s.peer.Load() == nil {
		return
	}
	o.scheduled = true
	s.conn.schedule(s)
}

// appendChunk appends the session's next chunk to b, and puts the session into the row again if it has more.
func (s *Session) appendChunk(c *conn, b *batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := &s.outgoing
	o.scheduled = false
	if s.conn != c || s.over.Load() || o.empty() || o.unanswered >= s.endpoint.cfg.Window {
		return
	}
	m := o.queue.first()
	switch {
	case m.abort:
		s.appendAbort(b, m)
	case s.startChunk(c, b, m):
		o.scheduled, o.inChunk = true, true // until the chunk is at its end
		return
	}
	s.ready()
}

// startChunk appends a chunk, or with true the beginning of an interruptible one.
func (s *Session) startChunk(c *conn, b *batch, m *message) (open bool) {
	cfg := &s.endpoint.cfg
	rest := m.size - m.next
	size := min(rest, int64(cfg.ChunkSize))
	open = size > plainChunk
	chunk := m.body[m.next : m.next+size]
	t, id := s.transaction(c, m, chunk)
	r := s.request(m, id)
	r.Range = ByteRange{Start: m.next + 1, End: m.next + size, Total: m.size}
	m.begun = true
	if open {
		r.Range.End = wire.Star // RFC 4975 §7.1.1: it can be interrupted (M-070)
		b.octets = r.AppendHead(b.octets)
		c.writer.chunk = &openChunk{session: s, message: m, transaction: t, id: id, from: m.next + 1, until: m.next + size}
		return true
	}
	m.next += size
	flag := wire.More
	if m.next == m.size {
		flag = wire.Complete
	}
	b.octets = r.AppendTo(b.octets, chunk, flag)
	if t != nil {
		b.transactions = append(b.transactions, t)
	}
	if flag == wire.Complete {
		s.madeLast(b, m)
	}
	return false
}

// continueChunk appends the next slice of the chunk in progress, or ends it: because it is at its end, because the
// message is given up (M-082), or because something else waits (M-074).
func (c *conn) continueChunk(b *batch, control bool) {
	wait := control || c.othersWait()
	w := c.writer.chunk
	s, m := w.session, w.message
	s.mu.Lock()
	defer s.mu.Unlock()
	abort := m.ended || s.over.Load()
	if !abort && !(wait && m.next+1-w.from >= plainChunk) {
		n := min(w.until-m.next, sliceSize)
		b.octets = append(b.octets, m.body[m.next:m.next+n]...)
		m.next += n
	}
	flag := wire.More
	switch {
	case abort:
		flag = wire.Aborted
	case m.next == m.size:
		flag = wire.Complete
	case m.next < w.until && !(wait && m.next+1-w.from >= plainChunk):
		return
	}
	b.octets = wire.AppendEnd(b.octets, w.id, true, flag)
	c.writer.chunk = nil
	if w.transaction != nil {
		w.transaction.span.to = m.next
		b.transactions = append(b.transactions, w.transaction)
	}
	if flag == wire.Complete {
		s.madeLast(b, m)
	}
	s.outgoing.scheduled, s.outgoing.inChunk = false, false
	s.ready()
}

// appendAbort appends the empty chunk that gives a message up between two chunks (M-019). Nobody waits for its response.
func (s *Session) appendAbort(b *batch, m *message) {
	r := s.request(m, transactionText(s.endpoint.idents.transaction()))
	r.Range = ByteRange{Start: 1, End: 0, Total: m.size} // M-045
	b.octets = r.AppendTo(b.octets, nil, wire.Aborted)
	m.abort = false
	s.dequeue(m)
}

// madeLast notes that the last chunk of the message at the head of the queue was made.
func (s *Session) madeLast(b *batch, m *message) {
	m.whole = true
	m.body = nil
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
	o.octets -= m.size
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
