package cpim

import (
	"iter"
	"strings"
)

// Resolve says which header the one at index i is: namespace URI and name without prefix. Prefixes mean nothing by themselves: they are what an NS
// header before said (RFC 3862 §3.4, P-007). It is false for a prefix that was not declared. NS without prefix is NS whatever the default namespace
// is.
func (m *Message) Resolve(i int) (namespace, name string, ok bool) {
	prefix, name := m.Headers[i].split()
	if prefix == "" && name == "NS" {
		return CoreNamespace, name, true
	}
	namespace, ok = m.declared(prefix, i)
	return namespace, name, ok
}

// declared is the namespace of a prefix in the header at index i: what was said last.
func (m *Message) declared(prefix string, i int) (namespace string, ok bool) {
	for i--; i >= 0; i-- {
		if m.Headers[i].Name() != "NS" {
			continue
		}
		value := m.Headers[i].Value()
		if !declares(value, prefix) {
			continue // seen without reading it: of a hundred declarations each header would read all
		}
		if _, uri, ok := parseNS(value); ok {
			return unescape(uri), true
		}
	}
	return CoreNamespace, prefix == ""
}

// declares says whether the value of NS is about that prefix.
func declares(value, prefix string) bool {
	rest, ok := strings.CutPrefix(value, prefix)
	return ok && strings.HasPrefix(strings.TrimLeft(rest, " "), "<")
}

// parseNS reads the value of NS. The space before the URI is optional (P-007).
func parseNS(value string) (prefix, uri string, ok bool) {
	prefix, uri, ok = splitAddress(value)
	return prefix, uri, ok && (prefix == "" || isName(prefix))
}

// All lists the headers of that namespace and name, in order.
func (m *Message) All(namespace, name string) iter.Seq[Header] {
	return func(yield func(Header) bool) {
		for i, h := range m.Headers {
			if _, local := h.split(); local != name {
				continue
			}
			if ns, _, ok := m.Resolve(i); ok && ns == namespace && !yield(h) {
				return
			}
		}
	}
}

// First is the first header of that namespace and name.
func (m *Message) First(namespace, name string) (h Header, ok bool) {
	for h = range m.All(namespace, name) {
		return h, true
	}
	return Header{}, false
}

// CheckRequire says whether everything that the message requires is understood: the headers of RFC 3862 §4, and those for which understood says
// so; it may be nil. The error is a *RequireError.
func (m *Message) CheckRequire(understood func(namespace, name string) bool) error {
	var missing []string
	for i, h := range m.Headers {
		if ns, name, ok := m.Resolve(i); !ok || ns != CoreNamespace || name != "Require" {
			continue
		}
		for required := range strings.SplitSeq(h.Value(), ",") {
			required = strings.Trim(required, " ")
			if required != "" && !m.understands(required, i, understood) {
				missing = append(missing, required)
			}
		}
	}
	if missing == nil {
		return nil
	}
	return &RequireError{missing}
}

// understands looks at a name in the Require header at index i.
func (m *Message) understands(required string, i int, understood func(namespace, name string) bool) bool {
	prefix, name, prefixed := strings.Cut(required, ".")
	if !prefixed {
		prefix, name = "", required
	}
	namespace, ok := m.declared(prefix, i)
	switch {
	case prefix == "" && name == "NS":
		return true
	case !ok:
		return false
	case namespace == CoreNamespace:
		switch name {
		case "From", "To", "cc", "DateTime", "Subject", "NS", "Require":
			return true
		}
	}
	return understood != nil && understood(namespace, name)
}
