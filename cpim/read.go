package cpim

import (
	"bytes"
	"io"
)

// readStep is how many octets are read at a time while the head is looked for.
const readStep = 1 << 10

// Read reads the head of a CPIM message from a stream. The message is returned without Content: that is what the reader returned reads, to the end of
// r. Errors are those of Parse, and r's own. It blocks while r does.
func Read(r io.Reader) (*Message, io.Reader, error) {
	var s headScan
	var b []byte
	for idle := 0; ; {
		n := len(b)
		b = append(b, make([]byte, readStep)...)
		got, err := r.Read(b[n:])
		b = b[:n+got]
		content, wrong := s.find(b)
		switch {
		case wrong != nil:
			return nil, nil, wrong
		case content >= 0:
			m, wrong := parseHead(b[:content], s.first)
			if wrong != nil {
				return nil, nil, wrong
			}
			return m, io.MultiReader(bytes.NewReader(b[content:]), ending(r, err)), nil
		case err == io.EOF:
			return nil, nil, s.missing()
		case err != nil:
			return nil, nil, err
		case got > 0:
			idle = 0
		default:
			if idle++; idle == maxIdle {
				return nil, nil, io.ErrNoProgress
			}
		}
	}
}

// maxIdle is how often a reader may return nothing, as in package bufio.
const maxIdle = 100

// ending is r, or what it already said about its end.
func ending(r io.Reader, err error) io.Reader {
	if err != nil {
		return failed{err}
	}
	return r
}

type failed struct{ err error }

func (f failed) Read([]byte) (int, error) { return 0, f.err }
