package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help is shown below the command's usage.
func (completionCommand) Help() string {
	return `bash: source <(parley completion bash)
zsh:  parley completion zsh >"${fpath[1]}/_parley"
fish: parley completion fish >~/.config/fish/completions/parley.fish`
}

func (c *completionCommand) Run(k *kong.Kong, std IO) error {
	points := completions(k.Model)
	switch c.Shell {
	case "zsh":
		return zsh(std.Out, points)
	case "fish":
		return fish(std.Out, points)
	}
	return bash(std.Out, points)
}

// point is a place on the command line, and what may stand there.
type point struct {
	path     string // of commands, with spaces: "sessions start"; "" for the program
	commands []choice
	flags    []choice
	files    bool // arguments are files
}

// choice is one word, and what it does.
type choice struct {
	word, help string
	values     []string // a flag's, where they can be named
	takes      bool     // a flag has a value
	file       bool     // a flag's value is a file
}

// completions are all places, the outer ones first.
func completions(app *kong.Application) []point {
	var all []point
	var visit func(n *kong.Node, path string, inherited []choice)
	visit = func(n *kong.Node, path string, inherited []choice) {
		p := point{path: path, flags: slices.Clone(inherited)}
		for _, f := range n.Flags {
			if !f.Hidden {
				p.flags = append(p.flags, choiceOf(f))
			}
		}
		for _, a := range n.Positional {
			p.files = p.files || strings.Contains(a.Name, "file")
		}
		for _, child := range n.Children {
			if !child.Hidden {
				p.commands = append(p.commands, choice{word: child.Name, help: plain(child.Help)})
			}
		}
		all = append(all, p)
		for _, child := range n.Children {
			if !child.Hidden {
				visit(child, strings.TrimSpace(path+" "+child.Name), p.flags)
			}
		}
	}
	visit(app.Node, "", nil)
	return all
}

func choiceOf(f *kong.Flag) choice {
	c := choice{word: "--" + f.Name, help: plain(f.Help), takes: !f.IsBool()}
	if f.Enum != "" {
		c.values = strings.Split(f.Enum, ",")
	}
	c.file = f.PlaceHolder == "FILE" || f.PlaceHolder == "DIR"
	return c
}

// plain is help without what kong puts in when it prints it, on one line.
func plain(help string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(help, " (${default})", "")), " ")
}

func words(all []choice) string {
	names := make([]string, len(all))
	for i, c := range all {
		names[i] = c.word
	}
	return strings.Join(names, " ")
}

// bash writes a function that looks for the longest chain of commands on the line and offers what may stand behind it.
func bash(w io.Writer, points []point) error {
	var b strings.Builder
	b.WriteString(`_parley() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} chain= i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$chain ${COMP_WORDS[i]}" in
`)
	for _, p := range points[1:] {
		fmt.Fprintf(&b, "      %q) chain=%q ;;\n", " "+p.path, " "+p.path)
	}
	b.WriteString("    esac\n  done\n  case \"$prev\" in\n")
	seen := map[string]bool{}
	for _, p := range points {
		for _, f := range p.flags {
			if seen[f.word] || !f.takes {
				continue
			}
			seen[f.word] = true
			switch {
			case len(f.values) > 0:
				fmt.Fprintf(&b, "    %s) COMPREPLY=($(compgen -W %q -- \"$cur\")); return ;;\n", f.word, strings.Join(f.values, " "))
			case f.file:
				fmt.Fprintf(&b, "    %s) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n", f.word)
			default:
				fmt.Fprintf(&b, "    %s) return ;;\n", f.word)
			}
		}
	}
	b.WriteString("  esac\n  case \"$chain\" in\n")
	for _, p := range points {
		path := ""
		if p.path != "" {
			path = " " + p.path
		}
		all := strings.TrimSpace(words(p.commands) + " " + words(p.flags))
		files := ""
		if p.files {
			files = ` $(compgen -f -- "$cur")`
		}
		fmt.Fprintf(&b, "    %q) COMPREPLY=($(compgen -W %q -- \"$cur\")%s) ;;\n", path, all, files)
	}
	b.WriteString("  esac\n}\ncomplete -o filenames -F _parley parley\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// zsh writes a completion function for its completion system.
func zsh(w io.Writer, points []point) error {
	var b strings.Builder
	b.WriteString("#compdef parley\n\n_parley() {\n  local chain= i\n  for ((i = 2; i < CURRENT; i++)); do\n    case \"$chain ${words[i]}\" in\n")
	for _, p := range points[1:] {
		fmt.Fprintf(&b, "      %q) chain=%q ;;\n", " "+p.path, " "+p.path)
	}
	b.WriteString("    esac\n  done\n  local -a choices\n  case \"$chain\" in\n")
	for _, p := range points {
		path := ""
		if p.path != "" {
			path = " " + p.path
		}
		fmt.Fprintf(&b, "    %q)\n      choices=(\n", path)
		for _, c := range slices.Concat(p.commands, p.flags) {
			fmt.Fprintf(&b, "        %s\n", quoteShell(strings.ReplaceAll(c.word, ":", `\:`)+":"+c.help))
		}
		b.WriteString("      )\n")
		if p.files {
			b.WriteString("      _files\n")
		}
		b.WriteString("      ;;\n")
	}
	b.WriteString("  esac\n  _describe parley choices\n}\n\n_parley \"$@\"\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// fish writes one line for each word.
func fish(w io.Writer, points []point) error {
	var b strings.Builder
	b.WriteString("complete -c parley -f\n")
	for _, p := range points {
		condition := "__fish_use_subcommand"
		if p.path != "" {
			names := strings.Fields(p.path)
			condition = "__fish_seen_subcommand_from " + names[0]
			for _, n := range names[1:] {
				condition += "; and __fish_seen_subcommand_from " + n
			}
		}
		for _, c := range p.commands {
			fmt.Fprintf(&b, "complete -c parley -n %s -a %s -d %s\n", quoteShell(condition), c.word, quoteShell(c.help))
		}
		for _, f := range p.flags {
			more := ""
			switch {
			case len(f.values) > 0:
				more = " -x -a " + quoteShell(strings.Join(f.values, " "))
			case f.file:
				more = " -r -F"
			case f.takes:
				more = " -x"
			}
			fmt.Fprintf(&b, "complete -c parley -n %s -l %s%s -d %s\n", quoteShell(condition), strings.TrimPrefix(f.word, "--"), more, quoteShell(f.help))
		}
		if p.files {
			fmt.Fprintf(&b, "complete -c parley -n %s -F\n", quoteShell(condition))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// quoteShell makes one word of s for all three shells.
func quoteShell(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
