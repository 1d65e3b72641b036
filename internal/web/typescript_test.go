package web_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/internal/web/openapi"
)

var update = flag.Bool("update", false, "write what is made from the code: the console's types")

// TestConsoleTypes: the console is written against the types that the API is made of.
func TestConsoleTypes(t *testing.T) {
	const file = "console/src/api.ts"
	s := start(t, node{}, nil)
	want := typeScript(s.Document().Components())
	if *update {
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what the code says: go test ./internal/web -run TestConsoleTypes -update, then npm run build in internal/web/console", file)
	}
}

func typeScript(components openapi.Members) []byte {
	var b bytes.Buffer
	b.WriteString("// Made from the Go types of the API: go test ./internal/web -run TestConsoleTypes -update\n")
	for _, c := range components {
		s := c.Value.(*openapi.Schema)
		b.WriteString("\n")
		comment(&b, "", s.Description)
		if s.Type == "object" {
			fmt.Fprintf(&b, "export interface %s %s\n", c.Name, typeOf(s, ""))
		} else {
			fmt.Fprintf(&b, "export type %s = %s;\n", c.Name, typeOf(s, ""))
		}
	}
	return b.Bytes()
}

func comment(b *bytes.Buffer, indent, text string) {
	if text != "" {
		fmt.Fprintf(b, "%s/** %s */\n", indent, strings.ReplaceAll(text, "*/", "* /"))
	}
}

func typeOf(s *openapi.Schema, indent string) string {
	switch {
	case s.Ref != "":
		return s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]
	case s.Const != nil:
		return strconv.Quote(s.Const.(string))
	case s.Enum != nil:
		var all []string
		for _, v := range s.Enum {
			all = append(all, strconv.Quote(v))
		}
		return strings.Join(all, " | ")
	case s.OneOf != nil:
		var all []string
		for _, one := range s.OneOf {
			all = append(all, typeOf(one, indent))
		}
		return strings.Join(all, " | ")
	}
	switch s.Type {
	case "string", "boolean":
		return s.Type
	case "integer", "number":
		return "number"
	case "array":
		return "Array<" + typeOf(s.Items, indent) + ">"
	case "object":
		return objectOf(s, indent)
	}
	return "unknown"
}

func objectOf(s *openapi.Schema, indent string) string {
	if values, ok := s.AdditionalProperties.(*openapi.Schema); ok {
		return "Record<string, " + typeOf(values, indent) + ">"
	}
	if len(s.Properties) == 0 {
		return "Record<string, unknown>"
	}
	var b bytes.Buffer
	b.WriteString("{\n")
	inner := indent + "  "
	for _, p := range s.Properties {
		schema := p.Value.(*openapi.Schema)
		comment(&b, inner, schema.Description)
		optional := "?"
		for _, name := range s.Required {
			if name == p.Name {
				optional = ""
			}
		}
		fmt.Fprintf(&b, "%s%s%s: %s;\n", inner, p.Name, optional, typeOf(schema, inner))
	}
	return b.String() + indent + "}"
}
