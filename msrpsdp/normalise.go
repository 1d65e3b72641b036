package msrpsdp

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
)

// section gathers what this package reads of the session level or of one m-line.
type section struct {
	head                string // the m-line; unused at session level
	origin, name        string
	hasOrigin, hasTimes bool
	connection          string // value of c=
	times               []string
	attributes          []sdp.Attribute
}

// usual is room for the sections of most descriptions: one m-line.
type usual struct {
	sections   [2]section
	times      [2]string
	attributes [2][8]sdp.Attribute
}

// room gives the sections to be filled.
func (u *usual) room() []section {
	u.sections[0].times = u.times[:0]
	for i := range u.sections {
		u.sections[i].attributes = u.attributes[i][:0]
	}
	return u.sections[:0]
}

// gather splits a description into its session level (the first section) and its m-lines. sections is room for them, and for the attributes of each.
func gather(text string, sections []section) ([]section, error) {
	sections = grown(sections)
	sections[0].name = "-"
	for n := 0; text != ""; {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		line = strings.TrimSuffix(line, "\r")
		if line == "" {
			continue
		}
		n++
		if n == 1 && strings.TrimRight(line, " \t") != "v=0" {
			return nil, fmt.Errorf("%w: it does not begin with v=0", ErrSyntax)
		}
		if len(line) < 2 || line[1] != '=' {
			continue
		}
		broken, value, current := unprintable(line), line[2:], &sections[len(sections)-1]
		switch {
		case line[0] == 'm':
			if broken {
				return nil, fmt.Errorf("%w: control character in m-line %d", ErrSyntax, len(sections))
			}
			if len(sections) > MaxLines {
				return nil, fmt.Errorf("%w: more than %d m-lines", ErrTooLarge, MaxLines)
			}
			sections = grown(sections)
			sections[len(sections)-1].head = value
		case broken:
			// A line nobody could have meant so; left out like one of an unknown kind.
		case line[0] == 'a':
			name, of, _ := strings.Cut(value, ":")
			current.attributes = append(current.attributes, sdp.Attribute{Key: name, Value: of})
		case line[0] == 'c':
			current.connection = cmp.Or(current.connection, value) // RFC 4566 §5.7: further ones are of multicast
		case len(sections) == 1:
			current.keep(line[0], value)
		}
	}
	if !sections[0].hasOrigin {
		return nil, fmt.Errorf("%w: no o= line", ErrSyntax)
	}
	return sections, nil
}

// grown adds a section, in the room that there is.
func grown(sections []section) []section {
	if n := len(sections); n < cap(sections) {
		return sections[:n+1]
	}
	return append(sections, section{})
}

// unprintable says whether a line holds a control character other than the tab.
func unprintable(line string) bool {
	for i := range len(line) {
		if c := line[i]; c < ' ' && c != '\t' || c == 0x7f {
			return true
		}
	}
	return false
}

// keep takes a line of the session level. Of o= and s= the first counts.
func (s *section) keep(kind byte, value string) {
	switch kind {
	case 'o':
		if !s.hasOrigin {
			s.origin, s.hasOrigin = value, true
		}
	case 's':
		if s.name == "-" && strings.TrimSpace(value) != "" {
			s.name = value
		}
	case 't':
		s.times, s.hasTimes = append(s.times, value), true
	}
}

// canonical writes a session level as the SDP parser takes it: only the lines that this package reads, in their order, each with CRLF.
func (s *section) canonical() string {
	var b strings.Builder
	b.Grow(len("v=0\r\no=\r\ns=\r\nt=0 0\r\n") + len(s.origin) + len(s.name))
	b.WriteString("v=0\r\no=")
	b.WriteString(s.origin)
	b.WriteString("\r\ns=")
	b.WriteString(s.name)
	if !s.hasTimes {
		b.WriteString("\r\nt=0 0")
	}
	for _, t := range s.times {
		b.WriteString("\r\nt=")
		b.WriteString(t)
	}
	b.WriteString("\r\n")
	return b.String()
}

// connectionHost is the address or name in the value of a c= line, "IN IP4 192.0.2.1"; "" where it is none. What follows a slash is of multicast (RFC 4566 §5.7).
func connectionHost(value string) string {
	f := strings.Fields(value)
	if len(f) != 3 || f[0] != "IN" {
		return ""
	}
	host, _, _ := strings.Cut(f[2], "/")
	return host
}

// readHead reads the value of an m-line. What stands in it is repeated in an answer that refuses the line, so it must be tokens.
func (l *Line) readHead(value string) error {
	var room [8]string
	f := room[:0]
	for word := range strings.FieldsSeq(value) {
		f = append(f, word)
	}
	if len(f) < 4 {
		return fmt.Errorf("%w: an m-line needs media, port, protocol and format", ErrSyntax)
	}
	if strings.ContainsFunc(value, func(r rune) bool { return r > '~' }) {
		return fmt.Errorf("%w: an m-line holds ASCII only", ErrSyntax)
	}
	// RFC 4566 §5.14: the port may be followed by a number of ports.
	port, count, ranged := strings.Cut(f[1], "/")
	if ranged {
		if _, err := strconv.ParseUint(count, 10, 16); err != nil {
			return fmt.Errorf("%w: number of ports in an m-line", ErrSyntax)
		}
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return fmt.Errorf("%w: port of an m-line is no number from 0 to 65535", ErrSyntax)
	}
	l.Media, l.Port, l.Proto, l.Formats = f[0], int(n), f[2], strings.Join(f[3:], " ")
	return nil
}
