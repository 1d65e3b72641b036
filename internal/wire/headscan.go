package wire

import "bytes"

// scanHead looks for the end of the head in h, which begins with the start line: a blank line, or the end-line of a
// frame without body (M-013). It goes on where it stopped for the same head, with more octets in h.
func (d *Decoder) scanHead(h []byte) (done bool, err error) {
	for {
		i := bytes.IndexByte(h[d.pos:], '\n')
		if i < 0 {
			d.pos = len(h)
			return false, d.checkOpenLine(h)
		}
		end := d.pos + i + 1
		d.pos = end
		if err := d.checkLine(h, end); err != nil {
			return false, err
		}
		if end-d.line < len(crlf) || h[end-2] != '\r' {
			if len(d.lines) == 0 {
				return false, ErrStartLine
			}
			continue // LF is no line end (T-012), but a control character in a line
		}
		line := h[d.line : end-len(crlf)]
		switch {
		case len(d.lines) == 0:
			err = d.scanStartLine(line)
		case len(line) == 0:
			d.end, d.blank = end, true
			return true, nil
		case len(line) == d.patLen-len(crlf)+1 && isEndLine(h[d.line:end], d.pat[len(crlf):d.patLen]):
			d.end, d.blank, d.flag = end, false, Flag(line[len(line)-1])
			return true, nil
		case len(d.lines) > d.limits.Headers:
			err = ErrHeaderLimit
		}
		if err != nil {
			return false, err
		}
		d.lines = append(d.lines, int32(end))
		if len(d.lines) == 1 && d.paths.stand(h[end:]) {
			d.same = true
			d.lines = append(d.lines, int32(end+d.paths.second), int32(end+len(d.paths.lines)))
			end += len(d.paths.lines)
		}
		d.line, d.pos = end, end
	}
}

// checkLine holds the line that ends at end, behind its LF, against the limits.
func (d *Decoder) checkLine(h []byte, end int) error {
	length := end - d.line - len(crlf)
	switch {
	case len(d.lines) == 0:
		if length > d.limits.StartLine {
			return ErrStartLineLimit
		}
		return checkStartWord(h)
	case length > d.limits.HeaderLine:
		return ErrLineLimit
	case end-int(d.lines[0]) > d.limits.HeadBlock:
		return ErrHeadBlockLimit
	}
	return nil
}

// checkOpenLine does the same for a line whose end is not there yet; its last octet may be the CR.
func (d *Decoder) checkOpenLine(h []byte) error {
	length := len(h) - d.line - 1
	switch {
	case len(d.lines) == 0:
		if length > d.limits.StartLine {
			return ErrStartLineLimit
		}
		return checkStartWord(h)
	case length > d.limits.HeaderLine:
		return ErrLineLimit
	case len(h)-int(d.lines[0]) > d.limits.HeadBlock:
		return ErrHeadBlockLimit
	}
	return nil
}

// checkStartWord tells from its first octets that a stream is not MSRP (T-005), before a line end that may never come.
func checkStartWord(h []byte) error {
	n := min(len(h), len(startWord))
	if string(h[:n]) != startWord[:n] {
		return ErrNotMSRP
	}
	return nil
}

// scanStartLine takes the transaction id, on which the framing rests (M-001, M-002).
func (d *Decoder) scanStartLine(line []byte) error {
	if len(line) <= len(startWord) {
		return ErrStartLine
	}
	rest := line[len(startWord):]
	i := bytes.IndexByte(rest, ' ')
	if i < 0 {
		return ErrStartLine
	}
	if !validIdent(rest[:i]) {
		return ErrTransactionID
	}
	if len(rest) == i+1 || rest[i+1] == ' ' || rest[i+1] == '\t' {
		return ErrStartLine
	}
	n := copy(d.pat[:], crlf+endHyphens)
	d.patLen = n + copy(d.pat[n:], rest[:i])
	return nil
}

func (d *Decoder) idLen() int { return d.patLen - len(crlf) - len(endHyphens) }
