package readme

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestLinks follows every link of the documents that leads to a file of the source, and to a heading in it.
func TestLinks(t *testing.T) {
	documents, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(documents) < 10 {
		t.Fatalf("%d documents, %v", len(documents), err)
	}
	for _, name := range []string{"README.md", "ARCHITECTURE.md", "examples/README.md"} {
		documents = append(documents, filepath.Join(root, name))
	}
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for _, document := range documents {
		text := read(t, document)
		for _, m := range link.FindAllStringSubmatch(withoutBlocks(text), -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			path, anchor, _ := strings.Cut(m[1], "#")
			target := document
			if path != "" {
				target = filepath.Join(filepath.Dir(document), path)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: %s leads nowhere", document, m[1])
				continue
			}
			if anchor != "" && !headings(read(t, target))[anchor] {
				t.Errorf("%s: %s leads to no heading", document, m[1])
			}
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// withoutBlocks leaves out what is code.
func withoutBlocks(text string) string {
	text = regexp.MustCompile("(?ms)^```.*?^```$").ReplaceAllString(text, "")
	return regexp.MustCompile("`[^`\n]*`").ReplaceAllString(text, "")
}

// headings are the anchors that a document has.
func headings(text string) map[string]bool {
	all := map[string]bool{}
	text = regexp.MustCompile("(?ms)^```.*?^```$").ReplaceAllString(text, "")
	for _, m := range regexp.MustCompile(`(?m)^#+ +(.*)$`).FindAllStringSubmatch(text, -1) {
		slug := strings.ToLower(m[1])
		slug = regexp.MustCompile(`[^\p{L}\p{N}\s_-]`).ReplaceAllString(slug, "")
		all[strings.ReplaceAll(slug, " ", "-")] = true
	}
	return all
}
