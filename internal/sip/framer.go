package sip

import (
	"bytes"
	"math"
	"slices"
)

// framer cuts a stream into messages by their Content-Length (RFC 3261 §18.3), however the stream was split into reads. It holds
// at most one message's octets and what a read brought beyond them.
type framer struct {
	maxHead, maxBody int

	buf      []byte
	start    int      // of what was not consumed yet
	searched int      // where the search for the head's end goes on
	lineEnds int      // CRLFs since the last message
	head     *Message // whose body is awaited
	headSize int
	bodySize int
	skip     int64 // octets of a refused body that are still to come
}

const (
	firstBuffer = 4 << 10
	readSpace   = 1 << 10
)

type frameKind uint8

const (
	frameNone    frameKind = iota // more octets are needed
	framePing                     // a double CRLF between messages (RFC 5626 §3.5.1)
	frameMessage                  // a message, perhaps with a fault
	frameEnd                      // as frameMessage, and nothing that follows can be read
)

type frame struct {
	kind   frameKind
	m      *Message // nil at frameEnd where no start line was found
	fault  fault
	octets []byte // of the message, good until the next call of space
}

// space returns where the next read goes.
func (f *framer) space() []byte {
	if f.start == len(f.buf) {
		f.buf, f.start, f.searched = f.buf[:0], 0, 0
		if cap(f.buf) > 4*firstBuffer {
			f.buf = nil // one large message does not hold its memory for the rest of the connection
		}
	}
	if cap(f.buf)-len(f.buf) < readSpace {
		used := f.buf[f.start:]
		next := f.buf[:0]
		if cap(f.buf)-len(used) < readSpace {
			next = make([]byte, 0, max(firstBuffer, 2*cap(f.buf)))
		}
		f.searched -= f.start
		f.buf, f.start = append(next, used...), 0
	}
	return f.buf[len(f.buf):cap(f.buf)]
}

// filled tells how many octets were read into the space.
func (f *framer) filled(n int) { f.buf = f.buf[:len(f.buf)+n] }

// partial tells whether a message has begun and is not complete.
func (f *framer) partial() bool { return f.start < len(f.buf) || f.head != nil || f.skip > 0 }

// next returns what comes next in the octets at hand.
func (f *framer) next() frame {
	if f.skip > 0 {
		n := min(f.skip, int64(len(f.buf)-f.start))
		f.start += int(n)
		f.skip -= n
		if f.skip > 0 {
			return frame{}
		}
	}
	if f.head == nil {
		if f.lineEnd() {
			return frame{kind: framePing}
		}
		if fr, done := f.findHead(); done {
			return fr
		}
	}
	return f.findBody()
}

// lineEnd consumes CRLFs in front of a start line (RFC 3261 §7.5) and tells of each second one.
func (f *framer) lineEnd() bool {
	for bytes.HasPrefix(f.buf[f.start:], crlf) {
		f.start += 2
		if f.lineEnds++; f.lineEnds == 2 {
			f.lineEnds = 0
			return true
		}
	}
	return false
}

// findHead looks for a whole head; done means that frame says what to do (wait, or give up).
func (f *framer) findHead() (fr frame, done bool) {
	rest := f.buf[f.start:]
	from := max(f.searched-f.start-3, 0)
	end := bytes.Index(rest[min(from, len(rest)):], crlfcrlf)
	if end < 0 {
		f.searched = len(f.buf)
		if len(rest) <= f.maxHead {
			return frame{}, true
		}
		end = f.maxHead
	} else {
		end += from
	}
	f.lineEnds = 0
	if end >= f.maxHead {
		// Where this message ends is not known.
		m, _ := scanHead(string(rest[:f.maxHead]))
		f.start = len(f.buf)
		return frame{frameEnd, m, faultHeadSize, rest[:f.maxHead]}, true
	}
	m, fault := scanHead(string(rest[:end+2]))
	if m == nil {
		f.start = len(f.buf)
		return frame{frameEnd, nil, fault, rest[:end+4]}, true
	}
	length, _, ok := m.contentLength()
	if !ok || length > math.MaxInt64-int64(len(rest)) {
		f.start = len(f.buf)
		return frame{frameEnd, m, faultLength, rest[:end+4]}, true
	}
	if fault.code == 0 && length > int64(f.maxBody) {
		fault = faultBodySize
	}
	if fault.code != 0 {
		f.start += end + 4
		f.skip = length
		return frame{frameMessage, m, fault, rest[:end+4]}, true
	}
	f.head, f.headSize, f.bodySize = m, end+4, int(length)
	return frame{}, false
}

func (f *framer) findBody() frame {
	rest := f.buf[f.start:]
	size := f.headSize + f.bodySize
	if len(rest) < size {
		return frame{}
	}
	m := f.head
	if f.bodySize > 0 {
		m.Body = slices.Clone(rest[f.headSize:size])
	}
	f.head = nil
	f.start += size
	f.searched = f.start
	return frame{kind: frameMessage, m: m, octets: rest[:size]}
}
