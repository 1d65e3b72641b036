package access_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/internal/access"
)

var update = flag.Bool("update", false, "rewrite the table of docs/http.md")

// TestDocument holds the table of docs/http.md to the one that counts.
func TestDocument(t *testing.T) {
	const page, begin, end = "../../docs/http.md", "<!-- Made from internal/access: go test ./internal/access -run TestDocument -update -->\n\n", "\n<!-- end -->\n"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), begin)
	got, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatal("the page has no place for the table")
	}
	if *update {
		if err := os.WriteFile(page, []byte(before+begin+access.Document()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != access.Document() {
		t.Errorf("docs/http.md is not what the table says; run with -update\n%s", access.Document())
	}
}
