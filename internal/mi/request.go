package mi

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

type rawJSON = json.RawMessage

// document is what Serve is given: one request, or a batch (not nil).
type document struct {
	single rawJSON
	batch  []rawJSON
}

// request is one JSON-RPC request object whose envelope is right.
type request struct {
	id     rawJSON // nil: absent
	method string
	params rawJSON // an object or an array; nil: absent
}

// JSON-RPC 2.0 §4.1: a request without an id is a notification; "id": null is an id.
func (r request) notification() bool { return r.id == nil }

// parse cuts octets into requests; none of them is looked into yet.
func parse(octets []byte) (document, error) {
	// RFC 8259 §8.1: JSON is UTF-8. Octets that are not would silently become something else in a message body.
	if !utf8.Valid(octets) || !shallow(octets) || !json.Valid(octets) {
		return document{}, &rpcError{Code: -32700, Message: "Parse error"}
	}
	octets = bytes.TrimSpace(octets)
	if octets[0] != '[' {
		return document{single: octets}, nil
	}
	batch := []rawJSON{}
	if err := json.Unmarshal(octets, &batch); err != nil {
		return document{}, &rpcError{Code: -32700, Message: "Parse error"}
	}
	return document{batch: batch}, nil
}

// parseRequest reads the envelope. The id is returned beside an error too, as far as it can be used.
func parseRequest(raw rawJSON) (request, error) {
	if raw[0] != '{' {
		return request{}, invalidRequest("")
	}
	var r request
	var version, method, params rawJSON
	for name, value := range eachMember(raw) {
		switch string(name) {
		case "jsonrpc":
			version = value
		case "id":
			r.id = value
		case "method":
			method = value
		case "params":
			params = value
		}
	}
	if r.id != nil && !scalarID(r.id) {
		r.id = nil
		return r, invalidRequest("id is a string, a number or null")
	}
	if version, ok := textOf(version); !ok || string(version) != "2.0" {
		return r, invalidRequest("")
	}
	var ok bool
	if r.method, ok = stringOf(method); !ok {
		return r, invalidRequest("")
	}
	switch {
	case len(params) == 0 || string(params) == "null":
	case params[0] == '{' || params[0] == '[':
		r.params = params
	default:
		return r, invalidRequest("params is an object or an array")
	}
	return r, nil
}

func scalarID(id rawJSON) bool {
	return id[0] == '"' || isNumber(id) || string(id) == "null"
}

func isNumber(raw rawJSON) bool { return raw[0] == '-' || '0' <= raw[0] && raw[0] <= '9' }

// shallow reports whether arrays and objects are nested at most maxDepth deep, and whether every escaped surrogate in a string
// has its other half: RFC 8259 §8.2 leaves open what a lone one means, and a message body must not be guessed. Whether the
// octets are JSON at all is for encoding/json to say.
func shallow(octets []byte) bool {
	depth := 0
	for i := 0; i < len(octets); i++ {
		switch octets[i] {
		case '[', '{':
			if depth++; depth > maxDepth {
				return false
			}
		case ']', '}':
			depth--
		case '"':
			n, ok := skipString(octets[i+1:])
			if !ok {
				return false
			}
			i += n
		}
	}
	return true
}

// skipString returns the length of a string's rest, its closing quote included.
func skipString(b []byte) (int, bool) {
	if n := bytes.IndexByte(b, '"'); n >= 0 && bytes.IndexByte(b[:n], '\\') < 0 {
		return n + 1, true
	}
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			return i + 1, true
		case '\\':
			switch unit := surrogate(b[i:]); unit {
			case none:
				i++
			case high:
				if surrogate(b[i+6:]) != low {
					return 0, false
				}
				i += 11
			case low:
				return 0, false
			}
		}
	}
	return 0, false
}

type half int

const (
	none half = iota
	high
	low
)

// surrogate tells what b starts with: \uD800 to \uDBFF, \uDC00 to \uDFFF, or something else.
func surrogate(b []byte) half {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' || b[2]|0x20 != 'd' {
		return none
	}
	switch c := b[3] | 0x20; {
	case b[3] == '8' || b[3] == '9' || c == 'a' || c == 'b':
		return high
	case 'c' <= c && c <= 'f':
		return low
	}
	return none
}
