package ua

import (
	"errors"
	"fmt"
)

// Errors that callers tell apart.
var (
	// ErrClosed: the agent is closing and starts nothing any more.
	ErrClosed = errors.New("the agent is closed")
	// ErrDecided: the invitation was answered or refused before.
	ErrDecided = errors.New("the invitation has been decided already")
	// ErrNotEstablished: the session is not established yet, or no more.
	ErrNotEstablished = errors.New("the session is not established")

	errFixedMedia = errors.New("the media of an established session cannot be changed")
)

// RefusedError says that an Invitation could not be answered as asked, and that it was refused with Code in place of it.
type RefusedError struct {
	Code   int
	Reason string
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("the call was refused with %d: %s", e.Code, e.Reason)
}

// FieldError names the field of a StartConfig that cannot be used.
type FieldError struct {
	Field string
	Err   error
}

func (e *FieldError) Error() string { return fmt.Sprintf("%s: %v", e.Field, e.Err) }

// Unwrap gives the reason.
func (e *FieldError) Unwrap() error { return e.Err }
