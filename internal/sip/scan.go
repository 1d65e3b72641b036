package sip

import (
	"bytes"
	"strconv"
	"strings"
	"unsafe"
)

// maxRows bounds the header rows of a message; more are answered by a 513 like any head that is too large.
const maxRows = 512

// fewRows and usualRows have their place beside a message that came.
const (
	fewRows   = 8
	usualRows = 16
)

// newMessage makes a message with place for so many rows; more than maxRows it never gets.
func newMessage(rows int) *Message {
	switch {
	case rows <= fewRows:
		m := new(struct {
			Message
			rows [fewRows]Header
		})
		m.Message.rows = m.rows[:0]
		return &m.Message
	case rows <= usualRows:
		m := new(struct {
			Message
			rows [usualRows]Header
		})
		m.Message.rows = m.rows[:0]
		return &m.Message
	}
	return &Message{rows: make([]Header, 0, min(rows, maxRows))}
}

// fault is what makes a request be refused before anything sees it; code 0: none.
type fault struct {
	code   int
	reason string
}

var (
	faultNoSIP       = fault{400, "Bad Start Line"}
	faultVersion     = fault{505, "Version Not Supported"}
	faultHeadSize    = fault{513, "Message Too Large"}
	faultBodySize    = fault{513, "Message Too Large"}
	faultNoBlankLine = fault{400, "Missing Empty Line"}
	faultShortBody   = fault{400, "Body Shorter Than Content-Length"}
	faultLength      = fault{400, "Bad Content-Length"}
)

var (
	crlf     = []byte("\r\n")
	crlfcrlf = []byte("\r\n\r\n")
)

// scanDatagram reads the message in a datagram (RFC 3261 §18.3, S-040). m is nil where there is nothing that could be answered:
// no start line, or line ends only. Octets behind the body are dropped.
func scanDatagram(b []byte, maxHead, maxBody int) (m *Message, f fault) {
	for len(b) >= 2 && b[0] == '\r' && b[1] == '\n' { // RFC 3261 §7.5
		b = b[2:]
	}
	end := bytes.Index(b, crlfcrlf)
	if end < 0 {
		// What there is of the head serves to answer it.
		whole := bytes.LastIndex(b, crlf)
		if whole < 0 {
			return nil, fault{}
		}
		if m, f = scanHead(string(b[:min(whole, maxHead)+2])); f.code == 0 {
			f = faultNoBlankLine
		}
		return m, f
	}
	if end > maxHead {
		m, _ = scanHead(string(b[:maxHead]))
		return m, faultHeadSize
	}
	kept := append(make([]byte, 0, len(b)+viaRoom), b...)
	m, f = scanHead(asString(kept[:end+2]))
	if m != nil {
		m.room = kept[len(kept):]
	}
	if m == nil || f.code != 0 {
		return m, f
	}
	body := kept[end+4:]
	length, given, ok := m.contentLength()
	switch {
	case given && !ok:
		return m, faultLength
	case !given:
		length = int64(len(body))
	case length > int64(len(body)):
		return m, faultShortBody
	}
	if length > int64(maxBody) {
		return m, faultBodySize
	}
	if len(body)-int(length) > maxTail {
		return scanDatagram(b[:end+4+int(length)], maxHead, maxBody)
	}
	if length > 0 {
		m.Body = body[:length:length]
	}
	return m, fault{}
}

// viaRoom is enough for the usual Via with what the stack adds to it.
const viaRoom = 160

// maxTail bounds what is kept in memory of a datagram behind the message in it.
const maxTail = 256

// asString is the text of octets that do not change any more.
func asString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// scanHead reads start line and header rows, each of which ends in CRLF; the empty line behind them is not part of head. Names
// become canonical, folded rows one line. Lines that are no header row are skipped: what is needed is then missing, what is not
// needed may be malformed (S-039). The message's strings point into head. m is nil where the start line is not one of SIP at all.
func scanHead(head string) (m *Message, f fault) {
	line, rest, _ := cutLine(head)
	m = newMessage(strings.Count(rest, "\n"))
	if f, ok := m.scanStartLine(line); !ok {
		return nil, f
	} else if f.code != 0 {
		m.scanRows(rest)
		return m, f
	}
	return m, m.scanRows(rest)
}

// cutLine cuts the first line off s, without its CRLF. A lone LF does not end a line; clean tells that there is none.
func cutLine(s string) (line, rest string, clean bool) {
	for from := 0; ; {
		i := strings.IndexByte(s[from:], '\n')
		if i < 0 {
			return s, "", from == 0
		}
		i += from
		if i > 0 && s[i-1] == '\r' {
			return s[:i-1], s[i+1:], from == 0
		}
		from = i + 1
	}
}

// scanStartLine tells by ok whether the line is a start line of SIP, of whatever version (RFC 3261 §7.1, §7.2).
func (m *Message) scanStartLine(line string) (f fault, ok bool) {
	if len(line) > 4 && foldEqual(line[:4], "SIP/") {
		version, rest, _ := strings.Cut(line[4:], " ")
		code, reason, _ := strings.Cut(rest, " ")
		status, err := strconv.ParseUint(code, 10, 16)
		if err != nil || len(code) != 3 || status < 100 || status > 699 || version != "2.0" {
			return faultNoSIP, false
		}
		m.Status, m.Reason = int(status), reason
		return fault{}, true
	}
	if n := len(line) - 1; n >= 0 && (line[n] == ' ' || line[n] == '\t') {
		// No blank follows the version (RFC 4475 §3.1.2.10), but it is plain what this is and who is to be told.
		if f, ok = m.scanStartLine(strings.TrimRight(line, blanks)); ok && f.code == 0 {
			f = faultNoSIP
		}
		return f, ok
	}
	method, rest, _ := strings.Cut(line, " ")
	space := strings.LastIndexByte(rest, ' ')
	if space < 0 || !isToken(method) {
		return faultNoSIP, false
	}
	uri, version := rest[:space], rest[space+1:]
	if !isVersion(version) {
		return faultNoSIP, false
	}
	m.Method, m.RequestURI = method, uri
	if version[4:] != "2.0" {
		return faultVersion, true
	}
	if strings.ContainsAny(uri, " \t\r\n") || uri == "" {
		return fault{400, "Bad Request-URI"}, true
	}
	return fault{}, true
}

// isVersion takes SIP/1*DIGIT.1*DIGIT; the word in any case (RFC 3261 §7.1).
func isVersion(s string) bool {
	if len(s) < 7 || !foldEqual(s[:4], "SIP/") {
		return false
	}
	major, minor, ok := strings.Cut(s[4:], ".")
	return ok && isDigits(major) && isDigits(minor)
}

func isDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func (m *Message) scanRows(s string) fault {
	for s != "" {
		line, rest, clean := cutLine(s)
		if folded(rest) {
			line, rest, clean = unfold(line, rest, clean)
		}
		s = rest
		if len(m.rows) == maxRows {
			return faultHeadSize
		}
		// A lone CR or LF could end a line for the next one who reads it.
		if clean && strings.IndexByte(line, '\r') < 0 {
			m.scanRow(line)
		}
	}
	return fault{}
}

// folded tells whether s continues the line before it (RFC 3261 §7.3.1).
func folded(s string) bool { return s != "" && (s[0] == ' ' || s[0] == '\t') }

// unfold joins a row with its continuation lines: a line end and blanks in front of the next line mean one blank.
func unfold(line, rest string, clean bool) (string, string, bool) {
	b := append(make([]byte, 0, len(line)+256), line...)
	for folded(rest) {
		var more string
		var c bool
		more, rest, c = cutLine(rest)
		clean = clean && c
		b = append(b, ' ')
		b = append(b, trim(more)...)
	}
	return string(b), rest, clean
}

func (m *Message) scanRow(line string) {
	colon := strings.IndexByte(line, ':')
	if colon < 1 {
		return
	}
	name := line[:colon]
	for name != "" && (name[len(name)-1] == ' ' || name[len(name)-1] == '\t') {
		name = name[:len(name)-1]
	}
	if !isToken(name) {
		return
	}
	m.rows = append(m.rows, Header{canonical(name), trim(line[colon+1:])})
}

// contentLength reads Content-Length; ok is false where it is broken or stands there twice.
func (m *Message) contentLength() (n int64, given, ok bool) {
	for i := range m.rows {
		if m.rows[i].Name != hContentLength {
			continue
		}
		if given || !isDigits(m.rows[i].Value) {
			return 0, true, false
		}
		v, err := strconv.ParseInt(m.rows[i].Value, 10, 63)
		if err != nil {
			return 0, true, false
		}
		n, given = v, true
	}
	return n, given, given
}
