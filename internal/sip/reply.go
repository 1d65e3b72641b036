package sip

import (
	"hash/maphash"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// path is where the answers to a request go (RFC 3261 §18.2.2, RFC 3581 §4; S-013, S-041).
type path struct {
	proto  Proto
	socket *udpSocket     // UDP: the receiving one
	own    netip.Addr     // UDP: the address that the request came to
	conn   uint64         // streams: the request's connection
	dest   netip.AddrPort // UDP: where to; streams: where to if that connection has closed
	sentBy string         // streams: the host of the top Via, whom TLS then has to lead to
	port   int            // streams: its port; 0: none given
}

// pathTo finds it from the top Via as the request brought it. Without a usable Via the answer goes back to the source.
func (s *Stack) pathTo(in inbound, v via, hasVia bool) path {
	p := path{proto: in.flow.Proto, socket: in.socket, own: in.flow.Local.Addr(), conn: in.flow.Conn, dest: in.flow.Remote}
	if !hasVia {
		return p
	}
	port := v.sentByPort()
	if in.socket == nil {
		p.dest = netip.AddrPortFrom(p.dest.Addr(), port)
		p.sentBy, p.port = strings.Clone(v.Host), v.Port // outlives the request
		return p
	}
	if maddr, ok := v.param("maddr"); ok {
		// A name would need a look-up, which is no business of a reader; names are ignored here.
		if a, err := netip.ParseAddr(maddr); err == nil {
			p.dest = netip.AddrPortFrom(a.Unmap(), port)
			return p
		}
	}
	if _, ok := v.param("rport"); !ok {
		p.dest = netip.AddrPortFrom(p.dest.Addr(), port)
	}
	return p
}

// sendAnswer sends an answer; on a stream it is queued.
func (s *Stack) sendAnswer(p path, octets []byte) error {
	if p.socket != nil {
		return p.socket.answer(octets, p.own, p.dest)
	}
	var w watcher
	if c := s.pool.find(p.conn, remote{}); c == nil {
		w = &answerWatcher{s: s, path: p, octets: octets}
	}
	_, _, err := s.pool.send(p.conn, remoteOf(p.proto, p.dest, p.sentBy), octets, w)
	return err
}

// answerWatcher finds another way for an answer whose request's connection has closed, if none can be opened to where that came from: the way
// of the name in the top Via (RFC 3261 §18.2.2, RFC 3263 §5).
type answerWatcher struct {
	s      *Stack
	path   path
	octets []byte
}

func (*answerWatcher) untilOpen() {}

func (w *answerWatcher) connFailed(*conn, error) { w.s.spawn(w.tryNames) }

func (w *answerWatcher) tryNames() {
	ctx, cancel := w.s.untilClosed()
	defer cancel()
	p := w.path
	targets, err := w.s.resolveSentBy(ctx, p.proto, p.sentBy, p.port)
	targets = slices.DeleteFunc(targets, func(t Target) bool { return t.Addr == p.dest })
	if len(targets) == 0 {
		w.s.log.Debug("answer not sent", "error", err)
		return
	}
	w.next(targets)
}

// next sends the answer to the first of targets, and to the others if that one cannot be reached.
func (w *answerWatcher) next(targets []Target) {
	t := targets[0]
	var more watcher
	if len(targets) > 1 {
		more = &answerTargets{w, targets[1:]}
	}
	if _, _, err := w.s.pool.send(0, remoteOf(t.Proto, t.Addr, t.Domain), w.octets, more); err != nil {
		w.s.log.Debug("answer not sent", "error", err)
	}
}

// answerTargets are what is left to try.
type answerTargets struct {
	w       *answerWatcher
	targets []Target
}

func (*answerTargets) untilOpen() {}

func (a *answerTargets) connFailed(*conn, error) { a.w.next(a.targets) }

// replyStateless answers without a transaction. Its To tag is the same for each repeat of the request (RFC 3261 §8.2.7).
func (s *Stack) replyStateless(p path, m *Message, code int, reason string, h []Header) {
	tag := ""
	if to := m.Get(hTo); to != "" && m.ToTag() == "" {
		tag = s.tagFor(m)
	}
	if err := s.sendAnswer(p, appendResponse(nil, m, code, reason, tag, h, nil)); err != nil {
		s.log.Debug("answer not sent", "code", code, "error", err, "call_id", m.CallID())
	}
}

func (s *Stack) tagFor(m *Message) string {
	var h maphash.Hash
	h.SetSeed(s.seed)
	for _, part := range [...]string{m.CallID(), m.Get(hFrom), m.Get(hCSeq), m.RequestURI} {
		h.WriteString(part)
		h.WriteByte(0)
	}
	return "s" + strconv.FormatUint(h.Sum64(), 36)
}

// appendResponse writes a response to req (RFC 3261 §8.2.6): Via, From, To, Call-ID, CSeq are the request's, for a 100 Timestamp
// too; tag, if not empty, is added to To.
func appendResponse(b []byte, req *Message, code int, reason, tag string, h []Header, body []byte) []byte {
	if b == nil {
		b = make([]byte, 0, responseSize(req, reason, h, body))
	}
	if reason == "" {
		reason = reasonPhrase(code)
	}
	b = appendStatusLine(b, code, reason)
	for i := range req.rows {
		if req.rows[i].Name == hVia {
			b = appendRow(b, hVia, req.rows[i].Value)
		}
	}
	b = copyRow(b, req, hFrom)
	if to := req.Get(hTo); to != "" {
		if tag != "" {
			b = append(b, "To: "...)
			b = append(b, to...)
			b = append(b, ";tag="...)
			b = appendText(b, tag)
			b = append(b, crlf...)
		} else {
			b = appendRow(b, hTo, to)
		}
	}
	b = copyRow(b, req, hCallID)
	b = copyRow(b, req, hCSeq)
	if code == 100 {
		b = copyRow(b, req, hTimestamp) // RFC 3261 §8.2.6.1
	}
	for i := range h {
		b = appendRow(b, canonical(h[i].Name), h[i].Value)
	}
	return appendBody(b, body)
}

func copyRow(b []byte, req *Message, name string) []byte {
	if i := req.index(name); i >= 0 {
		b = appendRow(b, name, req.rows[i].Value)
	}
	return b
}

// responseSize is what appendResponse needs, nearly: a finished transaction keeps these octets for 32 s.
func responseSize(req *Message, reason string, h []Header, body []byte) int {
	n := 100 + len(reason) + len(body)
	for i := range req.rows {
		switch req.rows[i].Name {
		case hVia, hFrom, hTo, hCallID, hCSeq:
			n += len(req.rows[i].Name) + len(req.rows[i].Value) + 4
		}
	}
	for i := range h {
		n += len(h[i].Name) + len(h[i].Value) + 4
	}
	return n
}

// reasonPhrase is the usual phrase of a status code (RFC 3261 §21).
func reasonPhrase(code int) string {
	if p, ok := phrases[code]; ok {
		return p
	}
	switch code / 100 {
	case 1:
		return "Progress"
	case 2:
		return "OK"
	case 3:
		return "Redirection"
	case 4:
		return "Request Failure"
	case 5:
		return "Server Failure"
	}
	return "Global Failure"
}

var phrases = map[int]string{
	100: "Trying", 180: "Ringing", 181: "Call Is Being Forwarded", 182: "Queued", 183: "Session Progress",
	200: "OK", 202: "Accepted", 204: "No Notification",
	300: "Multiple Choices", 301: "Moved Permanently", 302: "Moved Temporarily", 305: "Use Proxy", 380: "Alternative Service",
	400: "Bad Request", 401: "Unauthorized", 402: "Payment Required", 403: "Forbidden", 404: "Not Found",
	405: "Method Not Allowed", 406: "Not Acceptable", 407: "Proxy Authentication Required", 408: "Request Timeout",
	410: "Gone", 412: "Conditional Request Failed", 413: "Request Entity Too Large", 414: "Request-URI Too Long",
	415: "Unsupported Media Type", 416: "Unsupported URI Scheme", 420: "Bad Extension", 421: "Extension Required",
	422: "Session Interval Too Small", 423: "Interval Too Brief", 433: "Anonymity Disallowed",
	480: "Temporarily Unavailable", 481: "Call/Transaction Does Not Exist", 482: "Loop Detected", 483: "Too Many Hops",
	484: "Address Incomplete", 485: "Ambiguous", 486: "Busy Here", 487: "Request Terminated", 488: "Not Acceptable Here",
	489: "Bad Event", 491: "Request Pending", 493: "Undecipherable", 494: "Security Agreement Required",
	500: "Server Internal Error", 501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable",
	504: "Server Time-out", 505: "Version Not Supported", 513: "Message Too Large",
	600: "Busy Everywhere", 603: "Decline", 604: "Does Not Exist Anywhere", 606: "Not Acceptable",
}
