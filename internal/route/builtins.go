package route

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"go.starlark.net/starlark"

	"github.com/parley-msrp/parley/msrp"
)

// call is one run of a script, kept in its thread.
type call struct {
	decision *Decision
}

const callKey = "call"

func builtins() starlark.StringDict {
	return starlark.StringDict{
		"msrp_ua_answer": starlark.NewBuiltin("msrp_ua_answer", answer),
		"reject":         starlark.NewBuiltin("reject", reject),
	}
}

func answer(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var list string
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "types", &list); err != nil {
		return nil, err
	}
	types, err := msrp.ParseTypes(list)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.Name(), err)
	}
	return decide(thread, b, Decision{Answer: types})
}

func reject(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var d Decision
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "code", &d.Code, "reason?", &d.Reason); err != nil {
		return nil, err
	}
	if d.Code < 300 || d.Code > 699 {
		return nil, fmt.Errorf("%s: code %d: 300 to 699 are final refusals", b.Name(), d.Code)
	}
	if err := checkReason(d.Reason); err != nil {
		return nil, fmt.Errorf("%s: %w", b.Name(), err)
	}
	return decide(thread, b, d)
}

// RFC 3261 §7.2: the reason phrase is one line of text; anything else would write header lines of its own.
func checkReason(reason string) error {
	if len(reason) > 200 {
		return errors.New("the reason is longer than 200 octets")
	}
	control := func(r rune) bool { return r < ' ' || r == 0x7f }
	if !utf8.ValidString(reason) || strings.ContainsFunc(reason, control) {
		return errors.New("the reason must be one line of text without control characters")
	}
	return nil
}

func decide(thread *starlark.Thread, b *starlark.Builtin, d Decision) (starlark.Value, error) {
	c, ok := thread.Local(callKey).(*call)
	if !ok {
		return nil, fmt.Errorf("%s is callable only from the request route, not while the script loads", b.Name())
	}
	if c.decision != nil {
		return nil, fmt.Errorf("%s: this INVITE is decided already: the first msrp_ua_answer or reject counts, return after it", b.Name())
	}
	c.decision = &d
	return starlark.None, nil
}
