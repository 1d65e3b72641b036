package web_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/parley-msrp/parley/internal/event"
)

// described checks what is asked and answered against /openapi.json, with a validator that shares no code with what made the document.
type described struct {
	document any
	compiler *jsonschema.Compiler
	seen     map[string]bool // METHOD path status
}

const documentURL = "https://parley.test/openapi.json"

func describe(t *testing.T, s *side) *described {
	t.Helper()
	answer, text := s.do(t, "GET", "/openapi.json", "")
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("/openapi.json: %s", answer.Status)
	}
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	d := &described{document: document, compiler: jsonschema.NewCompiler(), seen: map[string]bool{}}
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	d.compiler.AssertFormat()
	d.compiler.AssertContent()
	if err := d.compiler.AddResource(documentURL, document); err != nil {
		t.Fatal(err)
	}
	return d
}

// at follows members by name; nil where one is missing.
func at(v any, names ...string) any {
	for _, name := range names {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

// path is the document's path for one that was asked for.
func (d *described) path(asked string) string {
	u, _ := url.Parse(asked)
	segments := strings.Split(u.EscapedPath(), "/")
	paths, _ := at(d.document, "paths").(map[string]any)
	for path := range paths {
		pattern := strings.Split(path, "/")
		if slices.EqualFunc(pattern, segments, func(p, s string) bool { return p == s || strings.HasPrefix(p, "{") && s != "" }) {
			return path
		}
	}
	return ""
}

// check says what of an answer is not as described.
func (d *described) check(t *testing.T, method, asked string, answer *http.Response, body string) {
	t.Helper()
	path := d.path(asked)
	status := strconv.Itoa(answer.StatusCode)
	operation := at(d.document, "paths", path, strings.ToLower(method))
	if operation == nil || answer.StatusCode == http.StatusNotModified || answer.StatusCode == http.StatusForbidden {
		return
	}
	d.seen[method+" "+path+" "+status] = true
	response := at(operation, "responses", status)
	if response == nil {
		t.Errorf("%s %s is not described to answer %s", method, path, status)
		return
	}
	media := answer.Header.Get("Content-Type")
	contents, _ := at(response, "content").(map[string]any)
	if content, ok := contents[media]; (!ok && (media != "" || contents != nil)) || content == nil && body != "" {
		t.Errorf("%s %s answers %s with %q, described are %v", method, path, status, media, contents)
		return
	}
	for name := range asMap(at(response, "headers")) {
		if answer.Header.Get(name) == "" {
			t.Errorf("%s %s answers %s without %s", method, path, status, name)
		}
	}
	if strings.HasSuffix(media, "json") {
		pointer := []string{"paths", path, strings.ToLower(method), "responses", status, "content", media, "schema"}
		d.validate(t, method+" "+path+" "+status, pointer, body)
	}
}

func asMap(v any) map[string]any { m, _ := v.(map[string]any); return m }

// validate checks JSON against the schema at a place of the document.
func (d *described) validate(t *testing.T, what string, pointer []string, text string) {
	t.Helper()
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	var fragment strings.Builder
	for _, p := range pointer {
		fragment.WriteString("/" + url.PathEscape(escape.Replace(p)))
	}
	schema, err := d.compiler.Compile(documentURL + "#" + fragment.String())
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%s: %v in %s", what, err, text)
	}
	if err := schema.Validate(document); err != nil {
		t.Errorf("%s is not as described: %v\n%s", what, err, text)
	}
}

// TestDocument: what /openapi.json says is sound in itself.
func TestDocument(t *testing.T) {
	s := start(t, node{}, nil)
	d := describe(t, s)
	if v := at(d.document, "openapi"); v != "3.1.0" {
		t.Errorf("openapi is %v", v)
	}
	ids := map[string]bool{}
	for path, item := range asMap(at(d.document, "paths")) {
		for method, operation := range asMap(item) {
			name := method + " " + path
			id, _ := at(operation, "operationId").(string)
			if id == "" || ids[id] {
				t.Errorf("%s: operationId %q", name, id)
			}
			ids[id] = true
			var params []string
			list, _ := at(operation, "parameters").([]any)
			for _, p := range list {
				if at(p, "in") == "path" {
					params = append(params, "{"+at(p, "name").(string)+"}")
				}
			}
			var want []string
			for segment := range strings.SplitSeq(path, "/") {
				if strings.HasPrefix(segment, "{") {
					want = append(want, segment)
				}
			}
			if !slices.Equal(params, want) {
				t.Errorf("%s: path parameters %v, want %v", name, params, want)
			}
			if len(asMap(at(operation, "responses"))) == 0 {
				t.Errorf("%s: no responses", name)
			}
		}
	}
	for name := range asMap(at(d.document, "components", "schemas")) {
		if _, err := d.compiler.Compile(documentURL + "#/components/schemas/" + name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestEventsAreAsDescribed holds the catalogue's examples, and what a stream tells, against the document.
func TestEventsAreAsDescribed(t *testing.T) {
	s := start(t, node{}, nil)
	d := describe(t, s)
	for _, k := range event.Catalogue() {
		d.validate(t, string(k.Name), []string{"components", "schemas", "Event"}, string(k.Example.AppendCloudEvent(nil)))
	}
	fill(s.journal, session)
	f := s.follow(t, "?from=0")
	for range 4 {
		b, ok := f.next()
		if !ok {
			t.Fatal("the stream ended")
		}
		d.validate(t, b.event, []string{"components", "schemas", b.event}, b.data)
	}
	wrong := bytes.Replace(event.Catalogue()[0].Example.AppendCloudEvent(nil), []byte(`"from_uri"`), []byte(`"form_uri"`), 1)
	schema, err := d.compiler.Compile(documentURL + "#/components/schemas/Event")
	if err != nil {
		t.Fatal(err)
	}
	var document any
	if err := json.Unmarshal(wrong, &document); err != nil {
		t.Fatal(err)
	}
	if schema.Validate(document) == nil {
		t.Error("an event without from_uri passes")
	}
}
