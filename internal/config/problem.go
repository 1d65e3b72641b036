package config

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Error is everything that is wrong with a configuration.
type Error struct{ Problems []Problem }

// Error returns one paragraph for each problem.
func (e *Error) Error() string {
	var b strings.Builder
	for i := range e.Problems {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(e.Problems[i].String())
	}
	return b.String()
}

// Problem is one thing that is wrong.
type Problem struct {
	Key          string // path of the key; "" where none can be named
	Text         string // what is wrong, and what would be right
	File         string // "" where the value does not come from a file
	Line, Column int    // in File, from 1, in characters; 0: not known
	Variable     string // environment variable that the value comes from; "" for none
	Excerpt      string // the line of the file; "" for none
}

// String returns place, key and text, and below them the line of the file with a caret where there is one.
func (p *Problem) String() string {
	var b strings.Builder
	switch {
	case p.Variable != "":
		b.WriteString(p.Variable + ": ")
	case p.File != "" && p.Line > 0:
		fmt.Fprintf(&b, "%s:%d:%d: ", p.File, p.Line, p.Column)
	case p.File != "":
		b.WriteString(p.File + ": ")
	}
	if p.Key != "" {
		b.WriteString(p.Key + ": ")
	}
	b.WriteString(p.Text)
	if p.Excerpt != "" {
		number := fmt.Sprintf("%5d", p.Line)
		fmt.Fprintf(&b, "\n%s | %s\n%s | %s^", number, p.Excerpt, strings.Repeat(" ", len(number)), p.indent())
	}
	return b.String()
}

// indent is what brings the caret below the column: tabs stay tabs.
func (p *Problem) indent() string {
	var b strings.Builder
	for i, r := range []rune(p.Excerpt) {
		if i >= p.Column-1 {
			break
		}
		if r != '\t' {
			r = ' '
		}
		b.WriteRune(r)
	}
	return b.String()
}

// maxExcerpt bounds what of a line is shown, in characters.
const maxExcerpt = 120

// excerpt is line number n of text, from 1, without what a terminal would take as an order.
func excerpt(text []byte, n int) string {
	for i := 1; len(text) > 0; i++ {
		line, rest, _ := strings.Cut(string(text), "\n")
		if i == n {
			line = strings.Map(func(r rune) rune {
				if r < ' ' && r != '\t' || r == 0x7f || r == utf8.RuneError {
					return '?'
				}
				return r
			}, strings.TrimSuffix(line, "\r"))
			if r := []rune(line); len(r) > maxExcerpt {
				line = string(r[:maxExcerpt]) + "…"
			}
			return line
		}
		text = text[len(text)-len(rest):]
	}
	return ""
}
