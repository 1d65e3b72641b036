package route

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"go.starlark.net/starlark"
)

// call is one run of a script, kept in its thread.
type call struct {
	msg      *message
	verify   func(realm string) (username string, ok bool)
	decision *Decision
	time     time.Time // what now says
}

const callKey = "call"

func builtins() starlark.StringDict {
	return starlark.StringDict{
		"msrp_ua_answer": starlark.NewBuiltin("msrp_ua_answer", answer),
		"reject":         starlark.NewBuiltin("reject", reject),
		"redirect":       starlark.NewBuiltin("redirect", redirect),
		"uri":            starlark.NewBuiltin("uri", parseURI),
		"ip_in":          starlark.NewBuiltin("ip_in", ipIn),
		"re_fullmatch":   starlark.NewBuiltin("re_fullmatch", fullMatch),
		"now":            starlark.NewBuiltin("now", now),
		"load_dict":      starlark.NewBuiltin("load_dict", loadDict),
		"challenge":      starlark.NewBuiltin("challenge", challenge),
		"ask":            starlark.NewBuiltin("ask", ask),
	}
}

func reject(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var d Decision
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "code", &d.Code, "reason?", &d.Reason); err != nil {
		return nil, err
	}
	if d.Code < 400 || d.Code > 699 {
		return nil, fmt.Errorf("%s: code %d: 400 to 699 are refusals; redirect gives 300 to 305", b.Name(), d.Code)
	}
	if err := checkLine("reason", d.Reason); err != nil {
		return nil, fmt.Errorf("%s: %w", b.Name(), err)
	}
	return decide(thread, b, d)
}

// maxLine bounds a text of a script's that leaves the process as one line, in octets.
const maxLine = 200

// checkLine holds a text to one line. RFC 3261 §7.2: a reason phrase of two would write header lines of its own.
func checkLine(what, text string) error {
	if len(text) > maxLine {
		return fmt.Errorf("the %s is longer than %d octets", what, maxLine)
	}
	control := func(r rune) bool { return r < ' ' || r == 0x7f }
	if !utf8.ValidString(text) || strings.ContainsFunc(text, control) {
		return fmt.Errorf("the %s must be one line of text without control characters", what)
	}
	return nil
}

func decide(thread *starlark.Thread, b *starlark.Builtin, d Decision) (starlark.Value, error) {
	c, err := callOf(thread, b)
	if err != nil {
		return nil, err
	}
	if c.decision != nil {
		return nil, fmt.Errorf("%s: this INVITE is decided already: the first decision counts, return after it", b.Name())
	}
	c.decision = &d
	return starlark.None, nil
}

// callOf is the run that the thread is in.
func callOf(thread *starlark.Thread, b *starlark.Builtin) (*call, error) {
	c, ok := thread.Local(callKey).(*call)
	if !ok {
		return nil, errors.New(b.Name() + " is callable only from the request route, not while the script loads")
	}
	return c, nil
}

const scriptKey = "script"

// scriptOf is the script that the thread runs.
func scriptOf(thread *starlark.Thread) *Script { return thread.Local(scriptKey).(*Script) }
