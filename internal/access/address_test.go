package access_test

import (
	"net/netip"
	"testing"

	"github.com/parley-msrp/parley/internal/access"
)

func TestAddresses(t *testing.T) {
	prefixes := func(list ...string) []netip.Prefix {
		var all []netip.Prefix
		for _, s := range list {
			all = append(all, netip.MustParsePrefix(s))
		}
		return all
	}
	for _, c := range []struct {
		name      string
		policy    access.Addresses
		permitted []string
		refused   []string
	}{
		{"none", access.Addresses{}, []string{"127.0.0.1:1", "[2001:db8::1]:2855"}, nil},
		{
			"denied",
			access.Addresses{Deny: prefixes("127.0.0.0/8", "fe80::/10")},
			[]string{"192.0.2.1:1", "[::1]:1"},
			[]string{"127.1.2.3:1", "[::ffff:127.0.0.1]:1", "[fe80::1]:1", "[fe80::1%eth0]:1"},
		},
		{
			"allowed",
			access.Addresses{Allow: prefixes("192.0.2.0/24", "2001:db8::/32")},
			[]string{"192.0.2.1:1", "[::ffff:192.0.2.9]:1", "[2001:db8::1]:1"},
			[]string{"127.0.0.1:1", "[::1]:1"},
		},
		{
			"denied among the allowed",
			access.Addresses{Allow: prefixes("192.0.2.0/24"), Deny: prefixes("192.0.2.7/32")},
			[]string{"192.0.2.1:1"},
			[]string{"192.0.2.7:1", "192.0.3.1:1"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, s := range c.permitted {
				if !c.policy.Permit(netip.MustParseAddrPort(s)) {
					t.Errorf("%s is refused", s)
				}
			}
			for _, s := range c.refused {
				if c.policy.Permit(netip.MustParseAddrPort(s)) {
					t.Errorf("%s is permitted", s)
				}
			}
		})
	}
}
