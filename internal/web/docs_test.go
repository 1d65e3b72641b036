package web_test

import (
	"context"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Each command of the pages is run by a shell against a running server, and must print what the block after it shows; an
// ellipsis stands for anything.
func TestCommandsOfThePages(t *testing.T) {
	for _, page := range []string{"../../docs/mi.md", "../../docs/http.md"} {
		t.Run(page, func(t *testing.T) {
			s := start(t, node{}, nil)
			fill(s.journal, session)
			text, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			commands := regexp.MustCompile("(?s)```sh\n(.*?)```\n\n```(?:json|text)\n(.*?)```").FindAllStringSubmatch(string(text), -1)
			if n := strings.Count(string(text), "```sh\n"); n == 0 || n != len(commands) {
				t.Fatalf("%d commands, %d of them with what they print", n, len(commands))
			}
			for _, c := range commands {
				t.Run(c[1], func(t *testing.T) {
					got := run(t, strings.ReplaceAll(c[1], "127.0.0.1:8888", s.addr))
					if !pattern(c[2]).MatchString(strings.TrimSpace(got)) {
						t.Errorf("prints\n%s\nwant\n%s", got, c[2])
					}
				})
			}
		})
	}
}

func run(t *testing.T, command string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	printed, err := exec.CommandContext(ctx, "sh", "-c", command).CombinedOutput()
	// curl exits with 28 where --max-time ends what would go on for ever.
	if err != nil && !strings.Contains(command, "--max-time") {
		t.Fatalf("%v: %s", err, printed)
	}
	return string(printed)
}

func pattern(text string) *regexp.Regexp {
	parts := strings.Split(strings.TrimSpace(text), "…")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile("^" + strings.Join(parts, ".*") + "$")
}
