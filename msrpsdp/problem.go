package msrpsdp

import (
	"strconv"
	"strings"

	"github.com/parley-msrp/parley/msrp"
)

// Codes of the SIP Warning header (RFC 3261 §20.43) that go with a LineError.
const (
	WarnTransport     = 302 // incompatible transport protocol
	WarnMedia         = 304 // media type not available
	WarnFormat        = 305 // incompatible media format
	WarnMiscellaneous = 399
)

// LineError says why an m-line cannot become an MSRP session. Its text holds no path of the peer and may be logged.
type LineError struct {
	Warn int // code of the SIP Warning header
	Text string
}

func problem(warn int, text string) *LineError { return &LineError{Warn: warn, Text: text} }

func (e *LineError) Error() string { return e.Text }

// Warning returns the value of a SIP Warning header; agent is the host, or a name for it, that the header carries.
func (e *LineError) Warning(agent string) string {
	var b strings.Builder
	b.WriteString(strconv.Itoa(e.Warn))
	b.WriteByte(' ')
	b.WriteString(agent)
	b.WriteString(` "`)
	for _, c := range []byte(e.Text) {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
		case c < ' ' || c > '~':
			c = '?'
		}
		b.WriteByte(c)
	}
	b.WriteByte('"')
	return b.String()
}

// Refuses says why an endpoint that speaks MSRP over plain TCP cannot take a line with the types that it would accept: the line's
// Problem, TLS, or that no type is common to both sides (RFC 4975 §8.6, D-007). The error is a *LineError. Nil: it can be taken.
func (l *Line) Refuses(accept msrp.Types) error {
	if l.Problem == nil && l.TLS() {
		return problem(WarnTransport, "transport protocol "+l.Proto+" is not available")
	}
	return l.RefusesTypes(accept)
}

// RefusesTypes is Refuses for an endpoint whose own path is msrps: a line of TLS can be taken.
func (l *Line) RefusesTypes(accept msrp.Types) error {
	if l.Problem != nil {
		return l.Problem
	}
	if !l.Accept.Overlaps(accept) && !l.wraps(accept) {
		return problem(WarnFormat, "no media type of a=accept-types is available")
	}
	return nil
}
