package sip

import "strings"

const blanks = " \t"

// trim takes the blanks off both ends. Folding has become blanks when values get here.
func trim(s string) string {
	s = trimLeft(s)
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

// trimLeft takes the blanks off the beginning.
func trimLeft(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	return s
}

// blankIn is the index of the first blank in s; len(s) where there is none.
func blankIn(s string) int {
	for i := 0; i < len(s); i++ {
		if s[i] == ' ' || s[i] == '\t' {
			return i
		}
	}
	return len(s)
}

// cutElement returns the first element of a comma separated list, trimmed, and what follows its comma. Commas in quoted strings
// and between angle brackets do not count.
func cutElement(s string) (element, rest string) {
	if i := elementEnd(s); i < len(s) {
		return trim(s[:i]), s[i+1:]
	}
	return trim(s), ""
}

// elementEnd is the index of the comma that ends the first element of s, or len(s).
func elementEnd(s string) int {
	angle := false
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			if !angle {
				i = quotedEnd(s, i) - 1
			}
		case '<':
			angle = true
		case '>':
			angle = false
		case ',':
			if !angle {
				return i
			}
		}
	}
	return len(s)
}

// quotedEnd is the index behind the quoted string that begins at s[i]; len(s) where it does not end.
func quotedEnd(s string, i int) int {
	for i++; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(s)
}

// isQuoted says whether s is one quoted string, to its end.
func isQuoted(s string) bool {
	if s == "" || s[0] != '"' {
		return false
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i == len(s)-1
		}
	}
	return false
}

// unquote takes quotes and backslashes off a quoted string; anything else is returned as it is.
func unquote(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	s = s[1 : len(s)-1]
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b = append(b, s[i])
	}
	return string(b)
}

// quote makes a quoted string.
func quote(s string) string {
	var b strings.Builder
	b.Grow(len(s) + 2)
	b.WriteByte('"')
	for i := 0; i < len(s); i++ {
		if s[i] == '"' || s[i] == '\\' {
			b.WriteByte('\\')
		}
		b.WriteByte(s[i])
	}
	b.WriteByte('"')
	return b.String()
}

// cutParam takes the first parameter off params, which begins with a semicolon unless it is empty. Blanks around the semicolon
// and the equals sign are legal in headers (RFC 3261 §7.3.1). The value is as written; has tells `;x` from `;x=`.
func cutParam(params string) (name, value string, has bool, rest string) {
	params = trimLeft(params)
	params = strings.TrimPrefix(params, ";")
	end := len(params)
scan:
	for i := 0; i < len(params); i++ {
		switch params[i] {
		case '"':
			i = quotedEnd(params, i) - 1
		case ';':
			end = i
			break scan
		}
	}
	one := params[:end]
	if eq := strings.IndexByte(one, '='); eq >= 0 {
		return trim(one[:eq]), trim(one[eq+1:]), true, params[end:]
	}
	return trim(one), "", false, params[end:]
}

// param finds a parameter by name, in any case; a quoted value is unquoted.
func param(params, name string) (value string, ok bool) {
	for params != "" {
		n, v, _, rest := cutParam(params)
		if foldEqual(n, name) {
			return unquote(v), true
		}
		params = rest
	}
	return "", false
}
