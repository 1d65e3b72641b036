package sip

import (
	"net/netip"
	"sync"
	"time"
)

// LocalFor gives the address that a peer reaches this stack at: the listener's own, or for a wildcard one the local address of
// the route to the peer. ErrNoListener where none serves the peer's address family. It asks the system at most, which does not
// block.
func (s *Stack) LocalFor(p Proto, peer netip.Addr) (netip.AddrPort, error) {
	_, at, err := s.endpointFor(p, peer, netip.AddrPort{})
	return at, err
}

// LocalTo gives the address that a request to a target leaves from, as the peer sees it.
func (s *Stack) LocalTo(t Target) (netip.AddrPort, error) {
	_, at, err := s.endpointFor(t.Proto, t.Addr.Addr(), t.From)
	return at, err
}

// LocalOn gives the address that the peer of a flow reaches this stack at: that of the listener which the flow came to, else LocalFor.
func (s *Stack) LocalOn(f Flow) (netip.AddrPort, error) {
	at := netip.AddrPortFrom(f.Local.Addr().Unmap().WithZone(""), f.Local.Port())
	if at.IsValid() && !at.Addr().IsUnspecified() && s.listenerAt(f.Proto, at) != nil {
		return at, nil
	}
	return s.LocalFor(f.Proto, f.Remote.Addr())
}

// listenerAt finds the listener that is reached at an address; nil where there is none.
func (s *Stack) listenerAt(p Proto, at netip.AddrPort) *endpoint {
	var wild *endpoint
	for _, e := range s.listeners() {
		switch {
		case e.proto != p || e.addr.Port() != at.Port():
		case e.sentBy() == at:
			return e
		case e.wildcard() && e.serves(at.Addr()):
			wild = e
		}
	}
	return wild
}

// endpointFor chooses the listener that requests to a peer come from, and gives its address as the peer sees it: the one at from if there is
// one; of several others the one with the route's own address, then a wildcard one, then the first.
func (s *Stack) endpointFor(p Proto, peer netip.Addr, from netip.AddrPort) (*endpoint, netip.AddrPort, error) {
	peer = peer.Unmap()
	if from.IsValid() {
		if e := s.listenerAt(p, from); e != nil && e.serves(peer) {
			return e, from, nil
		}
	}
	var fits []*endpoint
	for _, e := range s.listeners() {
		if e.proto == p && e.serves(peer) {
			fits = append(fits, e)
		}
	}
	if len(fits) == 0 {
		return nil, netip.AddrPort{}, ErrNoListener
	}
	best := fits[0]
	if len(fits) == 1 && !best.wildcard() {
		return best, best.sentBy(), nil
	}
	local, err := s.routes.local(s.cfg.LocalAddr, peer)
	if err != nil {
		if !best.wildcard() {
			return best, best.sentBy(), nil
		}
		return nil, netip.AddrPort{}, err
	}
	for _, e := range fits {
		if e.addr.Addr().WithZone("") == local {
			return e, e.sentBy(), nil
		}
		if e.wildcard() && !best.wildcard() {
			best = e
		}
	}
	if best.wildcard() {
		return best, netip.AddrPortFrom(local, best.addr.Port()), nil
	}
	return best, best.sentBy(), nil
}

// sentBy is the endpoint's address as others may see it.
func (e *endpoint) sentBy() netip.AddrPort {
	return netip.AddrPortFrom(e.addr.Addr().WithZone(""), e.addr.Port())
}

// routeCache remembers the local address of the route to a peer for a while; its size is bounded.
type routeCache struct {
	mu     sync.Mutex
	routes map[netip.Addr]cachedRoute
}

type cachedRoute struct {
	local netip.Addr
	until time.Time
}

const (
	maxRoutes     = 4096
	routeLifetime = 30 * time.Second
)

func (c *routeCache) init() { c.routes = make(map[netip.Addr]cachedRoute) }

func (c *routeCache) local(ask func(netip.Addr) (netip.Addr, error), peer netip.Addr) (netip.Addr, error) {
	now := time.Now()
	c.mu.Lock()
	r, ok := c.routes[peer]
	c.mu.Unlock()
	if ok && now.Before(r.until) {
		return r.local, nil
	}
	local, err := ask(peer)
	if err != nil {
		return netip.Addr{}, err
	}
	local = local.Unmap().WithZone("")
	c.mu.Lock()
	if len(c.routes) >= maxRoutes {
		clear(c.routes)
	}
	c.routes[peer] = cachedRoute{local, now.Add(routeLifetime)}
	c.mu.Unlock()
	return local, nil
}
