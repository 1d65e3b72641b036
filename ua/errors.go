package ua

import (
	"errors"
	"fmt"

	"github.com/parley-msrp/parley/internal/dialog"
	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/msrp/relay"
)

// Errors that callers tell apart.
var (
	// ErrClosed: the agent is closing and starts nothing any more.
	ErrClosed = errors.New("the agent is closed")
	// ErrDecided: the invitation was answered or refused before.
	ErrDecided = errors.New("the invitation has been decided already")
	// ErrOver: the call ended before the invitation was decided: the caller gave up, set-up took too long, or the agent closed.
	ErrOver = errors.New("the call is over")
	// ErrLimit: there are as many calls as can be.
	ErrLimit = errors.New("too many calls")
	// ErrNotEstablished: the session is not established yet, or no more.
	ErrNotEstablished = errors.New("the session is not established")
	// ErrNoUsers: Config.Auth has no users who could be authenticated.
	ErrNoUsers = errors.New("there are no users to authenticate")
	// ErrBusy: too many offers of this side wait for their turn.
	ErrBusy = errors.New("too many offers are waiting")

	errLineGone     = errors.New("no m-line may go away: it gets port 0")
	errNotConnected = errors.New("the MSRP connection could not be opened")
)

// RefusedError says that an Invitation could not be answered as asked, and that it was refused with Code in place of it.
type RefusedError struct {
	Code   int
	Reason string
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("the call was refused with %d: %s", e.Code, e.Reason)
}

// UpdateRefusedError says that the peer refused what Call.Update offered: everything is as it was before.
type UpdateRefusedError struct {
	Code   int // the SIP status: 300 to 699
	Reason string
}

func (e *UpdateRefusedError) Error() string {
	return fmt.Sprintf("the peer refused the offer with %d %s", e.Code, e.Reason)
}

// FieldError names the field of a StartConfig, or the argument of a method, that cannot be used.
type FieldError struct {
	Field string
	Err   error
}

func (e *FieldError) Error() string { return fmt.Sprintf("%s: %v", e.Field, e.Err) }

// Unwrap gives the reason.
func (e *FieldError) Unwrap() error { return e.Err }

// public gives the errors of the layers below their names here.
func public(err error) error {
	var input *dialog.InputError
	var refused *dialog.RefusedError
	switch {
	case errors.Is(err, dialog.ErrOver):
		return ErrOver
	case errors.Is(err, dialog.ErrClosed), errors.Is(err, msrp.ErrClosed), errors.Is(err, relay.ErrClosed):
		return ErrClosed
	case errors.Is(err, dialog.ErrBusy):
		return ErrBusy
	case errors.Is(err, dialog.ErrLimit):
		return ErrLimit
	case errors.As(err, &refused):
		return &UpdateRefusedError{Code: refused.Code, Reason: refused.Reason}
	case errors.As(err, &input):
		return &FieldError{Field: input.Field, Err: input.Err}
	}
	return err
}
