package auth

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Errors of a RelayClient.
var (
	// ErrNoChallenge: none of the challenges is Digest with qop auth and MD5, SHA-256 or SHA-512-256 (RFC 4976 §9.1, R-006).
	ErrNoChallenge = errors.New("the relay asks for credentials in no way that is supported (Digest with qop auth and MD5, SHA-256 or SHA-512-256)")
	// ErrRelayProof: the relay does not know the password.
	ErrRelayProof = errors.New("the relay did not prove that it knows the password (rspauth)")
)

// RelayClient answers the challenges of one MSRP relay (RFC 4976 §9.1). One method may be called at a time.
type RelayClient struct {
	keys      []Credential
	key       Credential
	challenge challenge // of the nonce that the next credentials are for; without nonce: none
	count     uint32    // credentials that carried this nonce
	sent      proof     // the last ones
}

// NewRelayClient makes a RelayClient that holds these credentials, one for each realm.
func NewRelayClient(keys []Credential) *RelayClient { return &RelayClient{keys: keys} }

// Ready says whether there is a nonce to make credentials for; without, the relay has to challenge first.
func (c *RelayClient) Ready() bool { return c.challenge.nonce != "" }

// Authorization makes the credentials of one more AUTH to the relay at uri. bare leaves the uri parameter out, which some relays stumble over.
func (c *RelayClient) Authorization(uri string, bare bool) string {
	c.count++
	ch := &c.challenge
	c.sent = proof{
		algorithm: ch.algorithm, ha1: ch.algorithm.hashA1(c.key.Username, ch.realm, c.key.Password),
		nonce: ch.nonce, qop: "auth", cnonce: rand.Text(), nc: c.count, request: Request{Method: "AUTH", URI: uri},
	}
	var b strings.Builder
	fmt.Fprintf(&b, `Digest username="%s", realm="%s", nonce="%s", `, c.key.Username, ch.realm, ch.nonce)
	if !bare {
		fmt.Fprintf(&b, `uri="%s", `, uri)
	}
	fmt.Fprintf(&b, `response="%s", qop=auth, nc=%08x, cnonce="%s"`, c.sent.response(), c.sent.nc, c.sent.cnonce)
	if ch.named != "" {
		b.WriteString(", algorithm=" + ch.named)
	}
	if ch.opaque != "" {
		b.WriteString(`, opaque="` + ch.opaque + `"`)
	}
	return b.String()
}

// Challenged takes the WWW-Authenticate values of a 401: of those that can be answered the one with the strongest algorithm counts. stale is what
// that one says. An error, ErrNoChallenge or one that names the realms, means that no secret is to be sent.
func (c *RelayClient) Challenged(values []string) (stale bool, err error) {
	c.challenge, c.count = challenge{}, 0
	var unknown []string
	supported := false
	for _, v := range values[:min(len(values), maxChallenges)] {
		ch, ok := readChallenge(v)
		if !ok || ch.qop == "auth-int" {
			continue
		}
		supported = true
		i := slices.IndexFunc(c.keys, func(k Credential) bool { return k.Realm == ch.realm })
		switch {
		case i < 0:
			unknown = append(unknown, fmt.Sprintf("%.100q", ch.realm))
		case c.challenge.nonce == "" || strength(ch.algorithm) > strength(c.challenge.algorithm):
			c.challenge, c.key = ch, c.keys[i]
		}
	}
	switch {
	case c.Ready():
		return c.challenge.stale, nil
	case supported:
		return false, fmt.Errorf("there is no credential for the relay's realm %s", strings.Join(unknown, ", "))
	}
	return false, ErrNoChallenge
}

func strength(a Algorithm) int {
	return map[Algorithm]int{MD5: 0, SHA256: 1, SHA512t256: 2}[a]
}

// Accepted takes the Authentication-Info of the response that accepted the last credentials; "": there is none. ErrRelayProof says that its rspauth
// is wrong. A nextnonce is used from now on; without one, the nonce that was good once more.
func (c *RelayClient) Accepted(info string) error {
	if info == "" {
		return nil
	}
	p, ok := parseDigest("Digest " + info)
	if !ok {
		return nil // nobody has to send one
	}
	if proof, ok := p["rspauth"]; ok {
		own := c.sent
		own.request.Method = "" // RFC 7616 §3.5
		if !strings.EqualFold(proof, own.response()) {
			c.challenge = challenge{}
			return ErrRelayProof
		}
	}
	if next := p["nextnonce"]; next != "" && next != c.challenge.nonce {
		c.challenge.nonce, c.count = strings.Clone(next), 0
	}
	return nil
}
