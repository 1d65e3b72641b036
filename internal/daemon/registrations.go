package daemon

import (
	"github.com/parley-msrp/parley/internal/config"
	"github.com/parley-msrp/parley/ua"
)

// registrations reads sip.register, which was checked.
func registrations(list []string) []ua.Registration {
	var all []ua.Registration
	for _, s := range list {
		if r, err := config.ParseRegistration(s); err == nil {
			all = append(all, ua.Registration(r))
		}
	}
	return all
}
