// Package relay is the client's side of MSRP relays (RFC 4976): it finds the own relays, connects to the first of them, authenticates by AUTH, and
// gives sessions paths that lead through them, which it renews before they expire.
//
// A [Client] stands for one chain of own relays. [Client.Join] takes a session of package msrp behind it, for which it gets a path of its own; the
// [Lease] that it returns is given back by [Lease.End].
package relay
