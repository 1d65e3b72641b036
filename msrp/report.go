package msrp

import (
	"fmt"
	"slices"
	"strings"

	"github.com/parley-msrp/parley/internal/wire"
)

// Report is a REPORT request that came (RFC 4975 §7.1.2).
type Report struct {
	MessageID string
	Namespace int // only in namespace 0 has Code the meaning of a response code
	Code      int
	Comment   string // as the peer sent it
	Range     ByteRange
	HasRange  bool // else the REPORT is about the whole message
}

// successStatus is the Status of our success REPORTs.
const successStatus = "000 200 OK"

// appendReport appends a REPORT: along the complete From-Path of the SEND that it is about, unchanged in order (RFC 4975 §7.1.3, M-105,
// M-106). Nothing is reported into a session that is over (M-109). Holding c.mu.
func (c *conn) appendReport(s *Session, to *sender, messageID string, about ByteRange, status string) {
	if s.over.Load() {
		return
	}
	r := wire.Request{
		ID:        transactionText(c.endpoint.idents.transaction()),
		Method:    "REPORT",
		ToPath:    string(to.path),
		FromPath:  s.fromPath(),
		MessageID: messageID,
		Range:     about,
		HasRange:  true,
		Status:    status,
	}
	b := c.output()
	b.octets = r.AppendTo(b.octets, nil, wire.Complete)
}

// fromPath is the own URI that the peer knows.
func (s *Session) fromPath() string {
	if p := s.peer.Load(); p != nil {
		return p.fromPath
	}
	return s.own.Load().path
}

// reportSuccess sends the success REPORT about a SEND without body.
func (c *conn) reportSuccess(m *Received) {
	if m.MessageID == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state < connShut {
		c.appendReport(m.session, m.sender, m.MessageID, m.all(), successStatus)
	}
}

// reportFailure sends a failure REPORT. Its range is that of the octets that came, not the one that was announced (RFC 4975 §7.1.4, M-107).
func (c *conn) reportFailure(s *Session, to *sender, messageID string, about ByteRange, v verdict) {
	if v.comment == "" {
		v.comment = phrase(v.code)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state < connShut {
		c.appendReport(s, to, messageID, about, strings.TrimRight(fmt.Sprintf("000 %03d %s", v.code, v.comment), " "))
		c.kick()
	}
}

// report handles a REPORT request. It is never answered, whatever it says (RFC 4975 §7.1.2, M-108).
func (c *conn) report(h *wire.Head) {
	if h.Bad != nil || !h.HasStatus || len(h.MessageID) == 0 {
		return
	}
	rt, code := c.find(h.ToPath)
	if code != 0 || !rt.bound && !rt.session.boundTo(c) {
		return
	}
	c.proved()
	rt.session.reported(&Report{
		MessageID: string(h.MessageID),
		Namespace: h.Status.Namespace,
		Code:      h.Status.Code,
		Comment:   string(h.Status.Comment),
		Range:     h.Range,
		HasRange:  h.HasRange,
	})
}

func (s *Session) boundTo(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn == c || s.move != nil && s.move.from == c
}

// reported applies a REPORT to the message that it is about.
func (s *Session) reported(r *Report) {
	s.mu.Lock()
	m := s.outgoing.pending[r.MessageID]
	if m == nil && !s.outgoing.recent.has(s.endpoint.seed, []byte(r.MessageID)) || m != nil && m.bind {
		s.mu.Unlock()
		return // M-109
	}
	s.mail.put(&event{kind: eventReport, report: r})
	var end error
	switch {
	case r.Namespace != 0: // RFC 4975 §7.1.3: M-029
	case r.Code/100 == 2:
		if m != nil {
			m.confirm(r)
			s.settle(m)
		}
	default:
		end = s.reportedFailure(m, r)
	}
	s.ready()
	s.wakeFlush()
	s.mu.Unlock()
	s.deliver()
	if end != nil {
		s.end(end)
	}
}

// confirm counts the range of a success REPORT; without one it is about the whole message (M-106).
func (m *message) confirm(r *Report) {
	m.anyReport = true
	to := m.known()
	if r.HasRange && r.Range.End != wire.Star {
		to = min(to, r.Range.End)
	}
	from := int64(1)
	if r.HasRange {
		from = r.Range.Start
	}
	m.reported.add(from, to)
}

// contentCodes judge content or recipient of a message, not the session.
var contentCodes = [...]int{400, 403, 404, 413, 415, 428}

// reportedFailure applies a failure REPORT: it acts like a response with that code, and unless the code is about this
// message alone, it also ends the session if it is about a range (M-110).
func (s *Session) reportedFailure(m *message, r *Report) error {
	if m != nil {
		f := ByteRange{}
		if r.HasRange {
			f = r.Range
		}
		s.refuse(m, ByReport, r.Code, r.Comment, f)
	}
	if !r.HasRange || slices.Contains(contentCodes[:], r.Code) {
		return nil
	}
	return &PeerError{Code: r.Code, Comment: r.Comment}
}
