package sip

import (
	"errors"
	"fmt"
	"strings"
)

// Address is a name-addr or addr-spec with header parameters, as in From, To, Contact, Route.
type Address struct {
	Display string // unquoted
	URI     URI
	Params  string // raw header parameters, each with its leading ';'
}

var (
	errAddressQuote = errors.New("quoted string without end")
	errAddressAngle = errors.New("angle bracket without partner")
	errAddressTail  = errors.New("something other than parameters behind the URI")
	errAddressParam = errors.New("broken parameter")
)

// ParseAddress parses one address: `"Bob" <sip:bob@example.com;lr>;tag=1`, `sip:bob@example.com;tag=1`. Without angle brackets
// every parameter belongs to the header, not to the URI (RFC 3261 §20).
func ParseAddress(s string) (Address, error) {
	a, err := parseAddress(trim(s))
	if err != nil {
		return Address{}, fmt.Errorf("address %.64q: %w", s, err)
	}
	return a, nil
}

func parseAddress(s string) (Address, error) {
	var a Address
	rest := s
	if strings.HasPrefix(s, `"`) {
		end := quotedEnd(s, 0)
		if end < 2 || s[end-1] != '"' || end == len(s) {
			return a, errAddressQuote
		}
		a.Display = unquote(s[:end])
		rest = trimLeft(s[end:])
		if !strings.HasPrefix(rest, "<") {
			return a, errAddressAngle
		}
	}
	uri := ""
	if open := strings.IndexByte(rest, '<'); open >= 0 {
		end := strings.IndexByte(rest[open:], '>')
		if end < 0 {
			return a, errAddressAngle
		}
		if open > 0 {
			a.Display = trim(rest[:open])
		}
		uri, rest = rest[open+1:open+end], trimLeft(rest[open+end+1:])
	} else {
		end := strings.IndexByte(rest, ';')
		if end < 0 {
			end = len(rest)
		}
		uri, rest = trim(rest[:end]), rest[end:]
		// RFC 3261 §20: a URI that holds a comma or question mark must stand between angle brackets.
		if strings.ContainsAny(uri, ",?") {
			return a, errAddressAngle
		}
	}
	if rest != "" && rest[0] != ';' {
		return a, errAddressTail
	}
	if err := checkParams(rest); err != nil {
		return a, err
	}
	a.Params = rest
	var err error
	a.URI, err = parseURI(uri)
	return a, err
}

// checkParams refuses parameters that hold what could not be put back into a header: a name that is no token.
// Empty ones (";;") are met in practice and pass.
func checkParams(params string) error {
	for params != "" {
		name, value, has, rest := cutParam(params)
		if name == "" && has || name != "" && !isToken(name) {
			return errAddressParam
		}
		if strings.IndexByte(value, '"') >= 0 && !isQuoted(value) {
			return errAddressQuote
		}
		params = rest
	}
	return nil
}

// String writes the address as a name-addr, the display name quoted.
func (a Address) String() string {
	uri := a.URI.String()
	var b strings.Builder
	b.Grow(len(a.Display) + len(uri) + len(a.Params) + 5)
	if a.Display != "" {
		b.WriteString(quote(a.Display))
		b.WriteByte(' ')
	}
	b.WriteByte('<')
	b.WriteString(uri)
	b.WriteByte('>')
	b.WriteString(a.Params)
	return b.String()
}

// Param returns a header parameter's value by its name, in any case, unquoted.
func (a Address) Param(name string) (value string, ok bool) { return param(a.Params, name) }

// Tag returns the tag; "" where there is none, which older peers mean as the null tag (S-042).
func (a Address) Tag() string {
	tag, _ := a.Param("tag")
	return tag
}
