package opensips

import (
	"fmt"
	"strings"
)

// kind of a token.
type kind uint8

const (
	end    kind = iota
	word        // whatever stands between blanks and the signs below
	text        // "…" or '…'
	sign        // one of those below
	broken      // a string or comment that does not end
)

type token struct {
	kind  kind
	value string // of a text without its quotes and backslashes
	line  int    // from 1
	first bool   // the first token of its line
}

func (t token) is(s string) bool { return t.kind == sign && t.value == s }

// signs are octets that are tokens of their own.
const signs = "(){}[],;=!"

// scan cuts a file into tokens; comments (#, //, /* */) are left out. The last token is end, or broken.
func scan(file string) []token {
	var all []token
	line, last := 1, 0
	add := func(k kind, value string) {
		all = append(all, token{kind: k, value: value, line: line, first: line != last})
		last = line
	}
	for i := 0; i < len(file); {
		rest := file[i:]
		switch c := file[i]; {
		case c == '\n':
			line++
			i++
		case c == ' ' || c == '\t' || c == '\r':
			i++
		case c == '#' || strings.HasPrefix(rest, "//"):
			i += lineLength(rest)
		case strings.HasPrefix(rest, "/*"):
			n := strings.Index(rest, "*/")
			if n < 0 {
				add(broken, "a comment that begins here does not end")
				return all
			}
			line += strings.Count(rest[:n], "\n")
			i += n + len("*/")
		case c == '"' || c == '\'':
			value, n := quoted(rest)
			if n == 0 {
				add(broken, "a string that begins here does not end")
				return all
			}
			add(text, value)
			line += strings.Count(rest[:n], "\n")
			i += n
		case strings.IndexByte(signs, c) >= 0:
			add(sign, rest[:1])
			i++
		default:
			n := wordLength(rest)
			add(word, rest[:n])
			i += n
		}
	}
	add(end, "")
	return all
}

func lineLength(s string) int {
	if n := strings.IndexByte(s, '\n'); n >= 0 {
		return n
	}
	return len(s)
}

// wordLength is where a word ends: a URI has slashes, and IPv6 addresses have brackets, of which only pairs that hold colons belong to it.
func wordLength(s string) int {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '[' && i > 0 && s[i-1] == ':':
			n := strings.IndexByte(s[i:], ']')
			if n < 0 || !strings.Contains(s[i:i+n], ":") {
				return i
			}
			i += n
		case strings.IndexByte(signs+" \t\r\n\"'#", c) >= 0:
			return max(i, 1)
		}
	}
	return len(s)
}

// quoted reads the string that s begins with. n is its length with the quotes, 0 where it does not end.
func quoted(s string) (value string, n int) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case s[0]:
			return b.String(), i + 1
		case '\\':
			i++
			if i < len(s) {
				b.WriteString(unescape(s[i]))
			}
		default:
			b.WriteByte(s[i])
		}
	}
	return "", 0
}

func unescape(c byte) string {
	switch c {
	case 'n':
		return "\n"
	case 'r':
		return "\r"
	case 't':
		return "\t"
	}
	return string(c)
}

// SyntaxError says what cannot be read, and where.
type SyntaxError struct {
	Line int // from 1
	Text string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Text) }
