package cli

import (
	"fmt"
	"io"
	"sync"
)

// maxSaid and maxSaidOctets bound what waits for an earlier text that is still arriving.
const (
	maxSaid       = 100
	maxSaidOctets = 1 << 20
)

// transcript shows texts in the order in which they began to arrive.
type transcript struct {
	mu     sync.Mutex
	out    io.Writer
	lines  []*said // the first one is still arriving
	octets int     // in lines
}

// said is the place of a text in a transcript.
type said struct {
	text string
	done bool // text is here, or never will be
	show bool
	late bool // it lost its place
}

// reserve keeps a place for a text.
func (t *transcript) reserve() *said {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := &said{}
	t.lines = append(t.lines, s)
	return s
}

// fill shows a text as soon as all before it have been shown.
func (t *transcript) fill(s *said, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.text, s.done, s.show = text, true, true
	if s.late {
		t.print(s)
		return
	}
	t.octets += len(text)
	t.advance()
}

// drop gives a place up.
func (t *transcript) drop(s *said) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.done = true
	t.advance()
}

// advance shows what need not wait any longer. Holding t.mu.
func (t *transcript) advance() {
	for len(t.lines) > 0 && (t.lines[0].done || len(t.lines) > maxSaid || t.octets > maxSaidOctets) {
		s := t.lines[0]
		t.lines[0], t.lines = nil, t.lines[1:]
		s.late = !s.done
		t.octets -= len(s.text)
		t.print(s)
	}
}

func (t *transcript) print(s *said) {
	if s.show {
		fmt.Fprintf(t.out, "peer: %s\n", printable(s.text))
	}
}
