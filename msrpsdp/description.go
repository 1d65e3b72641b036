package msrpsdp

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/pion/sdp/v3"

	"github.com/parley-msrp/parley/msrp"
)

// Bounds of what Parse takes.
const (
	MaxSize  = 64 << 10 // octets of a description
	MaxLines = 64       // m-lines
	MaxPath  = 100      // URIs in one a=path
)

// ErrSyntax is wrapped by every error of Parse but ErrTooLarge: the octets are no session description.
var ErrSyntax = errors.New("not a session description")

// ErrTooLarge is wrapped by the error of Parse for a description beyond MaxSize or MaxLines.
var ErrTooLarge = errors.New("session description too large")

// Protocols of the m-lines that this package knows (RFC 4975 §8.1).
const (
	TCP = "TCP/MSRP"
	TLS = "TCP/TLS/MSRP"
)

// Description is a peer's session description: every m-line in order, MSRP or not.
type Description struct {
	Lines []Line

	origin sdp.Origin
	times  []sdp.TimeDescription
}

// Line is one m-line of a Description.
type Line struct {
	Media   string // "message", "audio" …
	Port    int    // 0: the line is offered as unused, or was refused
	Proto   string // "TCP/MSRP"
	Formats string // "*"

	// MSRP says that this is a message line with a protocol that this package knows. The fields below are set for such lines only.
	MSRP      bool
	Path      []msrp.URI // as written: the left-most URI is where to connect, the right-most one is the peer (D-005)
	Accept    msrp.Types // accept-types
	Wrapped   msrp.Types // accept-wrapped-types
	MaxSize   int64      // octets of a whole message; 0: no limit (D-012)
	Direction string     // sendrecv, sendonly, recvonly or inactive, as the description's author means it
	// Fingerprints are those of the certificate of the peer, on the line or for the whole description (RFC 8122 §5). What is no fingerprint is one that nothing
	// matches.
	Fingerprints []msrp.Fingerprint

	// Host is the address or name in the c= that counts for the line, "" where there is none. With Port it is where CEMA connects to (RFC 6714).
	Host string
	// Setup is what the line, or the whole description, says about who connects (RFC 6135): SetupActive, SetupPassive, SetupActpass, or "" where it says nothing,
	// "holdconn", or what nobody knows.
	Setup string
	// CEMA: the line has a=msrp-cema (RFC 6714).
	CEMA bool

	// Problem says why no MSRP session can use this line; nil exactly where one can. It is always a *LineError.
	Problem error
}

// TLS says whether the line asks for MSRP over TLS.
func (l *Line) TLS() bool { return l.Proto == TLS }

// Parse reads a description. It tolerates LF line ends, a missing last line end, an empty or missing s=, a missing t=, lines of
// unknown kinds and lines out of order. What is wrong with a single m-line is no error but that Line's Problem; an error means
// that this is no description at all, and wraps ErrSyntax or ErrTooLarge.
func Parse(b []byte) (*Description, error) {
	if len(b) > MaxSize {
		return nil, fmt.Errorf("%w: %d octets, %d are taken", ErrTooLarge, len(b), MaxSize)
	}
	var room usual
	sections, err := gather(string(b), room.room())
	if err != nil {
		return nil, err
	}
	// The SDP parser knows few media and protocol names, so that m-lines are read here.
	var s sdp.SessionDescription
	whole := &sections[0]
	if err := s.UnmarshalString(whole.canonical()); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSyntax, err)
	}
	d := &Description{
		Lines:  make([]Line, len(sections)-1),
		origin: s.Origin,
		times:  s.TimeDescriptions,
	}
	session := direction(whole.attributes, "sendrecv")
	role := setup(whole.attributes, "")
	shared := fingerprints(whole.attributes)
	for i := range d.Lines {
		l, line := &d.Lines[i], &sections[1+i]
		if err := l.readHead(line.head); err != nil {
			return nil, err
		}
		l.Host = connectionHost(cmp.Or(line.connection, whole.connection))
		l.read(line.attributes, session, role)
		if l.MSRP && l.Fingerprints == nil {
			l.Fingerprints = shared // M-064
		}
	}
	return d, nil
}

// Usable says whether at least one line could become an MSRP session.
func (d *Description) Usable() bool {
	for i := range d.Lines {
		if d.Lines[i].Problem == nil {
			return true
		}
	}
	return false
}

// Refusal says best why none of the lines can be used: the problem of the first message line, else of the first line. It is nil
// where a line can be used. The code that fits in SIP is 488 with this as Warning.
func (d *Description) Refusal() *LineError {
	if d.Usable() {
		return nil
	}
	best := problem(WarnMedia, "no media line")
	for i := range d.Lines {
		p, _ := errors.AsType[*LineError](d.Lines[i].Problem)
		if i == 0 || d.Lines[i].Media == "message" {
			best = p
		}
		if d.Lines[i].Media == "message" {
			break
		}
	}
	return best
}
