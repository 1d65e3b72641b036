package dnsclient

import (
	"testing"

	"github.com/miekg/dns"
)

// FuzzAnswer: whatever a server says, what is taken of it is bounded and of the kind that was asked for.
func FuzzAnswer(f *testing.F) {
	m := new(dns.Msg)
	m.SetQuestion("a.example.", dns.TypeSRV)
	for _, s := range []string{
		"a.example. 60 IN CNAME b.example.", "b.example. 60 IN CNAME a.example.", "b.example. 30 IN SRV 1 2 5060 c.example.", "b.example. 0 IN A 192.0.2.1",
	} {
		rr, err := dns.NewRR(s)
		if err != nil {
			f.Fatal(err)
		}
		m.Answer = append(m.Answer, rr)
	}
	b, err := m.Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b, dns.TypeSRV)
	f.Add(b, dns.TypeCNAME)
	f.Fuzz(func(t *testing.T, b []byte, kind uint16) {
		m := new(dns.Msg)
		if m.Unpack(b) != nil {
			return
		}
		records, ttl := usable(m, question{"a.example.", kind})
		if len(records) > maxRecords || ttl < 0 || ttl > maxTTL {
			t.Errorf("%d records for %v", len(records), ttl)
		}
		for _, rr := range records {
			if rr.Header().Rrtype != kind {
				t.Errorf("%v", rr)
			}
		}
		addresses(records)
	})
}
