package cpim

import (
	"strings"
	"unicode/utf8"
)

// MIMEHeader is a header of a message's content (RFC 2045). It does not change; the zero value is none.
type MIMEHeader struct {
	line string // without its last CRLF; may be folded
	name int    // where the name ends
}

// NewMIMEHeader makes a header of the content. The error is a *SyntaxError for a name that is none, and a value that does not fit on a line.
func NewMIMEHeader(name, value string) (MIMEHeader, error) {
	h, wrong := scanMIME(name + ": " + strings.Trim(value, " \t"))
	switch {
	case wrong != "":
		return MIMEHeader{}, &SyntaxError{name, wrong}
	case !isToken(name):
		return MIMEHeader{}, &SyntaxError{name, "is no name"}
	case strings.ContainsAny(h.line, "\r\n") || !utf8.ValidString(h.line):
		return MIMEHeader{}, &SyntaxError{name, "has a value that is no line of UTF-8"}
	}
	return h, nil
}

// scanMIME takes a line apart that may be folded.
func scanMIME(line string) (h MIMEHeader, wrong string) {
	colon := strings.IndexByte(line, ':')
	if colon < 0 || !isToken(strings.TrimRight(line[:colon], " \t")) {
		return h, "a line is no header: it does not begin with a name and a colon"
	}
	h = MIMEHeader{line, colon}
	rest := line[colon:]
	for rest != "" {
		part, next, _ := strings.Cut(rest, "\r\n")
		for i := range len(part) {
			if isControl(part[i]) && part[i] != '\t' {
				return h, "has a control character"
			}
		}
		rest = next
	}
	return h, ""
}

// Name is the name as written. Its letters' case does not matter.
func (h MIMEHeader) Name() string { return strings.TrimRight(h.line[:h.name], " \t") }

// Value is the value, unfolded (RFC 5322 §2.2.3), without outer white space.
func (h MIMEHeader) Value() string {
	if h.line == "" {
		return ""
	}
	return strings.Trim(strings.ReplaceAll(h.line[h.name+1:], "\r\n", ""), " \t")
}

// String is the header as it is written, without its last line end.
func (h MIMEHeader) String() string { return h.line }
