package msrp

import (
	"bytes"

	"github.com/parley-msrp/parley/internal/wire"
)

// source is the body of a message that is sent. Guarded by Session.mu.
type source struct {
	window []byte  // octets from base on
	base   int64   // position of the first of them, counted from 0
	block  *buffer // that window lies in, if feeder brought it
	size   int64   // octets of the body; wire.Star: not known yet
	feeder *feeder // brings more of them; nil: window is the whole body
}

// piece is what a chunk gets of a body.
type piece struct {
	octets  []byte
	last    bool // the body ends with it
	cut     bool // the chunk has to end with it
	hyphens bool // there are seven hyphens in it, or across its beginning
}

// source is where the body comes from. twice: it may be needed a second time.
func (m *Outgoing) source(e *Endpoint, twice bool) source {
	if m.Stream == nil {
		return source{window: m.Body, size: int64(len(m.Body))}
	}
	size := m.Size
	if size <= 0 {
		size = wire.Star
	}
	return source{size: size, feeder: newFeeder(e, m.Stream, size, twice)}
}

// memory is how many octets of memory the body takes at most.
func (b *source) memory() int64 {
	switch {
	case b.feeder == nil:
		return int64(len(b.window))
	case b.size == wire.Star:
		return readAhead
	}
	return min(b.size, readAhead)
}

// held is how many octets of memory are kept of the body after the last chunk was made.
func (b *source) held() int64 {
	if b.feeder != nil {
		return 0 // its reader is
	}
	return b.size
}

// again gives the body from its first octet on, for a message that is sent a second time; more is as in feeder.begin. False: it cannot be had.
func (b *source) again(more func()) (source, bool) {
	if b.feeder == nil {
		return source{window: b.window, size: b.size}, int64(len(b.window)) == b.size
	}
	f := b.feeder.again(more)
	if f == nil {
		return source{}, false
	}
	return source{size: f.size, feeder: f}, true
}

// lostReason says why the body cannot be had a second time.
func (b *source) lostReason() string {
	if b.feeder != nil {
		return "the connection was lost, and the stream cannot be read a second time"
	}
	return "the connection was lost, and the body was not kept"
}

// close gives everything back.
func (b *source) close() {
	b.window, b.block = nil, nil
	if b.feeder != nil {
		b.feeder.close()
	}
}

// fill has the window begin at position at, with n octets if that many were read and can be had in one piece. ended: nothing follows the window.
func (b *source) fill(at, n int64) (ended bool, err error) {
	f := b.feeder
	if f == nil {
		return true, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	b.window, b.block = f.advance(int(at-b.base), int(n))
	b.base = at
	ended = f.ended && f.held == len(b.window)
	if ended && f.err == nil {
		b.size = b.base + int64(len(b.window))
	}
	return ended, f.err
}

// take gives octets from position at on, at most n, for a chunk that ends in tail so far. None, neither last nor cut: it is too early for a chunk of
// a fair size (M-072). The last octet known is held back until it is known whether it is the body's last one, so that no message ends
// with an empty chunk (M-045).
func (b *source) take(at, n int64, tail []byte) (piece, error) {
	ended, err := b.fill(at, n+1)
	if err != nil {
		return piece{}, err
	}
	have := b.window[at-b.base:]
	if !ended && int64(len(have)) <= min(n, plainChunk) {
		return piece{}, nil
	}
	octets := have[:min(n, int64(len(have)))]
	if !ended && len(octets) == len(have) {
		octets = octets[:len(octets)-1]
	}
	fit, hyphens := uncut(tail, octets)
	return piece{octets: octets[:fit], last: ended && fit == len(have), cut: fit < len(octets), hyphens: hyphens}, nil
}

// ready says whether take would give something, or the end.
func (b *source) ready(at int64) bool {
	f := b.feeder
	if f == nil {
		return true
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ended || int64(f.held)-(at-b.base) > plainChunk // then take gives something whatever n is
}

// maxEndLine is the length of the longest end-line without its CRLFs, less one.
const maxEndLine = 7 + 32

// hyphens begin an end-line. Behind a CRLF several stacks take the first ones in a body for one, whatever follows, and drop the connection.
var hyphens = []byte("-------")

// uncut is how many octets a chunk that ends in tail so far takes, so that it does not hold CRLF and seven hyphens: it ends within them. found: there
// are seven hyphens anywhere.
func uncut(tail, octets []byte) (fit int, found bool) {
	const within = 2 + 7 - 1
	if len(tail) > 0 {
		var room [2 * within]byte
		seam := append(room[:0], tail[max(0, len(tail)-within):]...)
		taken := len(seam)
		seam = append(seam, octets[:min(len(octets), within)]...)
		if i := bytes.Index(seam, hyphens); i >= 0 {
			found = true
			if i = bytes.Index(seam, endLineStart); i >= 0 {
				return i + within - taken, true
			}
		}
	}
	if bytes.Contains(octets, hyphens) {
		found = true
		if i := bytes.Index(octets, endLineStart); i >= 0 {
			return i + within, true
		}
	}
	return len(octets), found
}

// endLineStart is the hyphens with the CRLF before them.
var endLineStart = []byte("\r\n-------")
