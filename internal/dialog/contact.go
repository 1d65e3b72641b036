package dialog

import (
	"net/netip"
	"strings"

	"github.com/parley-msrp/parley/internal/sip"
)

// contactTo is the own Contact in a request to a target, written as header value; secure: it has to be a sips URI.
func (e *Endpoint) contactTo(t sip.Target, secure bool) (string, error) {
	return e.contact(t.Proto, t.Addr.Addr(), secure, func() (netip.AddrPort, error) { return e.stack.LocalTo(t) })
}

// contactOn is the own Contact for requests on the dialog of one that came over f: at the listener that it came to.
func (e *Endpoint) contactOn(f sip.Flow, secure bool) (string, error) {
	return e.contact(f.Proto, f.Remote.Addr(), secure, func() (netip.AddrPort, error) { return e.stack.LocalOn(f) })
}

// contact is the configured one, or local's; where a sips URI is needed and neither is over TLS, that of the TLS listener (S-011).
func (e *Endpoint) contact(p sip.Proto, peer netip.Addr, secure bool, local func() (netip.AddrPort, error)) (string, error) {
	if e.cfg.Contact != nil {
		u, err := e.cfg.Contact(p, peer)
		if err != nil || u != (sip.URI{}) && (!secure || u.Scheme == "sips") {
			return e.contactValue(u), err
		}
	}
	if secure && p != sip.TLS {
		p, local = sip.TLS, func() (netip.AddrPort, error) { return e.stack.LocalFor(sip.TLS, peer) }
	}
	at, err := local()
	if err != nil {
		return "", err
	}
	if c := e.lastContact.Load(); c != nil && c.proto == p && c.at == at && c.secure == secure {
		return c.value, nil
	}
	c := &contactFor{proto: p, at: at, secure: secure, value: e.contactAt(p, at, secure)}
	e.lastContact.Store(c)
	return c.value, nil
}

// contactFor is a Contact value that was made for a listener; most dialogs need the one of the dialog before.
type contactFor struct {
	proto  sip.Proto
	at     netip.AddrPort
	secure bool
	value  string
}

func (e *Endpoint) contactAt(p sip.Proto, at netip.AddrPort, secure bool) string {
	u := sip.URI{Scheme: "sip", Host: at.Addr().Unmap().WithZone("").String(), Port: int(at.Port())}
	switch {
	case secure:
		u.Scheme = "sips"
	case p == sip.TCP:
		u.Params = ";transport=tcp"
	case p == sip.TLS:
		u.Params = ";transport=tls"
	}
	return e.contactValue(u)
}

// contactValue is a Contact with this side's feature tags.
func (e *Endpoint) contactValue(u sip.URI) string {
	return oneLine("<" + u.String() + ">" + e.cfg.Features)
}

// contactOn is the own Contact in answers inside the dialog.
func (d *Dialog) contactOn(m *sip.Message, f sip.Flow) (string, error) {
	own, secure := d.contact, d.e.asksForSIPS(m)
	if d.in != nil {
		own = d.in.ownContact()
	}
	if fits(own, secure) {
		return own, nil
	}
	return d.e.contactOn(f, secure)
}

// contactTo is the own Contact in requests inside the dialog, and in the one that makes it.
func (d *Dialog) contactTo(t sip.Target) (string, error) {
	secure := d.leg.secure()
	if fits(d.contact, secure) {
		return d.contact, nil
	}
	return d.e.contactTo(t, secure)
}

// fits says whether a Contact value that was chosen for a dialog can be used.
func fits(contact string, secure bool) bool {
	return contact != "" && (!secure || strings.HasPrefix(contact, "<sips:"))
}

// asksForSIPS says whether the answer to a request that makes a dialog needs a sips Contact: if the Request-URI is a sips URI, or the top
// Record-Route, or without one the Contact (RFC 3261 §12.1.1; S-011). Without a TLS listener such a request is refused.
func (e *Endpoint) asksForSIPS(m *sip.Message) bool {
	switch {
	case !e.stack.Secure():
		return false
	case isSIPS(m.RequestURI):
		return true
	}
	if recordRoute := m.List("Record-Route"); len(recordRoute) > 0 {
		first, err := sip.ParseAddress(recordRoute[0])
		return err == nil && first.URI.Scheme == "sips"
	}
	contact, ok := m.Contact()
	return ok && contact.URI.Scheme == "sips"
}

func isSIPS(uri string) bool { return len(uri) > 5 && strings.EqualFold(uri[:5], "sips:") }

// secure says whether requests of the leg need a sips Contact: if the Request-URI or the top Route is a sips URI (RFC 3261 §8.1.1.8; S-011).
func (l *leg) secure() bool {
	requestURI, _, hop, err := route(l.target, l.routes)
	return err == nil && (isSIPS(requestURI) || hop.Scheme == "sips")
}
