package wire

import "bytes"

// Canonical header names (M-005).
const (
	nameToPath        = "To-Path"
	nameFromPath      = "From-Path"
	nameMessageID     = "Message-ID"
	nameByteRange     = "Byte-Range"
	nameSuccessReport = "Success-Report"
	nameFailureReport = "Failure-Report"
	nameStatus        = "Status"
	nameContentType   = "Content-Type"
	prefixMIME        = "Content-"
)

// maxMessageID bounds a received Message-ID, in octets (M-030).
const maxMessageID = 255

const startWord = "MSRP "

// parseHead fills d.head from h, whose line ends are in d.lines and whose start line has been checked.
func (d *Decoder) parseHead(h []byte) {
	d.head = Head{ID: h[len(startWord) : len(startWord)+d.idLen()]}
	p := headParser{Head: &d.head, d: d, h: h}
	p.startLine(h[len(startWord)+d.idLen()+1 : d.lines[0]-2])
	start, rest := int(d.lines[0]), d.lines[1:]
	if d.same {
		d.paths.apply(h[start:], p.Head)
		start, rest, p.index = int(rest[1]), rest[2:], 2
	}
	for _, end := range rest {
		p.headerLine(start, int(end))
		start = int(end)
		p.index++
	}
	p.finish()
	p.HasBody = d.blank && p.ContentType != nil
	switch {
	case p.IsResponse():
		if p.HasBody {
			p.bad("", ErrResponseBody)
		}
	case p.ContentType != nil && !d.blank:
		p.bad(nameContentType, ErrNoBody) // T-056, M-013
	}
	if !d.same {
		d.paths.remember(h, d.lines, p.Head)
	}
}

// headParser is the state of one pass over the header lines.
type headParser struct {
	*Head
	d        *Decoder
	h        []byte
	index    int   // of the header line at hand
	seen     uint8 // headers that were there, of those whose fields do not tell
	order    bool  // To-Path or From-Path is not in its place
	mimeEnd  int   // where the lines in MIME end in h, to see whether the next one follows directly
	otherEnd int
}

func (h *Head) bad(header string, reason error) {
	if h.Bad == nil {
		h.Bad = &HeadError{header, reason}
	}
}

func (p *headParser) startLine(rest []byte) {
	if hasControl(rest) {
		p.bad("", ErrControl)
	}
	if isDigit(rest[0]) {
		var ok bool
		if p.Code, p.Comment, ok = cutCode(rest); !ok {
			p.bad("", ErrCode)
		}
		return
	}
	p.Method = rest
	for _, c := range rest {
		if !isUpper(c) {
			p.bad("", ErrMethod)
			return
		}
	}
}

func (p *headParser) headerLine(start, end int) {
	line := p.h[start : end-2]
	if hasControl(line) {
		p.bad("", ErrControl)
	}
	if line[0] == ' ' || line[0] == '\t' {
		p.bad("", ErrFolded)
		return
	}
	if !p.d.limits.Strict && p.usual(line) {
		return
	}
	colon := bytes.IndexByte(line, ':')
	if colon < 0 || !validHeaderName(line[:colon]) {
		p.bad("", ErrHeaderName)
		return
	}
	name, value := line[:colon], line[colon+1:]
	blanks := 0
	for blanks < len(value) && (value[blanks] == ' ' || value[blanks] == '\t') {
		blanks++
	}
	if p.d.limits.Strict {
		if blanks != 1 || value[0] != ' ' {
			p.bad("", ErrBlanks)
		}
		if p.ContentType != nil {
			p.bad("", ErrAfterContentType)
		}
	}
	if !p.known(name, value[blanks:]) {
		p.further(name, start, end)
	}
}

// usual reads the three lines that nearly every SEND has besides its paths, in the spelling that nearly every peer uses. They need none of
// the looks at name and blanks.
func (p *headParser) usual(line []byte) bool {
	switch v := line; {
	case line[0] == 'M' && cutUsual(&v, nameMessageID):
		p.messageID(v)
	case line[0] == 'B' && cutUsual(&v, nameByteRange):
		p.byteRange(v)
	case line[0] == 'C' && cutUsual(&v, nameContentType):
		p.contentType(v)
	default:
		return false
	}
	return true
}

// cutUsual takes a name, a colon and one space off a line that goes on after them.
func cutUsual(line *[]byte, name string) bool {
	n := len(name)
	l := *line
	if len(l) < n+3 || string(l[:n]) != name || l[n] != ':' || l[n+1] != ' ' || l[n+2] == ' ' || l[n+2] == '\t' {
		return false
	}
	*line = l[n+2:]
	return true
}

// known reads the headers that a Head has fields for.
func (p *headParser) known(name, v []byte) bool {
	switch len(name) {
	case len(nameToPath):
		if isName(name, nameToPath) {
			p.path(nameToPath, &p.ToPath, v, 0)
			return true
		}
	case len(nameFromPath):
		if isName(name, nameFromPath) {
			p.path(nameFromPath, &p.FromPath, v, 1)
			return true
		}
	case len(nameMessageID): // and Byte-Range
		if isName(name, nameMessageID) {
			p.messageID(v)
			return true
		}
		if isName(name, nameByteRange) {
			p.byteRange(v)
			return true
		}
	case len(nameSuccessReport): // and Failure-Report
		if isName(name, nameSuccessReport) {
			p.report(nameSuccessReport, &p.Success, v, seenSuccess)
			return true
		}
		if isName(name, nameFailureReport) {
			p.report(nameFailureReport, &p.Failure, v, seenFailure)
			return true
		}
	case len(nameStatus):
		if isName(name, nameStatus) {
			p.status(v)
			return true
		}
	case len(nameContentType):
		if isName(name, nameContentType) {
			p.contentType(v)
			return true
		}
	}
	return false
}
