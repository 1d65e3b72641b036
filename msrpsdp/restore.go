package msrpsdp

import (
	"bytes"
	"fmt"
)

// versionLeap is what a restored description may have been ahead: offers may have been refused after it was written out.
const versionLeap = 1 << 8

// Restore makes a description of our own anew of its octets, as Bytes gave them to an earlier process, and its lines, nil for those with port 0. The next
// description takes a version that no offer had meanwhile. The error says that text is no description of this package's.
func Restore(text []byte) (*Own, []*Local, error) {
	d, err := Parse(text)
	if err != nil {
		return nil, nil, err
	}
	o := &Own{id: d.origin.SessionID, version: d.origin.SessionVersion, host: d.origin.UnicastAddress, times: d.times, text: bytes.Clone(text)}
	o.used = o.version + versionLeap
	locals := make([]*Local, len(d.Lines))
	for i := range d.Lines {
		l := &d.Lines[i]
		line := ownLine{media: l.Media, proto: l.Proto, formats: l.Formats}
		if l.Port != 0 {
			if !l.MSRP || len(l.Path) == 0 {
				return nil, nil, fmt.Errorf("%w: line %d is none of this package's", ErrSyntax, i+1)
			}
			if l.Direction != "sendrecv" || bytes.Contains(text, []byte("\na=sendrecv")) {
				line.direction = l.Direction
			}
			locals[i] = &Local{
				Path: l.Path, Accept: l.Accept, Wrapped: l.Wrapped, MaxSize: l.MaxSize, Fingerprints: l.Fingerprints, Direction: line.direction, Setup: l.Setup, CEMA: l.CEMA,
			}
			line.local = locals[i]
		}
		o.lines = append(o.lines, line)
	}
	return o, locals, nil
}
