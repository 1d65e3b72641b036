package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestCompletion asks the shells themselves what they would offer.
func TestCompletion(t *testing.T) {
	file := func(t *testing.T, shell string) string {
		status, out, errOut := parley(strings.NewReader(""), nil, "completion", shell)
		if status != 0 {
			t.Fatal(errOut)
		}
		path := filepath.Join(t.TempDir(), "completion")
		if err := os.WriteFile(path, []byte(out), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	run := func(t *testing.T, name string, args ...string) []string {
		c := exec.Command(name, args...)
		c.Env = append(os.Environ(), "HOME="+t.TempDir(), "TERM=dumb")
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		var words []string
		for line := range strings.Lines(string(out)) {
			word, _, _ := strings.Cut(strings.TrimSpace(line), "\t")
			words = append(words, word)
		}
		slices.Sort(words)
		return words
	}
	lines := []struct{ line, want string }{
		{"parley ses", "sessions"},
		{"parley sessions st", "start"},
		{"parley sessions start --fr", "--from"},
		{"parley route test --outp", "--output"},
	}
	t.Run("bash", func(t *testing.T) {
		path := file(t, "bash")
		script := `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _parley; printf '%s\n' "${COMPREPLY[@]}"`
		for _, l := range lines {
			got := run(t, "bash", slices.Concat([]string{"-c", script, "bash", path}, strings.Fields(l.line))...)
			if !slices.Equal(got, []string{l.want}) {
				t.Errorf("%s: %v, want %s", l.line, got, l.want)
			}
		}
		if got := run(t, "bash", "-c", script, "bash", path, "parley", "completion", "--output", "j"); !slices.Equal(got, []string{"json"}) {
			t.Errorf("values of a flag: %v", got)
		}
	})
	t.Run("fish", func(t *testing.T) {
		path := file(t, "fish")
		for _, l := range lines {
			got := run(t, "fish", "-c", "source $argv[1]; complete -C $argv[2]", path, l.line)
			if !slices.Contains(got, l.want) {
				t.Errorf("%s: %v, want %s", l.line, got, l.want)
			}
		}
	})
	t.Run("zsh", func(t *testing.T) {
		// Its completion system works in a terminal only: _describe shows what the function found.
		path := file(t, "zsh")
		script := `_describe() { print -l -- "${choices[@]}" }; _files() { }; shift 0; words=("${(@)argv[2,-1]}"); CURRENT=$#words; f=$1; argv=(); source $f`
		for _, l := range lines {
			got := run(t, "zsh", slices.Concat([]string{"-f", "-c", script, "zsh", path}, strings.Fields(l.line))...)
			if !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, l.want+":") }) {
				t.Errorf("%s: %v, want %s", l.line, got, l.want)
			}
		}
	})
}

// TestManual has a formatter look for mistakes in every page.
func TestManual(t *testing.T) {
	pages := [][]string{{}, {"sessions"}, {"sessions", "start"}, {"route", "test"}, {"chat"}, {"completion"}, {"import"}}
	for _, page := range pages {
		status, out, errOut := parley(strings.NewReader(""), nil, append([]string{"man"}, page...)...)
		if status != 0 {
			t.Fatal(errOut)
		}
		for _, section := range []string{".SH NAME\n", ".SH SYNOPSIS\n", ".SH OPTIONS\n"} {
			if !strings.Contains(out, section) {
				t.Errorf("%v: there is no %q in\n%s", page, section, out)
			}
		}
		c := exec.Command("mandoc", "-T", "lint", "-W", "warning")
		c.Stdin = strings.NewReader(strings.Replace(out, ` 1 "" `, ` 1 "2026-11-29" `, 1)) // the pages of one build are alike, and so have no date
		if lint, err := c.CombinedOutput(); err != nil {
			t.Errorf("%v: %v\n%s", page, err, lint)
		}
	}
	if status, _, errOut := parley(strings.NewReader(""), nil, "man", "nonsense"); status != 1 || !strings.Contains(errOut, `no command "nonsense"`) {
		t.Errorf("%d %s", status, errOut)
	}
}
