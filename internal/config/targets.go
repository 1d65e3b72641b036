package config

import (
	"fmt"
	"net/netip"
)

// mostAttempts is how many attempts to connect are counted at most (msrp.Config.ConnectAttempts).
const mostAttempts = 1000

// Targets reads a list of addresses, prefixes and classes of addresses, as far as they can be read: Check has the words for the others.
func Targets(list []string) []netip.Prefix {
	var all []netip.Prefix
	for _, s := range list {
		if class := classOf(s); class != nil {
			all = append(all, Prefixes(class)...)
			continue
		}
		all = append(all, Prefixes([]string{s})...)
	}
	return all
}

// classOf gives the prefixes that a word stands for; nil: it is none.
func classOf(word string) []string {
	switch word {
	case "loopback":
		return []string{"127.0.0.0/8", "::1"}
	case "private":
		return []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"}
	case "link_local":
		return []string{"169.254.0.0/16", "fe80::/10"}
	}
	return nil
}

func checkTargets(list []string) error {
	for _, s := range list {
		if classOf(s) != nil {
			continue
		}
		if _, err := parsePrefix(s); err != nil {
			return fmt.Errorf("%w, as would loopback, private and link_local", err)
		}
	}
	return nil
}
