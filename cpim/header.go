package cpim

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Header is one header of a CPIM message. It does not change; the zero value is none. What its name means depends on the message that it
// stands in, see Message.Resolve.
type Header struct {
	line  string // without CRLF
	name  int    // where the name ends
	value int    // where the value begins
	end   int    // and ends
}

// Param is a parameter of a header: "lang" is the language of its value (RFC 3862 §3.3).
type Param struct{ Name, Value string }

// NewHeader makes a header whose value is a text, which is escaped: an extension header, or Require. The error is a *SyntaxError for a name or
// the name of a parameter that is none.
func NewHeader(name, text string, params ...Param) (Header, error) {
	if !isHeaderName(name) {
		return Header{}, &SyntaxError{name, "is no name, like Subject or imdn.Message-ID"}
	}
	b := append([]byte(name), ':')
	for _, p := range params {
		if !isName(p.Name) || p.Name == "lang" && !isName(p.Value) {
			return Header{}, &SyntaxError{name, fmt.Sprintf("parameter %q=%q is malformed", p.Name, p.Value)}
		}
		b = append(append(append(b, ';'), p.Name...), '=')
		if isToken(p.Value) {
			b = append(b, p.Value...)
			continue
		}
		b = append(appendEscaped(append(b, '"'), p.Value, true), '"')
	}
	return made(appendText(append(b, ' '), text)), nil
}

// appendText is appendEscaped for a whole value, which has no outer white space.
func appendText(b []byte, text string) []byte {
	const space = `\u0020`
	inner := strings.TrimLeft(text, " ")
	for range len(text) - len(inner) {
		b = append(b, space...)
	}
	text = inner
	inner = strings.TrimRight(text, " ")
	b = appendEscaped(b, inner, false)
	for range len(text) - len(inner) {
		b = append(b, space...)
	}
	return b
}

// made is the header of a line of our own.
func made(line []byte) Header {
	h, _ := scan(string(line))
	return h
}

// From says who sends the message.
func From(a Address) Header { return made(a.appendTo([]byte("From: "))) }

// To says to whom it goes.
func To(a Address) Header { return made(a.appendTo([]byte("To: "))) }

// Cc says who gets a copy.
func Cc(a Address) Header { return made(a.appendTo([]byte("cc: "))) }

// DateTime says when the message was sent, to the millisecond (RFC 3862 §4.4, P-010).
func DateTime(t time.Time) Header {
	return made(t.AppendFormat([]byte("DateTime: "), "2006-01-02T15:04:05.000Z07:00"))
}

// Subject says what the message is about.
func Subject(text string) Header { return made(appendText([]byte("Subject: "), text)) }

// NS declares a prefix for the names of later headers; "" makes a namespace that of names without prefix (RFC 3862 §4.6). The error is a
// *SyntaxError for a prefix that is none.
func NS(prefix, uri string) (Header, error) {
	b := []byte("NS: ")
	if prefix != "" {
		if !isName(prefix) {
			return Header{}, &SyntaxError{"NS", fmt.Sprintf("%q is no prefix", prefix)}
		}
		b = append(append(b, prefix...), ' ')
	}
	return made(appendURI(b, uri)), nil
}

// ParseHeader reads one header without its line end. The error is a *SyntaxError.
func ParseHeader(line string) (Header, error) {
	if !utf8.ValidString(line) {
		return Header{}, &SyntaxError{"", "a header is not UTF-8"}
	}
	h, reason := scan(line)
	if reason != "" {
		return Header{}, &SyntaxError{h.Name(), reason}
	}
	return h, nil
}

// scan takes a line apart (RFC 3862 §3.3, P-002). Zero or several spaces before the value, trailing ones and an empty value are tolerated.
func scan(line string) (h Header, wrong string) {
	colon := strings.IndexByte(line, ':')
	switch {
	case line != "" && (line[0] == ' ' || line[0] == '\t'):
		return h, "a header line is folded"
	case colon < 0 || !isHeaderName(line[:colon]):
		return h, "a line is no header: it does not begin with a name and a colon"
	}
	for i := range len(line) {
		if isControl(line[i]) {
			return Header{line: line, name: colon}, "has a control character that is not escaped"
		}
	}
	at := colon + 1
	for at < len(line) && line[at] == ';' {
		n := param(line[at+1:])
		if n < 0 {
			return Header{line: line, name: colon}, "has a malformed parameter"
		}
		at += 1 + n
	}
	h = Header{line: line, name: colon, value: at, end: len(line)}
	for h.value < h.end && line[h.value] == ' ' {
		h.value++
	}
	for h.end > h.value && line[h.end-1] == ' ' {
		h.end--
	}
	return h, ""
}

// param is the length of the parameter that s begins with; negative if there is none.
func param(s string) int {
	eq := strings.IndexByte(s, '=')
	if eq < 0 || !isName(s[:eq]) {
		return -1
	}
	n := eq + 1
	if n < len(s) && s[n] == '"' {
		q := quoted(s[n:])
		if q < 0 {
			return -1
		}
		n += q
	} else {
		for n < len(s) && tokenChar(s[n]) {
			n++
		}
		if n == eq+1 {
			return -1
		}
	}
	if n < len(s) && s[n] != ';' && s[n] != ' ' {
		return -1
	}
	return n
}

// quoted is the length of the quoted string that s begins with; negative if it does not end.
func quoted(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// isHeaderName takes a name with or without a prefix.
func isHeaderName(s string) bool {
	prefix, name, prefixed := strings.Cut(s, ".")
	return isName(prefix) && (!prefixed || isName(name))
}

// Name is the name as written, with its prefix. Its letters' case matters (RFC 3862 §2.2).
func (h Header) Name() string { return h.line[:h.name] }

// split is the name in two; prefix is "" for one without.
func (h Header) split() (prefix, name string) {
	name = h.Name()
	if i := strings.IndexByte(name, '.'); i >= 0 {
		return name[:i], name[i+1:]
	}
	return "", name
}

// Value is the value as written, without outer white space.
func (h Header) Value() string { return h.line[h.value:h.end] }

// Text is the value with its escapes taken back.
func (h Header) Text() string { return unescape(h.Value()) }

// Param is the value of a parameter, its escapes taken back; "" if there is none. Case is ignored in the name.
func (h Header) Param(name string) string {
	for at := h.name + 1; at < h.value && h.line[at] == ';'; {
		s := h.line[at+1:]
		n := param(s)
		if n < 0 {
			return ""
		}
		key, value, _ := strings.Cut(s[:n], "=")
		if strings.EqualFold(key, name) {
			if strings.HasPrefix(value, `"`) {
				value = unescape(value[1 : len(value)-1])
			}
			return value
		}
		at += 1 + n
	}
	return ""
}

// String is the header's line as it is written, without line end.
func (h Header) String() string { return h.line }
