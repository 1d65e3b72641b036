package relay

import (
	"errors"
	"fmt"
)

var (
	// ErrClosed: the Client is closed.
	ErrClosed = errors.New("relay: closed")
	// ErrUnreachable: no connection to the relay could be opened. What went wrong is wrapped.
	ErrUnreachable = errors.New("cannot be reached")
	// ErrUsePath: the relay gave a path that cannot be used.
	ErrUsePath = errors.New("gave no usable path")
)

// RefusedError says that a relay refused an AUTH.
type RefusedError struct {
	Code    int
	Comment string // as the relay sent it
}

func (e *RefusedError) Error() string {
	if e.Comment == "" {
		return fmt.Sprintf("refused the AUTH with %d", e.Code)
	}
	return fmt.Sprintf("refused the AUTH with %d %.100q", e.Code, e.Comment)
}

// Error names the relay that something went wrong with.
type Error struct {
	Relay string // its host
	Err   error  // *RefusedError, ErrUnreachable, ErrUsePath, those of credentials, or of package msrp
}

func (e *Error) Error() string { return "MSRP relay " + e.Relay + ": " + e.Err.Error() }

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }
