package auth

import (
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ServerConfig says how a Server authenticates.
type ServerConfig struct {
	Lookup        Lookup        // required
	MD5           bool          // offers MD5 below SHA-256
	NonceLifetime time.Duration // how long a nonce may be used; 0: 5 min
	MaxNonces     int           // nonces in use that are remembered; above it all are taken to be stale; 0: 100,000
}

// Server challenges others and verifies their credentials (RFC 7616, RFC 8760; S-028). Nonces are its own, so that they are good here alone, and
// until the process ends. Safe for concurrent use.
type Server struct {
	lookup Lookup
	offers []Algorithm
	nonces nonces
	// dummy stands for the secret of users that there are not, so that they take as long as others.
	dummy string
}

// NewServer makes a Server.
func NewServer(c ServerConfig) *Server {
	if c.NonceLifetime <= 0 {
		c.NonceLifetime = 5 * time.Minute
	}
	if c.MaxNonces <= 0 {
		c.MaxNonces = 100_000
	}
	s := &Server{lookup: c.Lookup, offers: []Algorithm{SHA256}, dummy: rand.Text()}
	if c.MD5 {
		s.offers = append(s.offers, MD5)
	}
	s.nonces.init(c.NonceLifetime, c.MaxNonces)
	return s
}

// Challenge gives the values of WWW-Authenticate: one for each algorithm, the preferred one first. stale says that the credentials were good but for
// their nonce.
func (s *Server) Challenge(realm string, stale bool) []string {
	values := make([]string, len(s.offers))
	for i, a := range s.offers {
		values[i] = fmt.Sprintf(`Digest realm="%s", nonce="%s", algorithm=%s, qop="auth"`, realm, s.nonces.issue(realm, a), a)
		if stale {
			values[i] += ", stale=true"
		}
	}
	return values
}

// Verdict is what Verify found.
type Verdict struct {
	Username string // whose credentials are good; "": nobody's
	Stale    bool   // they would be, with another nonce
}

// Verify looks for good credentials of a realm among the values of Authorization. Good ones count once: the same nonce needs another nc.
// The URI is taken from the credentials: proxies may have changed that of the request (RFC 3261 §22.4).
func (s *Server) Verify(realm, method string, values []string) Verdict {
	for _, v := range values[:min(len(values), maxRealms)] {
		if p, ok := parseDigest(v); ok && p["realm"] == realm {
			return s.verify(p, method)
		}
	}
	return Verdict{}
}

func (s *Server) verify(p params, method string) Verdict {
	a, offered := s.algorithm(p["algorithm"])
	// qop is in each challenge: without it there would be no nc, and replays would pass.
	if !offered || !strings.EqualFold(p["qop"], "auth") || len(p["nc"]) != 8 || p["cnonce"] == "" {
		return Verdict{}
	}
	nc, err := strconv.ParseUint(p["nc"], 16, 31)
	if err != nil || nc == 0 {
		return Verdict{}
	}
	username, realm := p["username"], p["realm"]
	secret, known := s.lookup(username, realm)
	ha1, usable := secret.hash(a, username, realm)
	if !known || !usable {
		ha1, known = a.hashA1(username, realm, s.dummy), false
	}
	want := proof{
		algorithm: a, ha1: ha1, nonce: p["nonce"], qop: "auth", cnonce: p["cnonce"], nc: uint32(nc), request: Request{Method: method, URI: p["uri"]},
	}
	good := subtle.ConstantTimeCompare([]byte(want.response()), []byte(strings.ToLower(p["response"]))) == 1
	switch {
	case !good || !known:
		return Verdict{}
	case !s.nonces.use(p["nonce"], realm, a, uint32(nc)):
		return Verdict{Stale: true}
	}
	return Verdict{Username: strings.Clone(username)}
}

// algorithm is the one named, if it is offered.
func (s *Server) algorithm(name string) (Algorithm, bool) {
	a, known := algorithmOf(name)
	return a, known && slices.Contains(s.offers, a)
}

// CheckRealm says what makes a realm unusable; nil if nothing does.
func CheckRealm(realm string) error {
	if realm == "" {
		return fmt.Errorf("a realm is needed; a domain, such as example.org, would be right")
	}
	if !quotable(realm) || len(realm) > 255 {
		return fmt.Errorf("the realm has a quotation mark, a backslash or a control character, or more than 255 octets")
	}
	return nil
}
