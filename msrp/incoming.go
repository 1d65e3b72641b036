package msrp

import (
	"strings"
	"sync"
	"time"

	"github.com/parley-msrp/parley/internal/wire"
)

// incoming is what a session receives: messages that are not whole yet, and the memory of those that were.
type incoming struct {
	mu       sync.Mutex // taken with no other lock of the engine held, before Incoming.mu and conn.mu
	over     bool
	partials map[string]*partial // by Message-ID
	octets   int64               // kept in partials
	known    remembered          // Message-IDs of messages that were whole
	timer    *time.Timer
}

// arrival is the SEND that is being received. It belongs to the reader.
type arrival struct {
	active  bool // admitted, not at its end
	refused bool // answered before its end: what is left of it is dropped
	route   *route
	partial *partial
	next    int64 // position of the next octet of the body, counted from 1
}

// begin takes the first piece of an admitted SEND, often all of it.
func (c *conn) begin(p *wire.Piece) {
	h, a := p.Head, &c.reader.arrival
	s := a.route.session
	if !h.HasBody {
		if p.Last {
			c.bodiless(p)
		}
		return
	}
	code := s.admit(h, a.route)
	switch {
	case code != 0:
		c.finish(h, code)
		return
	case p.Last && p.Flag == wire.Complete && (!h.HasRange || h.Range.Start == 1):
		// The usual message: one chunk, which is not kept anywhere on its way (RFC 4975 §7.3.1, M-095).
		if int64(len(p.Body)) > s.maxSize {
			c.finish(h, 413)
			return
		}
		a.active = false
		c.whole(h, a.route, p.Body, s.incoming.complete(s, h))
		return
	}
	a.next = 1
	if h.HasRange {
		a.next = h.Range.Start
	}
	var v verdict
	if a.partial, v = s.incoming.open(c, h, a.route); v.code != 0 {
		c.refuse(h, v)
		a.active = a.partial != nil
	}
	if !a.active {
		return
	}
	c.proceed(p)
}

// admit checks what the head of a SEND with a body says of it (RFC 4975 §7.3.1, M-102, M-103).
func (s *Session) admit(h *wire.Head, rt *route) (code int) {
	if h.HasRange {
		r := &h.Range
		if r.End != wire.Star && (r.End < r.Start-1 || r.Total != wire.Star && r.End > r.Total) {
			return 400 // T-035, T-038
		}
		if r.Start-1 > s.maxSize || r.Total > s.maxSize {
			return 413
		}
	}
	if accept := s.accept.Load(); rt.accept != accept || rt.contentType != string(h.ContentType) {
		t := string(h.ContentType)
		if !accept.Accepts(t) || !validMediaType(t, false) {
			return 415
		}
		rt.contentType, rt.accept = t, accept
	}
	return 0
}

// proceed takes a further piece of a SEND, and ends it with the last one.
func (c *conn) proceed(p *wire.Piece) {
	a := &c.reader.arrival
	in := &a.route.session.incoming
	if a.partial == nil { // a head without body whose end came with a later piece
		if p.Last {
			c.bodiless(p)
		}
		return
	}
	if !a.refused && len(p.Body) > 0 {
		waits := a.partial.later != nil
		if v := in.put(c, a.route.session, a.partial, a.next, p.Body); v.code != 0 {
			c.refuse(p.Head, v)
		}
		a.next += int64(len(p.Body))
		if waits && a.partial.later == nil {
			a.route.session.deliver()
		}
	}
	switch {
	case !p.Last:
	case a.refused:
		a.active = false
		if p.Flag != wire.More {
			in.drop(a.route.session, a.partial)
		}
	default:
		c.endChunk(p.Head, p.Flag)
	}
	a.route.session.deliver()
}

// endChunk answers a chunk. That which completes its message is answered when the application has accepted it (M-091).
func (c *conn) endChunk(h *wire.Head, flag wire.Flag) {
	a := &c.reader.arrival
	a.active = false
	body, duplicate, v := a.route.session.incoming.endChunk(a.route.session, a.partial, flag, a.next)
	switch {
	case v.code != 0:
		c.answer(h, a.route.sender, a.route, v.code, v.comment)
	case a.partial.stream != nil:
		c.wholeStream(h, a.route, a.partial.stream, a.partial.end)
	default:
		c.deliverWhole(h, a.route, a.partial, body, duplicate)
	}
}

// refuse answers the SEND at hand before its end.
func (c *conn) refuse(h *wire.Head, v verdict) {
	a := &c.reader.arrival
	a.refused = true
	c.answer(h, a.route.sender, a.route, v.code, v.comment)
}

// finish answers the SEND at hand; what is left of it is dropped.
func (c *conn) finish(h *wire.Head, code int) {
	a := &c.reader.arrival
	a.active = false
	c.answer(h, a.route.sender, a.route, code, "")
}

// bodiless handles a SEND without body: it says that the peer is there, or ends or aborts a message in chunks.
func (c *conn) bodiless(p *wire.Piece) {
	h, a := p.Head, &c.reader.arrival
	s := a.route.session
	if part := s.incoming.find(h.MessageID); part != nil && (p.Flag == wire.Aborted || h.HasRange && h.Range.Start > 1) {
		a.partial, a.next = part, max(1, h.Range.Start)
		c.endChunk(h, p.Flag)
		s.deliver()
		return
	}
	rt := a.route
	c.finish(h, 200)
	if p.Flag != wire.Complete {
		return
	}
	m := c.received(h, rt)
	m.Bodiless = true
	m.state.Store(receivedDone)
	if m.SuccessReport {
		c.reportSuccess(m)
	}
	s.post(&event{kind: eventMessage, received: m})
}

// parseHeaders reads MIME header lines as they stood.
func parseHeaders(lines []byte) []Header {
	if len(lines) == 0 {
		return nil
	}
	var headers []Header
	for line := range strings.SplitSeq(strings.TrimSuffix(string(lines), "\r\n"), "\r\n") {
		name, value, _ := strings.Cut(line, ":")
		headers = append(headers, Header{Name: name, Value: strings.Trim(value, " \t")})
	}
	return headers
}
