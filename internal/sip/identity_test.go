package sip

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestIdentity(t *testing.T) {
	for _, c := range []struct {
		names, domain string
		want          bool
	}{
		{"example.com", "example.com", true},
		{"EXAMPLE.com", "example.COM.", true},
		{"other.com example.com", "example.com", true},
		{"sip:example.com", "example.com", true},
		{"sip:example.com sip:other.com", "other.com", true},
		{"sip:example.com;transport=tls", "example.com", true},
		{"CN=example.com", "example.com", true},
		{"192.0.2.1", "192.0.2.1", true},
		{"sip:192.0.2.1", "192.0.2.1", true},
		{"2001:db8::1", "2001:db8::1", true},
		{"sip:alice@example.com example.com", "example.com", true},

		{"other.com", "example.com", false},
		{"*.example.com", "sip.example.com", false},
		{"*.example.com", "*.example.com", false},
		{"CN=*.example.com", "sip.example.com", false},
		{"sip.example.com", "example.com", false},
		{"example.com", "sip.example.com", false},
		{"sip:other.com example.com", "example.com", false},
		{"sip:alice@example.com", "example.com", false},
		{"sips:example.com", "example.com", false},
		{"im:example.com", "example.com", false},
		{"CN=example.com other.com", "example.com", false},
		{"CN=example.com alice@example.com", "example.com", false},
		{"CN=example.com sip:other.com", "example.com", false},
		{"sip:other.com 192.0.2.1", "192.0.2.1", false},
		{"192.0.2.1", "192.0.2.2", false},
		{"example.com", "", false},
		{"CN=", "", false},
	} {
		t.Run(fmt.Sprintf("S-032/%s for %s: %t", c.names, c.domain, c.want), func(t *testing.T) {
			if got := identify(testAuthority().Issue(strings.Fields(c.names)...).Leaf).is(c.domain); got != c.want {
				t.Errorf("got %t", got)
			}
		})
	}
	t.Run("S-032/who is told", func(t *testing.T) {
		id := identify(testAuthority().Issue("sip:Example.com", "sip:alice@example.com", "dns.example.com").Leaf)
		if !slices.Equal(id.Domains, []string{"example.com"}) || !slices.Equal(id.Users, []string{"sip:alice@example.com"}) {
			t.Errorf("%+v", id)
		}
	})
}
