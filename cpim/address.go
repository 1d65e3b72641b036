package cpim

import (
	"slices"
	"strings"
)

// Address is whom a message comes from or goes to.
type Address struct {
	Name string // for people; may be empty
	URI  string // sip:, im:, tel: …
}

// String is the address as a header has it.
func (a Address) String() string { return string(a.appendTo(nil)) }

// appendTo writes a name of words as it is, any other one in quotes. RFC 3862 §4.1 puts nothing between a quoted name and the URI.
func (a Address) appendTo(b []byte) []byte {
	switch {
	case a.Name == "":
	case slices.ContainsFunc(strings.Split(a.Name, " "), func(word string) bool { return !isToken(word) }):
		b = append(appendEscaped(append(b, '"'), a.Name, true), '"')
	default:
		b = append(append(b, a.Name...), ' ')
	}
	return appendURI(b, a.URI)
}

// appendURI writes a URI in brackets. What cannot stand in a URI is percent-encoded (RFC 3986 §2.1): nothing ends the brackets or the line.
func appendURI(b []byte, uri string) []byte {
	const hex = "0123456789ABCDEF"
	b = append(b, '<')
	for i := range len(uri) {
		switch c := uri[i]; {
		case c <= ' ', c >= 0x7f, c == '<', c == '>', c == '"', c == '\\':
			b = append(b, '%', hex[c>>4], hex[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '>')
}

// ParseAddress reads the value of From, To or cc (RFC 3862 §4.1): an optional name, in quotes or not, and a URI in angle brackets. Spaces
// between them may be there or not. The error is a *SyntaxError.
func ParseAddress(value string) (Address, error) {
	name, uri, ok := splitAddress(value)
	if !ok {
		return Address{}, &SyntaxError{"", "an address is not of the form NAME <URI>"}
	}
	if strings.HasPrefix(name, `"`) {
		name = name[1 : len(name)-1]
	}
	return Address{unescape(name), unescape(uri)}, nil
}

// splitAddress takes an address apart and keeps the escapes; the name is in its quotes.
func splitAddress(value string) (name, uri string, ok bool) {
	value = strings.Trim(value, " ")
	at := 0
	if strings.HasPrefix(value, `"`) {
		if at = quoted(value); at < 0 {
			return "", "", false
		}
		if !strings.HasPrefix(strings.TrimLeft(value[at:], " "), "<") {
			return "", "", false
		}
	}
	open := strings.IndexByte(value[at:], '<')
	if open < 0 || value[len(value)-1] != '>' {
		return "", "", false
	}
	open += at
	name, uri = strings.TrimRight(value[:open], " "), value[open+1:len(value)-1]
	return name, uri, isURI(unescape(uri))
}

// isURI says whether s can be a URI: it has a scheme, and nothing that ends it before its end.
func isURI(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c == 0x7f || c == '<' || c == '>' || c == '"' {
			return false
		}
	}
	return strings.IndexByte(s, ':') > 0
}
