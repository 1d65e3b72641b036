package access

import (
	"fmt"
	"math"
	"net/http"
	"sync/atomic"
	"time"
)

// GateConfig says who passes a Gate.
type GateConfig struct {
	// LoopbackOpen lets those who come over a listener on loopback, without TLS and without credential, do everything.
	LoopbackOpen bool
	// MaxPerSecond bounds the requests of each client, and of each source without one; 0: no limit. Those that LoopbackOpen lets in are not counted.
	MaxPerSecond int
}

// Gate decides on each request of the HTTP side whose it is. Safe for concurrent use.
type Gate struct {
	config   GateConfig
	clients  atomic.Pointer[Clients]
	failures sources
	rates    rates
}

// NewGate makes a Gate; clients nil: there are none.
func NewGate(c GateConfig, clients *Clients) *Gate {
	g := &Gate{config: c}
	g.SetClients(clients)
	return g
}

// SetClients replaces the clients, for the requests that come from now on.
func (g *Gate) SetClients(c *Clients) { g.clients.Store(c) }

// Authenticates says whether there is anybody who could show a credential: without, no listener may be reached from elsewhere.
func (g *Gate) Authenticates() bool {
	c := g.clients.Load()
	return c != nil && len(c.tokens)+len(c.certificates) > 0
}

// Admit checks where a request comes from, and whose it is. A caller without rights is no refusal: what is needed the operation says (Needed).
// A request without TLS came in through a listener on loopback.
func (g *Gate) Admit(r *http.Request) (Caller, *Refusal) {
	if refusal := checkOrigin(r); refusal != nil {
		return Caller{}, refusal
	}
	now := time.Now()
	caller, refusal := g.identify(r, now)
	if refusal != nil || caller == everybody {
		return caller, refusal
	}
	var key any = caller.Name
	if caller.Name == "" {
		key = SourceOf(r.RemoteAddr)
	}
	if wait := g.rates.take(key, g.config.MaxPerSecond, now); wait > 0 {
		return Caller{}, later(wait, fmt.Sprintf("there are more than %d requests a second", g.config.MaxPerSecond))
	}
	return caller, nil
}

// everybody on this machine, where LoopbackOpen is.
var everybody = Caller{Rights: All | Known}

func (g *Gate) identify(r *http.Request, now time.Time) (Caller, *Refusal) {
	headers := r.Header.Values("Authorization")
	switch {
	case len(headers) > 0:
		return g.byToken(r, headers, now)
	case r.TLS != nil && len(r.TLS.VerifiedChains) > 0:
		caller, found := g.clients.Load().ByCertificate(r.TLS.VerifiedChains[0][0])
		if !found {
			return Caller{}, refuse(http.StatusForbidden, "the certificate is none of a client's")
		}
		return caller, nil
	case r.TLS == nil && g.config.LoopbackOpen:
		return everybody, nil
	}
	return Caller{}, nil
}

func (g *Gate) byToken(r *http.Request, headers []string, now time.Time) (Caller, *Refusal) {
	source := SourceOf(r.RemoteAddr)
	// Also for a good token: else the answer would tell one from a bad one.
	if wait := g.failures.waits(source, now); wait > 0 {
		return Caller{}, later(wait, "too many attempts to authenticate have failed")
	}
	if caller, found := g.clients.Load().byHeaders(headers); found {
		return caller, nil
	}
	g.failures.failed(source, now)
	return Caller{}, unauthorized(`Bearer error="invalid_token"`, "the Authorization header has no token that is known; Bearer TOKEN would be right")
}

// Stands says whether what a request showed that was let in is still this caller's: the clients may be others by now.
func (g *Gate) Stands(r *http.Request, caller Caller) bool {
	var now Caller
	switch headers := r.Header.Values("Authorization"); {
	case len(headers) > 0:
		now, _ = g.clients.Load().byHeaders(headers)
	case r.TLS != nil && len(r.TLS.VerifiedChains) > 0:
		now, _ = g.clients.Load().ByCertificate(r.TLS.VerifiedChains[0][0])
	default:
		return true // nothing
	}
	return now == caller
}

// Permit checks whether a caller may do something; nil: it may.
func (c Caller) Permit(operation string) *Refusal {
	needed := Needed(operation)
	switch {
	case c.Rights.Has(needed):
		return nil
	case c == Caller{}:
		return unauthorized("Bearer", "this takes the right "+needed.String()+", so a token (Authorization: Bearer TOKEN) or a certificate of a client who has it")
	}
	return refuse(http.StatusForbidden, fmt.Sprintf("this takes the right %s, and %s has %s", needed, c.Name, c.Rights))
}

func unauthorized(challenge, detail string) *Refusal {
	return &Refusal{Status: http.StatusUnauthorized, Detail: detail, Header: http.Header{"Www-Authenticate": {challenge}}}
}

func later(wait time.Duration, detail string) *Refusal {
	seconds := fmt.Sprint(max(1, int(math.Ceil(wait.Seconds()))))
	return &Refusal{Status: http.StatusTooManyRequests, Detail: detail + "; in " + seconds + " s it may be tried again", Header: http.Header{"Retry-After": {seconds}}}
}
