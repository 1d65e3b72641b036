package cli

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// document returns docs/cli.md: every command for people, in Markdown.
func document(app *kong.Application) []byte {
	var b strings.Builder
	b.WriteString(documentIntro)
	var visit func(n *kong.Node, path string)
	visit = func(n *kong.Node, path string) {
		for _, child := range n.Children {
			if child.Hidden {
				continue
			}
			at := path + " " + child.Name
			fmt.Fprintf(&b, "\n## %s\n\n%s\n", at, plain(child.Help))
			if len(child.Children) == 0 {
				describeCommand(&b, child, at)
			}
			visit(child, at)
		}
	}
	visit(app.Node, "parley")
	return []byte(b.String())
}

func describeCommand(b *strings.Builder, n *kong.Node, at string) {
	fmt.Fprintf(b, "\n```text\n%s %s\n```\n", at, synopsis(n))
	if n.Detail != "" {
		fmt.Fprintf(b, "\n```text\n%s\n```\n", n.Detail)
	}
	rows := [][2]string{}
	for _, a := range n.Positional {
		rows = append(rows, [2]string{"`" + a.Name + "`", plain(a.Help)})
	}
	for _, f := range n.Flags {
		if f.Hidden || f.Name == "help" {
			continue
		}
		word := "--" + f.Name
		if !f.IsBool() {
			word += " " + cmp.Or(f.PlaceHolder, strings.ToUpper(f.Name))
		}
		if f.Short != 0 {
			word = "-" + string(f.Short) + ", " + word
		}
		help := plain(f.Help)
		if len(f.Envs) > 0 {
			help += " Variable: `" + strings.Join(f.Envs, "`, `") + "`."
		}
		rows = append(rows, [2]string{"`" + word + "`", help})
	}
	if len(rows) == 0 {
		return
	}
	b.WriteString("\n| | |\n|---|---|\n")
	for _, r := range rows {
		fmt.Fprintf(b, "| %s | %s |\n", r[0], strings.ReplaceAll(r[1], "|", "\\|"))
	}
}

const documentIntro = `# The command line

<!-- Made from the commands in internal/cli: go test ./internal/cli -run TestDocument -update -->

` + "`parley --help` and `parley COMMAND --help`" + ` say the same in the terminal, ` + "`parley man COMMAND | man -l -`" + ` as a manual page; ` + "`parley completion bash`" + ` (zsh, fish) prints what a
shell needs to complete commands and flags.

- Commands that work with a running daemon take ` + "`--url`" + `, or the variable ` + "`PARLEY_URL`" + `.
- ` + "`--output json`" + ` prints one JSON document, or one in each line, for programs.
- Exit status: 0, it worked; 1, it did not, and the last line says why and what to do; 2, the command line is wrong.
- Colour and progress are shown on a terminal only.
`
