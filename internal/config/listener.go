package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Listener is where to listen, as in "tcp:127.0.0.1:2855".
type Listener struct {
	Proto string // udp, tcp
	Host  string // address, IPv6 without brackets, or name
	Port  int    // 0: a free one
}

// ParseListener reads PROTO:HOST:PORT, where PROTO is one of protos. The error says what would be right.
func ParseListener(s string, protos ...string) (Listener, error) {
	right := make([]string, len(protos))
	for i, p := range protos {
		right[i] = p + ":HOST:PORT"
	}
	would := strings.Join(right, " or ")
	proto, address, found := strings.Cut(s, ":")
	if !found {
		return Listener{}, fmt.Errorf("%s is not of the form %s", quoted(s), would)
	}
	known := false
	for _, p := range protos {
		known = known || p == proto
	}
	switch {
	case known:
	case proto == "tls" || proto == "ws" || proto == "wss":
		return Listener{}, fmt.Errorf("%s: %s is not available in this version; %s is", quoted(s), strings.ToUpper(proto), would)
	default:
		return Listener{}, fmt.Errorf("%s is not of the form %s", quoted(s), would)
	}
	host, port, err := parseAddress(address)
	if err != nil {
		return Listener{}, fmt.Errorf("%s: %w", quoted(s), err)
	}
	return Listener{Proto: proto, Host: host, Port: port}, nil
}

// Address is HOST:PORT, as package net takes it.
func (l Listener) Address() string { return net.JoinHostPort(l.Host, strconv.Itoa(l.Port)) }

func (l Listener) String() string { return l.Proto + ":" + l.Address() }

// parseAddress reads HOST:PORT.
func parseAddress(s string) (host string, port int, err error) {
	host, p, err := net.SplitHostPort(s)
	if err != nil {
		return "", 0, errors.New("HOST:PORT is expected, an IPv6 address in brackets")
	}
	n, err := strconv.ParseUint(p, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("port %s is no number from 0 to 65535", quoted(p))
	}
	if host == "" {
		return "", 0, errors.New("the host is missing; 0.0.0.0 or [::] listens on all addresses")
	}
	if _, err := netip.ParseAddr(host); err != nil && !isName(host) {
		return "", 0, fmt.Errorf("%s is neither an address nor a host name", quoted(host))
	}
	return host, int(n), nil
}

// isName says whether s could be a host name (RFC 1123 §2.1): one whose last label is no number, or it is a mistyped address.
func isName(s string) bool {
	if len(s) > 253 {
		return false
	}
	labels := strings.Split(strings.TrimSuffix(s, "."), ".")
	for _, l := range labels {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' {
			return false
		}
		for _, c := range []byte(l) {
			if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-') {
				return false
			}
		}
	}
	_, err := strconv.ParseUint(labels[len(labels)-1], 10, 64)
	return err != nil
}

// leads says whether a connection to host and port arrives at this listener, as far as can be told without asking anyone.
func (l Listener) leads(host string, port int) bool {
	if l.Port != port {
		return false
	}
	own, err := netip.ParseAddr(l.Host)
	if err != nil || own.IsUnspecified() {
		return true
	}
	to, err := netip.ParseAddr(host)
	return err != nil || to.Unmap() == own.Unmap()
}
