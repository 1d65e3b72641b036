package sip

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
)

func TestResolve(t *testing.T) {
	names := func(c *Config) {
		c.Lookup = func(_ context.Context, host string) ([]netip.Addr, error) {
			if host != "example.com" {
				return nil, errors.New("no such host")
			}
			return []netip.Addr{netip.MustParseAddr("2001:db8::7"), netip.MustParseAddr("::ffff:10.0.0.7"), netip.MustParseAddr("10.0.0.8")}, nil
		}
	}
	for uri, want := range map[string]string{
		"sip:10.0.0.2":                       "[{UDP 10.0.0.2:5060 0}]",
		"sip:a@10.0.0.2:5070;transport=TCP":  "[{TCP 10.0.0.2:5070 0}]",
		"sip:example.com;maddr=10.0.0.3":     "[{UDP 10.0.0.3:5060 0}]",
		"sip:example.com:6000":               "[{UDP 10.0.0.7:6000 0} {UDP 10.0.0.8:6000 0}]",
		"sip:other.example.com":              "error: look up other.example.com: no such host",
		"sip:[2001:db8::1]":                  "error: UDP to 2001:db8::1: " + ErrNoListener.Error(),
		"sips:10.0.0.2":                      "error: sips: " + ErrTransport.Error(),
		"sip:10.0.0.2;transport=sctp":        `error: transport "sctp": ` + ErrTransport.Error(),
		"tel:+1":                             `error: URI scheme "tel": ` + ErrTransport.Error(),
		"sip:example.com;maddr=[10::1]":      "error: UDP to [10::1]: " + ErrNoListener.Error(),
		"sip:h@10.0.0.2;transport=udp?x=y":   "[{UDP 10.0.0.2:5060 0}]",
		"sip:10.0.0.2:5062;maddr=;lr;x=y;z=": "[{UDP 10.0.0.2:5062 0}]",
	} {
		inWorld(t, "resolve/"+uri, func(w *world) {
			u, err := ParseURI(uri)
			if err != nil {
				w.t.Fatal(err)
			}
			got := ""
			if targets, err := w.stack.Resolve(w.t.Context(), u); err != nil {
				got = "error: " + err.Error()
			} else {
				got = fmt.Sprint(targets)
			}
			w.want(got, want)
		}, names)
	}
}
