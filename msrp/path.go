package msrp

import (
	"errors"
	"fmt"
	"strings"

	"github.com/parley-msrp/parley/internal/wire"
)

// maxPath bounds the URIs of a path; each one but the last is a relay.
const maxPath = 32

var errPathEmpty = errors.New("path holds no URI")

// ParsePath reads a path: URIs separated by single spaces, the next hop first. The error says which URI is at fault.
func ParsePath(s string) ([]URI, error) {
	if s == "" {
		return nil, errPathEmpty
	}
	if n := strings.Count(s, " ") + 1; n > maxPath {
		return nil, fmt.Errorf("path holds %d URIs, at most %d are allowed", n, maxPath)
	}
	var path []URI
	for text := range strings.SplitSeq(s, " ") {
		u, err := wire.ParseURI(text)
		if err != nil {
			return nil, fmt.Errorf("URI %d of the path: %w", len(path)+1, err)
		}
		path = append(path, u)
	}
	return path, nil
}

// FormatPath writes a path as it stands in a session description: the URIs separated by single spaces.
func FormatPath(path []URI) string {
	var room [128]byte
	b := room[:0]
	for i, u := range path {
		if i > 0 {
			b = append(b, ' ')
		}
		b = u.AppendTo(b)
	}
	return string(b)
}

// sender is a From-Path that a peer sends with its requests, as it stood.
type sender struct {
	path  []byte
	first int // octets of the left-most URI
	last  URI // right-most URI: the peer itself, without the relays between
}

// readSender reads a From-Path. Its URIs are all checked, as they go back into responses.
func readSender(path string) (*sender, error) {
	uris, err := ParsePath(path)
	if err != nil {
		return nil, err
	}
	first := strings.IndexByte(path, ' ')
	if first < 0 {
		first = len(path)
	}
	return &sender{path: []byte(path), first: first, last: uris[len(uris)-1]}, nil
}

// hop is the left-most URI, to which the responses to a SEND go.
func (s *sender) hop() []byte { return s.path[:s.first] }
