package config

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/goccy/go-yaml/ast"
)

// entry reads an entry of a list: a text, or where the key names the first word, also a mapping {FIRST: WORD, NAME: VALUE, …}, which stands for the text
// "WORD NAME=VALUE …"; a list of values for the name once for each. What is wrong shows no value, which may be a secret.
func entry(field *string, n ast.Node, first string) (wrong string) {
	m, ok := n.(ast.MapNode)
	if !ok || first == "" {
		return text(field, n)
	}
	words := []string{""}
	for i := m.MapRange(); i.Next(); {
		name := i.Key().GetToken().Value
		values := []ast.Node{i.Value()}
		if l, ok := i.Value().(*ast.SequenceNode); ok && name != first {
			values = l.Values
		}
		for _, v := range values {
			word, wrong := word(v)
			switch {
			case wrong != "":
				return name + ": " + wrong
			case name == first:
				words[0] = word
			default:
				words = append(words, name+"="+word)
			}
		}
	}
	if words[0] == "" {
		return fmt.Sprintf("keys with values, of which none is %s; {%s: …} would be right", first, first)
	}
	*field = strings.Join(words, " ")
	return ""
}

// word reads a value that is one word.
func word(n ast.Node) (w, wrong string) {
	if n.Type() == ast.IntegerType {
		return n.GetToken().Value, ""
	}
	if wrong = text(&w, n); wrong == "" && (w == "" || strings.ContainsFunc(w, unicode.IsSpace)) {
		wrong = "expected text without blanks"
	}
	return w, wrong
}
