package config

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/parley-msrp/parley/internal/auth"
)

// Prefixes reads a list of addresses and prefixes, as far as they can be read: Check has the words for the others.
func Prefixes(list []string) []netip.Prefix {
	var all []netip.Prefix
	for _, s := range list {
		if p, err := parsePrefix(s); err == nil {
			all = append(all, p)
		}
	}
	return all
}

// parsePrefix reads an address or a prefix.
func parsePrefix(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil || p.Addr().Is4In6():
		return p, fmt.Errorf("%s is neither an address nor a prefix; 192.0.2.7 or 192.0.2.0/24 would be right", quoted(s))
	case p != p.Masked():
		return p, fmt.Errorf("%s has bits set behind its length; %s would be right", quoted(s), p.Masked())
	}
	return p, nil
}

func checkPrefixes(list []string) error {
	for _, s := range list {
		if _, err := parsePrefix(s); err != nil {
			return err
		}
	}
	return nil
}

// checkAuth checks what is said below the key auth.
func (c *Config) checkAuth(report func(string, error)) {
	if c.Auth.Realm != "" || len(c.Auth.Listeners) > 0 {
		report("auth.realm", auth.CheckRealm(c.Auth.Realm))
	}
	if len(c.Auth.Listeners) > 0 && c.Auth.Users == "" {
		report("auth.users", errors.New("is missing; auth.listeners needs a file of users"))
	}
	for _, l := range c.Auth.Listeners {
		if !slices.Contains(c.SIP.Listen, l) {
			report("auth.listeners", fmt.Errorf("%s is none of sip.listen; it has to stand there in the same words", quoted(l)))
			break
		}
	}
	report("auth.nonce_lifetime", checkPositive(c.Auth.NonceLifetime))
}

// LoadUsers reads the file of users; nil where none is named. The error says what is wrong with the file, and shows nothing of it.
func (a *Auth) LoadUsers() (*auth.Users, error) {
	if a.Users == "" {
		return nil, nil
	}
	users, err := auth.LoadUsers(a.Users)
	if err != nil {
		return nil, fmt.Errorf("auth.users: %w", err)
	}
	if n := users.OnlyMD5(); n > 0 && !a.MD5 {
		return nil, fmt.Errorf("auth.users: %s: users that have an MD5 hash only: %d, of no use here; give them a password or a SHA-256 hash, or say auth.md5: true", a.Users, n)
	}
	return users, nil
}
