package mi

import (
	"bytes"
	"encoding/json"
)

// membersOf cuts a valid JSON object into its members, without a copy of the values; of members with the same name the last one counts, as with
// encoding/json. Names are matched exactly.
func membersOf(object rawJSON) map[string]rawJSON {
	members := make(map[string]rawJSON, 8)
	for rest := space(object[1:]); rest[0] != '}'; {
		name, after := value(rest)
		raw, after := value(space(after[1:])) // behind the colon
		text, _ := stringOf(name)
		members[text] = raw
		if rest = after; rest[0] == ',' {
			rest = space(rest[1:])
		}
	}
	return members
}

// value cuts off the value that valid JSON begins with, and the white space behind it.
func value(b rawJSON) (raw, rest rawJSON) {
	n := 0
	switch b[0] {
	case '"':
		n = stringEnd(b)
	case '{', '[':
		n = nestedEnd(b)
	default:
		if n = bytes.IndexAny(b, ",]} \t\r\n"); n < 0 {
			n = len(b)
		}
	}
	return b[:n:n], space(b[n:])
}

// stringEnd is where a string ends, with which b begins.
func stringEnd(b rawJSON) int {
	n, _ := skipString(b[1:]) // surrogates were looked at before
	return 1 + n
}

// nestedEnd is where an object or array ends, with which b begins.
func nestedEnd(b rawJSON) int {
	depth := 0
	for i := 0; ; i++ {
		switch b[i] {
		case '"':
			i += stringEnd(b[i:]) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
}

func space(b rawJSON) rawJSON {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t' || b[0] == '\r' || b[0] == '\n') {
		b = b[1:]
	}
	return b
}

// stringOf is the text of a valid JSON value that is a string.
func stringOf(raw rawJSON) (string, bool) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1]), true
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return s, err == nil
}
