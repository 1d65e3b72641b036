package mi

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/parley-msrp/parley/internal/access"
	"github.com/parley-msrp/parley/internal/control"
)

// method is one row of the table: what it is called, what it takes, what it does.
type method struct {
	names   []string // all spellings; the first one is the operation's name in package access
	help    string   // what it does, as help tells it
	recipes []recipe // in the order in which which shows them
	id      string   // name of what the method makes, given instead of "OK" for return: "id"; "": return is not taken
	once    bool     // idempotency_key is taken: the same call with the same key again does nothing
	do      func(p params) (any, error)
}

// recipe is one list of parameters that a method takes, by name or in this order.
type recipe []string

// params are a call's parameters by name, matched with a recipe.
type params struct {
	values   members
	key      string // the caller's own, where the call has one
	trace    string // the trace context that the request came with; "": none
	returnID string // the row's id where the call asked for it
	rights   access.Rights
}

// maxParams is more than any recipe has, with Parley's own.
const maxParams = 16

// Parameters of Parley's own, by name beside any recipe.
const (
	returnName = "return"
	keyName    = control.KeyField
)

// match finds the recipe that raw fits: by position the only one of that length, by name the one with exactly these names.
func (m *method) match(raw rawJSON) (params, error) {
	if raw != nil && raw[0] == '[' {
		return m.matchPositions(raw)
	}
	return m.matchNames(raw)
}

func (m *method) matchPositions(raw rawJSON) (params, error) {
	var values []rawJSON
	if err := json.Unmarshal(raw, &values); err != nil {
		return params{}, invalidRequest("")
	}
	var fitting []recipe
	for _, r := range m.recipes {
		if len(r) == len(values) {
			fitting = append(fitting, r)
		}
	}
	switch len(fitting) {
	case 0:
		return params{}, tooFewOrMany()
	case 1:
		var p params
		for i, name := range fitting[0] {
			p.values = append(p.values, member{[]byte(name), values[i]})
		}
		return p, nil
	}
	return params{}, invalidParams("Ambiguous call, use named parameters instead")
}

func (m *method) matchNames(raw rawJSON) (params, error) {
	var p params
	if raw != nil {
		p.values = membersOf(raw, maxParams)
	}
	if err := m.takeKey(&p); err != nil {
		return params{}, err
	}
	if err := m.takeReturn(&p); err != nil {
		return params{}, err
	}
	err := tooFewOrMany
	for _, r := range m.recipes {
		if len(r) != len(p.values) {
			continue
		}
		if !slices.ContainsFunc(r, func(name string) bool { return p.values.of(name) == nil }) {
			return p, nil
		}
		err = namesDiffer
	}
	return params{}, err()
}

// takeReturn removes Parley's own parameter, which stands beside any recipe of a method that makes something.
func (m *method) takeReturn(p *params) error {
	if m.id == "" {
		return nil
	}
	value := p.values.take(returnName)
	if value == nil {
		return nil
	}
	if s, ok := textOf(value); !ok || string(s) != "id" {
		return invalidParams(`return takes "id" only`)
	}
	p.returnID = m.id
	return nil
}

// takeKey removes the caller's own key, which a method takes that is not to be done twice.
func (m *method) takeKey(p *params) error {
	if !m.once {
		return nil
	}
	value := p.values.take(keyName)
	if value == nil {
		return nil
	}
	key, ok := stringOf(value)
	if !ok || key == "" || len(key) > control.MaxKey {
		return invalidParams(fmt.Sprintf("%s takes a string of 1 to %d octets", keyName, control.MaxKey))
	}
	p.key = key
	return nil
}

func tooFewOrMany() error { return invalidParams("Too few or too many parameters") }
func namesDiffer() error  { return invalidParams("Named parameters do not match") }

// text is the value of a parameter that is a string, or a number, which is taken as its text.
func (p params) text(name string) (value string, given bool, err error) {
	text, given, err := p.octets(name)
	return string(text), given, err
}

// octets is text, as a part of the request where it has no escapes.
func (p params) octets(name string) (value []byte, given bool, err error) {
	raw := p.values.of(name)
	if raw == nil {
		return nil, false, nil
	}
	if isNumber(raw) {
		return raw, true, nil
	}
	if text, ok := textOf(raw); ok {
		return text, true, nil
	}
	return nil, true, invalidParams(fmt.Sprintf("%s is not a string", name))
}

// number is the value of a parameter that is a whole number, or its text.
func (p params) number(name string) (value int, given bool, err error) {
	text, given, err := p.text(name)
	if err != nil || !given {
		return 0, given, err
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < math.MinInt32 || n > math.MaxInt32 {
		return 0, true, invalidParams(fmt.Sprintf("%s is not a whole number", name))
	}
	return int(n), true, nil
}

// made is the result of a method that made something: "OK", or for return: "id" the thing's id.
func (p params) made(id string) any {
	if p.returnID == "" {
		return "OK"
	}
	return map[string]string{p.returnID: id}
}
