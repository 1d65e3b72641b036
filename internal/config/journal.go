package config

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// leastOctets is the smallest journal: room for the largest events there are.
const leastOctets = 16 << 20

func checkLeast(n, least int) error {
	if n != 0 && n < least {
		return fmt.Errorf("is %d; %d or more, or 0 for no limit, would be right", n, least)
	}
	return nil
}

// checkBodyOctets also sees to it that the body of the largest message stays as long as its event: the oldest bodies are dropped at three quarters.
func (c *Config) checkBodyOctets() error {
	n, most := c.Journal.MaxBodyOctets, c.MSRP.MaxMessage
	if err := checkLeast(n, leastOctets); err != nil {
		return err
	}
	if c.Journal.Durability != "memory" && n != 0 && n/2 < most {
		return fmt.Errorf("is %d, and msrp.max_message is %d: the body of such a message could be dropped as soon as it came; twice as much as that, or 0 for no limit, would be right", n, most)
	}
	return nil
}

// mostNode is how long the name of a node may be.
const mostNode = 64

// checkNode checks that a node's name can be a token of a NATS subject and a part of a stream's name.
func checkNode(name string) error {
	if len(name) > mostNode {
		return fmt.Errorf("has %d characters; %d are the most", len(name), mostNode)
	}
	if NodeName(name) != name {
		return fmt.Errorf("%s has a character that is none of letters, digits, - and _; %s would be right", quoted(name), quoted(NodeName(name)))
	}
	return nil
}

// NodeName makes a host's name one of a node.
func NodeName(host string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '-'
	}, host[:min(len(host), mostNode)])
}

// checkNATS checks a list of servers. What it says does not show them: they may hold a password.
func checkNATS(list string) error {
	if list == "" {
		return nil
	}
	web := map[bool]bool{}
	for s := range strings.SplitSeq(list, ",") {
		u, err := url.Parse(strings.TrimSpace(s))
		if err != nil || u.Host == "" || u.Scheme != "nats" && u.Scheme != "tls" && u.Scheme != "ws" && u.Scheme != "wss" {
			return errors.New("is not a list of NATS servers; nats://HOST:PORT, or several with commas between, would be right")
		}
		web[strings.HasPrefix(u.Scheme, "ws")] = true
	}
	if len(web) > 1 {
		return errors.New("has servers over WebSocket beside others: either all or none of them may be ws:// or wss://")
	}
	return nil
}
