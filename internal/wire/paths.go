package wire

import "bytes"

// maxPaths is how long the path lines of a head may be to be remembered, in octets.
const maxPaths = 2 << 10

// pathLines are the To-Path and From-Path lines of the last head that was well formed. Most frames of a connection begin with the same ones,
// which then need no second look. Offsets count from the beginning of the lines.
type pathLines struct {
	lines        []byte
	second       int // where the From-Path line begins
	toAt, toEnd  int
	fromAt, from int // value of From-Path: lines[fromAt:from]
}

// stand says whether the lines that begin at b[0] are those remembered.
func (p *pathLines) stand(b []byte) bool {
	return len(p.lines) > 0 && bytes.HasPrefix(b, p.lines)
}

// remember keeps the path lines of a head, whose line ends are ends.
func (p *pathLines) remember(head []byte, ends []int32, h *Head) {
	if len(ends) < 3 || h.Bad != nil {
		return
	}
	lines := head[ends[0]:ends[2]]
	if len(lines) > maxPaths {
		return
	}
	// Both values end their lines: nothing is cut off behind them.
	p.lines = append(p.lines[:0], lines...)
	p.second = int(ends[1] - ends[0])
	p.toEnd = p.second - len(crlf)
	p.toAt = p.toEnd - len(h.ToPath)
	p.from = len(lines) - len(crlf)
	p.fromAt = p.from - len(h.FromPath)
}

// apply sets the fields of a head whose path lines, which begin at b[0], are those remembered.
func (p *pathLines) apply(b []byte, h *Head) {
	h.ToPath, h.FromPath = b[p.toAt:p.toEnd], b[p.fromAt:p.from]
}
