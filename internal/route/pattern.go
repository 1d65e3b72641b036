package route

import (
	"fmt"
	"regexp"
	"sync"

	"go.starlark.net/starlark"
)

// Limits of re_fullmatch. Matching takes time in proportion to pattern and text, whatever they are (RE2), and is not cut short.
const (
	maxPattern  = 1024 // octets
	maxMatched  = 8192 // octets of text
	maxPatterns = 256  // kept compiled
)

// patterns are those that a script used, compiled.
type patterns struct {
	mu   sync.Mutex
	kept map[string]*regexp.Regexp
}

func (p *patterns) compile(text string) (*regexp.Regexp, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if re := p.kept[text]; re != nil {
		return re, nil
	}
	if len(text) > maxPattern {
		return nil, fmt.Errorf("the pattern is longer than %d octets", maxPattern)
	}
	if _, err := regexp.Compile(text); err != nil { // as written: the error shows it
		return nil, err
	}
	re, err := regexp.Compile(`\A(?:` + text + `)\z`)
	if err != nil {
		return nil, err
	}
	if len(p.kept) < maxPatterns {
		if p.kept == nil {
			p.kept = map[string]*regexp.Regexp{}
		}
		p.kept[text] = re
	}
	return re, nil
}

// fullMatch is Python's re.fullmatch: None, or the list of the whole text and the groups, None for one that took no part.
func fullMatch(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var pattern, text string
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "pattern", &pattern, "text", &text); err != nil {
		return nil, err
	}
	re, err := scriptOf(thread).patterns.compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.Name(), err)
	}
	if len(text) > maxMatched {
		return nil, fmt.Errorf("%s: the text is longer than %d octets", b.Name(), maxMatched)
	}
	at := re.FindStringSubmatchIndex(text)
	if at == nil {
		return starlark.None, nil
	}
	groups := make([]starlark.Value, len(at)/2)
	for i := range groups {
		groups[i] = starlark.None
		if from, to := at[2*i], at[2*i+1]; from >= 0 {
			groups[i] = starlark.String(text[from:to])
		}
	}
	return starlark.NewList(groups), nil
}
