package ua

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/parley-msrp/parley/internal/auth"
	"github.com/parley-msrp/parley/internal/dialog"
	"github.com/parley-msrp/parley/internal/sip"
)

// Auth says how callers are authenticated by digest (RFC 3261 §22, RFC 8760): on demand by Invitation.Verify and Challenge, or all who come to certain
// listeners. SHA-256 is asked for, MD5 below it on demand; never Basic.
type Auth struct {
	// Users finds the secret of a user of a realm; nil: there are no users. It must not block, and is called concurrently.
	Users func(username, realm string) (Secret, bool)
	// Realm is what Listeners ask for.
	Realm string
	// Listeners are those of SIPListen, as written there, where every request has to show good credentials, those inside of calls included: not ACK and
	// CANCEL, which cannot be challenged, and not requests inside of calls that this side started. It does not matter by which protocol a
	// request comes to their address and port; neither is one let in that comes to no listener, over a connection that this side opened.
	Listeners []string
	// MD5 is offered too, below SHA-256.
	MD5 bool
	// NonceLifetime is how long a challenge can be answered, again and again; 0 means 5 minutes.
	NonceLifetime time.Duration
}

// Secret is what a user is known by: the password, or hashes of username:realm:password in hexadecimal. It never shows itself in a log.
type Secret = auth.Secret

// access decides who may send what.
type access struct {
	auth    *auth.Server // nil: there are no users
	cfg     *Config
	unasked atomic.Pointer[[]netip.AddrPort] // the listeners that do not ask for credentials
}

func (x *access) prepare(c *Config) error {
	x.cfg = c
	if c.Auth.Users != nil {
		x.auth = auth.NewServer(auth.ServerConfig{Lookup: c.Auth.Users, MD5: c.Auth.MD5, NonceLifetime: c.Auth.NonceLifetime})
	}
	if len(c.Auth.Listeners) == 0 {
		return nil
	}
	if x.auth == nil {
		return errors.New("listeners that ask for credentials need users")
	}
	if err := auth.CheckRealm(c.Auth.Realm); err != nil {
		return fmt.Errorf("listeners that ask for credentials: %w", err)
	}
	for _, l := range c.Auth.Listeners {
		if !slices.Contains(c.SIPListen, l) {
			return fmt.Errorf("%q asks for credentials, but is no SIP listener", l)
		}
	}
	return nil
}

// listening learns where the listeners are, by how they were written. Before that, all requests have to show credentials if any have.
func (x *access) listening(bound map[string]netip.AddrPort) {
	asking := map[netip.AddrPort]bool{}
	for _, l := range x.cfg.Auth.Listeners {
		asking[bound[l]] = true
	}
	var unasked []netip.AddrPort
	for _, at := range bound {
		if !asking[at] {
			unasked = append(unasked, at)
		}
	}
	x.unasked.Store(&unasked)
}

// asks says whether a request that came to this address has to show credentials.
func (x *access) asks(local netip.AddrPort) bool {
	if len(x.cfg.Auth.Listeners) == 0 {
		return false
	}
	unasked := x.unasked.Load()
	return unasked == nil || !slices.ContainsFunc(*unasked, func(at netip.AddrPort) bool {
		return at.Port() == local.Port() && (at.Addr().IsUnspecified() || at.Addr().Unmap().WithZone("") == local.Addr().Unmap().WithZone(""))
	})
}

// guard is dialog.Config.Guard.
func (x *access) guard(f sip.Flow, m *sip.Message) (user string, r *dialog.Refusal) {
	if !x.asks(f.Local) {
		return "", nil
	}
	v := x.verify(x.cfg.Auth.Realm, m)
	if v.Username == "" {
		return "", x.challenge(x.cfg.Auth.Realm, v.Stale)
	}
	return v.Username, nil
}

func (x *access) verify(realm string, m *sip.Message) auth.Verdict {
	return x.auth.Verify(realm, m.Method, m.Values("Authorization"))
}

// challenge is the refusal that asks for credentials.
func (x *access) challenge(realm string, stale bool) *dialog.Refusal {
	r := &dialog.Refusal{Code: 401}
	for _, v := range x.auth.Challenge(realm, stale) {
		r.Headers = append(r.Headers, sip.Header{Name: "WWW-Authenticate", Value: v})
	}
	return r
}

// admits is sip.Config.Admit.
func (x *access) admits(f sip.Flow) bool {
	return !holds(x.cfg.Deny, f.Remote) && (len(x.cfg.Allow) == 0 || holds(x.cfg.Allow, f.Remote))
}

// trusts is sip.Config.Asserts.
func (x *access) trusts(f sip.Flow) bool { return holds(x.cfg.Trusted, f.Remote) }

func holds(list []netip.Prefix, at netip.AddrPort) bool {
	if len(list) == 0 {
		return false
	}
	addr := at.Addr().Unmap().WithZone("")
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(addr) })
}
