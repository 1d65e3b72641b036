// Package openapi makes an OpenAPI 3.1 document from Go types, so that what describes an API is what the API is made of.
package openapi

import (
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"
)

// ProblemType is the media type of problem documents (RFC 9457).
const ProblemType = "application/problem+json"

// Operation is what one method of one path does.
type Operation struct {
	Method, Path string // the path with {name} for a segment that varies
	ID           string // unique
	Tag          string // what it is about
	Summary      string // one line
	Detail       string // more, for people; Markdown
	Params       []Param
	Query        any      // a struct whose fields are the query's parameters; nil: none
	Body         any      // of the request, in JSON: a value of its type; nil: none
	BodyTypes    []string // media types of a request that is octets
	Answers      []Answer
	Problems     []int // statuses that come with a problem document
}

// Param is a parameter in the path or a header of the request.
type Param struct {
	In, Name, Doc string
}

// Answer is a response that is no problem document.
type Answer struct {
	Status  int
	Doc     string
	Body    any     // a value of its type, in JSON; nil: see Type
	Type    string  // media type; "": application/json where there is a Body, none where there is not
	Schema  *Schema // in place of Body
	Headers []Header
}

// Header is a header of a response.
type Header struct{ Name, Doc string }

// Document is an OpenAPI document.
type Document struct {
	info       Members
	paths      Members
	tags       Members
	components schemas
	problem    any
}

// New makes a document without operations. problem is a value of the type that problem documents have.
func New(title, version, description string, problem any) *Document {
	return &Document{
		info:       Members{{"title", title}, {"version", version}, {"description", description}},
		components: schemas{byName: map[string]*Schema{}, types: map[string]reflect.Type{}},
		problem:    problem,
	}
}

// Tag describes a tag of operations.
func (d *Document) Tag(name, description string) {
	d.tags = append(d.tags, Member{name, description})
}

// Component adds a schema that no Go type stands for.
func (d *Document) Component(name string, s *Schema) { d.components.put(name, s) }

// Type adds the component of a Go type that no operation names.
func (d *Document) Type(v any) { d.components.of(reflect.TypeOf(v), false) }

// Add adds an operation.
func (d *Document) Add(o *Operation) {
	item, _ := d.paths.Get(o.Path).(*Members)
	if item == nil {
		item = &Members{}
		d.paths = append(d.paths, Member{o.Path, item})
	}
	*item = append(*item, Member{strings.ToLower(o.Method), d.operation(o)})
}

func (d *Document) operation(o *Operation) Members {
	m := Members{{"operationId", o.ID}, {"tags", []string{o.Tag}}, {"summary", o.Summary}}
	if o.Detail != "" {
		m = append(m, Member{"description", o.Detail})
	}
	if params := d.params(o); len(params) > 0 {
		m = append(m, Member{"parameters", params})
	}
	if body := d.requestBody(o); body != nil {
		m = append(m, Member{"requestBody", body})
	}
	var answers Members
	for i := range o.Answers {
		answers = append(answers, Member{strconv.Itoa(o.Answers[i].Status), d.answer(&o.Answers[i])})
	}
	for _, status := range o.Problems {
		answers = append(answers, Member{strconv.Itoa(status), Members{
			{"description", http.StatusText(status)},
			{"content", Members{{ProblemType, Members{{"schema", d.components.of(reflect.TypeOf(d.problem), false)}}}}},
		}})
	}
	return append(m, Member{"responses", answers})
}

func (d *Document) params(o *Operation) []Members {
	var params []Members
	for _, p := range o.Params {
		params = append(params, Members{
			{"name", p.Name}, {"in", p.In}, {"required", p.In == "path"}, {"description", p.Doc}, {"schema", &Schema{Type: "string"}},
		})
	}
	if o.Query == nil {
		return params
	}
	for f := range reflect.TypeOf(o.Query).Fields() {
		schema := d.components.of(f.Type, false)
		annotate(schema, f)
		doc := schema.Description
		schema.Description = ""
		p := Members{{"name", MemberOf(f, "query").Name}, {"in", "query"}, {"description", doc}, {"schema", schema}}
		if schema.Type == "array" {
			p = append(p, Member{"style", "form"}, Member{"explode", false})
		}
		params = append(params, p)
	}
	return params
}

func (d *Document) requestBody(o *Operation) Members {
	var content Members
	if o.Body != nil {
		content = append(content, Member{"application/json", Members{{"schema", d.components.of(reflect.TypeOf(o.Body), true)}}})
	}
	for _, t := range o.BodyTypes {
		content = append(content, Member{t, Members{}})
	}
	if content == nil {
		return nil
	}
	return Members{{"required", true}, {"content", content}}
}

func (d *Document) answer(a *Answer) Members {
	m := Members{{"description", a.Doc}}
	if len(a.Headers) > 0 {
		var headers Members
		for _, h := range a.Headers {
			headers = append(headers, Member{h.Name, Members{{"description", h.Doc}, {"schema", &Schema{Type: "string"}}}})
		}
		m = append(m, Member{"headers", headers})
	}
	schema := a.Schema
	if a.Body != nil {
		schema = d.components.of(reflect.TypeOf(a.Body), false)
	}
	media := a.Type
	if media == "" && schema != nil {
		media = "application/json"
	}
	if media == "" {
		return m
	}
	var content Members
	if schema != nil {
		content = Members{{"schema", schema}}
	}
	return append(m, Member{"content", Members{{media, content}}})
}

// MarshalJSON writes the document.
func (d *Document) MarshalJSON() ([]byte, error) {
	var tags []Members
	for _, t := range d.tags {
		tags = append(tags, Members{{"name", t.Name}, {"description", t.Value}})
	}
	var components Members
	for _, name := range d.components.order {
		schema := d.components.byName[name]
		if schema == nil {
			return nil, fmt.Errorf("openapi: component %s is not there", name)
		}
		components = append(components, Member{name, schema})
	}
	return Members{
		{"openapi", "3.1.0"}, {"info", d.info}, {"tags", tags}, {"paths", d.paths}, {"components", Members{{"schemas", components}}},
	}.MarshalJSON()
}

// Components gives the schemas by name, in the order in which they were met.
func (d *Document) Components() Members {
	var m Members
	for _, name := range d.components.order {
		m = append(m, Member{name, d.components.byName[name]})
	}
	return m
}
