package trace

import (
	"bytes"
	"strings"
)

// headerOf is the value of a header in a head, by either of its names; "": it is not there.
func headerOf(message []byte, name, short string) string {
	for line := range headOf(message) {
		n, value, ok := bytes.Cut(line, []byte(":"))
		if n = bytes.TrimRight(n, " \t"); ok && (strings.EqualFold(string(n), name) || short != "" && strings.EqualFold(string(n), short)) {
			return string(bytes.TrimSpace(value))
		}
	}
	return ""
}

// headOf gives the lines of a head without their ends, the start line among them.
func headOf(message []byte) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for line := range bytes.Lines(message) {
			if line = bytes.TrimRight(line, "\r\n"); len(line) == 0 || !yield(line) {
				return
			}
		}
	}
}

// withoutCredentials leaves out what the lines of Authorization and Proxy-Authorization say.
func withoutCredentials(message []byte) []byte {
	if !bytes.Contains(bytes.ToLower(message[:min(len(message), maxText)]), []byte("authorization")) {
		return message
	}
	var b []byte
	hiding, head := false, true
	for line := range bytes.Lines(message) {
		if len(bytes.TrimRight(line, "\r\n")) == 0 {
			head = false
		}
		folded := line[0] == ' ' || line[0] == '\t'
		if head && folded && hiding {
			continue
		}
		name, _, _ := bytes.Cut(line, []byte(":"))
		name = bytes.TrimSpace(name)
		if hiding = head && (bytes.EqualFold(name, []byte("authorization")) || bytes.EqualFold(name, []byte("proxy-authorization"))); hiding {
			b = append(append(b, name...), ": (not shown)\r\n"...)
			continue
		}
		b = append(b, line...)
	}
	return b
}
