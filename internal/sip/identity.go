package sip

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net/netip"
	"slices"
	"strings"
)

// Identity is who a TLS peer is by its certificate (RFC 5922 §7.1). It is not changed once made.
type Identity struct {
	// Domains are the SIP domains that the certificate was issued for, in lower case: the sip: URIs of its subjectAltName that have
	// no user part; without any its DNS names; without a subjectAltName the CN of its subject.
	Domains []string
	// Users are the sip: URIs of its subjectAltName that have a user part, as written.
	Users []string

	addrs []netip.Addr
}

// maxIdentities bounds what is kept of one certificate, of each kind.
const maxIdentities = 64

// identify reads the SIP identities of a certificate (RFC 5922 §7.1; S-032).
func identify(c *x509.Certificate) *Identity {
	id := &Identity{}
	for _, u := range c.URIs {
		if !strings.EqualFold(u.Scheme, "sip") {
			continue // no other scheme counts, sips neither
		}
		uri, err := parseURI(u.String())
		switch {
		case err != nil:
		case uri.User == "":
			id.Domains = append(id.Domains, canonicalDomain(uri.Host))
		default:
			id.Users = append(id.Users, u.String())
		}
	}
	if len(id.Domains) == 0 {
		for _, name := range c.DNSNames {
			id.Domains = append(id.Domains, canonicalDomain(name))
		}
		// A URI may have an address for its host, of which RFC 5922 says nothing. A certificate issued for the address speaks for it.
		for _, ip := range c.IPAddresses {
			if a, ok := netip.AddrFromSlice(ip); ok {
				id.addrs = append(id.addrs, a.Unmap())
			}
		}
	}
	if !hasSubjectAltName(c) && c.Subject.CommonName != "" {
		id.Domains = append(id.Domains, canonicalDomain(c.Subject.CommonName))
	}
	id.Domains = id.Domains[:min(len(id.Domains), maxIdentities)]
	id.Users = id.Users[:min(len(id.Users), maxIdentities)]
	id.addrs = id.addrs[:min(len(id.addrs), maxIdentities)]
	return id
}

func hasSubjectAltName(c *x509.Certificate) bool {
	return slices.ContainsFunc(c.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 17}) })
}

// is tells whether the identity is that of a domain: whole, without wildcards, for a domain can hold no star (RFC 5922 §7.2).
func (id *Identity) is(domain string) bool {
	if a, err := netip.ParseAddr(domain); err == nil && slices.Contains(id.addrs, a.Unmap().WithZone("")) {
		return true
	}
	domain = canonicalDomain(domain)
	return domain != "" && !strings.Contains(domain, "*") && slices.Contains(id.Domains, domain)
}

// canonicalDomain makes domains comparable: lower case, no dot at the end.
func canonicalDomain(s string) string { return strings.ToLower(strings.TrimSuffix(s, ".")) }
