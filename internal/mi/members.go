package mi

import (
	"bytes"
	"encoding/json"
	"iter"
	"slices"
)

// eachMember goes through the members of a valid JSON object, without a copy of anything. A name is given without its quotes.
func eachMember(object rawJSON) iter.Seq2[[]byte, rawJSON] {
	return func(yield func([]byte, rawJSON) bool) {
		for rest := space(object[1:]); rest[0] != '}'; {
			name, after := value(rest)
			raw, after := value(space(after[1:])) // behind the colon
			if text, _ := textOf(name); !yield(text, raw) {
				return
			}
			if rest = after; rest[0] == ',' {
				rest = space(rest[1:])
			}
		}
	}
}

// members are some of an object, each name once. They are few, so that to look through them takes less than a map would.
type members []member

type member struct {
	name  []byte
	value rawJSON
}

// membersOf takes the members of an object, at most as many as limit and one more. Of members with the same name the last one counts, as with
// encoding/json. Names are matched exactly.
func membersOf(object rawJSON, limit int) members {
	m := make(members, 0, 8)
	for name, value := range eachMember(object) {
		if i := m.find(string(name)); i >= 0 {
			m[i].value = value
		} else if m = append(m, member{name, value}); len(m) > limit {
			break
		}
	}
	return m
}

func (m members) find(name string) int {
	for i := range m {
		if string(m[i].name) == name {
			return i
		}
	}
	return -1
}

// of is the value of a member; nil: there is none.
func (m members) of(name string) rawJSON {
	if i := m.find(name); i >= 0 {
		return m[i].value
	}
	return nil
}

// take removes a member and gives its value; nil: there is none.
func (m *members) take(name string) rawJSON {
	i := m.find(name)
	if i < 0 {
		return nil
	}
	value := (*m)[i].value
	*m = slices.Delete(*m, i, i+1)
	return value
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

// textOf is the text of a valid JSON value that is a string. Without escapes it is a part of raw.
func textOf(raw rawJSON) ([]byte, bool) {
	if len(raw) == 0 || raw[0] != '"' {
		return nil, false
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1], true
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return []byte(s), err == nil
}

// stringOf is a copy of textOf.
func stringOf(raw rawJSON) (string, bool) {
	text, ok := textOf(raw)
	return string(text), ok
}
