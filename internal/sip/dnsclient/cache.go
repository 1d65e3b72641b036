package dnsclient

import (
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

const (
	maxAnswers = 4096
	maxTTL     = 24 * time.Hour
	// maxNegativeTTL is how long at most it is believed that there is nothing (RFC 2308 §5).
	maxNegativeTTL = 5 * time.Minute
	// maxAliases bounds a chain of CNAMEs.
	maxAliases = 8
)

// question is what was asked; kind 0 asks the system for addresses.
type question struct {
	name string
	kind uint16
}

// answer is what is kept of it. Nothing of it is changed.
type answer struct {
	records []dns.RR
	addrs   []netip.Addr
	err     error // none of the servers answered
	until   time.Time
}

// cache keeps answers until their time is over; their number is bounded.
type cache struct {
	mu      sync.Mutex
	answers map[question]answer
}

func (c *cache) init() { c.answers = make(map[question]answer) }

func (c *cache) get(q question) (answer, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, ok := c.answers[q]
	return a, ok && time.Now().Before(a.until)
}

func (c *cache) put(q question, a answer, ttl time.Duration) {
	if ttl <= 0 {
		return
	}
	now := time.Now()
	a.until = now.Add(ttl)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.answers) >= maxAnswers {
		for old, x := range c.answers {
			if !now.Before(x.until) {
				delete(c.answers, old)
			}
		}
	}
	if len(c.answers) >= maxAnswers {
		clear(c.answers)
	}
	c.answers[q] = a
}

// usable picks the records that answer the question, through aliases, and says how long they hold.
func usable(m *dns.Msg, q question) ([]dns.RR, time.Duration) {
	name, ttl := q.name, uint32(maxTTL/time.Second)
	for range maxAliases {
		var found []dns.RR
		alias := ""
		for _, rr := range m.Answer {
			h := rr.Header()
			if !strings.EqualFold(h.Name, name) || h.Class != dns.ClassINET || len(found) == maxRecords {
				continue
			}
			switch {
			case h.Rrtype == q.kind:
				found, ttl = append(found, rr), min(ttl, h.Ttl)
			case h.Rrtype == dns.TypeCNAME:
				alias, ttl = rr.(*dns.CNAME).Target, min(ttl, h.Ttl)
			}
		}
		if len(found) > 0 {
			return found, time.Duration(ttl) * time.Second
		}
		if alias == "" {
			break
		}
		name = alias
	}
	return nil, min(negativeTTL(m), time.Duration(ttl)*time.Second)
}

// negativeTTL is how long it holds that there is nothing: what the zone's SOA says (RFC 2308 §5); without one not at all.
func negativeTTL(m *dns.Msg) time.Duration {
	for _, rr := range m.Ns {
		if soa, ok := rr.(*dns.SOA); ok {
			return min(time.Duration(min(soa.Hdr.Ttl, soa.Minttl))*time.Second, maxNegativeTTL)
		}
	}
	return 0
}
