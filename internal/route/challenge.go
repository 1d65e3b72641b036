package route

import (
	"errors"
	"fmt"

	"go.starlark.net/starlark"
)

// Identity is what was verified of the caller before the script runs.
type Identity struct {
	Name  string // "": nothing was verified
	By    string // "none", "digest", "pai", "tls"
	Realm string // of a username; else ""
}

// errChallenged ends a run whose decision is a challenge.
var errChallenged = errors.New("the caller is challenged")

// challenge returns the username that the request shows good credentials for. Where there is none the caller is asked for them, and the run ends.
func challenge(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var realm string
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "realm", &realm); err != nil {
		return nil, err
	}
	c, ok := thread.Local(callKey).(*call)
	switch {
	case !ok:
		return nil, fmt.Errorf("%s is callable only from the request route, not while the script loads", b.Name())
	case c.verify == nil:
		return nil, fmt.Errorf("%s: there are no users: name their file in auth.users", b.Name())
	case realm == "":
		return nil, fmt.Errorf("%s: the realm is empty; a domain, such as example.org, would be right", b.Name())
	}
	if username, ok := c.verify(realm); ok {
		c.msg.identify(Identity{Name: username, By: "digest", Realm: realm})
		return starlark.String(username), nil
	}
	if _, err := decide(thread, b, Decision{Code: 401, Challenge: realm}); err != nil {
		return nil, err
	}
	return nil, errChallenged
}

// identify sets who calls.
func (m *message) identify(i Identity) {
	m.request.Identity = i
	for _, name := range []string{"identity", "identity_by", "identity_realm"} {
		delete(m.attributes, name) // made before
	}
}

// orNone is a text, or None where there is none.
func orNone(s string) starlark.Value {
	if s == "" {
		return starlark.None
	}
	return starlark.String(s)
}
