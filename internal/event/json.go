package event

import (
	"encoding/base64"
	"strconv"
	"time"
	"unicode/utf8"
)

// sequenceWidth is how many digits a sequence has at least. CloudEvents' sequence extension wants a string whose order as text is
// the order of the events, hence leading zeros; ten digits last for every session there will be.
const sequenceWidth = 10

// begin is what every CloudEvent begins with, before its id.
const begin = `{"specversion":"1.0"`

// AppendCloudEvent appends the event as a CloudEvent 1.0 in JSON. Members, in order: specversion, id (not for an event without cursor, as the
// journal stores it), source, type, subject (not for an event without session), time, sequence (not for one without number), traceparent (where there is one),
// datacontenttype, data (Params, then Own). There is no line end in it.
func (e *Event) AppendCloudEvent(b []byte) []byte {
	b = append(b, begin...)
	if e.Cursor != "" {
		b = append(b, `,"id":`...)
		b = appendString(b, e.Cursor)
	}
	if e.line != nil {
		return append(b, e.line[len(begin):]...)
	}
	b = append(b, `,"source":`...)
	b = appendString(b, e.Source)
	b = append(b, `,"type":`...)
	b = appendString(b, string(e.Name))
	if e.SessionID != "" {
		b = append(b, `,"subject":`...)
		b = appendString(b, e.SessionID)
	}
	b = append(b, `,"time":"`...)
	b = appendTime(b, e.Time.UTC())
	b = append(b, '"')
	if e.Sequence != 0 {
		b = append(b, `,"sequence":"`...)
		b = appendSequence(b, e.Sequence)
		b = append(b, '"')
	}
	if e.Trace != "" {
		b = append(b, `,"traceparent":`...)
		b = appendString(b, e.Trace)
	}
	b = append(b, `,"datacontenttype":"application/json","data":{`...)
	b = appendParams(b, e.Params, true)
	b = appendParams(b, e.Own, len(e.Params) == 0)
	return append(b, '}', '}')
}

// AppendNotification appends the event as OpenSIPS' sockets carry it: {"jsonrpc":"2.0","method":NAME,"params":{…}} with Params
// alone, without blanks and without a line end.
func (e *Event) AppendNotification(b []byte) []byte {
	b = append(b, `{"jsonrpc":"2.0","method":`...)
	b = appendString(b, string(e.Name))
	b = append(b, `,"params":{`...)
	b = appendParams(b, e.Params, true)
	return append(b, '}', '}')
}

// appendTime appends a time in UTC by RFC 3339 with microseconds, always of the same width.
func appendTime(b []byte, t time.Time) []byte {
	b = t.AppendFormat(b, time.RFC3339) // the one layout that package time is quick at
	b = append(b[:len(b)-1], ".000000Z"...)
	for i, n := len(b)-2, t.Nanosecond()/1000; n > 0; i, n = i-1, n/10 {
		b[i] = byte('0' + n%10)
	}
	return b
}

func appendSequence(b []byte, n uint64) []byte {
	digits := 1
	for m := n; m >= 10; m /= 10 {
		digits++
	}
	for ; digits < sequenceWidth; digits++ {
		b = append(b, '0')
	}
	return strconv.AppendUint(b, n, 10)
}

// appendParams appends members without the braces; first says that no member stands before them.
func appendParams(b []byte, params []Param, first bool) []byte {
	for i := range params {
		if !first {
			b = append(b, ',')
		}
		first = false
		b = appendParam(b, &params[i])
	}
	return b
}

func appendParam(b []byte, p *Param) []byte {
	body, octets := p.Value.([]byte)
	if octets && !utf8.Valid(body) {
		b = append(b, '"')
		b = appendEscaped(b, p.Name)
		b = append(b, `_base64":"`...)
		b = base64.StdEncoding.AppendEncode(b, body)
		return append(b, '"')
	}
	b = appendString(b, p.Name)
	b = append(b, ':')
	switch v := p.Value.(type) {
	case string:
		return appendString(b, v)
	case []byte:
		b = append(b, '"')
		b = appendEscaped(b, v)
		return append(b, '"')
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case bool:
		return strconv.AppendBool(b, v)
	case []Param:
		return append(appendParams(append(b, '{'), v, true), '}')
	case [][]Param:
		b = append(b, '[')
		for i := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendParams(append(b, '{'), v[i], true), '}')
		}
		return append(b, ']')
	}
	return append(b, "null"...)
}

func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	b = appendEscaped(b, s)
	return append(b, '"')
}

// appendEscaped escapes what RFC 8259 §7 demands and nothing else: no HTML escapes, so that receivers see what OpenSIPS would
// have sent them. Octets that are not UTF-8 become U+FFFD, so that the result is always valid.
func appendEscaped[S string | []byte](b []byte, s S) []byte {
	const hex = "0123456789abcdef"
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' {
				i++
				continue
			}
			b = append(b, s[start:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\b':
				b = append(b, '\\', 'b')
			case '\f':
				b = append(b, '\\', 'f')
			case '\n':
				b = append(b, '\\', 'n')
			case '\r':
				b = append(b, '\\', 'r')
			case '\t':
				b = append(b, '\\', 't')
			default:
				b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			}
			i++
			start = i
			continue
		}
		size := runeLen(s, i)
		if size > 0 {
			i += size
			continue
		}
		b = append(b, s[start:i]...)
		b = append(b, "\ufffd"...)
		i++
		start = i
	}
	return append(b, s[start:]...)
}

// runeLen is the number of octets of the UTF-8 character at i, 0 if there is none.
func runeLen[S string | []byte](s S, i int) int {
	r, size := utf8.DecodeRuneInString(string(s[i:min(len(s), i+utf8.UTFMax)]))
	if r == utf8.RuneError && size <= 1 {
		return 0
	}
	return size
}
