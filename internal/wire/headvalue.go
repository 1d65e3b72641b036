package wire

import "encoding/binary"

// Bits of headParser.seen.
const (
	seenRange = 1 << iota
	seenSuccess
	seenFailure
	seenStatus
)

// first notes that a header is there. False: it was there before, which makes the head malformed (M-010).
func (p *headParser) first(name string, bit uint8) bool {
	if p.seen&bit != 0 {
		p.bad(name, ErrDuplicate)
		return false
	}
	p.seen |= bit
	return true
}

func (p *headParser) path(name string, field *[]byte, v []byte, place int) {
	if *field != nil {
		p.bad(name, ErrDuplicate)
		return
	}
	*field = v
	if len(v) == 0 {
		p.bad(name, ErrValue)
	}
	p.order = p.order || p.index != place
}

func (p *headParser) messageID(v []byte) {
	if p.MessageID != nil {
		p.bad(nameMessageID, ErrDuplicate)
		return
	}
	p.MessageID = v
	if len(v) == 0 || len(v) > maxMessageID || !visibleASCII(v) {
		p.bad(nameMessageID, ErrValue)
	}
}

func (p *headParser) byteRange(v []byte) {
	if !p.first(nameByteRange, seenRange) {
		return
	}
	r, err := ParseByteRange(v)
	if err != nil {
		p.bad(nameByteRange, err)
		return
	}
	p.Range, p.HasRange = r, true
}

func (p *headParser) status(v []byte) {
	if !p.first(nameStatus, seenStatus) {
		return
	}
	s, err := ParseStatus(v)
	if err != nil {
		p.bad(nameStatus, err)
		return
	}
	p.Status, p.HasStatus = s, true
}

// report reads the value of a report header; its literals ignore case (M-028).
func (p *headParser) report(name string, field *Report, v []byte, bit uint8) {
	if !p.first(name, bit) {
		return
	}
	switch {
	case foldEqual(v, "yes"):
		*field = Yes
	case foldEqual(v, "no"):
		*field = No
	case bit == seenFailure && foldEqual(v, "partial"):
		*field = Partial
	default:
		p.bad(name, ErrValue)
	}
}

func (p *headParser) contentType(v []byte) {
	if p.ContentType != nil {
		p.bad(nameContentType, ErrDuplicate)
		return
	}
	p.ContentType = v
	if len(v) == 0 {
		p.bad(nameContentType, ErrValue)
	}
}

// further keeps the line of a header that has no field of its own.
func (p *headParser) further(name []byte, start, end int) {
	if len(name) > len(prefixMIME) && isName(name[:len(prefixMIME)], prefixMIME) {
		p.MIME = appendLine(p.h, p.MIME, start, end, p.mimeEnd, &p.d.mime)
		p.mimeEnd = end
		return
	}
	p.Other = appendLine(p.h, p.Other, start, end, p.otherEnd, &p.d.other)
	p.otherEnd = end
}

// appendLine adds h[start:end] to lines, of which the last one ended at last. Lines that follow each other in h stay
// there; only lines with others between them are gathered in own.
func appendLine(h, lines []byte, start, end, last int, own *[]byte) []byte {
	gathered := len(*own) > 0
	switch {
	case lines == nil:
		return h[start:end:end]
	case !gathered && last == start:
		return h[start-len(lines) : end : end]
	case !gathered:
		*own = append(*own, lines...)
	}
	*own = append(*own, h[start:end]...)
	return *own
}

// finish judges what can be judged only when all header lines are read.
func (p *headParser) finish() {
	switch {
	case p.ToPath == nil:
		p.bad(nameToPath, ErrMissing)
	case p.FromPath == nil:
		p.bad(nameFromPath, ErrMissing)
	case p.order:
		p.bad("", ErrOrder) // M-004
	}
}

// isName compares a header name, which ignores case (M-005). Nearly all peers send the canonical spelling.
func isName(name []byte, canonical string) bool {
	return string(name) == canonical || foldEqual(name, canonical)
}

func validHeaderName(name []byte) bool {
	for _, c := range name {
		if !isToken(c) {
			return false
		}
	}
	return len(name) > 0 && isAlpha(name[0])
}

func visibleASCII(v []byte) bool {
	for _, c := range v {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}

// hasControl says whether line holds a control character other than HTAB (T-024). Eight octets are looked at in one
// step, as every octet of every head passes here.
func hasControl(line []byte) bool {
	const (
		ones = 0x0101010101010101
		high = 0x8080808080808080
	)
	for len(line) >= 8 {
		x := binary.LittleEndian.Uint64(line)
		del := x ^ 0x7f*ones
		if ((x-0x20*ones)&^x|(del-ones)&^del)&high != 0 && hasControlOctet(line[:8]) {
			return true
		}
		line = line[8:]
	}
	return hasControlOctet(line)
}

func hasControlOctet(line []byte) bool {
	for _, c := range line {
		if c < ' ' && c != '\t' || c == 0x7f {
			return true
		}
	}
	return false
}
