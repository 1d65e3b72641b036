package event

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// ParseCloudEvent reads what AppendCloudEvent wrote: the event, and its parameters in their order. Members in another order, unknown members and
// blanks are taken. The error says what is wrong and where.
func ParseCloudEvent(line []byte) (Event, error) {
	p := parser{s: string(line)} // once: what is taken out of it needs no memory of its own
	var e Event
	err := p.object(0, func(name string) error { return p.member(&e, name) })
	if err == nil && p.next() != 0 {
		err = errors.New("something follows")
	}
	if err == nil && e.Name == "" {
		err = errors.New("no type")
	}
	if err != nil {
		return Event{}, fmt.Errorf("stored event: at octet %d: %w", p.at+1, err)
	}
	n := min(paramCount(e.Name), len(e.Params))
	e.Params, e.Own = e.Params[:n:n], e.Params[n:]
	if len(e.Own) == 0 {
		e.Own = nil
	}
	return e, nil
}

// paramCount is how many parameters an event of the catalogue has before Parley's own members.
func paramCount(n Name) int {
	switch n {
	case SessionNew:
		return 5
	case SessionEnd, Recovered:
		return 1
	case SessionWarning, ConnectionLost, MsgIncomplete:
		return 2
	case MsgReceived, MsgSent, MsgQueued:
		return 3
	case ReportReceived:
		return 4
	case SessionFailed:
		return 6
	}
	return 0
}

// maxDepth is more than any event has.
const maxDepth = 16

type parser struct {
	s  string
	at int
}

func (p *parser) member(e *Event, name string) (err error) {
	switch name {
	case "data":
		e.Params, err = p.params(1, false)
		return err
	case "id", "source", "type", "subject", "time", "sequence", "traceparent":
	default:
		_, err = p.value(1, true)
		return err
	}
	v, err := p.text()
	if err != nil {
		return err
	}
	switch name {
	case "id":
		e.Cursor = v
	case "source":
		e.Source = v
	case "type":
		e.Name = Name(v)
	case "subject":
		e.SessionID = v
	case "time":
		e.Time, err = time.Parse(time.RFC3339Nano, v)
	case "traceparent":
		e.Trace = v
	case "sequence":
		e.Sequence, err = strconv.ParseUint(v, 10, 64)
	}
	return err
}

// next skips blanks and is the octet that stands there, 0 at the end.
func (p *parser) next() byte {
	for p.at < len(p.s) {
		switch c := p.s[p.at]; c {
		case ' ', '\t', '\r', '\n':
			p.at++
		default:
			return c
		}
	}
	return 0
}

func (p *parser) take(c byte) error {
	if p.next() != c {
		return fmt.Errorf("%q is missing", c)
	}
	p.at++
	return nil
}

// object reads an object; member reads the value of each name.
func (p *parser) object(depth int, member func(name string) error) error {
	if depth > maxDepth {
		return errors.New("objects in objects, too deep")
	}
	if err := p.take('{'); err != nil {
		return err
	}
	if p.next() == '}' {
		p.at++
		return nil
	}
	for {
		name, err := p.text()
		if err == nil {
			err = p.take(':')
		}
		if err == nil {
			err = member(name)
		}
		if err != nil {
			return err
		}
		if p.next() == '}' {
			p.at++
			return nil
		}
		if err := p.take(','); err != nil {
			return err
		}
	}
}

const (
	octetsName = "body" // the one member that holds octets; in base64 with "_base64" behind it
	tagsName   = "tags" // the one whose members have names that are none of Parley's
)

// Readable says whether a parameter that somebody else has named can be read again once it was written: what says of itself that it is base64 has to be.
func (p *Param) Readable() bool {
	text, ok := p.Value.(string)
	if !ok || p.Name != octetsName+"_base64" {
		return true
	}
	_, err := base64.StdEncoding.DecodeString(text)
	return err == nil
}

// params reads an object. plain says that no member of it is of Parley's.
func (p *parser) params(depth int, plain bool) ([]Param, error) {
	params := make([]Param, 0, 6)
	err := p.object(depth, func(name string) error {
		v, err := p.value(depth+1, plain || name == tagsName)
		if err != nil {
			return err
		}
		if text, ok := v.(string); ok && !plain && strings.HasPrefix(name, octetsName) {
			switch name[len(octetsName):] {
			case "":
				v = []byte(text)
			case "_base64":
				name = octetsName
				if v, err = base64.StdEncoding.DecodeString(text); err != nil {
					return err
				}
			}
		}
		params = append(params, Param{name, v})
		return nil
	})
	return params, err
}

func (p *parser) value(depth int, plain bool) (any, error) {
	switch c := p.next(); {
	case c == '"':
		return p.text()
	case c == '{':
		return p.params(depth, plain)
	case c == '[':
		return p.list(depth, plain)
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	case strings.HasPrefix(p.s[p.at:], "true"):
		p.at += len("true")
		return true, nil
	case strings.HasPrefix(p.s[p.at:], "false"):
		p.at += len("false")
		return false, nil
	case strings.HasPrefix(p.s[p.at:], "null"):
		p.at += len("null")
		return nil, nil
	}
	return nil, errors.New("no value")
}

// list reads a list of objects.
func (p *parser) list(depth int, plain bool) (any, error) {
	if depth > maxDepth {
		return nil, errors.New("lists in lists, too deep")
	}
	p.at++
	list := [][]Param{}
	if p.next() == ']' {
		p.at++
		return list, nil
	}
	for {
		v, err := p.params(depth+1, plain)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
		if p.next() == ']' {
			p.at++
			return list, nil
		}
		if err := p.take(','); err != nil {
			return nil, err
		}
	}
}

func (p *parser) number() (any, error) {
	from := p.at
	for p.at++; p.at < len(p.s) && strings.IndexByte("0123456789.eE+-", p.s[p.at]) >= 0; p.at++ {
	}
	n, err := strconv.Atoi(p.s[from:p.at])
	if err != nil {
		p.at = from
		return nil, errors.New("a number that is no integer")
	}
	return n, nil
}

// text reads a string.
func (p *parser) text() (string, error) {
	if err := p.take('"'); err != nil {
		return "", err
	}
	rest := p.s[p.at:]
	end := strings.IndexByte(rest, '"')
	if end < 0 {
		return "", errors.New("a string without end")
	}
	if strings.IndexByte(rest[:end], '\\') < 0 {
		p.at += end + 1
		return rest[:end], nil
	}
	return p.escaped()
}

// escaped reads the rest of a string that has escapes.
func (p *parser) escaped() (string, error) {
	var b []byte
	for {
		rest := p.s[p.at:]
		n := strings.IndexAny(rest, `"\`)
		if n < 0 {
			return "", errors.New("a string without end")
		}
		b = append(b, rest[:n]...)
		p.at += n + 1
		if rest[n] == '"' {
			return string(b), nil
		}
		var err error
		if b, err = p.escape(b); err != nil {
			return "", err
		}
	}
}

// escape appends what the escape stands for whose backslash was read.
func (p *parser) escape(b []byte) ([]byte, error) {
	if p.at == len(p.s) {
		return b, errors.New("a string without end")
	}
	c := p.s[p.at]
	if c == 'u' {
		r, err := p.hex()
		if err == nil && utf16.IsSurrogate(r) && strings.HasPrefix(p.s[p.at:], `\u`) {
			var low rune
			p.at++
			low, err = p.hex()
			r = utf16.DecodeRune(r, low)
		}
		return utf8.AppendRune(b, r), err
	}
	i := strings.IndexByte(`"\/bfnrt`, c)
	if i < 0 {
		return b, fmt.Errorf("unknown escape %q", c)
	}
	p.at++
	return append(b, "\"\\/\b\f\n\r\t"[i]), nil
}

// hex reads u and four hexadecimal digits.
func (p *parser) hex() (rune, error) {
	if len(p.s)-p.at < len("uABCD") {
		return 0, errors.New("a string without end")
	}
	n, err := strconv.ParseUint(p.s[p.at+1:p.at+5], 16, 16)
	if err != nil {
		return 0, errors.New("an escape without four hexadecimal digits")
	}
	p.at += len("uABCD")
	return rune(n), nil
}
