package sip

import (
	"context"
	"fmt"
	"net/netip"
)

// Resolve finds where a request to uri goes, in order of preference (A/AAAA look-up for names; may block; SRV and NAPTR come later).
// transport=, maddr and port of the URI count; UDP where no transport is named (RFC 3263 §4.1). ErrTransport for transports that
// are not supported, sips: among them; ErrNoListener where no address can be reached from the open listeners.
func (s *Stack) Resolve(ctx context.Context, uri URI) ([]Target, error) {
	if !uri.IsSIP() {
		return nil, fmt.Errorf("URI scheme %q: %w", uri.Scheme, ErrTransport)
	}
	p := UDP
	if t, ok := uri.Param("transport"); ok {
		switch {
		case foldEqual(t, "udp"):
		case foldEqual(t, "tcp"):
			p = TCP
		default:
			return nil, fmt.Errorf("transport %.32q: %w", t, ErrTransport)
		}
	}
	if uri.Scheme == "sips" {
		return nil, fmt.Errorf("sips: %w", ErrTransport)
	}
	host, port := uri.Host, uint16(uri.Port)
	if maddr, ok := uri.Param("maddr"); ok && maddr != "" {
		host = maddr
	}
	if port == 0 {
		port = defaultPort
	}
	addrs, err := s.addresses(ctx, host)
	if err != nil {
		return nil, err
	}
	var targets []Target
	for _, a := range addrs {
		if s.reaches(p, a.Unmap()) {
			targets = append(targets, Target{Proto: p, Addr: netip.AddrPortFrom(a.Unmap(), port)})
		}
	}
	if len(targets) == 0 {
		return nil, fmt.Errorf("%s to %s: %w", p, host, ErrNoListener)
	}
	return targets, nil
}

func (s *Stack) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	if len(host) > 2 && host[0] == '[' && host[len(host)-1] == ']' {
		host = host[1 : len(host)-1]
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	addrs, err := s.cfg.Lookup(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("look up %s: %w", host, err)
	}
	return addrs, nil
}

func (s *Stack) reaches(p Proto, peer netip.Addr) bool {
	for _, e := range s.listeners() {
		if e.proto == p && e.serves(peer) {
			return true
		}
	}
	return false
}
