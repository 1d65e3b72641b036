package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// source is a configuration being read: where its values come from, and what is wrong so far.
type source struct {
	file      string
	text      []byte
	places    map[string]*token.Token // of the values in the file, by key
	variables map[string]string       // environment variables that were taken, by key
	problems  []Problem
}

// complain adds a problem with a key, at a place in the file.
func (s *source) complain(at *token.Token, key, format string, args ...any) {
	p := Problem{Key: key, Text: fmt.Sprintf(format, args...), File: s.file}
	if at != nil && at.Position != nil {
		p.Line, p.Column = at.Position.Line, at.Position.Column
		if !s.hides(key, p.Line) {
			p.Excerpt = excerpt(s.text, p.Line)
		}
	}
	s.problems = append(s.problems, p)
}

// hides says whether a line may hold a secret: it belongs to a secret key, or what key it belongs to is not known and a section with secrets
// stands before it.
func (s *source) hides(key string, line int) bool {
	before := bytes.Join(bytes.SplitAfterN(s.text, []byte("\n"), line+1)[:min(line, bytes.Count(s.text, []byte("\n"))+1)], nil)
	keys := Keys()
	for i := range keys {
		k := &keys[i]
		if k.secret && (key == k.Path || key == k.Section() || key == "" && bytes.Contains(before, []byte(k.Section()))) {
			return true
		}
	}
	return false
}

// sort brings the problems into the order of the file; those without a place in it come last.
func (s *source) sort() {
	place := func(p Problem) int {
		if p.Line == 0 {
			return math.MaxInt
		}
		return p.Line
	}
	slices.SortStableFunc(s.problems, func(a, b Problem) int { return cmp.Compare(place(a), place(b)) })
}

// overlayFile reads the file's text over c. It is strict: the file may say nothing that no key asks for.
func (s *source) overlayFile(c *Config) {
	s.places = make(map[string]*token.Token)
	f, err := parser.ParseBytes(s.text, 0)
	if err != nil {
		if e, ok := errors.AsType[yaml.Error](err); ok {
			s.complain(e.GetToken(), "", "%s", e.GetMessage())
		} else {
			s.complain(nil, "", "%v", err)
		}
		return
	}
	if len(f.Docs) > 1 {
		s.complain(f.Docs[1].Start, "", "expected one YAML document, got %d", len(f.Docs))
		return
	}
	if len(f.Docs) == 0 || f.Docs[0].Body == nil {
		return
	}
	s.section(c, Keys(), "", f.Docs[0].Body)
}

// section reads a mapping: the whole file, or what stands below one of its names.
func (s *source) section(c *Config, keys []Key, name string, n ast.Node) {
	if n.Type() == ast.NullType {
		return
	}
	m, ok := n.(ast.MapNode)
	if !ok {
		s.complain(n.GetToken(), name, "%s", expected("keys with values ("+names(keys, name)+")", n))
		return
	}
	for i := m.MapRange(); i.Next(); {
		at := i.Key().GetToken()
		path := at.Value
		if name != "" {
			path = name + "." + path
		}
		key, known := find(keys, path)
		switch {
		case known:
			s.places[path] = i.Value().GetToken()
			s.set(c, key, i.Value())
		case name == "" && isSection(keys, path):
			s.section(c, keys, path, i.Value())
		default:
			s.complain(at, path, "unknown key; known are %s", names(keys, name))
		}
	}
}

func isSection(keys []Key, name string) bool {
	return slices.ContainsFunc(keys, func(k Key) bool { return k.Section() == name })
}

// names lists what may stand in a section.
func names(keys []Key, section string) string {
	var list []string
	for i := range keys {
		name := keys[i].Name()
		if section == "" && keys[i].Section() != "" {
			name = keys[i].Section()
		} else if keys[i].Section() != section {
			continue
		}
		if !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return strings.Join(list, ", ")
}

// set puts a value of the file into its field.
func (s *source) set(c *Config, k *Key, n ast.Node) {
	var wrong string
	switch field := k.field(c).(type) {
	case *string:
		wrong = text(field, n)
	case *[]string:
		wrong = list(field, n, k.entry)
	case *bool:
		b, ok := n.(*ast.BoolNode)
		if !ok {
			wrong = expected(wantBool, n)
			break
		}
		*field = b.Value
	case *int:
		v, ok := number(n)
		if !ok || v != math.Trunc(v) || math.Abs(v) >= 1<<53 {
			wrong = expected(wantInt, n)
			break
		}
		*field = int(v)
	case *fs.FileMode:
		// The text as it stands: 600 and 0600 are the same to who writes permissions, and not to YAML.
		if n.Type() != ast.IntegerType && n.Type() != ast.StringType {
			wrong = expected(wantMode, n)
			break
		}
		wrong = mode(field, n.GetToken().Value)
	case *time.Duration:
		v, ok := number(n)
		if !ok {
			wrong = expected(wantSeconds, n)
			break
		}
		wrong = seconds(field, v)
	}
	if wrong != "" {
		s.complain(n.GetToken(), k.Path, "%s", wrong)
	}
}

func text(field *string, n ast.Node) string {
	switch v := n.(type) {
	case *ast.StringNode:
		*field = v.Value
	case *ast.LiteralNode:
		*field = v.Value.Value
	default:
		return expected("text", n)
	}
	return ""
}

func list(field *[]string, n ast.Node, first string) string {
	l, ok := n.(*ast.SequenceNode)
	if !ok {
		return expected(`a list of texts, such as ["tcp:127.0.0.1:2855"]`, n)
	}
	if len(l.Values) == 0 {
		*field = nil
		return ""
	}
	values := make([]string, len(l.Values))
	for i, v := range l.Values {
		if wrong := entry(&values[i], v, first); wrong != "" {
			return fmt.Sprintf("entry %d: %s", i+1, wrong)
		}
	}
	*field = values
	return ""
}

func number(n ast.Node) (float64, bool) {
	switch v := n.(type) {
	case *ast.IntegerNode:
		switch i := v.Value.(type) {
		case int64:
			return float64(i), true
		case uint64:
			return float64(i), true
		}
	case *ast.FloatNode:
		return v.Value, true
	}
	return 0, false
}

// maxSeconds is more than thirty years, and fits a time.Duration.
const maxSeconds = 1e9

// seconds sets a field from a number of seconds.
func seconds(field *time.Duration, v float64) string {
	if !(v >= 0 && v <= maxSeconds) {
		return "out of range; 0 to " + strconv.Itoa(maxSeconds) + " seconds would be right"
	}
	*field = time.Duration(math.Round(v * float64(time.Second)))
	return ""
}

// mode sets a field from permissions in octal.
func mode(field *fs.FileMode, s string) string {
	v, err := strconv.ParseUint(s, 8, 32)
	if err != nil || v > 0o777 {
		return "expected " + wantMode + ", got " + quoted(s)
	}
	*field = fs.FileMode(v)
	return ""
}

// What belongs into a field, for people.
const (
	wantMode    = "permissions in octal, such as 0600"
	wantBool    = "true or false"
	wantInt     = "a whole number"
	wantSeconds = "a number of seconds, such as 60 or 0.5"
)

func expected(want string, n ast.Node) string { return "expected " + want + ", got " + kind(n) }

// kind names what a node is, for people.
func kind(n ast.Node) string {
	switch n.Type() {
	case ast.NullType:
		return "no value"
	case ast.BoolType:
		return wantBool
	case ast.IntegerType:
		return "a number"
	case ast.FloatType:
		return "a number with a fraction"
	case ast.InfinityType, ast.NanType:
		return "what is no finite number"
	case ast.StringType, ast.LiteralType:
		return "text"
	case ast.SequenceType:
		return "a list"
	case ast.MappingType, ast.MappingValueType:
		return "keys with values"
	}
	return "an anchor, alias or tag"
}
