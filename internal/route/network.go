package route

import (
	"fmt"
	"net/netip"

	"go.starlark.net/starlark"
)

// ipIn says whether an address lies in one of the networks. What is no address lies in none: it may come from a caller.
func ipIn(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var address string
	var networks starlark.Value
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "ip", &address, "networks", &networks); err != nil {
		return nil, err
	}
	texts, err := oneOrMore(networks)
	if err != nil {
		return nil, fmt.Errorf("%s: networks: %w", b.Name(), err)
	}
	ip, _ := netip.ParseAddr(address)
	ip = ip.WithZone("").Unmap()
	in := false
	for _, text := range texts {
		network, err := parseNetwork(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", b.Name(), err)
		}
		in = in || network.Contains(ip)
	}
	return starlark.Bool(in), nil
}

// parseNetwork takes 192.0.2.0/24 and, as a network of its own, 192.0.2.1.
func parseNetwork(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return p, fmt.Errorf("network %.64q: want one like 192.0.2.0/24 or 2001:db8::/32, or an address", text)
	case p.Masked() != p:
		return p, fmt.Errorf("network %.64q has bits behind its prefix: %s would be right", text, p.Masked())
	}
	return p, nil
}

// oneOrMore takes a string, or any collection of strings: list, tuple, set, the names of a dictionary.
func oneOrMore(v starlark.Value) ([]string, error) {
	if s, ok := starlark.AsString(v); ok {
		return []string{s}, nil
	}
	values, ok := v.(starlark.Iterable)
	if !ok {
		return nil, fmt.Errorf("got %s, want a string or a list of strings", v.Type())
	}
	var texts []string
	for element := range starlark.Elements(values) {
		s, ok := starlark.AsString(element)
		if !ok {
			return nil, fmt.Errorf("got a list with a %s in it, want strings", element.Type())
		}
		texts = append(texts, s)
	}
	return texts, nil
}
