package access

import (
	"net/netip"
	"slices"
)

// Addresses is the address policy: where this node connects to because somebody else has named it. The zero value permits every address.
type Addresses struct {
	Allow []netip.Prefix // empty: every address
	Deny  []netip.Prefix // not these, though Allow has them
}

// Permit says whether an address may be connected to. It is to be asked about what is dialled, never about a name. Safe for concurrent use.
func (p Addresses) Permit(to netip.AddrPort) bool {
	addr := to.Addr().Unmap().WithZone("")
	holds := func(prefix netip.Prefix) bool { return prefix.Contains(addr) }
	return !slices.ContainsFunc(p.Deny, holds) && (len(p.Allow) == 0 || slices.ContainsFunc(p.Allow, holds))
}
