package trace

import "bytes"

// splitter finds the frames of an MSRP connection (RFC 4975 §9), also when it begins to look in the middle of one. It keeps no more than the beginning
// of a frame, so that frames may be of any length.
type splitter struct {
	buffer  []byte
	end     []byte // the end-line of the frame at hand, without its flag; nil: between two frames
	looked  int    // octets of buffer that the end-line does not begin in
	head    []byte // the beginning of a frame that is longer
	omitted int    // octets of it that were let go
	gap     uint64 // see Tap
}

const (
	// maxText is how many octets of a message are shown.
	maxText = 16 << 10
	// maxPending is how many octets wait for the end of their frame.
	maxPending = 2 * maxText
	longestTID = 32
)

var startLine, behindLine = []byte("MSRP "), []byte("\nMSRP ")

// feed hands over each frame that is complete now, or its beginning, with its length and the flag of its end-line.
func (s *splitter) feed(octets []byte, frame func(octets []byte, length int, flag byte)) {
	s.buffer = append(s.buffer, octets...)
	for (s.end != nil || s.begin()) && s.finish(frame) {
	}
	if len(s.buffer) == 0 {
		s.buffer = nil
	}
}

// idle says that nothing is kept: it is between two frames.
func (s *splitter) idle() bool { return len(s.buffer) == 0 && s.end == nil }

// begin looks for a start line; false: there is none yet.
func (s *splitter) begin() bool {
	for {
		if !bytes.HasPrefix(s.buffer, startLine) {
			i := bytes.Index(s.buffer, behindLine)
			if i < 0 {
				s.drop(max(0, len(s.buffer)-len(behindLine)+1))
				return false
			}
			s.drop(i + 1)
		}
		line, _, complete := bytes.Cut(s.buffer, []byte("\r\n"))
		if !complete && len(line) < maxText {
			return false
		}
		if tid, ok := transactionID(s.buffer); complete && ok {
			s.end = append([]byte("\r\n-------"), tid...)
			return true
		}
		s.drop(len(startLine))
	}
}

// finish looks for the end-line; false: it is not there yet.
func (s *splitter) finish(frame func([]byte, int, byte)) bool {
	for {
		i := bytes.Index(s.buffer[s.looked:], s.end)
		if i < 0 {
			s.looked = max(s.looked, len(s.buffer)-len(s.end)+1)
			s.shorten()
			return false
		}
		s.looked += i
		end := s.looked + len(s.end)
		if len(s.buffer) < end+3 {
			return false
		}
		if bytes.IndexByte([]byte("$#+"), s.buffer[end]) >= 0 && bytes.HasPrefix(s.buffer[end+1:], []byte("\r\n")) {
			first := s.buffer[:end+3]
			if s.head != nil {
				first = s.head
			}
			frame(first, s.omitted+end+3, s.buffer[end])
			s.drop(end + 3)
			s.end, s.head, s.looked, s.omitted = nil, nil, 0, 0
			return true
		}
		s.looked++
	}
}

// shorten lets go of the middle of a long frame.
func (s *splitter) shorten() {
	if len(s.buffer) <= maxPending {
		return
	}
	if s.head == nil {
		s.head = bytes.Clone(s.buffer[:maxText])
	}
	s.omitted += s.looked
	s.drop(s.looked)
	s.looked = 0
}

// held is what is kept of the frame at hand, in octets.
func (s *splitter) held() int { return cap(s.buffer) + cap(s.head) }

func (s *splitter) drop(n int) { s.buffer = append(s.buffer[:0], s.buffer[n:]...) }

// transactionID is that of a start line.
func transactionID(frame []byte) (id string, ok bool) {
	line, _, _ := bytes.Cut(frame, []byte("\r\n"))
	line, ok = bytes.CutPrefix(line, startLine)
	tid, _, _ := bytes.Cut(line, []byte(" "))
	return string(tid), ok && len(tid) > 0 && len(tid) <= longestTID
}
