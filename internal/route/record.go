package route

import (
	"fmt"

	"go.starlark.net/starlark"
)

// record is a value of the script's that has named attributes, which cannot be changed.
type record struct {
	kind       string
	text       string // of str
	attributes starlark.StringDict
}

var _ starlark.HasAttrs = (*record)(nil)

// Attr returns nil, nil where there is no such attribute: the interpreter then names it in its error.
func (r *record) Attr(name string) (starlark.Value, error) { return r.attributes[name], nil }

// AttrNames are the attributes and methods that docs/route.md lists.
func (r *record) AttrNames() []string { return r.attributes.Keys() }

func (r *record) String() string        { return r.text }
func (r *record) Type() string          { return r.kind }
func (r *record) Freeze()               { r.attributes.Freeze() }
func (r *record) Truth() starlark.Bool  { return starlark.True }
func (r *record) Hash() (uint32, error) { return 0, fmt.Errorf("unhashable type: %s", r.kind) }

func list(values []string) *starlark.List {
	elements := make([]starlark.Value, len(values))
	for i, v := range values {
		elements[i] = starlark.String(v)
	}
	return starlark.NewList(elements)
}
