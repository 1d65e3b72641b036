package route

import (
	"errors"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"go.starlark.net/starlark"
)

// readYAML reads one document without anchors, aliases and tags. Names are texts as they are written, also where they look like numbers.
func readYAML(f *dictFile) (*starlark.Dict, error) {
	file, err := parser.ParseBytes(f.text, 0)
	if err != nil {
		if e, ok := errors.AsType[yaml.Error](err); ok && e.GetToken() != nil {
			at := e.GetToken().Position
			return nil, f.wrong(at.Line, at.Column, "%s", e.GetMessage())
		}
		return nil, f.wrong(1, 1, "%v", err)
	}
	switch {
	case len(file.Docs) > 1:
		at := file.Docs[1].Start.Position
		return nil, f.wrong(at.Line, at.Column, "a second document")
	case len(file.Docs) == 0 || file.Docs[0].Body == nil || file.Docs[0].Body.Type() == ast.NullType:
		return starlark.NewDict(0), nil
	}
	m, ok := file.Docs[0].Body.(ast.MapNode)
	if !ok {
		return nil, f.wrongNode(file.Docs[0].Body, wantDict)
	}
	return f.mapping(m, 1)
}

func (f *dictFile) wrongNode(n ast.Node, what string) error {
	at := n.GetToken().Position
	return f.wrong(at.Line, at.Column, "%s", what)
}

func (f *dictFile) mapping(m ast.MapNode, depth int) (*starlark.Dict, error) {
	d := starlark.NewDict(0)
	for i := m.MapRange(); i.Next(); {
		name, ok := yamlName(i.Key())
		if !ok {
			return nil, f.wrongNode(i.Key(), "a name that is no text")
		}
		v, err := f.yamlValue(i.Value(), depth)
		if err != nil {
			return nil, err
		}
		if !put(d, name, v) {
			return nil, f.wrongNode(i.Key(), errTwice(name))
		}
	}
	return d, nil
}

// yamlName is a name as it is written: a telephone number stays one.
func yamlName(n ast.MapKeyNode) (string, bool) {
	switch v := n.(type) {
	case *ast.StringNode:
		return v.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
		return n.GetToken().Value, true
	}
	return "", false
}

func (f *dictFile) yamlValue(n ast.Node, depth int) (starlark.Value, error) {
	switch v := n.(type) {
	case *ast.NullNode:
		return starlark.None, nil
	case *ast.BoolNode:
		return starlark.Bool(v.Value), nil
	case *ast.StringNode:
		return starlark.String(v.Value), nil
	case *ast.LiteralNode:
		return starlark.String(v.Value.Value), nil
	case *ast.IntegerNode, *ast.FloatNode:
		return f.yamlNumber(n)
	}
	if depth == maxDepth {
		return nil, f.wrongNode(n, wantFlat)
	}
	switch v := n.(type) {
	case ast.MapNode:
		return f.mapping(v, depth+1)
	case *ast.SequenceNode:
		elements := make([]starlark.Value, len(v.Values))
		for i, e := range v.Values {
			var err error
			if elements[i], err = f.yamlValue(e, depth+1); err != nil {
				return nil, err
			}
		}
		return starlark.NewList(elements), nil
	}
	return nil, f.wrongNode(n, wantOther)
}

// yamlNumber takes numbers as JSON writes them. Of what else YAML takes for a number, much is meant as text: +4930123, 0301234, 1_000.
func (f *dictFile) yamlNumber(n ast.Node) (starlark.Value, error) {
	text := n.GetToken().Value
	digits := strings.TrimPrefix(text, "-")
	plain := strings.Trim(digits, "0123456789.eE+-") == "" && digits != "" && digits[0] >= '0' && digits[0] <= '9'
	if leadingZero := len(digits) > 1 && digits[0] == '0' && digits[1] != '.'; plain && !leadingZero {
		if v, ok := number(text); ok {
			return v, nil
		}
	}
	return nil, f.wrongNode(n, text+" may be a number or a text: put a text in quotes, write a number in digits alone")
}
