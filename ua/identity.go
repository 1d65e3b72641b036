package ua

import (
	"strings"
	"sync"

	"github.com/parley-msrp/parley/internal/auth"
	"github.com/parley-msrp/parley/internal/dialog"
	"github.com/parley-msrp/parley/internal/sip"
)

// Verification says by what an identity was verified.
type Verification string

// The verifications.
const (
	Unverified Verification = "none"   // From is only a claim
	ByDigest   Verification = "digest" // the caller showed the credentials of a user
	ByAsserted Verification = "pai"    // a trusted previous hop asserts it, in P-Asserted-Identity
	ByTLS      Verification = "tls"    // the certificate of the TLS connection is for it
)

// Identity is what is known for certain of who calls. From is no part of it: anybody can write anything there.
type Identity struct {
	// By says what verified it.
	By Verification
	// Name is the username where By is ByDigest, a URI where it is ByAsserted or ByTLS, and empty where nothing was verified. By TLS it is the
	// sip: URI of a user, or that of the domain which the request comes from, whoever calls there.
	Name string
	// Realm is that of the username.
	Realm string
	// Private: the caller asked those who know it not to tell it to others (RFC 3323, Privacy: id). Name may be used to decide, and is not to be
	// passed on.
	Private bool
}

// verified is what was found out about the sender of a request. The zero value has found out nothing.
type verified struct {
	mu       sync.Mutex
	verdicts map[string]auth.Verdict // by realm: credentials are good once
	first    Identity                // by digest
}

// guarded takes what the listener found out.
func (v *verified) guarded(a *Agent, user string) {
	if user != "" {
		realm := a.cfg.Auth.Realm
		v.first = Identity{By: ByDigest, Name: user, Realm: realm}
		v.verdicts = map[string]auth.Verdict{realm: {Username: user}}
	}
}

// Identity is what was verified of the caller so far: by digest at the listener or by Verify, else by what a trusted previous hop asserts, else by
// the certificate that the previous hop has shown.
func (i *inquiry) Identity() Identity {
	i.who.mu.Lock()
	defer i.who.mu.Unlock()
	if i.who.first.Name != "" {
		return i.who.first
	}
	if name := asserted(i.m); name != "" {
		return Identity{By: ByAsserted, Name: name, Private: keepsPrivate(i.m)}
	}
	if name := certified(i.flow.Peer, i.m.From().URI); name != "" {
		return Identity{By: ByTLS, Name: name, Private: keepsPrivate(i.m)}
	}
	return Identity{By: Unverified}
}

// Verify says which user of the realm has sent the request: "" and false where it does not show good credentials, which Challenge asks for.
func (i *inquiry) Verify(realm string) (username string, ok bool) {
	v := i.verdict(realm)
	return v.Username, v.Username != ""
}

func (i *inquiry) verdict(realm string) auth.Verdict {
	if i.agent.access.auth == nil {
		return auth.Verdict{}
	}
	w := &i.who
	w.mu.Lock()
	defer w.mu.Unlock()
	v, known := w.verdicts[realm]
	if known {
		return v
	}
	v = i.agent.access.verify(realm, i.m)
	if w.verdicts == nil {
		w.verdicts = map[string]auth.Verdict{}
	}
	w.verdicts[realm] = v
	if v.Username != "" && w.first.Name == "" {
		w.first = Identity{By: ByDigest, Name: v.Username, Realm: strings.Clone(realm)}
	}
	return v
}

// challenge makes the refusal that asks for credentials of a realm.
func (i *inquiry) challenge(realm string) (*dialog.Refusal, error) {
	if i.agent.access.auth == nil {
		return nil, ErrNoUsers
	}
	if err := auth.CheckRealm(realm); err != nil {
		return nil, &FieldError{Field: "realm", Err: err}
	}
	return i.agent.access.challenge(realm, i.verdict(realm).Stale), nil
}

// Challenge refuses the call with 401, which asks for the credentials of a user of the realm: the caller may then call again, and Verify knows whose
// credentials it showed. ErrNoUsers, a *FieldError for a realm that is none, ErrDecided, ErrOver.
func (i *Invitation) Challenge(realm string) error {
	r, err := i.challenge(realm)
	if err != nil {
		return err
	}
	return i.refuse(r)
}

// Challenge answers with 401, which asks for the credentials of a user of the realm, as a call would be; where the question goes to the node itself,
// with 200. ErrNoUsers, a *FieldError for a realm that is none.
func (q *Query) Challenge(realm string) error {
	r, err := q.challenge(realm)
	if err == nil {
		q.q.Refuse(*r)
	}
	return err
}

// asserted is the identity that the previous hop asserts; it has been taken out of what comes from others. Of two, a SIP URI and a tel URI
// (RFC 3325 §9.1), it is the SIP URI.
func asserted(m *sip.Message) string {
	first := ""
	for _, value := range m.List("P-Asserted-Identity") {
		a, err := sip.ParseAddress(value)
		switch {
		case err != nil:
		case a.URI.IsSIP():
			return strings.Clone(a.URI.String())
		case first == "":
			first = a.URI.String()
		}
	}
	return strings.Clone(first)
}

// keepsPrivate says whether the caller's asserted identity is not to leave the trust domain (RFC 3325 §9.3).
func keepsPrivate(m *sip.Message) bool {
	for _, row := range m.Values("Privacy") {
		for p := range strings.FieldsFuncSeq(row, func(r rune) bool { return r == ';' || r == ',' || r == ' ' }) {
			if strings.EqualFold(p, "id") {
				return true
			}
		}
	}
	return false
}
