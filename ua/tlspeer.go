package ua

import (
	"slices"
	"strings"

	"github.com/parley-msrp/parley/internal/sip"
)

// TLSPeer names who sent the request, by the certificate of its TLS connection, which was verified: the SIP domains that it was issued for, in
// lower case, then the sip: URIs of users (RFC 5922 §7.1). Nil where no certificate was shown, or asked for, or it has no such name, or the
// request did not come over TLS. It is the previous hop, not always the caller.
func (i *inquiry) TLSPeer() []string {
	if i.flow.Peer == nil {
		return nil
	}
	return append(domains(i.flow.Peer), i.flow.Peer.Users...)
}

// domains are those of a certificate that are domains: a name with a star is none (RFC 5922 §7.2; S-032), nor is any CN.
func domains(peer *sip.Identity) (names []string) {
	for _, d := range peer.Domains {
		if u, err := sip.ParseURI("sip:" + d); err == nil && u.Host == d {
			names = append(names, d)
		}
	}
	return names
}

// certified is the URI that a certificate is for: the user that From claims to be, if it names that one; else a domain, that of From before others,
// for who speaks for a domain may pass calls of anybody on; else a user. Empty: it names none.
func certified(peer *sip.Identity, from sip.URI) string {
	if peer == nil {
		return ""
	}
	claimed := func(user string) bool {
		u, err := sip.ParseURI(user)
		return err == nil && u.User == from.User && u.Port == from.Port && strings.EqualFold(u.Host, from.Host)
	}
	names := domains(peer)
	switch i := slices.IndexFunc(peer.Users, claimed); {
	case i >= 0:
		return peer.Users[i]
	case slices.Contains(names, strings.ToLower(from.Host)):
		return "sip:" + strings.ToLower(from.Host)
	case len(names) > 0:
		return "sip:" + names[0]
	case len(peer.Users) > 0:
		return peer.Users[0]
	}
	return ""
}
