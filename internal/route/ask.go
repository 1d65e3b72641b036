package route

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.starlark.net/starlark"

	"github.com/parley-msrp/parley/msrp"
)

// Asking is the route without a script where an application decides: it is asked about each call, and one that it does not decide on in time is refused with 480.
func Asking() *Script { return &Script{fixed: Decision{Ask: true, Code: 480}} }

// ask leaves the decision to the application; code and reason, or types, say what happens if it does not decide in time.
func ask(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var types string
	d := Decision{Ask: true, Code: 480}
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "code?", &d.Code, "reason?", &d.Reason, "types??", &types); err != nil {
		return nil, err
	}
	var err error
	switch {
	case d.Code < 400 || d.Code > 699:
		err = fmt.Errorf("code %d: 400 to 699 are refusals", d.Code)
	case types != "":
		d.Code, d.Reason = 0, ""
		d.Answer, err = msrp.ParseTypes(types)
	default:
		err = checkLine("reason", d.Reason)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.Name(), err)
	}
	return decide(thread, b, d)
}

// verdict is what an application decides, in JSON: each action takes the members of the call of the same name.
type verdict struct {
	Action string `json:"action"` // answer, reject, redirect

	ContentTypes []string          `json:"content_types"`
	MaxDuration  *float64          `json:"max_duration"` // seconds
	MaxSize      *int64            `json:"max_size"`     // octets
	Profile      string            `json:"profile"`
	Handler      string            `json:"handler"`
	Tags         map[string]string `json:"tags"`

	Contacts []string `json:"contacts"`
	Code     *int     `json:"code"`
	Reason   string   `json:"reason"`
}

// ParseVerdict reads what an application decided: a JSON object with action and the arguments of msrp_ua_answer, reject or redirect, which are checked as those of a script.
func ParseVerdict(document []byte) (Decision, error) {
	var v verdict
	d := json.NewDecoder(bytes.NewReader(document))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		return Decision{}, fmt.Errorf("it is no decision: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Decision{}, errors.New("it is no decision: something follows the object")
	}
	builtin, arguments := v.call()
	if builtin == nil {
		return Decision{}, fmt.Errorf("action %.40q: answer, reject and redirect are actions", v.Action)
	}
	c := &call{}
	thread := &starlark.Thread{Name: "verdict"}
	thread.SetLocal(callKey, c)
	if _, err := builtin(thread, starlark.NewBuiltin(v.Action, builtin), nil, arguments); err != nil {
		return Decision{}, err
	}
	return *c.decision, nil
}

// call is what a script would call, and with what; nil: there is no such action. What was not given is not among the arguments, and what the action does not take is refused by it.
func (v *verdict) call() (func(*starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error), []starlark.Tuple) {
	var arguments []starlark.Tuple
	give := func(given bool, name string, value starlark.Value) {
		if given {
			arguments = append(arguments, starlark.Tuple{starlark.String(name), value})
		}
	}
	give(v.ContentTypes != nil, "types", starlark.String(strings.Join(v.ContentTypes, " ")))
	if v.MaxDuration != nil {
		give(true, "max_duration", starlark.Float(*v.MaxDuration))
	}
	if v.MaxSize != nil {
		give(true, "max_size", starlark.MakeInt64(*v.MaxSize))
	}
	give(v.Profile != "", "profile", starlark.String(v.Profile))
	give(v.Handler != "", "handler", starlark.String(v.Handler))
	tags := starlark.NewDict(len(v.Tags))
	for name, value := range v.Tags {
		_ = tags.SetKey(starlark.String(name), starlark.String(value)) // strings can be keys
	}
	give(v.Tags != nil, "tags", tags)
	give(v.Contacts != nil, "contact", list(v.Contacts))
	if v.Code != nil {
		give(true, "code", starlark.MakeInt(*v.Code))
	}
	give(v.Reason != "", "reason", starlark.String(v.Reason))
	switch v.Action {
	case "answer":
		return answer, arguments
	case "reject":
		return reject, arguments
	case "redirect":
		return redirect, arguments
	}
	return nil, nil
}
