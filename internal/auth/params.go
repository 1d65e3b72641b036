package auth

import "strings"

// params are the parameters of a Digest header value, their names in lower case. A value stands as between its quotes, escapes included: that is
// what the hashes are made over (RFC 7616 §3.4: unq), and what can be written back as it is.
type params map[string]string

// maxParams bounds the parameters of one header value.
const maxParams = 32

// parseDigest reads the value of an authentication header; false for another scheme, and where it is broken.
func parseDigest(value string) (params, bool) {
	const scheme = "Digest"
	if len(value) <= len(scheme) || !strings.EqualFold(value[:len(scheme)], scheme) || !isBlank(value[len(scheme)]) {
		return nil, false
	}
	p := params{}
	for rest := skip(value[len(scheme):], " \t,"); rest != ""; rest = skip(rest, " \t") {
		name, after := token(rest)
		if name == "" || len(p) == maxParams {
			return nil, false
		}
		after, found := strings.CutPrefix(skip(after, " \t"), "=")
		if !found {
			return nil, false
		}
		var v string
		if v, rest, found = paramValue(skip(after, " \t")); !found {
			return nil, false
		}
		name = strings.ToLower(name)
		if _, again := p[name]; again {
			return nil, false // RFC 3261 §25.1 has each once
		}
		p[name] = v
		// What follows is a comma, or the end.
		if rest = skip(rest, " \t"); rest != "" {
			if rest[0] != ',' {
				return nil, false
			}
			rest = skip(rest, " \t,")
		}
	}
	return p, true
}

// paramValue cuts a token or a quoted string off.
func paramValue(s string) (v, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		v, rest = token(s)
		return v, rest, v != ""
	}
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			i++
		case c == '"':
			return s[1:i], s[i+1:], true
		case c < ' ' && c != '\t', c == 0x7f:
			return "", "", false
		}
	}
	return "", "", false
}

// token cuts a token off (RFC 3261 §25.1), or what peers send unquoted in its place.
func token(s string) (t, rest string) {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`",=\`, c) >= 0 {
			return s[:i], s[i:]
		}
	}
	return s, ""
}

func skip(s, chars string) string { return strings.TrimLeft(s, chars) }

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// quotable says whether s can stand between quotes as it is.
func quotable(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c == 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
