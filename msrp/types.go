package msrp

import (
	"fmt"
	"strings"
)

// Types is a list of media types as in accept-types (RFC 4975 §8.6): "text/plain", "text/*", "*".
type Types []string

// TypeSyntaxError says which entry of a list of media types is malformed.
type TypeSyntaxError struct{ Entry string }

func (e *TypeSyntaxError) Error() string {
	return fmt.Sprintf("media type %q is not of the form type/subtype, type/* or *", e.Entry)
}

// ParseTypes reads media types separated by spaces. The error is a *TypeSyntaxError that names the bad entry; an empty
// list is one with the entry "".
func ParseTypes(s string) (Types, error) {
	entries := strings.Fields(s)
	if len(entries) == 0 {
		return nil, &TypeSyntaxError{}
	}
	for _, e := range entries {
		if e != "*" && !validMediaType(e, true) {
			return nil, &TypeSyntaxError{e}
		}
	}
	return entries, nil
}

// Accepts says whether the list covers a media type. Parameters and the case of letters are ignored.
func (t Types) Accepts(mediaType string) bool {
	mediaType = essence(mediaType)
	for _, e := range t {
		if covers(essence(e), mediaType) {
			return true
		}
	}
	return false
}

// Overlaps says whether some media type is covered by both lists.
func (t Types) Overlaps(o Types) bool {
	for _, a := range t {
		for _, b := range o {
			if a, b := essence(a), essence(b); covers(a, b) || covers(b, a) {
				return true
			}
		}
	}
	return false
}

// String returns the list as it stands in accept-types.
func (t Types) String() string { return strings.Join(t, " ") }

// covers says whether an entry covers a media type, or all media types that another entry covers.
func covers(entry, mediaType string) bool {
	if entry == "*" || entry == "*/*" || strings.EqualFold(entry, mediaType) {
		return true
	}
	n := len(entry) - len("*")
	return n > 0 && entry[n-1:] == "/*" && len(mediaType) > n && strings.EqualFold(entry[:n], mediaType[:n])
}

// essence is a media type without its parameters.
func essence(mediaType string) string {
	if i := strings.IndexByte(mediaType, ';'); i >= 0 {
		mediaType = mediaType[:i]
	}
	return strings.TrimRight(mediaType, " \t")
}

func validMediaType(s string, wildcard bool) bool {
	main, sub, ok := strings.Cut(essence(s), "/")
	return ok && validToken(main) && validToken(sub) && (wildcard || main != "*" && sub != "*")
}

func validToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`()<>@,;:\"/[]?=`, c) >= 0 {
			return false
		}
	}
	return s != ""
}

// compactType leaves out the blanks around the parameters of a media type: MIME allows them, the grammar of RFC 4975 §9
// does not.
func compactType(t string) string {
	if !strings.ContainsAny(t, " \t") {
		return t
	}
	b := make([]byte, 0, len(t))
	quoted := false
	for i := range len(t) {
		switch c := t[i]; {
		case (c == ' ' || c == '\t') && !quoted:
			continue
		case c == '"' && (i == 0 || t[i-1] != '\\'):
			quoted = !quoted
		}
		b = append(b, t[i])
	}
	return string(b)
}

// refusalKey is what a 415 blocks in a session: the media type, and for a container the pair of container and inner
// type, so that the container goes on carrying other types. "" blocks nothing. (RFC 4975 §10.6, M-084.)
func refusalKey(contentType string, body []byte) string {
	t := strings.ToLower(essence(contentType))
	switch {
	case t == "message/cpim":
		inner := cpimInner(body)
		if inner == "" {
			return ""
		}
		return t + " " + inner
	case strings.HasPrefix(t, "multipart/"):
		return "" // no single inner type
	}
	return t
}

// cpimInner finds the media type inside a message/cpim body (RFC 3862 §2): that of the headers after the first blank line.
func cpimInner(body []byte) string {
	const headLimit = 4 << 10
	_, inner, _ := strings.Cut(string(body[:min(len(body), headLimit)]), "\r\n\r\n")
	for line := range strings.SplitSeq(inner, "\r\n") {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return ""
		}
		if strings.EqualFold(name, "Content-Type") {
			return strings.ToLower(strings.TrimLeft(essence(value), " \t"))
		}
	}
	return ""
}
