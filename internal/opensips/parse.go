package opensips

import "strings"

// file is what a configuration file says, in its order.
type file struct {
	settings []setting   // NAME = VALUE …
	params   []parameter // modparam
	modules  []setting   // loadmodule; value is the module's file
	answers  []answer    // msrp_ua_answer in the request route
	includes []setting   // include_file, import_file; value is the file
	routes   []setting   // route blocks; name is what they are for ("route", "onreply_route"), value what is in the brackets
	used     int         // statements of the request routes other than the answers, as far as they are told apart
}

type setting struct {
	name, value string
	more        []string // the words behind the value
	line        int
}

type parameter struct {
	module, name, value string
	line                int
}

type answer struct {
	types string // "": not a constant
	line  int
}

// parser goes through the tokens of a file.
type parser struct {
	tokens []token
	at     int
	file   file
}

func (p *parser) next() token {
	t := p.tokens[p.at]
	if t.kind != end && t.kind != broken {
		p.at++
	}
	return t
}

func (p *parser) peek() token { return p.tokens[p.at] }

// parse reads a file. The error is a *SyntaxError.
func parse(contents string) (*file, error) {
	p := &parser{tokens: scan(contents)}
	for {
		t := p.next()
		switch {
		case t.kind == end:
			return &p.file, nil
		case t.kind == broken:
			return nil, &SyntaxError{t.line, t.value}
		case t.kind != word:
			// What cannot be the beginning of anything is left behind: what it is about has been told by its first word.
		default:
			if err := p.statement(t); err != nil {
				return nil, err
			}
		}
	}
}

// statement reads what a word begins on the outermost level.
func (p *parser) statement(t token) error {
	name := t.value
	switch {
	case name == "loadmodule":
		p.file.modules = append(p.file.modules, setting{name: name, value: p.next().value, line: t.line})
	case name == "modparam":
		return p.modparam(t)
	case name == "include_file" || name == "import_file":
		p.file.includes = append(p.file.includes, setting{name: name, value: p.next().value, line: t.line})
	case name == "route" || strings.HasSuffix(name, "_route"):
		return p.route(t)
	case p.peek().is("="):
		p.next()
		p.assignment(t)
	}
	return nil
}

// assignment reads the value of a global parameter, which ends with its line.
func (p *parser) assignment(name token) {
	s := setting{name: name.value, line: name.line}
	for t := p.peek(); t.kind != end && t.kind != broken && t.line == name.line; t = p.peek() {
		p.next()
		switch {
		case t.is(";"):
		case s.value == "":
			s.value = t.value
		case t.kind != sign:
			s.more = append(s.more, t.value)
		}
	}
	p.file.settings = append(p.file.settings, s)
}

func (p *parser) modparam(t token) error {
	var parts []string
	if open := p.next(); !open.is("(") {
		return &SyntaxError{t.line, `modparam is not followed by "("`}
	}
	for {
		switch v := p.next(); {
		case v.kind == end || v.kind == broken:
			return &SyntaxError{t.line, "modparam does not end"}
		case v.is(")"):
			if len(parts) != 3 {
				return &SyntaxError{t.line, "modparam needs a module, a parameter and a value"}
			}
			p.file.params = append(p.file.params, parameter{parts[0], parts[1], parts[2], t.line})
			return nil
		case v.kind == sign:
		default:
			parts = append(parts, v.value)
		}
	}
}

// route reads a block of the script: what is answered there, and that there is more.
func (p *parser) route(t token) error {
	r := setting{name: t.value, line: t.line}
	if p.peek().is("[") {
		p.next()
		r.value = p.next().value
		for v := p.peek(); !v.is("{"); v = p.peek() {
			if v.kind == end || v.kind == broken {
				return &SyntaxError{t.line, t.value + ` is not followed by "{"`}
			}
			p.next()
		}
	}
	if !p.peek().is("{") {
		return &SyntaxError{t.line, t.value + ` is not followed by "{"`}
	}
	p.file.routes = append(p.file.routes, r)
	depth := 0
	for {
		switch v := p.next(); {
		case v.kind == broken:
			return &SyntaxError{v.line, v.value}
		case v.kind == end:
			return &SyntaxError{t.line, `the "{" of ` + t.value + " is never closed"}
		case v.is("{"):
			depth++
		case v.is("}"):
			if depth--; depth == 0 {
				return nil
			}
		case v.kind == word && v.value == "msrp_ua_answer" && p.peek().is("("):
			p.file.answers = append(p.file.answers, p.answer(v.line))
		case v.is(";"):
			p.file.used++
		}
	}
}

// answer reads the parameters of msrp_ua_answer.
func (p *parser) answer(line int) answer {
	p.next()
	v := p.next()
	if v.kind != text || !p.peek().is(")") || strings.ContainsRune(v.value, '$') {
		return answer{line: line}
	}
	p.file.used-- // its own semicolon
	return answer{types: v.value, line: line}
}
