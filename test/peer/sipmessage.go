package peer

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Row is one header row. Value holds what follows the colon, without outer blanks when it was read.
type Row struct{ Name, Value string }

// Message is a SIP message, as it was read or as it shall be written.
type Message struct {
	Start string // start line
	Rows  []Row  // in the order of the wire
	Body  []byte

	Raw   []byte    // the octets, of a message that was read
	Proto string    // "udp" or "tcp", of a message that was read
	At    time.Time // when it was read

	from origin
}

// ParseMessage reads one message: the whole of b, or with stream set as much of it as Content-Length says.
// It is strict where a sender must be: CRLF line ends, one colon for each row, no folding.
func ParseMessage(b []byte) (*Message, error) {
	head, body, found := bytes.Cut(b, []byte("\r\n\r\n"))
	if !found {
		return nil, errors.New("no end of the header")
	}
	lines := strings.Split(string(head), "\r\n")
	m := &Message{Start: lines[0], Body: body, Raw: b, At: time.Now()}
	for _, l := range lines[1:] {
		name, value, found := strings.Cut(l, ":")
		if !found || name == "" || strings.ContainsAny(name, " \t") || strings.ContainsAny(l, "\r\n") {
			return nil, fmt.Errorf("bad header row %q", l)
		}
		m.Rows = append(m.Rows, Row{name, strings.TrimSpace(value)})
	}
	n, err := strconv.Atoi(m.Get("Content-Length"))
	if err != nil || n != len(body) {
		return nil, fmt.Errorf("%s: Content-Length %q for a body of %d octets", m.Start, m.Get("Content-Length"), len(body))
	}
	return m, nil
}

// Bytes writes the message. Content-Length is added unless a row of that name is there.
func (m *Message) Bytes() []byte {
	var b bytes.Buffer
	b.WriteString(m.Start + "\r\n")
	for _, r := range m.Rows {
		b.WriteString(r.Name + ": " + r.Value + "\r\n")
	}
	if m.Get("Content-Length") == "" && m.Get("l") == "" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(m.Body))
	}
	b.WriteString("\r\n")
	b.Write(m.Body)
	return b.Bytes()
}

// Get returns the first row's value, "" where there is none.
func (m *Message) Get(name string) string {
	for _, r := range m.Rows {
		if strings.EqualFold(r.Name, name) {
			return r.Value
		}
	}
	return ""
}

// All returns the values of all rows of that name.
func (m *Message) All(name string) []string {
	var v []string
	for _, r := range m.Rows {
		if strings.EqualFold(r.Name, name) {
			v = append(v, r.Value)
		}
	}
	return v
}

// List returns the values of all rows of that name, each row split at commas that stand outside quotes and angle brackets.
func (m *Message) List(name string) []string {
	var list []string
	for _, v := range m.All(name) {
		list = append(list, splitComma(v)...)
	}
	return list
}

func splitComma(v string) []string {
	var list []string
	quoted, angle, start := false, false, 0
	for i := 0; i < len(v); i++ {
		switch c := v[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '<':
			angle = true
		case c == '>':
			angle = false
		case c == ',' && !angle:
			list = append(list, strings.TrimSpace(v[start:i]))
			start = i + 1
		}
	}
	return append(list, strings.TrimSpace(v[start:]))
}

// Set replaces the first row of that name, or adds one, and returns the message.
func (m *Message) Set(name, value string) *Message {
	for i, r := range m.Rows {
		if strings.EqualFold(r.Name, name) {
			m.Rows[i].Value = value
			return m
		}
	}
	return m.Add(name, value)
}

// Add adds a row and returns the message.
func (m *Message) Add(name, value string) *Message {
	m.Rows = append(m.Rows, Row{name, value})
	return m
}

// Del removes all rows of that name and returns the message.
func (m *Message) Del(name string) *Message {
	var rows []Row
	for _, r := range m.Rows {
		if !strings.EqualFold(r.Name, name) {
			rows = append(rows, r)
		}
	}
	m.Rows = rows
	return m
}

// Rename gives the rows of one name another one, keeping their place, and returns the message.
func (m *Message) Rename(name, to string) *Message {
	for i, r := range m.Rows {
		if strings.EqualFold(r.Name, name) {
			m.Rows[i].Name = to
		}
	}
	return m
}

// Clone returns a copy that can be changed.
func (m *Message) Clone() *Message {
	c := *m
	c.Rows = append([]Row(nil), m.Rows...)
	return &c
}

// Source is where the message came from.
func (m *Message) Source() netip.AddrPort { return m.from.addr }

// IsRequest says whether the start line is a request's.
func (m *Message) IsRequest() bool { return !strings.HasPrefix(m.Start, "SIP/") }

// Method is a request's method; of a response, that of its CSeq.
func (m *Message) Method() string {
	if m.IsRequest() {
		method, _, _ := strings.Cut(m.Start, " ")
		return method
	}
	_, method, _ := strings.Cut(m.Get("CSeq"), " ")
	return method
}

// URI is a request's Request-URI.
func (m *Message) URI() string {
	f := strings.Split(m.Start, " ")
	if len(f) != 3 || !m.IsRequest() {
		return ""
	}
	return f[1]
}

// Code is a response's status code, 0 for a request.
func (m *Message) Code() int {
	f := strings.SplitN(m.Start, " ", 3)
	if m.IsRequest() || len(f) < 2 {
		return 0
	}
	n, _ := strconv.Atoi(f[1])
	return n
}

// CSeq is the number of the CSeq row.
func (m *Message) CSeq() int {
	number, _, _ := strings.Cut(m.Get("CSeq"), " ")
	n, _ := strconv.Atoi(number)
	return n
}

// Tag returns the tag of a From or To row.
func (m *Message) Tag(name string) string { return Param(m.Get(name), "tag") }

// TopBranch is the branch of the top Via.
func (m *Message) TopBranch() string {
	v := m.List("Via")
	if len(v) == 0 {
		return ""
	}
	return Param(v[0], "branch")
}

// Param returns a parameter of a header value, looked for behind the angle brackets if there are any.
func Param(value, name string) string {
	if i := strings.LastIndexByte(value, '>'); i >= 0 {
		value = value[i+1:]
	}
	for _, p := range strings.Split(value, ";")[1:] {
		n, v, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.TrimSpace(n), name) {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// AddressURI returns the URI of a From, To, Contact, Route or Record-Route value.
func AddressURI(value string) string {
	if _, rest, found := strings.Cut(value, "<"); found {
		uri, _, _ := strings.Cut(rest, ">")
		return uri
	}
	uri, _, _ := strings.Cut(value, ";")
	return strings.TrimSpace(uri)
}
