package ua

import (
	"github.com/parley-msrp/parley/cpim"
	"github.com/parley-msrp/parley/msrp"
)

// Message is a message that came: as it was on the wire, and what it says of itself where it is wrapped.
type Message struct {
	*msrp.Received
	// CPIM is set for message/cpim: the message, and those within it. It is part of Body, and lasts as long. Nil for a Duplicate.
	//
	// Nobody but the peer vouches for what it says: who sent the message is known from the session alone (RFC 4975 §14.5, P-012). A message
	// that is malformed does not come here, it was answered 400; nor does one that requires what is not understood here, which gets
	// 403 (P-001 to P-004, P-008).
	CPIM cpim.Chain
}

// Content is what a message brings.
type Content struct {
	ContentType string
	Headers     []msrp.Header // further MIME headers
	Body        []byte
}

// Senders are who has sent a message/cpim by its own words, the outermost sender first. One that calls itself anonymous, as RCS clients do, is who SIP says the
// peer is (G-004): its verified identity, unless the peer asked for privacy; without one what it calls itself there, or was called.
func (s *Session) Senders(chain cpim.Chain) []cpim.Address {
	all := chain.Senders()
	for i, a := range all {
		if !isAnonymous(a.URI) {
			continue
		}
		if uri := s.call.peerURI(); uri != "" && !isAnonymous(uri) {
			all[i] = cpim.Address{URI: uri}
		}
	}
	return all
}

// peerURI is the URI of the peer; "" where it is not to be told.
func (c *Call) peerURI() string {
	who := c.Identity()
	switch {
	case c.caller:
		return c.to
	case who.Private:
		return ""
	case who.By == ByAsserted || who.By == ByTLS:
		return who.Name
	}
	return c.from
}

// Content is what the message brings, unwrapped if it was wrapped.
func (m *Message) Content() Content {
	if m.CPIM == nil {
		return Content{m.ContentType, m.Headers, m.Body}
	}
	inner := m.CPIM.Innermost()
	return Content{inner.ContentType(), MIMEHeaders(inner), inner.Content}
}

// MIMEHeaders are the headers of a CPIM message's content, without Content-Type.
func MIMEHeaders(m *cpim.Message) []msrp.Header {
	var headers []msrp.Header
	for _, h := range m.MIME {
		if name := h.Name(); !isContentType(name) {
			headers = append(headers, msrp.Header{Name: name, Value: h.Value()})
		}
	}
	return headers
}
