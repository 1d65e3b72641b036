package route

import (
	"errors"

	"go.starlark.net/starlark"
)

// message is what the script sees as msg: attributes that cannot be changed, and two methods.
type message struct {
	attributes starlark.StringDict
	values     func(name string) []string
}

var _ starlark.HasAttrs = (*message)(nil)

func newMessage(r Request) *message {
	m := &message{values: r.Header}
	m.attributes = starlark.StringDict{
		"method":   starlark.String(r.Method),
		"ruri":     starlark.String(r.RequestURI),
		"from_uri": starlark.String(r.From),
		"to_uri":   starlark.String(r.To),
		"source":   starlark.String(r.Source),
		"call_id":  starlark.String(r.CallID),
		"types":    list(r.Types),
		"header":   starlark.NewBuiltin("header", m.header),
		"headers":  starlark.NewBuiltin("headers", m.headers),
	}
	return m
}

func (m *message) header(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	values, err := m.lookup(b, args, kwargs)
	if err != nil {
		return nil, err
	}
	if len(values) == 0 {
		return starlark.None, nil
	}
	return starlark.String(values[0]), nil
}

func (m *message) headers(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	values, err := m.lookup(b, args, kwargs)
	if err != nil {
		return nil, err
	}
	return list(values), nil
}

func (m *message) lookup(b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) ([]string, error) {
	var name string
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "name", &name); err != nil {
		return nil, err
	}
	if m.values == nil {
		return nil, nil
	}
	return m.values(name), nil
}

func list(values []string) *starlark.List {
	elements := make([]starlark.Value, len(values))
	for i, v := range values {
		elements[i] = starlark.String(v)
	}
	return starlark.NewList(elements)
}

// Attr returns nil, nil where there is no such attribute: the interpreter then names it in its error.
func (m *message) Attr(name string) (starlark.Value, error) { return m.attributes[name], nil }

// AttrNames are the attributes and methods that docs/route.md lists.
func (m *message) AttrNames() []string { return m.attributes.Keys() }

func (m *message) String() string        { return "<msg>" }
func (m *message) Type() string          { return "msg" }
func (m *message) Freeze()               { m.attributes.Freeze() }
func (m *message) Truth() starlark.Bool  { return starlark.True }
func (m *message) Hash() (uint32, error) { return 0, errors.New("unhashable type: msg") }
