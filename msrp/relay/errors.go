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
	// ErrCredentials: there are no credentials for the relay, or it asks for them in no way that is supported, or does not know the password. What it
	// is exactly is wrapped.
	ErrCredentials = errors.New("credentials")
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
	Err   error  // *RefusedError, ErrUnreachable, ErrCredentials, ErrUsePath, or an error of package msrp; wrapped
}

func (e *Error) Error() string { return "MSRP relay " + e.Relay + ": " + e.Err.Error() }

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }
