package config

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
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

// Webhook is an entry of webhooks.
type Webhook struct {
	URL, Secret           string
	Types, Sessions, Tags []string
}

// ParseWebhook reads an entry of webhooks. Its errors show nothing of the secret. Whether the events that it names are there is seen at the start.
func ParseWebhook(s string) (w Webhook, err error) {
	const would = "URL secret=SECRET type=E_MSRP_MSG_RECEIVED"
	words := strings.Fields(s)
	if len(words) == 0 {
		return w, fmt.Errorf("is empty; %s would be right", would)
	}
	w.URL = words[0]
	if u, err := url.Parse(w.URL); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return w, fmt.Errorf("does not begin with the URL of a receiver; %s would be right", would)
	}
	for _, word := range words[1:] {
		name, value, _ := strings.Cut(word, "=")
		switch {
		case value == "":
			return w, fmt.Errorf("has a word without a value; %s would be right", would)
		case name == "secret":
			w.Secret = value
		case name == "type":
			w.Types = append(w.Types, value)
		case name == "session":
			w.Sessions = append(w.Sessions, value)
		case name == "tag":
			w.Tags = append(w.Tags, value)
		default:
			return w, fmt.Errorf("has a word that is none of secret=, type=, session= and tag=; %s would be right", would)
		}
	}
	return w, checkSecret(w.Secret)
}

// checkSecret takes what is hard to guess.
func checkSecret(s string) error {
	if len(s) < 16 || len(s) > 256 {
		return fmt.Errorf("has a secret of %d characters; 16 to 256 would be right", len(s))
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return errors.New("has a secret with blanks, or with more than printable characters of ASCII; those would be right")
	}
	return nil
}

// checkWebhooks shows nothing of what stands there.
func checkWebhooks(list []string) error {
	for i, s := range list {
		if _, err := ParseWebhook(s); err != nil {
			return fmt.Errorf("entry %d %w", i+1, err)
		}
	}
	return nil
}

// maxAsk is how long an application may take to decide on a call.
const maxAsk = 30 * time.Second

// check checks what is said below the key ask.
func (a *Ask) check(report func(string, error)) {
	if a.URL == "" {
		return
	}
	if u, err := url.Parse(a.URL); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		report("ask.url", fmt.Errorf("%s is not the URL of a receiver; https://HOST/PATH would be right", quoted(a.URL)))
	}
	report("ask.secret", checkSecret(a.Secret))
	if a.Timeout <= 0 || a.Timeout > maxAsk {
		report("ask.timeout", fmt.Errorf("is %v s; a number of seconds above 0, and %v at most, would be right", a.Timeout.Seconds(), maxAsk.Seconds()))
	}
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
