package msrp

import (
	"errors"
	"io"
	"sync"

	"github.com/parley-msrp/parley/internal/wire"
)

// Streamer is an optional part of a Handler: one that takes messages as they arrive. A message that does not come whole in one frame is
// then handed over by Stream with its first octets, in place of Message at its end; one that is not larger than Config.StreamFrom all the same by Message.
type Streamer interface {
	// Stream hands over a message that begins to arrive. It must not block: the body is read by another goroutine, which
	// completes the message with in.Accept or in.Reject.
	Stream(s *Session, in *Incoming)
}

// Beginner is an optional part of a Handler: one that is told about each message that does not come whole in one chunk. Its chunks but the last are
// answered at once, so until then what came of it is known to nobody but this process.
type Beginner interface {
	// Begun: the first chunk of a message came, and there is more to come. It must not block. Message, Stream or Unfinished follows.
	Begun(s *Session, messageID string)
	// Unfinished: a message that began will never be whole; so many octets of it came. Its sender gave it up, or it was refused, the session is over, or nothing
	// came for Config.PartialTimeout. It must not block. Where the message was handed over by Stream, its Read says so instead, and of a message that was whole before
	// (M-055) nothing is said. Of a session that ends it comes before Closed, and before Close returns.
	Unfinished(s *Session, messageID string, octets int64)
}

// ErrIncomplete is what Incoming.Read returns for a message that ended before its last octet: its sender gave it up, the session or the
// connection is over, or nothing came for Config.PartialTimeout.
var ErrIncomplete = errors.New("msrp: message is incomplete")

// Incoming is a message that is being received. Read and WriteTo are for one goroutine; Accept, Reject and ReportFailure may be called from any,
// and the first of Accept and Reject counts.
//
// Octets that came and were not read yet are bounded by Config.StreamBuffer: above, reading of the connection stops, also of responses to what
// is sent over it. So a body has to be read to its end, or given up by Reject or ReportFailure. Chunks may come in any order (RFC 4975 §7.3.1);
// those ahead of their turn wait within Config.PartialOctets. Where chunks overlap, octets that were handed on stay (M-098).
type Incoming struct {
	MessageID     string
	ContentType   string
	Headers       []Header // further MIME headers
	Total         int64    // octets as first announced; -1: not said. The body may turn out longer or shorter (M-097)
	SuccessReport bool     // the sender asks for a success REPORT
	FailureReport FailureReport
	Duplicate     bool // a message with this Message-ID was handed over before (M-055)

	session *Session
	sender  *sender
	partial *partial

	mu       sync.Mutex
	conn     *conn // whose reader waits while too much is buffered: the one that octets came over last
	arrived  sync.Cond
	blocks   []*streamBlock // of octets not read yet
	from, to int            // of the first and the last block
	buffered int64
	end      error     // io.EOF or ErrIncomplete; nil: more comes
	final    *Received // stands for the whole message once its last octet is here
	decided  bool
	decision decision
	failed   bool // by ReportFailure
}

// verdict is what a request is answered with; the zero value: nothing is wrong.
type verdict struct {
	code    int
	comment string // "": the usual one of the code
}

// decision is what Accept or Reject wants.
type decision struct {
	verdict
	report bool
}

// streamBlock is a piece of what is buffered.
type streamBlock [32 << 10]byte

// Read reads octets of the body in order. It blocks until some are there; io.EOF says that the message is whole, ErrIncomplete that it never will be.
func (in *Incoming) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	in.mu.Lock()
	in.await()
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
	return 0, end
}

// await waits until there is something to read, or nothing will come any more. Holding in.mu.
func (in *Incoming) await() {
	for in.buffered == 0 && in.end == nil {
		in.arrived.Wait()
	}
}

// WriteTo writes the body to w as it comes, until its end: nil if the message is whole, ErrIncomplete or the error of w if not. After an
// error of w the rest can still be read.
func (in *Incoming) WriteTo(w io.Writer) (total int64, err error) {
	for {
		in.mu.Lock()
		in.await()
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
		taken := in.buffered > 0 // else it was thrown away meanwhile
		if taken {
			in.advance(n)
		}
		c := in.conn
		in.mu.Unlock()
		if taken {
			c.buffer(-n)
		}
		total += int64(n)
		if err != nil {
			return total, err
		}
	}
}

// Accept completes the message: the 200 of its last chunk (unless its Failure-Report forbids it) and the success REPORT if one was asked for
// leave as soon as all of it has come.
func (in *Incoming) Accept() {
	in.decide(decision{verdict: verdict{code: 200}, report: in.SuccessReport}, false)
}

// Reject gives the message up with a code from 300 to 699; any other becomes 400. What was not read is thrown away, and Read returns
// ErrIncomplete. Before the end of the message the chunk at hand and those that follow get the code.
func (in *Incoming) Reject(code int, comment string) {
	code, comment = refusal(code, comment)
	v := verdict{code, comment}
	if in.decide(decision{verdict: v}, false) {
		in.giveUp(v)
	}
}

// ReportFailure gives the message up like Reject, also after Accept, and lets the sender know of octets whose chunks were answered 200: by
// a failure REPORT about all that came, unless the message's Failure-Report is no (RFC 4975 §7.1.4, M-107). A gateway needs it, which
// hears of a failure only later. After Reject, and when called again, it does nothing.
func (in *Incoming) ReportFailure(code int, comment string) {
	code, comment = refusal(code, comment)
	v := verdict{code, comment}
	if !in.decide(decision{verdict: v}, true) {
		return
	}
	came := in.giveUp(v)
	in.mu.Lock()
	final, c := in.final, in.conn
	in.mu.Unlock()
	switch {
	case final != nil:
		final.ReportFailure(code, comment)
	case in.FailureReport != FailureNo:
		c.reportFailure(in.session, in.sender, in.MessageID, ByteRange{Start: 1, End: came, Total: in.Total}, v)
	}
}

// decide makes a decision unless one was made before, or revokes an acceptance. False: nothing was decided.
func (in *Incoming) decide(d decision, revoke bool) bool {
	in.mu.Lock()
	if in.failed || in.decided && !(revoke && in.decision.code == 200) {
		in.mu.Unlock()
		return false
	}
	in.decided, in.decision, in.failed = true, d, revoke
	final := in.final
	in.mu.Unlock()
	if final != nil && !revoke {
		final.complete(d.code, d.comment, d.report)
	}
	return true
}

// giveUp wants no more octets, and says how many came in a row from the first one on.
func (in *Incoming) giveUp(v verdict) int64 {
	came := in.session.incoming.refuse(in.session, in.partial, v)
	in.finish(ErrIncomplete)
	return came
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

// finish ends the body. With ErrIncomplete, which also a whole message may come to, what is buffered is thrown away.
func (in *Incoming) finish(end error) {
	in.mu.Lock()
	if in.end != nil && end == io.EOF {
		in.mu.Unlock()
		return
	}
	in.end = end
	n, c := 0, in.conn
	if end == ErrIncomplete {
		n = int(in.buffered)
		in.blocks, in.from, in.to, in.buffered = nil, 0, 0, 0 // not into the pool: WriteTo may be at work on the first
	}
	in.arrived.Broadcast()
	in.mu.Unlock()
	c.buffer(-n)
}

// unread says whether octets wait to be read.
func (in *Incoming) unread() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.buffered > 0
}

// write buffers octets that come next, over c. The reader of the connection calls it, and stops when too much is buffered.
func (in *Incoming) write(c *conn, data []byte) {
	in.mu.Lock()
	if in.end != nil {
		in.mu.Unlock()
		return
	}
	before, moved := in.conn, int(in.buffered)
	in.conn = c
	in.buffered += int64(len(data))
	for n := 0; n < len(data); {
		if len(in.blocks) == 0 || in.to == len(streamBlock{}) {
			in.blocks, in.to = append(in.blocks, in.session.endpoint.blocks.Get().(*streamBlock)), 0
		}
		k := copy(in.blocks[len(in.blocks)-1][in.to:], data[n:])
		in.to += k
		n += k
	}
	in.arrived.Signal()
	in.mu.Unlock()
	if before == c {
		moved = 0
	}
	before.buffer(-moved)
	c.buffer(moved + len(data))
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
func newIncoming(c *conn, rt *route, p *partial, h *wire.Head) *Incoming {
	in := &Incoming{
		MessageID: p.id, ContentType: p.contentType, Headers: p.headers, Total: wire.Star,
		SuccessReport: h.Success == wire.Yes, FailureReport: failureReport(h.Failure),
		session: rt.session, conn: c, sender: rt.sender, partial: p,
	}
	if h.HasRange {
		in.Total = h.Range.Total
	}
	in.arrived.L = &in.mu
	return in
}
