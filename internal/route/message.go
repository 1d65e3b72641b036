package route

import (
	"bytes"
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"github.com/parley-msrp/parley/internal/sip"
)

// message is what the script sees as msg. Its attributes are made as they are asked for: a script looks at few of them.
type message struct {
	record  // attributes holds those that were asked for
	request Request
}

var _ starlark.HasAttrs = (*message)(nil)

func newMessage(r Request) *message {
	return &message{request: r, record: record{kind: "msg", text: "<msg>", attributes: starlark.StringDict{}}}
}

// Attr returns nil, nil where there is no such attribute: the interpreter then names it in its error.
func (m *message) Attr(name string) (starlark.Value, error) {
	v := m.attributes[name]
	if v == nil {
		if v = m.attribute(name); v != nil {
			m.attributes[name] = v
		}
	}
	return v, nil
}

// AttrNames are the attributes and methods that docs/route.md lists.
func (m *message) AttrNames() []string {
	names := []string{
		"call_id", "from_uri", "header", "headers", "identity", "identity_by", "identity_realm", "list", "method", "ruri", "ruri_host", "ruri_user", "sdp", "source", "source_ip", "source_port",
		"source_proto", "tls_peer", "to_uri", "types", "wrapped_types",
	}
	for name := range m.attributes {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// attribute makes an attribute; nil: there is none of that name.
func (m *message) attribute(name string) starlark.Value {
	r := &m.request
	switch name {
	case "method":
		return starlark.String(r.Method)
	case "ruri":
		return starlark.String(r.RequestURI)
	case "ruri_user":
		return starlark.String(user(m.ruri()))
	case "ruri_host":
		return starlark.String(strings.ToLower(m.ruri().Host))
	case "from_uri":
		return starlark.String(r.From)
	case "to_uri":
		return starlark.String(r.To)
	case "source":
		return starlark.String(r.Source)
	case "source_proto":
		proto, _ := source(r.Source)
		return starlark.String(proto)
	case "source_ip":
		_, at := source(r.Source)
		return starlark.String(at.Addr().WithZone("").Unmap().String())
	case "source_port":
		_, at := source(r.Source)
		return starlark.MakeInt(int(at.Port()))
	case "call_id":
		return starlark.String(r.CallID)
	case "types":
		return list(r.Types)
	case "wrapped_types":
		return list(r.WrappedTypes)
	case "tls_peer":
		return list(r.TLSPeer)
	case "identity":
		return orNone(r.Identity.Name)
	case "identity_by":
		return starlark.String(cmp.Or(r.Identity.By, "none"))
	case "identity_realm":
		return orNone(r.Identity.Realm)
	}
	return m.method(name)
}

// method makes a method; nil: there is none of that name.
func (m *message) method(name string) starlark.Value {
	switch name {
	case "header":
		return starlark.NewBuiltin(name, m.header)
	case "headers":
		return starlark.NewBuiltin(name, m.headers)
	case "list":
		return starlark.NewBuiltin(name, m.list)
	case "sdp":
		return starlark.NewBuiltin(name, m.sdp)
	}
	return nil
}

// ruri is the request URI; the zero URI where it is none.
func (m *message) ruri() sip.URI {
	u, _ := sip.ParseURI(m.request.RequestURI)
	return u
}

// source takes "udp:192.0.2.1:5060" apart.
func source(s string) (proto string, at netip.AddrPort) {
	proto, address, _ := strings.Cut(s, ":")
	at, _ = netip.ParseAddrPort(address)
	return proto, at
}

func (m *message) header(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	values, err := lookup(m.request.Header, b, args, kwargs)
	if err != nil {
		return nil, err
	}
	if len(values) == 0 {
		return starlark.None, nil
	}
	return starlark.String(values[0]), nil
}

func (m *message) headers(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	values, err := lookup(m.request.Header, b, args, kwargs)
	if err != nil {
		return nil, err
	}
	return list(values), nil
}

func (m *message) list(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	values, err := lookup(m.request.List, b, args, kwargs)
	if err != nil {
		return nil, err
	}
	return list(values), nil
}

// lookup asks for the values of the header that the call names.
func lookup(values func(string) []string, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) ([]string, error) {
	var name string
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "name", &name); err != nil {
		return nil, err
	}
	if values == nil {
		return nil, nil
	}
	return values(name), nil
}

// sdp gives the lines of the session description.
func (m *message) sdp(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if err := starlark.UnpackArgs(b.Name(), args, kwargs); err != nil {
		return nil, err
	}
	var lines []string
	for line := range bytes.Lines(m.request.Offer) {
		lines = append(lines, string(bytes.TrimRight(line, "\r\n")))
	}
	return list(lines), nil
}
