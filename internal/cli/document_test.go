package cli

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the documents anew")

// TestDocument holds docs/cli.md to the commands.
func TestDocument(t *testing.T) {
	var c commands
	parser, err := kong.New(&c, kong.Name("parley"))
	if err != nil {
		t.Fatal(err)
	}
	const path = "../../docs/cli.md"
	want := document(parser.Model)
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what the commands say; make it with go test ./internal/cli -run TestDocument -update\n%s", path, cmp.Diff(string(got), string(want)))
	}
}
