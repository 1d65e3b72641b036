package daemon

import (
	"fmt"

	"github.com/parley-msrp/parley/internal/auth"
	"github.com/parley-msrp/parley/internal/config"
	"github.com/parley-msrp/parley/ua"
)

// loadUsers reads the file of users; nil where there is none.
func loadUsers(c config.Auth) (*auth.Users, error) {
	if c.Users == "" {
		return nil, nil
	}
	users, err := auth.LoadUsers(c.Users)
	if err != nil {
		return nil, fmt.Errorf("auth.users: %w", err)
	}
	if n := users.OnlyMD5(); n > 0 && !c.MD5 {
		return nil, fmt.Errorf("auth.users: %s: %d users have an MD5 hash only, which is of no use here; give them a password or a SHA-256 hash, or say auth.md5: true", c.Users, n)
	}
	return users, nil
}

func authConfig(c config.Auth, users *auth.Users) ua.Auth {
	if users == nil {
		return ua.Auth{}
	}
	return ua.Auth{Users: users.Lookup, Realm: c.Realm, Listeners: c.Listeners, MD5: c.MD5, NonceLifetime: c.NonceLifetime}
}
