package dnsclient

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-msrp/parley/test/peer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func server(t *testing.T) (*peer.DNS, *Resolver) {
	t.Helper()
	d := peer.NewDNS(t)
	d.NAPTR("Example.com", 10, 50, "SIP+D2T", "_sip._tcp.example.com").NAPTR("example.com", 20, 1, "SIP+D2U", "_sip._udp.example.com")
	d.SRV("_sip._tcp.example.com", 1, 2, 5060, "a.example.com").SRV("_sip._tcp.example.com", 3, 4, 5070, "b.example.com")
	d.A("a.example.com", "192.0.2.1").A("a.example.com", "2001:db8::1")
	d.CNAME("alias.example.com", "again.example.com").CNAME("again.example.com", "a.example.com")
	d.CNAME("loop.example.com", "loop.example.com").SRV("_sip._udp.none.example.com", 0, 0, 0, ".")
	r := New(Config{Servers: []string{d.Addr}, Timeout: 5 * time.Second})
	r.system = func(_ context.Context, host string) ([]netip.Addr, error) {
		if host == "hosts.example.com" {
			return []netip.Addr{netip.MustParseAddr("2001:db8::9"), netip.MustParseAddr("::ffff:192.0.2.9")}, nil
		}
		return nil, errors.New("the system does not know it")
	}
	return d, r
}

func TestRecords(t *testing.T) {
	for _, truncate := range []bool{false, true} {
		d, r := server(t)
		if truncate {
			d.Truncate()
		}
		ctx := t.Context()
		for _, c := range []struct {
			name string
			ask  func() (any, error)
			want string
		}{
			{"NAPTR", func() (any, error) { return r.NAPTR(ctx, "example.com") }, "[{10 50 s SIP+D2T _sip._tcp.example.com} {20 1 s SIP+D2U _sip._udp.example.com}] <nil>"},
			{"no NAPTR", func() (any, error) { return r.NAPTR(ctx, "a.example.com") }, "[] <nil>"},
			{"SRV", func() (any, error) { return r.SRV(ctx, "_SIP._tcp.example.com") }, "[{1 2 5060 a.example.com} {3 4 5070 b.example.com}] <nil>"},
			{"no SRV", func() (any, error) { return r.SRV(ctx, "_sip._udp.example.com") }, "[] <nil>"},
			{"SRV that says there is none", func() (any, error) { return r.SRV(ctx, "_sip._udp.none.example.com") }, "[{0 0 0 }] <nil>"},
			{"addresses", func() (any, error) { return r.Addresses(ctx, "A.example.com") }, "[192.0.2.1 2001:db8::1] <nil>"},
			{"aliases", func() (any, error) { return r.Addresses(ctx, "alias.example.com") }, "[192.0.2.1 2001:db8::1] <nil>"},
			{"of the system", func() (any, error) { return r.Addresses(ctx, "hosts.example.com") }, "[192.0.2.9 2001:db8::9] <nil>"},
			{"nowhere", func() (any, error) { return r.Addresses(ctx, "nowhere.example.com") }, "[] the system does not know it"},
			{"no name", func() (any, error) { return r.NAPTR(ctx, "a..b") }, `[] "a..b." is no domain name`},
		} {
			t.Run(fmt.Sprintf("%s, truncated: %t", c.name, truncate), func(t *testing.T) {
				v, err := c.ask()
				if got := fmt.Sprint(v, " ", err); got != c.want {
					t.Errorf("got  %s\nwant %s", got, c.want)
				}
			})
		}
	}
}

func TestCache(t *testing.T) {
	d, r := server(t)
	for range 3 {
		_, _ = r.SRV(t.Context(), "_sip._tcp.example.com")
		_, _ = r.SRV(t.Context(), "_sip._udp.example.com")
		_, _ = r.Addresses(t.Context(), "hosts.example.com")
	}
	want := []string{"A hosts.example.com", "AAAA hosts.example.com", "SRV _sip._tcp.example.com", "SRV _sip._udp.example.com"}
	got := d.Asked()
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("asked %q", got)
	}
	t.Run("bounded", func(t *testing.T) {
		for i := range 3 * maxAnswers {
			r.cache.put(question{fmt.Sprint(i), 1}, answer{}, time.Hour)
		}
		if n := len(r.cache.answers); n > maxAnswers {
			t.Errorf("%d answers", n)
		}
	})
	t.Run("no longer than the TTL", func(t *testing.T) {
		q := question{"short", 1}
		r.cache.put(q, answer{}, time.Nanosecond)
		time.Sleep(time.Microsecond)
		if _, ok := r.cache.get(q); ok {
			t.Error("still there")
		}
	})
}

func TestFailures(t *testing.T) {
	silent, r := server(t)
	silent.Silence()
	second, _ := server(t)
	both := New(Config{Servers: []string{silent.Addr, second.Addr}, Timeout: 50 * time.Millisecond})
	if s, err := both.SRV(t.Context(), "_sip._tcp.example.com"); len(s) != 2 || err != nil {
		t.Errorf("the second server: %v, %v", s, err)
	}
	r.cfg.Timeout = 50 * time.Millisecond
	for range 2 {
		if _, err := r.SRV(t.Context(), "_sip._tcp.example.com"); err == nil || !strings.Contains(err.Error(), "_sip._tcp.example.com") {
			t.Errorf("no server: %v", err)
		}
	}
	if n := len(silent.Asked()); n != 1+attempts {
		t.Errorf("asked %d times", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := both.NAPTR(ctx, "other.example.com"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
