package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// block is the first block of a document in that language.
func block(t *testing.T, document, language string) string {
	t.Helper()
	_, rest, found := strings.Cut(document, "\n```"+language+"\n")
	text, _, ended := strings.Cut(rest, "\n```\n")
	if !found || !ended {
		t.Fatalf("there is no block of %s", language)
	}
	return text + "\n"
}

// TestMovingFromOpenSIPS does what docs/moving-from-opensips.md does.
func TestMovingFromOpenSIPS(t *testing.T) {
	b, err := os.ReadFile("../../docs/moving-from-opensips.md")
	if err != nil {
		t.Fatal(err)
	}
	document := string(b)
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.WriteFile("opensips.cfg", []byte(block(t, document, "cfg")), 0o600); err != nil {
		t.Fatal(err)
	}
	line := strings.TrimSpace(block(t, document, "sh"))
	status, out, errOut := parley(strings.NewReader(""), nil, strings.Fields(line)[1:]...)
	if status != 0 {
		t.Fatal(errOut)
	}
	if d := cmp.Diff(block(t, document, "text"), out); d != "" {
		t.Errorf("%s (-document +printed):\n%s", line, d)
	}
	yaml, err := os.ReadFile(filepath.Join(dir, "parley.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(block(t, document, "yaml"), string(yaml)); d != "" {
		t.Errorf("parley.yaml (-document +written):\n%s", d)
	}
	if status, _, errOut := parley(strings.NewReader(""), nil, "config", "check", "parley.yaml"); status != 0 {
		t.Error(errOut)
	}
}
