package daemon

import (
	"github.com/parley-msrp/parley/internal/auth"
	"github.com/parley-msrp/parley/internal/config"
	"github.com/parley-msrp/parley/ua"
)

// authConfig says how callers are authenticated; users nil: they are not.
func authConfig(c config.Auth, users *auth.Users) ua.Auth {
	if users == nil {
		return ua.Auth{}
	}
	return ua.Auth{Users: users.Lookup, Realm: c.Realm, Listeners: c.Listeners, MD5: c.MD5, NonceLifetime: c.NonceLifetime}
}
