package cli

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/parley-msrp/parley/internal/version"
)

type manCommand struct {
	Command []string `arg:"" optional:"" help:"The command that the page is about; none: the program and all its commands."`
}

// Help is shown below the command's usage.
func (manCommand) Help() string {
	return "Read it: parley man sessions | man -l -"
}

func (c *manCommand) Run(k *kong.Kong, std IO) error {
	node := k.Model.Node
	for _, name := range c.Command {
		child := childOf(node, name)
		if child == nil {
			return fmt.Errorf("there is no command %q; \"parley --help\" has them all", strings.Join(c.Command, " "))
		}
		node = child
	}
	return page(std.Out, k.Model.Node, node, c.Command)
}

func childOf(n *kong.Node, name string) *kong.Node {
	for _, child := range n.Children {
		if child.Name == name && !child.Hidden {
			return child
		}
	}
	return nil
}

// page writes a manual page in the man macros.
func page(w io.Writer, program, n *kong.Node, path []string) error {
	var b strings.Builder
	name := strings.Join(append([]string{"parley"}, path...), "-")
	fmt.Fprintf(&b, ".TH %s 1 \"\" %s %s\n", strings.ToUpper(name), macro("Parley "+version.String()), macro("Parley manual"))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(name), roff(plain(n.Help)))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n%s\n", roff(strings.Join(append([]string{"parley"}, path...), " ")), roff(synopsis(n)))
	if n.Detail != "" {
		fmt.Fprintf(&b, ".SH DESCRIPTION\n.nf\n%s\n.fi\n", roff(n.Detail))
	}
	if len(n.Positional) > 0 {
		b.WriteString(".SH ARGUMENTS\n")
		for _, a := range n.Positional {
			fmt.Fprintf(&b, ".TP\n.I %s\n%s\n", roff(a.Name), roff(plain(a.Help)))
		}
	}
	b.WriteString(".SH OPTIONS\n")
	for at := n; at != nil; at = at.Parent {
		options(&b, at)
	}
	commandsOf(&b, n, path)
	if n == program {
		b.WriteString(exitStatus)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func synopsis(n *kong.Node) string {
	parts := []string{"[options]"}
	for _, a := range n.Positional {
		name := a.Name
		if a.IsCumulative() {
			name += " ..."
		}
		if !a.Required {
			name = "[" + name + "]"
		}
		parts = append(parts, name)
	}
	if len(n.Children) > 0 {
		parts = append(parts, "COMMAND")
	}
	return strings.Join(parts, " ")
}

func options(b *strings.Builder, n *kong.Node) {
	for _, f := range n.Flags {
		if f.Hidden {
			continue
		}
		value := ""
		if !f.IsBool() {
			value = " " + cmp.Or(f.PlaceHolder, strings.ToUpper(f.Name))
		}
		fmt.Fprintf(b, ".TP\n.B \\-\\-%s%s\n%s\n", roff(f.Name), roff(value), roff(plain(f.Help)))
		if len(f.Envs) > 0 {
			fmt.Fprintf(b, "Variable: %s.\n", roff(strings.Join(f.Envs, ", ")))
		}
	}
}

func commandsOf(b *strings.Builder, n *kong.Node, path []string) {
	if len(n.Children) == 0 {
		return
	}
	b.WriteString(".SH COMMANDS\n")
	var visit func(n *kong.Node, path []string)
	visit = func(n *kong.Node, path []string) {
		for _, child := range n.Children {
			if child.Hidden {
				continue
			}
			at := append(path[:len(path):len(path)], child.Name)
			fmt.Fprintf(b, ".TP\n.B %s\n%s\n", roff("parley "+strings.Join(at, " ")), roff(plain(child.Help)))
			visit(child, at)
		}
	}
	visit(n, path)
}

const exitStatus = `.SH EXIT STATUS
.TP
.B 0
It worked.
.TP
.B 1
It did not; the last line says why, and what to do.
.TP
.B 2
The command line is wrong.
`

// roff makes text of s: nothing in it is taken as an order of the formatter's.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s)
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") || strings.HasPrefix(l, "'") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}

// macro is one parameter of a macro.
func macro(s string) string { return `"` + strings.ReplaceAll(roff(s), `"`, `\(dq`) + `"` }
