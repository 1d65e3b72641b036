package msrpsdp

import (
	"context"
	"net/netip"
	"slices"
	"strings"
)

// Fit says whether c= and m= of a line name the same place as a URI of its a=path (RFC 6714 §4.4).
type Fit uint8

// The results.
const (
	Differs Fit = iota // something in between wants the connection itself, or their author has mixed them up
	Fits
	Unclear // a host of the path ends in .invalid, or no address of it is known
)

// Lookup finds the addresses of a host name.
type Lookup func(ctx context.Context, host string) ([]netip.Addr, error)

// Fits compares c= and m= with every URI of a=path: names by all their addresses, addresses by value, ports as numbers. lookup is asked about names that are
// not equal as they stand, never about those in .invalid; where it is nil they have no known address. The port of an active side that has none,
// which is 9, is not compared (RFC 6135 §4.2.2, X-014), nor that of a URI without one.
func (l *Line) Fits(ctx context.Context, lookup Lookup) Fit {
	if l.Host == "" {
		return Fits // without a c= there is the path alone
	}
	fit := Differs
	var at []netip.Addr // of c=; once they are needed
	anyPort := l.Setup == SetupActive && l.Port == DiscardPort
	for _, u := range l.Path {
		port := anyPort || u.Port == 0 || u.Port == l.Port
		if port && strings.EqualFold(u.Host, l.Host) {
			return Fits
		}
		hosts := addressesOf(ctx, u.Host, lookup)
		switch {
		case hosts == nil:
			fit = Unclear
			continue
		case !port:
			continue
		case at == nil:
			at = addressesOf(ctx, l.Host, lookup)
		}
		if slices.ContainsFunc(hosts, func(a netip.Addr) bool { return slices.Contains(at, a) }) {
			return Fits
		}
	}
	return fit
}

// addressesOf are the addresses of a host, none of them mapped to IPv6; nil where none is known.
func addressesOf(ctx context.Context, host string, lookup Lookup) []netip.Addr {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a.Unmap()}
	}
	if lookup == nil || host == "" || invalid(host) {
		return nil
	}
	all, err := lookup(ctx, host)
	if err != nil {
		return nil
	}
	for i := range all {
		all[i] = all[i].Unmap().WithZone("")
	}
	return all
}

// invalid says whether a name is one that never leads anywhere (RFC 2606 §2).
func invalid(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "invalid" || strings.HasSuffix(host, ".invalid")
}
