package route

import (
	"errors"
	"fmt"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// Error is what is wrong with a script, and where.
type Error struct {
	File         string
	Line, Column int // from 1
	Msg          string
}

// Error is "FILE:LINE:COLUMN: what is wrong".
func (e *Error) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Msg)
}

func errorAt(at syntax.Position, msg string) *Error {
	return &Error{File: at.Filename(), Line: int(at.Line), Column: int(at.Col), Msg: msg}
}

// scriptError finds the place of an error of the scanner, the resolver or the interpreter.
func scriptError(err error) error {
	var (
		scan syntax.Error
		list resolve.ErrorList
		eval *starlark.EvalError
	)
	switch {
	case errors.As(err, &scan):
		return errorAt(scan.Pos, scan.Msg)
	case errors.As(err, &list) && len(list) > 0:
		e := errorAt(list[0].Pos, list[0].Msg)
		if more := len(list) - 1; more > 0 {
			e.Msg += fmt.Sprintf(" (and %d more)", more)
		}
		return e
	case errors.As(err, &eval):
		return errorAt(place(eval.CallStack), eval.Msg)
	}
	return err
}

// place is the innermost position that lies in the script: built-in functions have none.
func place(stack starlark.CallStack) syntax.Position {
	for i := len(stack) - 1; i >= 0; i-- {
		if at := stack[i].Pos; at.Line > 0 {
			return at
		}
	}
	return syntax.Position{}
}
