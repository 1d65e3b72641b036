package readme

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// executed are the documents whose commands a test runs, all of them, and the test that does.
var executed = map[string]string{
	"docs/http.md":                 "internal/web TestCommandsOfThePages",
	"docs/mi.md":                   "internal/web TestCommandsOfThePages",
	"docs/route.md":                "internal/cli TestRoutePage",
	"docs/moving-from-opensips.md": "internal/cli TestMovingFromOpenSIPS",
	"docs/tutorial.md":             "TestTutorial",
}

// inPart are sections, or blocks with a text in them, that a test runs in documents of which it does not run all.
var inPart = map[string]*regexp.Regexp{
	"README.md":         regexp.MustCompile("(?ms)^## Five minutes$.*?^## "),                       // TestTour
	"docs/operating.md": regexp.MustCompile("(?ms)^```sh\n[^\n]*\"method\":\"log_level\".*?^```$"), // TestTutorial
}

// notRun is what stands before a block that no test runs, with the reason.
var notRun = regexp.MustCompile(`<!-- not run as it stands: \S.* -->\n\n$`)

// TestBlocks looks for commands that no test runs and that do not say why.
func TestBlocks(t *testing.T) {
	documents, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(documents, filepath.Join(root, "README.md"), filepath.Join(root, "examples", "README.md")) {
		name, err := filepath.Rel(root, path)
		if err != nil {
			t.Fatal(err)
		}
		if executed[name] != "" {
			continue
		}
		text := read(t, path)
		if part := inPart[name]; part != nil {
			if !part.MatchString(text) {
				t.Errorf("%s: what is run of it is not there", name)
			}
			text = part.ReplaceAllString(text, "")
		}
		for at := 0; ; {
			i := strings.Index(text[at:], "\n```sh\n")
			if i < 0 {
				break
			}
			at += i + 1
			if !notRun.MatchString(text[:at]) {
				block, _, _ := strings.Cut(text[at:], "\n```\n")
				t.Errorf("%s: no test runs this, and it does not say why:\n%s", name, block)
			}
			at++
		}
	}
}
