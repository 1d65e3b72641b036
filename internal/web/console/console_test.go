package console

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestBuiltFromTheseSources needs nothing but Go; scripts/console builds it all again and compares.
func TestBuiltFromTheseSources(t *testing.T) {
	sources, err := filepath.Glob("src/*")
	if err != nil || len(sources) == 0 {
		t.Fatal("no sources", err)
	}
	sources = append(sources, "build.mjs", "package-lock.json", "package.json", "tsconfig.json")
	slices.Sort(sources)
	var want strings.Builder
	for _, name := range sources {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&want, "%x  %s\n", sha256.Sum256(b), name)
	}
	if got, err := os.ReadFile("dist/SOURCES"); err != nil || string(got) != want.String() {
		t.Errorf("dist was built from other sources (%v): run npm ci and npm run build in internal/web/console", err)
	}
}
