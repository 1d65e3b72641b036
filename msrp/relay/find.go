package relay

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/parley-msrp/parley/msrp"
)

const (
	// defaultPort is that of a relay without port and SRV record (RFC 4976 §8).
	defaultPort = 2855
	// maxTargets is how many addresses are tried.
	maxTargets = 16
)

var errNoService = errors.New("its domain says that there is no MSRP relay (SRV target \".\")")

// target is where a relay may be.
type target struct {
	host string
	port int
}

// targets says where a relay is to be looked for, in order (RFC 4976 §8, R-002).
func (c *Client) targets(ctx context.Context, relay msrp.URI) ([]target, error) {
	_, isName := netip.ParseAddr(relay.Host)
	switch {
	case relay.Port != 0:
		return []target{{relay.Host, relay.Port}}, nil
	case isName == nil, !relay.Secure: // there is no _msrp service
		return []target{{relay.Host, defaultPort}}, nil
	}
	records, err := c.cfg.Resolver.SRV(ctx, "_msrps._tcp."+relay.Host)
	switch {
	case err != nil:
		return nil, err
	case len(records) == 0:
		return []target{{relay.Host, defaultPort}}, nil
	}
	var all []target
	for _, r := range inOrder(records) {
		if host := strings.TrimSuffix(r.Target, "."); host != "" && r.Port != 0 {
			all = append(all, target{host, int(r.Port)})
		}
	}
	if len(all) == 0 {
		return nil, errNoService
	}
	return all, nil
}

// inOrder puts SRV records into the order that they are to be tried in: by priority, and of one priority at random by weight (RFC 2782).
func inOrder(records []*net.SRV) []*net.SRV {
	left := slices.Clone(records)
	slices.SortStableFunc(left, func(a, b *net.SRV) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.Weight, b.Weight)) // weight 0 first
	})
	for from := range left {
		sum, same := 0, from
		for ; same < len(left) && left[same].Priority == left[from].Priority; same++ {
			sum += int(left[same].Weight)
		}
		at, pick := from, rand.IntN(sum+1)
		for pick -= int(left[at].Weight); pick > 0 && at+1 < same; pick -= int(left[at].Weight) {
			at++
		}
		chosen := left[at]
		copy(left[from+1:at+1], left[from:at])
		left[from] = chosen
	}
	return left
}

// connect opens a connection to the first relay: TLS where its URI is msrps, and nothing else then.
func (c *Client) connect(ctx context.Context) (net.Conn, error) {
	relay := c.cfg.Relays[0]
	targets, err := c.targets(ctx, relay)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	failed := errors.New("it has no address")
	tries := 0
	for _, t := range targets {
		addrs, err := c.addresses(ctx, t.host)
		if err != nil {
			failed = err
		}
		for _, a := range addrs {
			if tries++; tries > maxTargets || ctx.Err() != nil {
				break
			}
			nc, err := c.dial(ctx, relay, netip.AddrPortFrom(a, uint16(t.port)))
			if err == nil {
				return nc, nil
			}
			failed = err
		}
	}
	return nil, fmt.Errorf("%w: %w", ErrUnreachable, failed)
}

func (c *Client) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	return c.cfg.Resolver.Addresses(ctx, host)
}

func (c *Client) dial(ctx context.Context, relay msrp.URI, at netip.AddrPort) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.DialTimeout)
	defer cancel()
	nc, err := c.cfg.Dial(ctx, "tcp", net.JoinHostPort(at.Addr().Unmap().String(), strconv.Itoa(int(at.Port()))))
	if err != nil || !relay.Secure {
		return nc, err
	}
	// RFC 4976 §9.2: the name is that of the URI, whatever DNS has led to; no certificate of ours is shown.
	config := &tls.Config{ServerName: relay.Host, MinVersion: tls.VersionTLS12}
	if c.cfg.Roots != nil {
		if config.RootCAs, err = c.cfg.Roots(); err != nil {
			nc.Close()
			return nil, err
		}
	}
	secured := tls.Client(nc, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		nc.Close()
		return nil, fmt.Errorf("TLS: %w", err)
	}
	return secured, nil
}
