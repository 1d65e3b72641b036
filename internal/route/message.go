package route

import (
	"bytes"
	"net/netip"
	"strings"

	"go.starlark.net/starlark"

	"github.com/parley-msrp/parley/internal/sip"
)

// message is what the script sees as msg.
type message struct {
	record
	request Request
}

func newMessage(r Request) *message {
	m := &message{request: r, record: record{kind: "msg", text: "<msg>"}}
	ruri, _ := sip.ParseURI(r.RequestURI)
	proto, at := source(r.Source)
	m.attributes = starlark.StringDict{
		"method":       starlark.String(r.Method),
		"ruri":         starlark.String(r.RequestURI),
		"ruri_user":    starlark.String(user(ruri)),
		"ruri_host":    starlark.String(strings.ToLower(ruri.Host)),
		"from_uri":     starlark.String(r.From),
		"to_uri":       starlark.String(r.To),
		"source":       starlark.String(r.Source),
		"source_proto": starlark.String(proto),
		"source_ip":    starlark.String(at.Addr().WithZone("").Unmap().String()),
		"source_port":  starlark.MakeInt(int(at.Port())),
		"call_id":      starlark.String(r.CallID),
		"types":        list(r.Types),
		"header":       starlark.NewBuiltin("header", m.header),
		"headers":      starlark.NewBuiltin("headers", m.headers),
		"list":         starlark.NewBuiltin("list", m.list),
		"sdp":          starlark.NewBuiltin("sdp", m.sdp),
	}
	return m
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
