package msrp

import (
	"bytes"

	"github.com/parley-msrp/parley/internal/wire"
)

// source is the body of a message that is sent. Guarded by Session.mu.
type source struct {
	window []byte  // octets from base on
	base   int64   // position of the first of them, counted from 0
	size   int64   // octets of the body; wire.Star: not known yet
	feeder *feeder // brings more of them; nil: window is the whole body
}

// source is where the body comes from.
func (m *Outgoing) source() source {
	if m.Stream == nil {
		return source{window: m.Body, size: int64(len(m.Body))}
	}
	size := m.Size
	if size <= 0 {
		size = wire.Star
	}
	return source{size: size, feeder: newFeeder(m.Stream, size)}
}

// close gives everything back.
func (b *source) close() {
	b.window = nil
	if b.feeder != nil {
		b.feeder.close()
	}
}

// fill moves what was read into the window, until that holds n octets from position at on. ended: nothing follows the window.
func (b *source) fill(at, n int64) (ended bool, err error) {
	f := b.feeder
	if f == nil {
		return true, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if have := int64(len(b.window)) - (at - b.base); have < n && len(f.blocks) > 0 {
		b.window = b.window[:copy(b.window, b.window[at-b.base:])]
		b.base = at
		for int64(len(b.window)) < n && len(f.blocks) > 0 {
			b.window = append(b.window, f.next()...)
		}
	}
	ended = f.ended && len(f.blocks) == 0
	if ended && f.err == nil {
		b.size = b.base + int64(len(b.window))
	}
	return ended, f.err
}

// take gives octets for a chunk from position at on, at most n, and says whether the body ends with them. None and false: it is too
// early for a chunk of a fair size (M-072). The last octet known is held back until it is known whether it is the body's last one, so
// that no message ends with an empty chunk (M-045).
func (b *source) take(at, n int64) (octets []byte, last bool, err error) {
	ended, err := b.fill(at, n+1)
	if err != nil {
		return nil, false, err
	}
	have := b.window[at-b.base:]
	if !ended && int64(len(have)) <= min(n, plainChunk) {
		return nil, false, nil
	}
	octets = have[:min(n, int64(len(have)))]
	if !ended && len(octets) == len(have) {
		octets = octets[:len(octets)-1]
	}
	octets = octets[:uncut(octets)]
	return octets, ended && len(octets) == len(have), nil
}

// ready says whether take would give something, or the end.
func (b *source) ready(at int64) bool {
	f := b.feeder
	if f == nil {
		return true
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ended || int64(len(b.window))-(at-b.base)+int64(f.held) > plainChunk
}

// maxEndLine is the length of the longest end-line without its CRLFs, less one.
const maxEndLine = 7 + 32

// hyphens begin an end-line. Several stacks take the first ones in a body for one, whatever follows, and drop the connection.
var hyphens = []byte("\r\n-------")

// uncut is how many octets a chunk takes so that it does not hold CRLF and seven hyphens: it ends within them.
func uncut(octets []byte) int {
	if i := bytes.Index(octets, hyphens); i >= 0 {
		return i + len(hyphens) - 1
	}
	return len(octets)
}

// endsInHyphens says whether octets may have been cut by uncut.
func endsInHyphens(octets []byte) bool { return bytes.HasSuffix(octets, hyphens[:len(hyphens)-1]) }
