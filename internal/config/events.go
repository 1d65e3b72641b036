package config

import (
	"fmt"
	"strings"
)

// Subscription is an entry of events.subscribe.
type Subscription struct{ Event, Socket string }

// ParseSubscription reads an entry of events.subscribe. Whether there is such an event, and such a socket, is seen at the start.
func ParseSubscription(s string) (Subscription, error) {
	words := strings.Fields(s)
	if len(words) != 2 {
		return Subscription{}, fmt.Errorf("%s is not an event and a socket; E_MSRP_MSG_RECEIVED udp:127.0.0.1:9091 would be right", quoted(s))
	}
	return Subscription{words[0], words[1]}, nil
}

// check checks what is said below the key events.
func (e *Events) check(report func(string, error)) {
	for _, s := range e.Subscribe {
		if _, err := ParseSubscription(s); err != nil {
			report("events.subscribe", err)
			break
		}
	}
	report("events.target_allow", checkTargets(e.TargetAllow))
	report("events.target_deny", checkTargets(e.TargetDeny))
	report("events.max_sockets", checkRange(e.MaxSockets, 1, 10_000))
}
