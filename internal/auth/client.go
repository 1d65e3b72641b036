package auth

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
)

// Limits of what a peer may ask for in one response.
const (
	maxRealms     = 8  // that are answered
	maxChallenges = 32 // header rows that are looked at
)

// Request is what credentials are made for.
type Request struct {
	Method, URI string
	Body        []byte
}

// Header is a header row.
type Header struct{ Name, Value string }

// Challenges are the values of WWW-Authenticate and of Proxy-Authenticate in a 401 or 407; a forking proxy puts both into one response
// (RFC 3261 §22.3).
type Challenges struct{ WWW, Proxy []string }

// Client answers the challenges to the requests of one dialog, or of one registration, and lets later requests carry the credentials that were
// good before (RFC 3261 §22.2). One method may be called at a time.
type Client struct {
	keys    []Credential
	answers []*answer
}

// answer is how one realm is answered.
type answer struct {
	space
	challenge challenge
	key       Credential
	count     uint32 // requests that carried this nonce
}

// space is where a realm counts: in the user agent that was called, or in proxies.
type space struct {
	proxy bool
	realm string
}

// NewClient makes a Client that holds these credentials, one for each realm; of two for one realm the first counts.
func NewClient(keys []Credential) *Client { return &Client{keys: keys} }

// Headers are the credentials of one more request: for each realm that has challenged so far.
func (c *Client) Headers(r Request) []Header {
	if c == nil {
		return nil
	}
	var h []Header
	for _, a := range c.answers {
		name := "Authorization"
		if a.proxy {
			name = "Proxy-Authorization"
		}
		h = append(h, Header{name, a.value(r)})
	}
	return h
}

// value makes the credentials of a request.
func (a *answer) value(r Request) string {
	a.count++
	c := &a.challenge
	username := a.key.Username
	if c.userhash {
		username = c.algorithm.hash(username + ":" + c.realm) // RFC 7616 §3.4.4
	}
	p := proof{
		algorithm: c.algorithm, ha1: c.algorithm.hashA1(a.key.Username, c.realm, a.key.Password),
		nonce: c.nonce, qop: c.qop, cnonce: rand.Text(), nc: a.count, request: r,
	}
	var b strings.Builder
	fmt.Fprintf(&b, `Digest username="%s", realm="%s", nonce="%s", uri="%s", response="%s"`, username, c.realm, c.nonce, r.URI, p.response())
	if c.named != "" {
		b.WriteString(", algorithm=" + c.named)
	}
	if c.opaque != "" {
		b.WriteString(`, opaque="` + c.opaque + `"`)
	}
	if c.qop != "" {
		fmt.Fprintf(&b, `, qop=%s, nc=%08x, cnonce="%s"`, p.qop, p.nc, p.cnonce)
	}
	if c.userhash {
		b.WriteString(", userhash=true")
	}
	return b.String()
}

// Try is how often one request was sent with credentials, realm by realm. The zero value is that of a request that was not challenged yet.
type Try struct{ sent map[space]int }

// Challenged takes the challenges to a request, and says whether it is worth sending again, with Headers anew. Of each realm the topmost
// challenge that is supported counts; others are passed over. Credentials that were refused are not repeated, but once where the challenge says that
// only their nonce was stale (RFC 3261 §22.2, RFC 8760 §2.4; S-027).
func (c *Client) Challenged(t *Try, ch Challenges) bool {
	picked := c.pick(ch)
	if len(picked) == 0 {
		return false
	}
	if t.sent == nil {
		t.sent = map[space]int{}
	}
	for _, a := range picked {
		n := t.sent[a.space]
		if n > 1 || n == 1 && !a.challenge.stale {
			return false
		}
		t.sent[a.space]++
	}
	for _, a := range picked {
		c.take(a)
	}
	return true
}

// pick finds the challenge of each realm that is to be answered, where there are credentials for it.
func (c *Client) pick(ch Challenges) []*answer {
	var picked []*answer
	seen := map[space]bool{}
	look := func(proxy bool, values []string) {
		for _, v := range values[:min(len(values), maxChallenges)] {
			challenge, ok := readChallenge(v)
			at := space{proxy, challenge.realm}
			if !ok || seen[at] || len(picked) == maxRealms {
				continue
			}
			seen[at] = true
			i := slices.IndexFunc(c.keys, func(k Credential) bool { return k.Realm == challenge.realm })
			if i >= 0 {
				picked = append(picked, &answer{space: at, challenge: challenge, key: c.keys[i]})
			}
		}
	}
	look(false, ch.WWW)
	look(true, ch.Proxy)
	return picked
}

// take keeps an answer in place of the one for that realm.
func (c *Client) take(a *answer) {
	i := slices.IndexFunc(c.answers, func(o *answer) bool { return o.space == a.space })
	switch {
	case i >= 0:
		c.answers[i] = a
	case len(c.answers) < 2*maxRealms:
		c.answers = append(c.answers, a)
	}
}
