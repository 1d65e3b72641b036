// Package dnsclient looks up what RFC 3263 needs to find a SIP server: NAPTR, SRV and address records. Answers are kept as long as their TTL
// allows.
package dnsclient

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// NAPTR is one NAPTR record (RFC 3403 §4). Its replacement has no dot at the end.
type NAPTR struct {
	Order, Preference           uint16
	Flags, Service, Replacement string
}

// SRV is one SRV record (RFC 2782). Its target has no dot at the end, and is "" where the domain says that it has no such service.
type SRV struct {
	Priority, Weight, Port uint16
	Target                 string
}

// Config of a Resolver. Zero values mean the defaults said beside them.
type Config struct {
	// Servers are DNS servers to ask, as ADDRESS:PORT. None: those of /etc/resolv.conf, read for each question that is asked, and the
	// system's own ways for addresses.
	Servers []string
	// Timeout is how long one server may take for one question: 2 s.
	Timeout time.Duration
}

const (
	resolvConf = "/etc/resolv.conf"
	// attempts is how often all servers are asked in turn.
	attempts = 2
	// questionTime is how long one question may take, failureTTL how long it is not asked again after it got no answer (RFC 2308 §7).
	questionTime = 4 * time.Second
	failureTTL   = 5 * time.Second
	// maxServers is how many servers are asked, maxRecords how many records of an answer are used.
	maxServers = 4
	maxRecords = 64
	// maxQuestions is how many are asked at a time; others wait.
	maxQuestions = 256
	// udpSize is what is said to be taken of a datagram (RFC 6891); what is larger comes by TCP.
	udpSize = 1232
)

// Resolver asks DNS servers. Safe for concurrent use; its methods block, until ctx ends at most.
type Resolver struct {
	cfg    Config
	cache  cache
	places chan struct{}
	system func(ctx context.Context, host string) ([]netip.Addr, error)
}

// New makes a Resolver. It asks nobody yet.
func New(c Config) *Resolver {
	if c.Timeout <= 0 {
		c.Timeout = 2 * time.Second
	}
	r := &Resolver{cfg: c, places: make(chan struct{}, maxQuestions)}
	r.cache.init()
	r.system = func(ctx context.Context, host string) ([]netip.Addr, error) {
		return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	}
	return r
}

// NAPTR looks up the NAPTR records of a domain, in no order; none and no error where it has none.
func (r *Resolver) NAPTR(ctx context.Context, domain string) ([]NAPTR, error) {
	records, err := r.lookUp(ctx, domain, dns.TypeNAPTR)
	var all []NAPTR
	for _, rr := range records {
		if n, ok := rr.(*dns.NAPTR); ok {
			all = append(all, NAPTR{n.Order, n.Preference, n.Flags, n.Service, strings.TrimSuffix(n.Replacement, ".")})
		}
	}
	return all, err
}

// SRV looks up the SRV records of a name like _sip._udp.example.com, in no order; none and no error where it has none.
func (r *Resolver) SRV(ctx context.Context, name string) ([]SRV, error) {
	records, err := r.lookUp(ctx, name, dns.TypeSRV)
	var all []SRV
	for _, rr := range records {
		if s, ok := rr.(*dns.SRV); ok {
			all = append(all, SRV{s.Priority, s.Weight, s.Port, strings.TrimSuffix(s.Target, ".")})
		}
	}
	return all, err
}

// Addresses looks up the addresses of a host, IPv4 ones first: of the configured servers, and of the system (its hosts file, for example)
// where they know none.
func (r *Resolver) Addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	if len(r.cfg.Servers) == 0 {
		return r.systemAddresses(ctx, host)
	}
	var all []netip.Addr
	var errs []error
	for _, kind := range []uint16{dns.TypeA, dns.TypeAAAA} {
		records, err := r.lookUp(ctx, host, kind)
		all, errs = append(all, addresses(records)...), append(errs, err)
	}
	if len(all) > 0 {
		return all, nil
	}
	all, err := r.systemAddresses(ctx, host)
	if err != nil {
		return nil, errors.Join(append(errs, err)...)
	}
	return all, nil
}

func addresses(records []dns.RR) []netip.Addr {
	var all []netip.Addr
	for _, rr := range records {
		var ip net.IP
		switch x := rr.(type) {
		case *dns.A:
			ip = x.A
		case *dns.AAAA:
			ip = x.AAAA
		}
		if a, ok := netip.AddrFromSlice(ip); ok {
			all = append(all, a.Unmap())
		}
	}
	return all
}

// systemTTL is how long what the system says is kept; it tells no TTL.
const systemTTL = 10 * time.Second

func (r *Resolver) systemAddresses(ctx context.Context, host string) ([]netip.Addr, error) {
	key := question{strings.ToLower(host), 0}
	if e, ok := r.cache.get(key); ok {
		return e.addrs, nil
	}
	all, err := r.system(ctx, host)
	if err != nil {
		return nil, err
	}
	for i := range all {
		all[i] = all[i].Unmap()
	}
	all = all[:min(len(all), maxRecords)]
	slices.SortStableFunc(all, func(a, b netip.Addr) int { return a.BitLen() - b.BitLen() })
	r.cache.put(key, answer{addrs: all}, systemTTL)
	return all, nil
}

// lookUp gives the records of that kind that name, or what it is an alias of, has.
func (r *Resolver) lookUp(ctx context.Context, name string, kind uint16) ([]dns.RR, error) {
	name = strings.ToLower(dns.Fqdn(name))
	if _, ok := dns.IsDomainName(name); !ok {
		return nil, fmt.Errorf("%.100q is no domain name", name)
	}
	key := question{name, kind}
	if e, ok := r.cache.get(key); ok {
		return e.records, e.err
	}
	select {
	case r.places <- struct{}{}:
		defer func() { <-r.places }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	limited, cancel := context.WithTimeout(ctx, questionTime)
	m, err := r.ask(limited, key)
	cancel()
	if err != nil {
		err = fmt.Errorf("look up %s %s: %w", dns.TypeToString[kind], name, err)
		if ctx.Err() == nil {
			r.cache.put(key, answer{err: err}, failureTTL)
		}
		return nil, err
	}
	records, ttl := usable(m, key)
	r.cache.put(key, answer{records: records}, ttl)
	return records, nil
}

var errNoServer = errors.New("no DNS server is configured")

// ask asks the servers in turn until one answers.
func (r *Resolver) ask(ctx context.Context, q question) (*dns.Msg, error) {
	servers, err := r.servers()
	if err != nil {
		return nil, err
	}
	last := errNoServer
	for range attempts {
		for _, s := range servers {
			m, err := r.exchange(ctx, q, s)
			switch {
			case err == nil && (m.Rcode == dns.RcodeSuccess || m.Rcode == dns.RcodeNameError):
				return m, nil
			case err == nil:
				last = fmt.Errorf("%s says %s", s, dns.RcodeToString[m.Rcode])
			case ctx.Err() != nil:
				return nil, ctx.Err()
			default:
				last = err
			}
		}
	}
	return nil, last
}

func (r *Resolver) servers() ([]string, error) {
	if len(r.cfg.Servers) > 0 {
		return r.cfg.Servers[:min(len(r.cfg.Servers), maxServers)], nil
	}
	c, err := dns.ClientConfigFromFile(resolvConf)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, s := range c.Servers[:min(len(c.Servers), maxServers)] {
		all = append(all, net.JoinHostPort(s, c.Port))
	}
	return all, nil
}

var errForeign = errors.New("the answer is to another question")

// exchange asks one server: by UDP, and by TCP where the answer did not fit.
func (r *Resolver) exchange(ctx context.Context, q question, server string) (*dns.Msg, error) {
	m := new(dns.Msg)
	m.SetQuestion(q.name, q.kind)
	m.SetEdns0(udpSize, false)
	for _, network := range []string{"udp", "tcp"} {
		ctx, cancel := context.WithTimeout(ctx, r.cfg.Timeout)
		c := dns.Client{Net: network, Timeout: r.cfg.Timeout, UDPSize: udpSize}
		answer, _, err := c.ExchangeContext(ctx, m, server)
		cancel()
		switch {
		case err != nil:
			return nil, err
		case !answer.Response || len(answer.Question) != 1 || answer.Question[0].Qtype != q.kind || !strings.EqualFold(answer.Question[0].Name, q.name):
			return nil, errForeign
		case !answer.Truncated || network == "tcp":
			return answer, nil
		}
	}
	return nil, errForeign
}
