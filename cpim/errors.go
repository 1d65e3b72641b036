package cpim

import (
	"fmt"
	"strings"
)

// SyntaxError says that octets are no CPIM message. A receiver answers 400.
type SyntaxError struct {
	Header string // name of the header that is wrong; "": the message as a whole
	Reason string
}

func (e *SyntaxError) Error() string {
	if e.Header == "" {
		return "cpim: " + e.Reason
	}
	return fmt.Sprintf("cpim: header %.100q: %s", e.Header, e.Reason)
}

// LimitError says that a message is beyond one of the bounds of this package. A receiver answers 400.
type LimitError struct {
	What string // what there is too much of
	Max  int
}

func (e *LimitError) Error() string { return fmt.Sprintf("cpim: more than %d %s", e.Max, e.What) }

// RequireError says that a message requires the understanding of headers that are not understood. It must not be processed as if they were
// (RFC 3862 §4.7). A receiver answers 403: 415 would stop message/cpim for the session.
type RequireError struct {
	Names []string // as they stand in Require
}

func (e *RequireError) Error() string {
	return "cpim: required and not understood: " + strings.Join(e.Names, ", ")
}
