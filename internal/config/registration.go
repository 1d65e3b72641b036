package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Registration is an entry of sip.register.
type Registration struct {
	AOR, Registrar, Contact string        // SIP URIs; the last two may be empty
	Expires                 time.Duration // 0: the default
}

const (
	wouldRegister = "sip:USER@DOMAIN registrar=sip:HOST:PORT expires=3600"
	wouldContact  = "sip:USER@HOST:PORT"
)

// ParseRegistration reads an entry of sip.register.
func ParseRegistration(s string) (r Registration, err error) {
	words := strings.Fields(s)
	if len(words) == 0 {
		return r, fmt.Errorf("%s has no address; %s would be right", quoted(s), wouldRegister)
	}
	r.AOR = words[0]
	if err := checkPeer(r.AOR, true); err != nil {
		return r, err
	}
	seen := map[string]bool{}
	for _, w := range words[1:] {
		name, value, _ := strings.Cut(w, "=")
		if seen[name] {
			return r, fmt.Errorf("%s says %s= twice", quoted(s), name)
		}
		seen[name] = true
		switch name {
		case "registrar":
			r.Registrar, err = value, checkPeer(value, false)
		case "contact":
			r.Contact, err = value, checkURI(value, wouldContact)
		case "expires":
			n, bad := strconv.ParseUint(value, 10, 24)
			if r.Expires = time.Duration(n) * time.Second; bad != nil || n == 0 {
				err = fmt.Errorf("expires=%s is no number of seconds above 0", value)
			}
		default:
			err = fmt.Errorf("%s is not known; %s would be right", quoted(w), wouldRegister)
		}
		if err != nil {
			return r, err
		}
	}
	return r, nil
}

// checkPeer takes a SIP URI with a user, or without one.
func checkPeer(s string, user bool) error {
	if s == "" {
		return fmt.Errorf("%s is not a SIP URI; %s would be right", quoted(s), wouldRegister)
	}
	if err := checkURI(s, wouldRegister); err != nil {
		return err
	}
	if strings.Contains(s, "@") != user {
		if user {
			return fmt.Errorf("%s has no user; %s would be right", quoted(s), wouldRegister)
		}
		return fmt.Errorf("%s has a user, and a registrar has none; %s would be right", quoted(s), wouldRegister)
	}
	return nil
}

func (c *Config) checkRegistrations() error {
	seen := map[string]bool{}
	for _, s := range c.SIP.Register {
		r, err := ParseRegistration(s)
		if err != nil {
			return err
		}
		for _, uri := range []string{r.AOR, r.Registrar, r.Contact} {
			if err := c.checkSIPURI(uri, wouldRegister); err != nil {
				return err
			}
		}
		switch {
		case isSIPS(r.AOR) && r.Registrar != "" && !isSIPS(r.Registrar):
			return fmt.Errorf("%s is registered over TLS all the way; registrar=sips:HOST:PORT would be right", quoted(r.AOR))
		case (isSIPS(r.AOR) || isSIPS(r.Registrar) || isSIPS(c.SIP.OutboundProxy)) && r.Contact != "" && !isSIPS(r.Contact):
			return fmt.Errorf("%s is registered over TLS all the way; contact=sips:USER@HOST:PORT would be right", quoted(r.AOR))
		}
		if seen[r.AOR] {
			return fmt.Errorf("%s stands there twice; one registration for each address would be right", quoted(r.AOR))
		}
		seen[r.AOR] = true
	}
	return nil
}
