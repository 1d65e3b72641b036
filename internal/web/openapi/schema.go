package openapi

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Schema is a JSON Schema (2020-12), as far as Go types need it.
type Schema struct {
	Ref                  string    `json:"$ref,omitempty"`
	Type                 string    `json:"type,omitempty"`
	Description          string    `json:"description,omitempty"`
	Format               string    `json:"format,omitempty"`
	ContentEncoding      string    `json:"contentEncoding,omitempty"`
	Const                any       `json:"const,omitempty"`
	Enum                 []string  `json:"enum,omitempty"`
	Default              any       `json:"default,omitempty"`
	Minimum              *int64    `json:"minimum,omitempty"`
	Maximum              *int64    `json:"maximum,omitempty"`
	Items                *Schema   `json:"items,omitempty"`
	Properties           Members   `json:"properties,omitempty"`
	Required             []string  `json:"required,omitempty"`
	AdditionalProperties any       `json:"additionalProperties,omitempty"` // false or a *Schema
	OneOf                []*Schema `json:"oneOf,omitempty"`
}

// Enumerated is a type of strings that has few values.
type Enumerated interface{ Enum() []string }

// Ref refers to a component.
func Ref(name string) *Schema { return &Schema{Ref: "#/components/schemas/" + name} }

// schemas makes components of the Go types that it meets.
type schemas struct {
	byName map[string]*Schema
	types  map[string]reflect.Type
	order  []string
}

// put adds a component.
func (s *schemas) put(name string, schema *Schema) {
	if s.byName[name] == nil {
		s.order = append(s.order, name)
	}
	s.byName[name] = schema
}

// of is the schema of a type: a reference to its component where it is a struct that has a name.
func (s *schemas) of(t reflect.Type, strict bool) *Schema {
	if schema := basic(t); schema != nil {
		return schema
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.of(t.Elem(), strict)
	case reflect.Slice:
		return &Schema{Type: "array", Items: s.of(t.Elem(), strict)}
	case reflect.Map:
		return &Schema{Type: "object", AdditionalProperties: s.of(t.Elem(), strict)}
	case reflect.Struct:
		return s.component(t, strict)
	}
	panic(fmt.Sprintf("openapi: no schema for %v", t))
}

func basic(t reflect.Type) *Schema {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return &Schema{Type: "string", Format: "date-time"}
	case t == reflect.TypeFor[[]byte]():
		return &Schema{Type: "string", ContentEncoding: "base64"}
	}
	switch t.Kind() {
	case reflect.String:
		return &Schema{Type: "string", Enum: enumOf(t)}
	case reflect.Bool:
		return &Schema{Type: "boolean"}
	case reflect.Int, reflect.Int64, reflect.Uint64, reflect.Uint32:
		return &Schema{Type: "integer"}
	case reflect.Float64:
		return &Schema{Type: "number"}
	case reflect.Interface:
		return &Schema{}
	}
	return nil
}

func enumOf(t reflect.Type) []string {
	if e, ok := reflect.Zero(t).Interface().(Enumerated); ok {
		return e.Enum()
	}
	return nil
}

func (s *schemas) component(t reflect.Type, strict bool) *Schema {
	name := t.Name()
	switch known := s.types[name]; {
	case name == "":
		return s.object(t, strict)
	case known == t:
		return Ref(name)
	case known != nil:
		panic(fmt.Sprintf("openapi: %v and %v would have the same name", known, t))
	}
	s.types[name] = t
	s.put(name, nil)
	s.byName[name] = s.object(t, strict)
	return Ref(name)
}

// object is the schema of a struct. A member may be missing exactly where its tag says omitempty or omitzero; strict says that there are no others.
func (s *schemas) object(t reflect.Type, strict bool) *Schema {
	o := &Schema{Type: "object"}
	if strict {
		o.AdditionalProperties = false
	}
	for f := range t.Fields() {
		m := MemberOf(f, "json")
		if m.Name == "" {
			continue
		}
		schema := s.of(f.Type, strict)
		annotate(schema, f)
		o.Properties = append(o.Properties, Member{m.Name, schema})
		if !m.Optional {
			o.Required = append(o.Required, m.Name)
		}
	}
	return o
}

// annotate adds what the tags of a field say: doc, default, min and max.
func annotate(schema *Schema, f reflect.StructField) {
	schema.Description = f.Tag.Get("doc")
	if least, most, ok := Limits(f); ok {
		schema.Minimum, schema.Maximum = &least, &most
	}
	text, ok := f.Tag.Lookup("default")
	switch {
	case !ok:
	case schema.Type == "integer":
		n, err := strconv.Atoi(text)
		if err != nil {
			panic(fmt.Sprintf("openapi: default of %s: %v", f.Name, err))
		}
		schema.Default = n
	default:
		schema.Default = text
	}
}

// Limits are the tags min and max of a number; not ok: it has none.
func Limits(f reflect.StructField) (least, most int64, ok bool) {
	least, minErr := strconv.ParseInt(f.Tag.Get("min"), 10, 64)
	most, maxErr := strconv.ParseInt(f.Tag.Get("max"), 10, 64)
	return least, most, minErr == nil && maxErr == nil
}

// Field is what the tag of a struct's field says of a member or parameter.
type Field struct {
	Name     string // "": none
	Optional bool
}

// MemberOf reads a tag of the form "name,omitempty".
func MemberOf(f reflect.StructField, tag string) Field {
	name, options, _ := strings.Cut(f.Tag.Get(tag), ",")
	if name == "-" {
		name = ""
	}
	all := strings.Split(options, ",")
	return Field{Name: name, Optional: slices.Contains(all, "omitempty") || slices.Contains(all, "omitzero")}
}
