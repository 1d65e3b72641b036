package msrp

import (
	"sync/atomic"
	"unsafe"

	"github.com/parley-msrp/parley/internal/wire"
)

// Received is a message that came whole. Its Accept and Reject may be called from any goroutine; the first call counts.
type Received struct {
	MessageID     string // "" is possible only for a Bodiless one
	ContentType   string
	Headers       []Header // further MIME headers
	Body          []byte   // the handler's to keep and to change, unless Config.BorrowedBodies says otherwise
	Bodiless      bool     // a SEND without body: already answered, Accept and Reject do nothing
	SuccessReport bool     // the sender asks for a success REPORT
	FailureReport FailureReport
	// Duplicate: a message with this Message-ID was handed over before, and not rejected (RFC 4975 §5.4, M-055). It has to
	// be accepted all the same. Config.Duplicates of them are remembered.
	Duplicate bool

	session *Session
	conn    *conn
	sender  *sender
	own     *ownURI  // that it was sent to
	size    int64    // of the body
	octets  int64    // counted against UncompletedOctets
	buffer  *buffer  // that Body lies in; nil: it has memory of its own
	id      [32]byte // transaction id of the request that completed it
	idLen   uint8
	state   atomic.Uint32
}

// States of a Received.
const (
	receivedOpen uint32 = iota
	receivedAccepted
	receivedDone
)

// Accept completes the message: the 200 (unless its Failure-Report forbids it) and the success REPORT if one was asked
// for leave now.
func (m *Received) Accept() { m.complete(200, "", m.SuccessReport) }

// AcceptWithoutReport is Accept, but no success REPORT is sent.
func (m *Received) AcceptWithoutReport() { m.complete(200, "", false) }

// maxComment is the longest comment of a response, in octets.
const maxComment = 256

// Reject answers with a code from 300 to 699, unless the message's Failure-Report forbids it; any other code becomes 400.
// In place of an empty comment, one longer than 256 octets or one with control characters, the usual one of the code is
// sent.
func (m *Received) Reject(code int, comment string) {
	code, comment = refusal(code, comment)
	m.complete(code, comment, false)
}

// refusal makes a code and a comment fit to be sent.
func refusal(code int, comment string) (int, string) {
	if code < 300 || code > 699 {
		code = 400
	}
	if hasControl(comment) || len(comment) > maxComment {
		comment = ""
	}
	return code, comment
}

// ReportFailure lets the sender of a message that was accepted know that it failed all the same: by a failure REPORT about the whole message, unless
// its Failure-Report is no (RFC 4975 §7.1.4, M-107). A gateway needs it, which hears of a failure only later; it accepts by AcceptWithoutReport. Code
// and comment are as in Reject, which it is for a message that was not completed yet. Only the first call does something, none after Reject.
func (m *Received) ReportFailure(code int, comment string) {
	code, comment = refusal(code, comment)
	m.complete(code, comment, false)
	if m.conn == nil || !m.state.CompareAndSwap(receivedAccepted, receivedDone) {
		return
	}
	if !m.Duplicate {
		m.session.incoming.forget(m.session, m.MessageID) // it may be sent again
	}
	if m.FailureReport != FailureNo {
		m.conn.reportFailure(m.session, m.sender, m.MessageID, m.all(), verdict{code, comment})
	}
}

// all is the Byte-Range of the whole message.
func (m *Received) all() ByteRange { return ByteRange{Start: 1, End: m.size, Total: m.size} }

func (m *Received) complete(code int, comment string, report bool) {
	state := receivedDone
	if code == 200 {
		state = receivedAccepted
	}
	if m.conn == nil || !m.state.CompareAndSwap(receivedOpen, state) {
		return
	}
	if code != 200 && !m.Duplicate {
		m.session.incoming.forget(m.session, m.MessageID) // it may be sent again
	}
	if comment == "" {
		comment = phrase(code)
	}
	c := m.conn
	if c.endpoint.cfg.BorrowedBodies {
		m.Body = nil
	}
	if m.buffer != nil {
		m.buffer.release()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.uncompleted--
	c.octets -= m.octets
	if c.state < connShut {
		// RFC 4975 §7.1.4: no 200 with partial, nothing at all with no (M-092).
		if m.FailureReport == FailureYes || m.FailureReport == FailurePartial && code != 200 {
			c.countAnswer(code)
			b := c.output()
			b.octets = wire.AppendResponse(b.octets, m.id[:m.idLen], code, comment, m.sender.hop(), m.own.text)
		}
		if report {
			c.appendReport(m.session, m.sender, m.MessageID, m.all(), successStatus)
		}
		c.kick()
		c.shutWhenDone()
	}
	c.wake()
}

// received makes a Received out of the head of the request that completed it, without body.
func (c *conn) received(h *wire.Head, rt *route) *Received {
	m := &Received{
		SuccessReport: h.Success == wire.Yes,
		session:       rt.session,
		conn:          c,
		sender:        rt.sender,
		own:           rt.own,
		idLen:         uint8(len(h.ID)),
		FailureReport: failureReport(h.Failure),
	}
	copy(m.id[:], h.ID)
	if h.MessageID != nil && !h.HasBody {
		m.MessageID = string(h.MessageID)
	}
	return m
}

func failureReport(r wire.Report) FailureReport {
	switch r {
	case wire.Partial:
		return FailurePartial
	case wire.No:
		return FailureNo
	}
	return FailureYes
}

// whole hands over a message that came in one chunk.
func (c *conn) whole(h *wire.Head, rt *route, body []byte, duplicate bool) {
	m := c.received(h, rt)
	if c.endpoint.cfg.BorrowedBodies && len(body) >= passedOn {
		m.MessageID, m.Body, m.buffer = string(h.MessageID), body[:len(body):len(body)], c.reader.buffer.hold()
	} else {
		m.MessageID, m.Body = keep(h.MessageID, body)
	}
	m.ContentType, m.Headers = rt.contentType, parseHeaders(h.MIME)
	m.Duplicate = duplicate
	c.handOver(m)
}

// deliverWhole hands over a message that came in several chunks; the request at hand completed it.
func (c *conn) deliverWhole(h *wire.Head, rt *route, p *partial, body []byte, duplicate bool) {
	m := c.received(h, rt)
	m.MessageID, m.Body = p.id, body
	m.ContentType, m.Headers = p.contentType, p.headers
	m.Duplicate = duplicate
	c.handOver(m)
}

// wholeStream ends the stream of a message whose last octet came with the request at hand.
func (c *conn) wholeStream(h *wire.Head, rt *route, in *Incoming, size int64) {
	m := c.received(h, rt)
	m.MessageID, m.Duplicate, m.size = in.MessageID, in.Duplicate, size
	c.mu.Lock()
	c.uncompleted++
	c.mu.Unlock()
	in.completed(m)
}

func (c *conn) handOver(m *Received) {
	m.size = int64(len(m.Body))
	m.octets = m.size
	if m.buffer != nil {
		m.octets = max(m.size, heldBack)
	}
	c.mu.Lock()
	c.uncompleted++
	c.octets += m.octets
	c.mu.Unlock()
	m.session.post(&event{kind: eventMessage, received: m})
}

const (
	// passedOn: a borrowed body from this size on is handed over in the buffer that it was read into, in octets.
	passedOn = 16 << 10
	// heldBack is what it counts for at least, because its buffer is larger.
	heldBack = bulkSize / 4
)

// keep copies a Message-ID and a body out of the read buffer, with one allocation for both. The octets of the Message-ID
// are never written again, and the body cannot grow into them.
func keep(id, body []byte) (string, []byte) {
	b := make([]byte, len(id)+len(body))
	n := copy(b, id)
	copy(b[n:], body)
	return unsafe.String(unsafe.SliceData(b), n), b[n:]
}
