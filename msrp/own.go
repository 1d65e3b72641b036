package msrp

import (
	"strings"
	"unsafe"
)

// ownURI is a URI of the session's own; immutable.
type ownURI struct {
	URI
	path   string  // the same as text, for requests
	text   []byte  // the same, for responses: never written to
	before *ownURI // the one that it takes the place of, which its peer may still be at; nil: it is the first one
}

func newOwnURI(u URI, before *ownURI) *ownURI {
	text := u.String()
	return &ownURI{URI: u, path: text, text: unsafe.Slice(unsafe.StringData(text), len(text)), before: before}
}

// find says which of the session's URIs that of a To-Path is; nil: none of them.
func (o *ownURI) find(u URI, by ToPathMatch) *ownURI {
	if by == ToPathSessionID {
		u.Host, u.Port = o.Host, o.Port
	}
	switch {
	case o.Equal(u):
		return o
	case o.before != nil && o.before.Equal(u):
		return o.before
	}
	return nil
}

// renewed is between the session's ID and the rest of the session-id of a URI that is not its first. IDs do not hold it.
const renewed = "."

// SessionOf is the ID of the session (Session.ID) that a session-id of this side's belongs to: the session-ids of all URIs that it has had begin with it.
func SessionOf(sessionID string) string {
	id, _, _ := strings.Cut(sessionID, renewed)
	return id
}

// Renew gives the session another URI, which its ID still begins: a peer that is offered it knows by that that the connection is lost
// (RFC 4975 §5.4). Requests to the URI before are still taken, and show it, until SetPeer says that the peer knows the new one; so the peer has to know
// that one when Renew is called.
func (s *Session) Renew() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.own.Load()
	u := now.URI
	if s.base != nil {
		u = *s.base
	}
	u.SessionID = s.id + renewed + s.endpoint.idents.suffix()
	s.own.Store(newOwnURI(u, newOwnURI(now.URI, nil)))
}
