package dialog

import (
	"errors"
	"fmt"
)

// Errors that callers tell apart.
var (
	// ErrOver: the INVITE was decided, cancelled or given up before.
	ErrOver = errors.New("dialog: the INVITE is over")
	// ErrClosed: the endpoint is closed and starts nothing any more.
	ErrClosed = errors.New("dialog: the endpoint is closed")
	// ErrLimit: there are as many dialogs as the configuration allows.
	ErrLimit = errors.New("dialog: too many dialogs")
	// ErrBusy: too many re-INVITEs and UPDATEs of this side wait for their turn.
	ErrBusy = errors.New("dialog: too many offers are waiting")
)

// InputError names the field of an Invite, or the argument of a method, that cannot be used.
type InputError struct {
	Field string
	Err   error
}

func (e *InputError) Error() string { return fmt.Sprintf("%s: %v", e.Field, e.Err) }

// Unwrap gives the reason.
func (e *InputError) Unwrap() error { return e.Err }
