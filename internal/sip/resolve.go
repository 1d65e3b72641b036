package sip

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/parley-msrp/parley/internal/sip/dnsclient"
)

const (
	// maxTargets is how many targets one URI leads to at most.
	maxTargets = 16
	// resolveTime is how long all look-ups for one URI may take.
	resolveTime = 10 * time.Second
)

// Resolve finds where a request to uri goes, in order of preference (RFC 3263 §4): by NAPTR, SRV and address records where neither
// transport= nor a port says it all. It may block, for 10 s at most; not if the URI has an address. ErrTransport for transports
// that are not supported; ErrNoListener where no address can be reached from the open listeners.
func (s *Stack) Resolve(ctx context.Context, uri URI) ([]Target, error) {
	ctx, cancel := context.WithTimeout(ctx, resolveTime)
	defer cancel()
	p, err := transportOf(uri)
	if err != nil {
		return nil, err
	}
	l := &locating{s: s, ctx: ctx, domain: uri.Host, secure: uri.Scheme == "sips"}
	if (p != 0 || l.secure) && !s.speaks(l.or(p)) {
		return nil, fmt.Errorf("%s to %s: %w", l.or(p), uri.Host, ErrNoListener)
	}
	host := uri.Host
	if maddr, ok := uri.Param("maddr"); ok && maddr != "" {
		host = strings.Trim(maddr, "[]")
	}
	switch _, err := netip.ParseAddr(host); {
	case err == nil || uri.Port != 0:
		l.add(l.or(p), host, uint16(uri.Port))
	case p != 0:
		if !l.service(p, srvName(p, host)) {
			l.add(p, host, 0)
		}
	case !l.naptr(host) && !l.anyService(host):
		l.add(l.or(0), host, 0)
	}
	return l.result(host)
}

// transportOf reads transport=; 0: it is open.
func transportOf(uri URI) (Proto, error) {
	if !uri.IsSIP() {
		return 0, fmt.Errorf("URI scheme %q: %w", uri.Scheme, ErrTransport)
	}
	t, given := uri.Param("transport")
	secure := uri.Scheme == "sips"
	switch {
	case !given:
		return 0, nil
	case foldEqual(t, "udp") && !secure:
		return UDP, nil
	case foldEqual(t, "tcp") && !secure:
		return TCP, nil
	case foldEqual(t, "tcp"), foldEqual(t, "tls"):
		return TLS, nil // RFC 3261 §26.2.2: sips over TCP is TLS
	case secure:
		return 0, fmt.Errorf("sips over transport %.32q: %w", t, ErrTransport)
	}
	return 0, fmt.Errorf("transport %.32q: %w", t, ErrTransport)
}

// resolveSentBy finds where an answer goes whose connection has closed (RFC 3263 §5).
func (s *Stack) resolveSentBy(ctx context.Context, p Proto, host string, port int) ([]Target, error) {
	ctx, cancel := context.WithTimeout(ctx, resolveTime)
	defer cancel()
	l := &locating{s: s, ctx: ctx, domain: host}
	if _, err := netip.ParseAddr(host); err == nil || port != 0 || !l.service(p, srvName(p, host)) {
		l.add(p, host, uint16(port))
	}
	return l.result(host)
}

func srvName(p Proto, domain string) string {
	switch p {
	case UDP:
		return "_sip._udp." + domain
	case TCP:
		return "_sip._tcp." + domain
	}
	return "_sips._tcp." + domain
}

// locating is the search for the servers of one domain.
type locating struct {
	s       *Stack
	ctx     context.Context
	domain  string // of the URI
	secure  bool   // sips
	targets []Target
	unheard Proto   // a protocol without a listener that was passed over
	errs    []error // of look-ups; they count if nothing was found
}

// asks tells whether NAPTR and SRV records are worth a question: not of localhost (RFC 6761 §6.3) and names without a dot, which are the
// system's own; nor once DNS failed twice, for then what time is left is for the addresses.
func (l *locating) asks(name string) bool {
	name = strings.TrimSuffix(name, ".")
	for strings.HasPrefix(name, "_") {
		_, name, _ = strings.Cut(name, ".")
	}
	return strings.Contains(name, ".") && !strings.HasSuffix(strings.ToLower(name), ".localhost") && len(l.errs) < 2
}

// or is the protocol that is used where nothing names one (RFC 3263 §4.1).
func (l *locating) or(p Proto) Proto {
	switch {
	case p != 0:
		return p
	case l.secure:
		return TLS
	}
	return UDP
}

// serviceProto is the protocol of a service of RFC 3263 §4.1; 0 for one that is not spoken.
func serviceProto(service string) Proto {
	switch strings.ToUpper(service) {
	case "SIP+D2U":
		return UDP
	case "SIP+D2T":
		return TCP
	case "SIPS+D2T":
		return TLS
	}
	return 0
}

// naptr follows the NAPTR records of a domain; false if none of them leads anywhere.
func (l *locating) naptr(domain string) bool {
	if !l.asks(domain) {
		return false
	}
	records, err := l.s.cfg.Names.NAPTR(l.ctx, domain)
	l.failed(err)
	records = slices.DeleteFunc(records, func(n dnsclient.NAPTR) bool {
		return !l.usable(serviceProto(n.Service)) || !foldEqual(n.Flags, "s") || n.Replacement == ""
	})
	slices.SortStableFunc(records, func(a, b dnsclient.NAPTR) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Preference, b.Preference))
	})
	found := false
	for _, n := range records {
		if n.Order != records[0].Order {
			break // RFC 3403 §4.1: of the lowest order only
		}
		found = l.service(serviceProto(n.Service), n.Replacement) || found
	}
	return found
}

// anyService asks for the SRV records of each protocol in turn; false if none has any.
func (l *locating) anyService(domain string) bool {
	for _, p := range []Proto{UDP, TCP, TLS} {
		if l.usable(p) && l.service(p, srvName(p, domain)) {
			return true
		}
	}
	return false
}

func (l *locating) usable(p Proto) bool {
	return p != 0 && l.s.speaks(p) && (p == TLS || !l.secure)
}

// service follows the SRV records of a name; false if it has none.
func (l *locating) service(p Proto, name string) bool {
	if !l.asks(name) {
		return false
	}
	records, err := l.s.cfg.Names.SRV(l.ctx, name)
	l.failed(err)
	for _, r := range inOrder(records) {
		if r.Target != "" && len(l.targets) < maxTargets {
			l.add(p, r.Target, r.Port)
		}
	}
	return len(records) > 0
}

// inOrder sorts SRV records by priority, and those of one priority at random by their weights (RFC 2782).
func inOrder(records []dnsclient.SRV) []dnsclient.SRV {
	rest := slices.Clone(records)
	// Those of weight 0 come first, so that they have a small chance.
	slices.SortStableFunc(rest, func(a, b dnsclient.SRV) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(min(a.Weight, 1), min(b.Weight, 1)))
	})
	ordered := make([]dnsclient.SRV, 0, len(rest))
	for len(rest) > 0 {
		n, sum := 0, 0
		for n < len(rest) && rest[n].Priority == rest[0].Priority {
			sum += int(rest[n].Weight)
			n++
		}
		chosen, at := 0, rand.IntN(sum+1)
		for run := int(rest[0].Weight); run < at; run += int(rest[chosen].Weight) {
			chosen++
		}
		ordered = append(ordered, rest[chosen])
		rest = slices.Delete(rest, chosen, chosen+1)
	}
	return ordered
}

// add adds the addresses of a host; port 0 is the protocol's own.
func (l *locating) add(p Proto, host string, port uint16) {
	if port == 0 {
		port = p.port()
	}
	addrs, err := l.s.addresses(l.ctx, host)
	l.failed(err)
	for _, a := range addrs {
		a = a.Unmap()
		t := Target{Proto: p, Addr: netip.AddrPortFrom(a, port), Domain: l.domain}
		switch {
		case !l.s.reaches(p, a):
			l.unheard = p
		case len(l.targets) < maxTargets && !slices.Contains(l.targets, t):
			l.targets = append(l.targets, t)
		}
	}
}

func (l *locating) failed(err error) {
	if err != nil {
		l.errs = append(l.errs, err)
	}
}

var errNoServer = errors.New("it has no SIP server")

func (l *locating) result(host string) ([]Target, error) {
	switch {
	case len(l.targets) > 0:
		return l.targets, nil
	case l.unheard != 0:
		return nil, fmt.Errorf("%s to %s: %w", l.unheard, host, ErrNoListener)
	case len(l.errs) > 0:
		return nil, fmt.Errorf("look up %s: %w", host, l.errs[len(l.errs)-1])
	}
	return nil, fmt.Errorf("look up %s: %w", host, errNoServer)
}

func (s *Stack) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	return s.cfg.Names.Addresses(ctx, host)
}

func (s *Stack) reaches(p Proto, peer netip.Addr) bool {
	for _, e := range s.listeners() {
		if e.proto == p && e.serves(peer) {
			return true
		}
	}
	return false
}

// speaks tells whether a listener of that protocol is open.
func (s *Stack) speaks(p Proto) bool {
	return slices.ContainsFunc(s.listeners(), func(e *endpoint) bool { return e.proto == p })
}

// Secure tells whether this stack can be reached over TLS, and hence by sips URIs.
func (s *Stack) Secure() bool { return s.speaks(TLS) }
