package cpim

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// appendEscaped appends text as a header value has it (RFC 3862 §2.3.1): no control character, no single backslash. Octets that are not UTF-8
// become U+FFFD.
func appendEscaped(b []byte, text string, quoted bool) []byte {
	const hex = "0123456789abcdef"
	for i := 0; i < len(text); {
		c := text[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(text[i:])
			b = utf8.AppendRune(b, r)
			i += size
			continue
		}
		i++
		switch {
		case c == '\\' || c == '"' && quoted:
			b = append(b, '\\', c)
		case c == '\b':
			b = append(b, `\b`...)
		case c == '\t':
			b = append(b, `\t`...)
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\r':
			b = append(b, `\r`...)
		case isControl(c):
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			b = append(b, c)
		}
	}
	return b
}

// unescape is what a header value says. An unknown escape stands for its second character (RFC 3862 §2.3.1, P-009).
func unescape(s string) string {
	i := strings.IndexByte(s, '\\')
	if i < 0 {
		return s
	}
	b := append(make([]byte, 0, len(s)), s[:i]...)
	for i < len(s) {
		if s[i] != '\\' || i+1 == len(s) {
			b = append(b, s[i])
			i++
			continue
		}
		c := s[i+1]
		i += 2
		switch c {
		case 'b':
			b = append(b, '\b')
		case 't':
			b = append(b, '\t')
		case 'n':
			b = append(b, '\n')
		case 'r':
			b = append(b, '\r')
		case 'u':
			r, n := unicode(s[i:])
			b = append(b, string(r)...)
			i += n
		default:
			b = append(b, c)
		}
	}
	return string(b)
}

// unicode reads what stands behind \u, and the other half of a surrogate pair. Where no four digits stand, \u is unknown and stands for u.
func unicode(s string) (r rune, n int) {
	r, ok := hex4(s)
	if !ok {
		return 'u', 0
	}
	if utf16.IsSurrogate(r) && strings.HasPrefix(s[4:], `\u`) {
		if low, ok := hex4(s[6:]); ok {
			if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
				return pair, 10
			}
		}
	}
	return r, 4 // half a pair becomes U+FFFD
}

func hex4(s string) (rune, bool) {
	if len(s) < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(s[:4], 16, 16)
	return rune(n), err == nil
}

func isControl(c byte) bool { return c < ' ' || c == 0x7f }

// isName says whether s is a Name of RFC 3862 §3.6.
func isName(s string) bool { return isToken(s) && strings.IndexByte(s, '.') < 0 }

func isToken(s string) bool {
	for i := range len(s) {
		if !tokenChar(s[i]) {
			return false
		}
	}
	return s != ""
}

// tokenChar is TOKENCHAR of RFC 3862 §3.6.
func tokenChar(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}
