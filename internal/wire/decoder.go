package wire

import (
	"bytes"
	"cmp"
)

// Limits bound the head that a Decoder takes, so that no peer decides how much memory it needs (M-025). A head beyond
// them loses the framing. Zero values mean the defaults.
type Limits struct {
	StartLine  int // octets of the start line without its CRLF, 1 KiB
	HeaderLine int // octets of a header line without its CRLF, 16 KiB
	Headers    int // header lines, 128
	HeadBlock  int // octets of all header lines with their CRLFs, and of what ends them, 64 KiB
	// Strict makes Bad what is tolerated otherwise: zero or several blanks after the colon (M-006), headers after
	// Content-Type (M-011).
	Strict bool
}

func (l Limits) withDefaults() Limits {
	l.StartLine = cmp.Or(l.StartLine, 1<<10)
	l.HeaderLine = cmp.Or(l.HeaderLine, 16<<10)
	l.Headers = cmp.Or(l.Headers, 128)
	l.HeadBlock = cmp.Or(l.HeadBlock, 64<<10)
	return l
}

const (
	crlf       = "\r\n"
	endHyphens = "-------"
	endTail    = 1 + len(crlf) // flag and CRLF behind the id of an end-line
	// maxBlankLines may stand between two frames, as some stacks send them to keep a connection alive (T-011).
	maxBlankLines = 16
	// keepOwn is what a Decoder keeps of its own storage for the next frame, in octets; a connection that once saw a
	// large head shall not hold on to it.
	keepOwn = 4 << 10
	// absorbStep bounds what is copied before the limits are looked at again, in octets.
	absorbStep = 4 << 10
)

// Piece is a frame or a part of one: the first piece has First, the last has Last and the flag; a frame that came out
// whole has both.
type Piece struct {
	Head        *Head
	First, Last bool
	Body        []byte // octets of the body; points into the buffer
	Flag        Flag   // set when Last
}

// Decoder finds frames in the octets that it is given, one Decoder for each direction of a connection. It is not safe
// for concurrent use. A frame that lies whole in the buffer costs no allocation and no copy.
type Decoder struct {
	limits Limits
	err    error // framing is lost
	phase  phase
	blanks int  // blank lines since the last frame
	begun  bool // octets of the next frame have been seen

	// Of the head at hand; offsets count from its first octet.
	line  int     // where the line begins whose end is looked for
	pos   int     // where to go on looking; in phaseBody and phaseRest for the end-line
	lines []int32 // ends of the lines that are complete, each behind its CRLF
	end   int     // end of the head, behind the blank line or the end-line
	blank bool    // a blank line ended it
	flag  Flag    // of the end-line that ended it, if blank is not set

	pat    [2 + 7 + maxIdent]byte // CRLF, hyphens and transaction id
	patLen int

	paths pathLines
	same  bool // the path lines are those in paths

	head    Head
	headOut bool   // the First piece is out
	atStart bool   // phaseRest: no octet of the body has been seen, so that the blank line's CRLF counts (T-058)
	own     []byte // octets of a head that left the buffer before its frame's end
	mime    []byte // MIME and Other lines that do not stand together
	other   []byte
}

// phase says where in a frame the next octet of the buffer is.
type phase uint8

const (
	phaseHead phase = iota // at the beginning of a frame, or between two; with own not empty, within a head
	phaseBody              // at the beginning of a frame whose head is complete and has been looked through
	phaseRest              // within the body; the head is in own
)

// NewDecoder returns a Decoder at the beginning of a stream.
func NewDecoder(l Limits) *Decoder { return &Decoder{limits: l.withDefaults()} }

// Between says whether the Decoder is as a new one: the last thing that came was a frame, to its end. Another connection may use it then.
func (d *Decoder) Between() bool { return !d.begun && d.blanks == 0 && d.err == nil }

// InFrame says whether a frame has begun that has not ended.
func (d *Decoder) InFrame() bool { return d.begun }

// InBody says whether the head of such a frame is complete.
func (d *Decoder) InBody() bool { return d.phase != phaseHead }

// Next looks at buf, the octets not yet used up, and returns the next piece and how many octets of buf it used, which
// the caller drops before the next call. A frame that is whole in buf comes as one piece.
//
// Without ok there is no piece yet. The n octets are used up all the same (blank lines between frames, parts of a head);
// call again with the others and more behind them. What was scanned is not scanned again, so that the time is linear
// even octet by octet.
//
// With full, the caller says that its buffer cannot grow, or that it wants what is there: then the head, and so much of
// the body as cannot be the beginning of an end-line, come out as a piece before the frame's end. At most the length of
// an end-line with the CRLF before it, less one octet, is held back (a buffer of 44 octets is always room enough). An incomplete
// head is used up without a piece.
//
// An error, one of those listed at ErrNotMSRP, means that framing is lost: close the connection (M-112). Frames before
// that point have come out.
func (d *Decoder) Next(buf []byte, full bool) (p Piece, n int, ok bool, err error) {
	if d.err != nil {
		return Piece{}, 0, false, d.err
	}
	switch {
	case d.phase == phaseRest:
		p, n, ok = d.rest(buf, full)
	case len(d.own) > 0:
		p, n, ok, err = d.absorb(buf, full)
	default:
		if n, err = d.skipBlank(buf); err != nil {
			break
		}
		var used int
		p, used, ok, err = d.frame(buf[n:], full)
		n += used
	}
	d.err = err
	return p, n, ok, err
}

// skipBlank counts the octets of the blank lines before a frame.
func (d *Decoder) skipBlank(buf []byte) (int, error) {
	n := 0
	for !d.begun && len(buf)-n >= 2 && buf[n] == '\r' && buf[n+1] == '\n' {
		if d.blanks++; d.blanks > maxBlankLines {
			return n, ErrBlankLines
		}
		n += 2
	}
	return n, nil
}

// frame decodes a frame that begins at b[0].
func (d *Decoder) frame(b []byte, full bool) (Piece, int, bool, error) {
	if d.phase == phaseHead {
		if !d.begun && (len(b) == 0 || len(b) == 1 && b[0] == '\r') {
			return Piece{}, 0, false, nil
		}
		d.begin()
		done, err := d.scanHead(b)
		switch {
		case err != nil:
			return Piece{}, 0, false, err
		case !done && full:
			d.own = append(d.own[:0], b...)
			return Piece{}, len(b), false, nil
		case !done:
			return Piece{}, 0, false, nil
		case !d.blank:
			d.parseHead(b[:d.end])
			return d.piece(nil, d.flag), d.end, true, nil
		}
		d.phase, d.pos = phaseBody, d.end-len(crlf)
	}
	if i, flag, ok := d.findEnd(b); ok {
		d.parseHead(b[:d.end])
		n := i + d.patLen + endTail
		return d.piece(b[d.end:max(i, d.end)], flag), n, true, nil
	}
	if !full {
		return Piece{}, 0, false, nil
	}
	d.own = append(d.own[:0], b[:d.end]...)
	d.parseHead(d.own)
	d.phase = phaseRest
	d.atStart = d.pos == d.end-len(crlf)
	d.pos = max(0, d.pos-d.end)
	p, n, ok := d.rest(b[d.end:], full)
	return p, d.end + n, ok, nil
}

// begin prepares for a frame; again for the same one it does nothing.
func (d *Decoder) begin() {
	if d.begun {
		return
	}
	d.begun, d.blanks, d.headOut, d.same = true, 0, false, false
	d.line, d.pos, d.patLen, d.lines = 0, 0, 0, d.lines[:0]
	d.own, d.mime, d.other = recycle(d.own), recycle(d.mime), recycle(d.other)
}

func recycle(b []byte) []byte {
	if cap(b) > keepOwn {
		return nil
	}
	return b[:0]
}

// absorb goes on with a head whose beginning is in own.
func (d *Decoder) absorb(buf []byte, full bool) (p Piece, n int, ok bool, err error) {
	for n < len(buf) {
		step := buf[n:min(len(buf), n+absorbStep)]
		before := len(d.own)
		d.own = append(d.own, step...)
		done, err := d.scanHead(d.own)
		if err != nil {
			return Piece{}, n, false, err
		}
		if !done {
			n += len(step)
			continue
		}
		n += d.end - before
		d.own = d.own[:d.end]
		d.parseHead(d.own)
		if !d.blank {
			return d.piece(nil, d.flag), n, true, nil
		}
		d.phase, d.atStart, d.pos = phaseRest, true, 0
		p, used, ok := d.rest(buf[n:], full)
		return p, n + used, ok, nil
	}
	return Piece{}, n, false, nil
}

// rest decodes body octets of a frame whose head is in own.
func (d *Decoder) rest(b []byte, full bool) (p Piece, n int, ok bool) {
	maybe := false
	if d.atStart {
		end := d.pat[len(crlf):d.patLen]
		if isEndLine(b, end) {
			return d.piece(nil, Flag(b[len(end)])), len(end) + endTail, true
		}
		maybe = beginsEndLine(b, end)
		d.atStart = maybe
	}
	if !maybe {
		if i, flag, ok := d.findEnd(b); ok {
			return d.piece(b[:i], flag), i + d.patLen + endTail, true
		}
	}
	if !full {
		return Piece{}, 0, false
	}
	if !maybe {
		n = d.safe(b)
		d.pos = max(0, d.pos-n)
	}
	// Whether a body without Content-Type is a fault is known by its first octet only (T-055, T-057): such a head waits.
	if n > 0 || !d.headOut && d.head.HasBody {
		return d.piece(b[:n], 0), n, true
	}
	return Piece{}, 0, false
}

// findEnd looks for CRLF and end-line in b from d.pos on, and returns where the CRLF is. If there is none, d.pos is
// where to go on when more octets are there.
func (d *Decoder) findEnd(b []byte) (i int, flag Flag, ok bool) {
	pat := d.pat[:d.patLen]
	for d.pos < len(b) {
		i := bytes.Index(b[d.pos:], pat)
		if i < 0 {
			d.pos = max(d.pos, len(b)-len(pat)+1)
			return 0, 0, false
		}
		i += d.pos
		if isEndLine(b[i:], pat) {
			return i, Flag(b[i+len(pat)]), true
		}
		if beginsEndLine(b[i:], pat) {
			d.pos = i
			return 0, 0, false
		}
		d.pos = i + len(pat) // pat holds no second CR: matches do not overlap
	}
	return 0, 0, false
}

// safe counts the octets at the beginning of b, which findEnd has looked through, that cannot belong to an end-line.
func (d *Decoder) safe(b []byte) int {
	pat := d.pat[:d.patLen]
	for i := max(0, len(b)-len(pat)-endTail+1); i < len(b); i++ {
		if b[i] == '\r' && beginsEndLine(b[i:], pat) {
			return i
		}
	}
	return len(b)
}

// isEndLine says whether b begins with pat, a flag and CRLF.
func isEndLine(b, pat []byte) bool {
	n := len(pat)
	return len(b) >= n+endTail && isFlag(b[n]) && b[n+1] == '\r' && b[n+2] == '\n' && bytes.HasPrefix(b, pat)
}

// beginsEndLine says whether b ends before it can be told whether it begins with pat, a flag and CRLF.
func beginsEndLine(b, pat []byte) bool {
	n := len(pat)
	switch len(b) {
	case n + 1:
		return bytes.HasPrefix(b, pat) && isFlag(b[n])
	case n + 2:
		return bytes.HasPrefix(b, pat) && isFlag(b[n]) && b[n+1] == '\r'
	}
	return bytes.HasPrefix(pat, b)
}

// piece hands out body octets; with a flag they are the last ones and the frame is over.
func (d *Decoder) piece(body []byte, flag Flag) Piece {
	h := &d.head
	p := Piece{Head: h, First: !d.headOut, Last: flag != 0, Body: body, Flag: flag}
	if p.First && !h.HasBody && len(body) > 0 {
		if h.IsResponse() {
			h.bad("", ErrResponseBody)
		} else {
			h.bad("", ErrNoContentType) // M-012
		}
	}
	if p.Last && flag != Complete && h.IsResponse() {
		h.bad("", ErrResponseFlag) // M-020
	}
	d.headOut = true
	if p.Last {
		d.phase, d.begun = phaseHead, false
		d.own = d.own[:0]
	}
	return p
}
