package cpim

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// parsed is a Message with room for what a usual one has.
type parsed struct {
	Message
	headers [8]Header
	mime    [2]MIMEHeader
}

// Parse reads a CPIM message, which fills b: no Content-Length counts (P-013). Content is part of b. It is taken only with one From and a To
// (RFC 4975 §13, P-004), each of the form NAME <URI>, and with a Content-Type of the content. The error is a *SyntaxError or a *LimitError.
// What the message requires is looked at by CheckRequire.
func Parse(b []byte) (*Message, error) {
	var s headScan
	n, err := s.find(b)
	if err != nil {
		return nil, err
	}
	if n < 0 {
		return nil, s.missing()
	}
	m, err := parseHead(b[:n], s.first)
	if err != nil {
		return nil, err
	}
	m.Content = b[n:]
	return m, nil
}

var (
	lineEnd = []byte("\r\n")
	empty   = []byte("\r\n\r\n")
)

// headScan looks for the two empty lines that end the head.
type headScan struct {
	first int // where the first empty line ends; 0: not found yet
	seen  int // where to look on
}

// find returns where the content begins, negative if that is not in b, whose beginning was there at the last call.
func (s *headScan) find(b []byte) (content int, err error) {
	within := b[:min(len(b), MaxHead)]
	for {
		i := bytes.Index(within[s.seen:], empty)
		switch {
		case i >= 0:
			end := s.seen + i + len(empty)
			if s.first > 0 {
				return end, nil
			}
			// The line end of the empty line may begin an empty block of MIME headers.
			s.first, s.seen = end, end-len(lineEnd)
			continue
		case len(b) >= MaxHead:
			return 0, &LimitError{"octets before the content", MaxHead}
		}
		s.seen = max(s.seen, len(within)-len(empty)+1)
		return -1, nil
	}
}

// missing says what is not there.
func (s *headScan) missing() error {
	if s.first == 0 {
		return &SyntaxError{"", "no empty line ends the headers"}
	}
	return &SyntaxError{"", "no empty line ends the headers of the content"}
}

// parseHead reads everything before the content; the headers of the content begin at first.
func parseHead(head []byte, first int) (*Message, error) {
	if !utf8.Valid(head) {
		return nil, &SyntaxError{"", "the headers are not UTF-8"}
	}
	text := string(head) // the one copy, which all headers are part of
	p := new(parsed)
	p.Headers, p.MIME = p.headers[:0], p.mime[:0]
	if err := p.readHeaders(strings.TrimSuffix(text[:first], "\r\n\r\n")); err != nil {
		return nil, err
	}
	if err := p.readMIME(strings.TrimSuffix(text[first:], "\r\n")); err != nil {
		return nil, err
	}
	return &p.Message, p.check()
}

func (m *Message) readHeaders(block string) error {
	for rest, more := block, true; more; {
		var line string
		line, rest, more = strings.Cut(rest, "\r\n")
		if len(m.Headers) == MaxHeaders {
			return &LimitError{"headers", MaxHeaders}
		}
		h, wrong := scan(line)
		if wrong != "" {
			return &SyntaxError{h.Name(), wrong}
		}
		m.Headers = append(m.Headers, h)
	}
	return nil
}

// readMIME reads the headers of the content, each with its line end.
func (m *Message) readMIME(block string) error {
	for block != "" {
		n := 0
		for { // to the end of a line that no folded one follows
			i := strings.Index(block[n:], "\r\n")
			n += i
			if rest := block[n+len("\r\n"):]; rest == "" || rest[0] != ' ' && rest[0] != '\t' {
				break
			}
			n += len("\r\n")
		}
		if len(m.MIME) == MaxHeaders {
			return &LimitError{"headers of the content", MaxHeaders}
		}
		h, wrong := scanMIME(block[:n])
		if wrong != "" {
			return &SyntaxError{"", wrong}
		}
		m.MIME = append(m.MIME, h)
		block = block[n+len("\r\n"):]
	}
	return nil
}

// check looks at what a message must have and may have once.
func (m *Message) check() error {
	var from, to int
	for i, h := range m.Headers {
		namespace, name, ok := m.Resolve(i)
		if !ok || namespace != CoreNamespace {
			continue
		}
		switch name {
		case "From":
			from++
			ok = validAddress(h)
		case "To":
			to++
			ok = validAddress(h)
		case "cc":
			ok = validAddress(h)
		case "NS":
			_, _, ok = parseNS(h.Value())
		}
		if !ok {
			return &SyntaxError{h.Name(), "its value is not of the form NAME <URI>"}
		}
	}
	switch {
	case from != 1:
		return &SyntaxError{"From", "must be there once"} // P-003, P-004
	case to == 0:
		return &SyntaxError{"To", "is missing"} // RFC 4975 §13, P-004
	}
	return m.checkMIME()
}

func validAddress(h Header) bool {
	_, _, ok := splitAddress(h.Value())
	return ok
}

// checkMIME: the content has one type (RFC 3862 §2.4, P-001).
func (m *Message) checkMIME() error {
	types := 0
	for _, h := range m.MIME {
		if !strings.EqualFold(h.Name(), "Content-Type") {
			continue
		}
		types++
		essence, _, _ := strings.Cut(h.Value(), ";")
		main, sub, _ := strings.Cut(strings.TrimRight(essence, " \t"), "/")
		if !isToken(main) || !isToken(sub) {
			return &SyntaxError{"Content-Type", "is not of the form type/subtype"}
		}
	}
	if types != 1 {
		return &SyntaxError{"Content-Type", "must be there once"}
	}
	return nil
}
