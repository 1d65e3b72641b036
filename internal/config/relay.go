package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/parley-msrp/parley/internal/wire"
)

// maxRelays is how many relays may be passed in a chain.
const maxRelays = 8

// checkRelays takes the URI of a relay, or those of several with a space between them.
func checkRelays(s string) error {
	if s == "" {
		return nil
	}
	const would = "; msrps://HOST;tcp would be right"
	all := strings.Split(s, " ")
	if len(all) > maxRelays {
		return fmt.Errorf("has %d relays, at most %d are possible", len(all), maxRelays)
	}
	for _, one := range all {
		u, err := wire.ParseURI(one)
		var wrong string
		switch {
		case err != nil:
			reason := err.Error()
			if e, ok := errors.AsType[*wire.URIError](err); ok {
				reason = e.Part + ": " + e.Reason
			}
			return fmt.Errorf("%s is not an MSRP URI: %s%s", quoted(one), reason, would)
		case u.SessionID != "":
			wrong = " has a session-id, which the relay gives to each session"
		case !strings.EqualFold(u.Transport, "tcp"):
			wrong = " has a transport other than tcp"
		case u.Params != "":
			wrong = " has parameters after the transport"
		}
		if wrong != "" {
			return errors.New(quoted(one) + wrong + would)
		}
	}
	return nil
}
