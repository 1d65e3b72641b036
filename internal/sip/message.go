package sip

import (
	"slices"
	"strconv"
	"strings"
)

// Header is one header row: the long canonical name, and the value unfolded and trimmed.
type Header struct{ Name, Value string }

// Message is a SIP request or response. One that was received is read only and safe to keep and to share;
// its strings share one backing copy of the head. One that was made here is its maker's alone until it is given to a Stack.
type Message struct {
	Method     string // of a request; of a response: "" (see CSeq)
	RequestURI string
	Status     int // of a response; 0 for a request
	Reason     string
	Body       []byte

	rows  []Header
	known known
	room  []byte // no octets, but space behind those that the message was read from: for its Via
}

// known is what was read already of a message that came.
type known struct {
	fromTag, toTag string
	cseqOf         string
	cseq           uint32
	is             bool
}

// NewRequest makes a request with no header. The stack adds Via, Max-Forwards where it is missing, and Content-Length.
func NewRequest(method, requestURI string) *Message {
	return &Message{Method: method, RequestURI: requestURI}
}

// IsRequest tells a request from a response.
func (m *Message) IsRequest() bool { return m.Status == 0 }

// Get returns the value of the first row of that name, "" if there is none. The name may be written in any case, or compact.
func (m *Message) Get(name string) string {
	if i := m.index(canonical(name)); i >= 0 {
		return m.rows[i].Value
	}
	return ""
}

// Has tells whether there is a row of that name.
func (m *Message) Has(name string) bool { return m.index(canonical(name)) >= 0 }

func (m *Message) index(name string) int {
	for i := range m.rows {
		if foldEqual(m.rows[i].Name, name) {
			return i
		}
	}
	return -1
}

// Values returns the value of every row of that name, in order.
func (m *Message) Values(name string) []string {
	name = canonical(name)
	var v []string
	for i := range m.rows {
		if foldEqual(m.rows[i].Name, name) {
			v = append(v, m.rows[i].Value)
		}
	}
	return v
}

// List returns the comma separated values of all rows of that name, in order (RFC 3261 §7.3.1). Commas in quoted strings and
// between angle brackets do not separate. The four authentication headers and Date, which hold commas of their own, give one
// value for each row.
func (m *Message) List(name string) []string {
	name = canonical(name)
	switch name {
	case "WWW-Authenticate", "Authorization", "Proxy-Authenticate", "Proxy-Authorization", "Date":
		return m.Values(name)
	}
	var v []string
	for i := range m.rows {
		if !foldEqual(m.rows[i].Name, name) {
			continue
		}
		for rest := m.rows[i].Value; rest != ""; {
			var e string
			if e, rest = cutElement(rest); e != "" {
				v = append(v, e)
			}
		}
	}
	return v
}

// Headers returns all rows in order. The slice is the message's own and must not be changed.
func (m *Message) Headers() []Header { return slices.Clip(m.rows) }

// Add appends a row.
func (m *Message) Add(name, value string) {
	m.rows = append(m.rows, Header{canonical(name), value})
}

// Set replaces all rows of that name by one, which stands where the first of them stood, or at the end.
func (m *Message) Set(name, value string) {
	name = canonical(name)
	first := m.index(name)
	if first < 0 {
		m.Add(name, value)
		return
	}
	m.rows[first].Value = value
	rest := slices.DeleteFunc(m.rows[first+1:], func(h Header) bool { return foldEqual(h.Name, name) })
	m.rows = m.rows[:first+1+len(rest)]
}

// prepend puts a row in front of all others.
func (m *Message) prepend(name, value string) {
	m.rows = slices.Insert(m.rows, 0, Header{name, value})
}

// Clone returns a copy whose rows can be changed; the body's octets are shared.
func (m *Message) Clone() *Message {
	c := *m
	c.rows, c.known, c.room = slices.Clone(m.rows), known{}, nil
	return &c
}

// AppendTo appends the message as octets: long names, unfolded (S-039). Content-Length is always computed from Body. Line ends
// in a value become blanks, so that no value can add a header.
func (m *Message) AppendTo(b []byte) []byte {
	if m.IsRequest() {
		b = append(b, m.Method...)
		b = append(b, ' ')
		b = appendText(b, m.RequestURI)
		b = append(b, " SIP/2.0\r\n"...)
	} else {
		b = appendStatusLine(b, m.Status, m.Reason)
	}
	for i := range m.rows {
		if m.rows[i].Name != hContentLength {
			b = appendRow(b, m.rows[i].Name, m.rows[i].Value)
		}
	}
	return appendBody(b, m.Body)
}

func appendStatusLine(b []byte, status int, reason string) []byte {
	b = append(b, "SIP/2.0 "...)
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(b, ' ')
	b = appendText(b, reason)
	return append(b, "\r\n"...)
}

func appendRow(b []byte, name, value string) []byte {
	b = append(b, name...)
	b = append(b, ": "...)
	b = appendText(b, value)
	return append(b, "\r\n"...)
}

func appendText(b []byte, s string) []byte {
	if strings.IndexByte(s, '\n') < 0 && strings.IndexByte(s, '\r') < 0 {
		return append(b, s...)
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '\r' || c == '\n' {
			c = ' '
		}
		b = append(b, c)
	}
	return b
}

func appendBody(b, body []byte) []byte {
	b = append(b, "Content-Length: "...)
	b = strconv.AppendInt(b, int64(len(body)), 10)
	b = append(b, "\r\n\r\n"...)
	return append(b, body...)
}

// size estimates the octets of AppendTo from above.
func (m *Message) size() int {
	n := len(m.Method) + len(m.RequestURI) + len(m.Reason) + len(m.Body) + 64
	for i := range m.rows {
		n += len(m.rows[i].Name) + len(m.rows[i].Value) + 4
	}
	return n
}

// CallID returns the Call-ID.
func (m *Message) CallID() string { return m.Get(hCallID) }

// CSeq returns number and method of the CSeq; 0 and "" where it is missing or broken, which it is not in a message that came
// from a Stack.
func (m *Message) CSeq() (n uint32, method string) {
	if m.known.is {
		return m.known.cseq, m.known.cseqOf
	}
	n, method, _ = parseCSeq(m.Get(hCSeq))
	return n, method
}

// From returns the From address; the zero Address where it is missing or broken, which it is not in a message that came from a
// Stack.
func (m *Message) From() Address {
	a, _ := ParseAddress(m.Get(hFrom))
	return a
}

// To returns the To address, as From does.
func (m *Message) To() Address {
	a, _ := ParseAddress(m.Get(hTo))
	return a
}

// FromTag returns the tag of From, "" where there is none. Of a message that came it costs nothing.
func (m *Message) FromTag() string {
	if m.known.is {
		return m.known.fromTag
	}
	return m.From().Tag()
}

// ToTag returns the tag of To, as FromTag does.
func (m *Message) ToTag() string {
	if m.known.is {
		return m.known.toTag
	}
	return m.To().Tag()
}

// Contact returns the first Contact address; false if there is none, or it is broken, or it is "*".
func (m *Message) Contact() (Address, bool) {
	first, _ := cutElement(m.Get(hContact))
	if first == "" || first == "*" {
		return Address{}, false
	}
	a, err := ParseAddress(first)
	return a, err == nil
}
