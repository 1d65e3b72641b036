package msrp

import (
	"errors"
	"io"
	"sync"

	"github.com/parley-msrp/parley/internal/wire"
)

// Streamer is an optional part of a Handler: one that takes messages as they arrive. A message that does not come whole in one frame is
// then handed over by Stream with its first octets, in place of Message at its end.
type Streamer interface {
	// Stream hands over a message that begins to arrive. It must not block: the body is read by another goroutine, which
	// completes the message with in.Accept or in.Reject.
	Stream(s *Session, in *Incoming)
}

// ErrIncomplete is what Incoming.Read returns for a message that ended before its last octet: its sender gave it up, the session or the
// connection is over, or nothing came for Config.PartialTimeout.
var ErrIncomplete = errors.New("msrp: message is incomplete")

// Incoming is a message that is being received. Read is for one goroutine; Accept and Reject may be called from any, the first call counts.
//
// Octets that came and were not read yet are bounded by Config.StreamBuffer: above, reading of the connection stops. Chunks may come in any order
// (RFC 4975 §7.3.1); those ahead of their turn wait within Config.PartialOctets. Where chunks overlap, octets that were handed on stay (M-098).
type Incoming struct {
	MessageID     string
	ContentType   string
	Headers       []Header // further MIME headers
	Total         int64    // octets as first announced; -1: not said. The body may turn out longer or shorter (M-097)
	SuccessReport bool     // the sender asks for a success REPORT
	FailureReport FailureReport
	Duplicate     bool // a message with this Message-ID was handed over before (M-055)

	session *Session
	partial *partial

	mu       sync.Mutex
	conn     *conn // whose reader waits while too much is buffered
	arrived  sync.Cond
	blocks   []*streamBlock // of octets not read yet
	from, to int            // of the first and the last block
	buffered int64
	end      error     // io.EOF or ErrIncomplete; nil: more comes
	final    *Received // stands for the whole message once its last octet is here
	decided  bool
	decision decision
}

// decision is what Accept or Reject wants.
type decision struct {
	code    int
	comment string
	report  bool
}

// streamBlock is a piece of what is buffered.
type streamBlock [32 << 10]byte

// Read reads octets of the body in order. It blocks until some are there; io.EOF says that the message is whole, ErrIncomplete that it never will be.
func (in *Incoming) Read(p []byte) (int, error) {
	in.mu.Lock()
	for in.buffered == 0 && in.end == nil {
		in.arrived.Wait()
	}
	n := 0
	for n < len(p) && in.buffered > 0 {
		k := copy(p[n:], in.front())
		in.advance(k)
		n += k
	}
	end, c := in.end, in.conn
	in.mu.Unlock()
	if n > 0 {
		c.buffer(-n)
		return n, nil
	}
	if len(p) == 0 && end == nil {
		return 0, nil
	}
	return 0, end
}

// WriteTo writes the body to w as it comes, until its end: nil if the message is whole, ErrIncomplete or the error of w if not.
func (in *Incoming) WriteTo(w io.Writer) (total int64, err error) {
	for {
		in.mu.Lock()
		for in.buffered == 0 && in.end == nil {
			in.arrived.Wait()
		}
		if in.buffered == 0 {
			err := in.end
			in.mu.Unlock()
			if err == io.EOF {
				err = nil
			}
			return total, err
		}
		front := in.front() // only this goroutine takes it away
		in.mu.Unlock()
		n, err := w.Write(front)
		in.mu.Lock()
		in.advance(n)
		c := in.conn
		in.mu.Unlock()
		c.buffer(-n)
		total += int64(n)
		if err != nil {
			return total, err
		}
	}
}

// Accept completes the message: the 200 of its last chunk (unless its Failure-Report forbids it) and the success REPORT if one was asked for
// leave as soon as all of it has come.
func (in *Incoming) Accept() { in.decide(decision{200, "", in.SuccessReport}) }

// Reject gives the message up with a code from 300 to 699; any other becomes 400. Before the end of the message the chunk at hand and those that follow
// get it, and Read returns ErrIncomplete.
func (in *Incoming) Reject(code int, comment string) {
	code, comment = refusal(code, comment)
	in.decide(decision{code: code, comment: comment})
	in.session.incoming.refuse(in.partial, code)
	in.finish(ErrIncomplete)
}

func (in *Incoming) decide(d decision) {
	in.mu.Lock()
	if in.decided {
		in.mu.Unlock()
		return
	}
	in.decided, in.decision = true, d
	final := in.final
	in.mu.Unlock()
	if final != nil {
		final.complete(d.code, d.comment, d.report)
	}
}

// completed says that the last octet is here; m stands for the message.
func (in *Incoming) completed(m *Received) {
	in.mu.Lock()
	in.final = m
	decided, d := in.decided, in.decision
	in.mu.Unlock()
	in.finish(io.EOF)
	if decided {
		m.complete(d.code, d.comment, d.report)
	}
}

// finish ends the body. What is buffered of a message that is not whole is thrown away.
func (in *Incoming) finish(end error) {
	in.mu.Lock()
	if in.end != nil {
		in.mu.Unlock()
		return
	}
	in.end = end
	n, c := 0, in.conn
	if end != io.EOF {
		n = int(in.buffered)
		in.blocks, in.from, in.to, in.buffered = nil, 0, 0, 0
	}
	in.arrived.Broadcast()
	in.mu.Unlock()
	c.buffer(-n)
}

// write buffers octets that come next. The reader of the connection calls it, and stops when too much is buffered.
func (in *Incoming) write(c *conn, data []byte) {
	in.mu.Lock()
	if in.end != nil {
		in.mu.Unlock()
		return
	}
	in.buffered += int64(len(data))
	for n := 0; n < len(data); {
		if len(in.blocks) == 0 || in.to == len(streamBlock{}) {
			in.blocks, in.to = append(in.blocks, c.endpoint.blocks.Get().(*streamBlock)), 0
		}
		k := copy(in.blocks[len(in.blocks)-1][in.to:], data[n:])
		in.to += k
		n += k
	}
	in.arrived.Signal()
	in.mu.Unlock()
	c.buffer(len(data))
}

// front is what can be read of the first block. Holding in.mu.
func (in *Incoming) front() []byte {
	to := len(streamBlock{})
	if len(in.blocks) == 1 {
		to = in.to
	}
	return in.blocks[0][in.from:to]
}

// advance takes n octets of the first block away. Holding in.mu.
func (in *Incoming) advance(n int) {
	if in.end != nil && in.end != io.EOF {
		return // thrown away meanwhile
	}
	in.buffered -= int64(n)
	in.from += n
	if in.from < len(streamBlock{}) && in.buffered > 0 {
		return
	}
	if in.from == len(streamBlock{}) || in.buffered == 0 && len(in.blocks) == 1 {
		in.session.endpoint.blocks.Put(in.blocks[0])
		in.blocks[0] = nil
		in.blocks, in.from = in.blocks[1:], 0
	}
	if len(in.blocks) == 0 {
		in.blocks, in.to = nil, 0
	}
}

// newIncoming makes the stream of a message whose first chunk is at hand.
func newIncoming(c *conn, s *Session, p *partial, h *wire.Head) *Incoming {
	in := &Incoming{
		MessageID: p.id, ContentType: p.contentType, Headers: p.headers, Total: wire.Star,
		SuccessReport: h.Success == wire.Yes, FailureReport: failureReport(h.Failure),
		session: s, partial: p, conn: c,
	}
	if h.HasRange {
		in.Total = h.Range.Total
	}
	in.arrived.L = &in.mu
	return in
}
