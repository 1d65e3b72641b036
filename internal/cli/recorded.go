package cli

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/parley-msrp/parley/internal/dialog"
	"github.com/parley-msrp/parley/internal/sip"
	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/msrpsdp"
)

// maxRecorded bounds a recorded request, in octets: more than a SIP stack takes.
const maxRecorded = 1 << 20

// recorded is a request that was kept in a file.
type recorded struct {
	message     *sip.Message
	offer       []byte               // of an INVITE; nil: none
	description *msrpsdp.Description // the offer; nil where it cannot be read
	problem     error                // why it cannot
}

// readRecorded reads a request that begins a call, or asks how one would be answered. What a daemon would refuse before the request route sees
// it is an error.
func readRecorded(path string) (*recorded, error) {
	text, err := readAtMost(path, maxRecorded)
	if err != nil {
		return nil, err
	}
	r, err := parseRecorded(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

func parseRecorded(text []byte) (*recorded, error) {
	m, err := sip.ReadMessage(wireForm(text))
	if err != nil {
		return nil, fmt.Errorf("%w: it would be answered so before the request route sees it", err)
	}
	switch {
	case !m.IsRequest():
		return nil, errors.New("a response, where an INVITE or OPTIONS is wanted")
	case m.To().Tag() != "":
		return nil, errors.New("its To has a tag: it belongs to a call, and the request route sees only what begins one")
	}
	offer, refusal := dialog.Examine(m)
	if refusal != nil {
		return nil, fmt.Errorf("%s: it would be answered so before the request route sees it", strings.TrimSpace(fmt.Sprint(refusal.Code, " ", refusal.Reason)))
	}
	r := &recorded{message: m}
	switch m.Method {
	case "INVITE":
		r.offer = offer
	case "OPTIONS": // the route sees an offer of every type
	default:
		return nil, fmt.Errorf("%s, where an INVITE or OPTIONS is wanted", m.Method)
	}
	if r.offer != nil {
		r.description, r.problem = msrpsdp.Parse(r.offer)
	}
	return r, nil
}

// types are those that the script sees, as the daemon gives them.
func (r *recorded) types() msrp.Types {
	switch {
	case r.offer == nil:
		return msrp.Types{"*"}
	case r.description == nil:
		return nil
	}
	return r.description.Types((*msrpsdp.Line).RefusesTypes)
}

// wrappedTypes are those of accept-wrapped-types.
func (r *recorded) wrappedTypes() msrp.Types {
	if r.description == nil {
		return nil
	}
	return r.description.WrappedTypes((*msrpsdp.Line).RefusesTypes)
}

// refuses says why the offer cannot be answered with these types; nil if it can. A line of TLS counts as one that can be: the node may have a listener for it.
func (r *recorded) refuses(types msrp.Types) error {
	switch {
	case types == nil || r.offer == nil:
		return nil
	case r.description == nil:
		return r.problem
	}
	for i := range r.description.Lines {
		if r.description.Lines[i].RefusesTypes(types) == nil {
			return nil
		}
	}
	return r.description.Refuses(types)
}

// wireForm gives text whose lines end in LF the line ends of the wire. What editors do to it changes its length: Content-Length is left out, so
// that all that follows the head is the body.
func wireForm(text []byte) []byte {
	if bytes.Contains(text, []byte("\r\n")) {
		return text
	}
	head, body, _ := bytes.Cut(bytes.TrimLeft(text, "\n"), []byte("\n\n"))
	var wire bytes.Buffer
	for line := range bytes.Lines(head) {
		name, _, _ := bytes.Cut(line, []byte(":"))
		if name = bytes.TrimSpace(name); !bytes.EqualFold(name, []byte("Content-Length")) && !bytes.EqualFold(name, []byte("l")) {
			wire.Write(bytes.TrimSuffix(line, []byte("\n")))
			wire.WriteString("\r\n")
		}
	}
	wire.WriteString("\r\n")
	wire.Write(bytes.ReplaceAll(body, []byte("\n"), []byte("\r\n")))
	return wire.Bytes()
}
