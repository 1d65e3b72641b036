package sip

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/internal/sip/dnsclient"
)

func TestResolve(t *testing.T) {
	names := func(c *Config) {
		c.Names = &memNames{
			addrs: map[string][]string{
				"example.com": {"2001:db8::7", "::ffff:10.0.0.7", "10.0.0.8"}, "localhost": {"10.0.0.1"}, "broken.example": {"10.0.0.9"},
				"a.example": {"10.0.1.1"}, "b.example": {"10.0.1.2"}, "c.example": {"10.0.1.3"}, "d.example": {"10.0.1.4"}, "plain.example": {"10.0.1.5"},
			},
			naptr: map[string][]dnsclient.NAPTR{
				"naptr.example": {
					{Order: 20, Preference: 1, Flags: "s", Service: "SIP+D2U", Replacement: "_sip._udp.naptr.example"},
					{Order: 10, Preference: 2, Flags: "S", Service: "sip+d2t", Replacement: "_sip._tcp.elsewhere.example"},
					{Order: 10, Preference: 1, Flags: "s", Service: "SIPS+D2T", Replacement: "_sips._tcp.naptr.example"},
					{Order: 5, Preference: 1, Flags: "s", Service: "SIP+D2S", Replacement: "_sip._sctp.naptr.example"},
					{Order: 5, Preference: 1, Flags: "u", Service: "SIP+D2U"},
				},
			},
			srv: map[string][]dnsclient.SRV{
				"_sip._udp.naptr.example":      {{Target: "d.example", Port: 1}},
				"_sip._tcp.elsewhere.example":  {{Priority: 2, Target: "b.example", Port: 5070}, {Priority: 1, Target: "a.example", Port: 5060}},
				"_sips._tcp.naptr.example":     {{Target: "c.example", Port: 5061}},
				"_sip._tcp.srv.example":        {{Priority: 1, Target: "nowhere.example", Port: 1}, {Priority: 2, Target: "b.example", Port: 5062}},
				"_sips._tcp.srv.example":       {{Target: "c.example", Port: 5063}},
				"_sip._udp.none.example":       {{Target: ""}},
				"_sip._udp.example.com":        nil,
				"_sips._tcp.sips-only.example": {{Target: "c.example", Port: 5061}},
			},
		}
	}
	for _, c := range []struct{ uri, want string }{
		{"sip:10.0.0.2", "UDP 10.0.0.2:5060 10.0.0.2"},
		{"sip:a@10.0.0.2:5070;transport=TCP", "TCP 10.0.0.2:5070 10.0.0.2"},
		{"sip:10.0.0.2;transport=tls", "TLS 10.0.0.2:5061 10.0.0.2"},
		{"sips:10.0.0.2", "TLS 10.0.0.2:5061 10.0.0.2"},
		{"sips:10.0.0.2:5060;transport=tcp", "TLS 10.0.0.2:5060 10.0.0.2"},
		{"sips:10.0.0.2;transport=udp", "error: sips over transport \"udp\": " + ErrTransport.Error()},
		{"sip:example.com;maddr=10.0.0.3", "UDP 10.0.0.3:5060 example.com"},
		{"sips:example.com;maddr=10.0.0.3", "TLS 10.0.0.3:5061 example.com"},
		{"sip:example.com;maddr=naptr.example;transport=udp", "UDP 10.0.1.4:1 example.com"},
		{"sip:example.com:6000", "UDP 10.0.0.7:6000 example.com, UDP 10.0.0.8:6000 example.com"},
		{"sips:example.com:6000", "TLS 10.0.0.7:6000 example.com, TLS 10.0.0.8:6000 example.com"},
		{"sip:other.example.com", "error: look up other.example.com: no such host"},
		{"sip:[2001:db8::1]", "error: UDP to 2001:db8::1: " + ErrNoListener.Error()},
		{"sip:10.0.0.2;transport=sctp", `error: transport "sctp": ` + ErrTransport.Error()},
		{"tel:+1", `error: URI scheme "tel": ` + ErrTransport.Error()},
		{"sip:example.com;maddr=[10::1]", "error: UDP to 10::1: " + ErrNoListener.Error()},
		{"sip:h@10.0.0.2;transport=udp?x=y", "UDP 10.0.0.2:5060 10.0.0.2"},
		{"sip:10.0.0.2:5062;maddr=;lr;x=y;z=", "UDP 10.0.0.2:5062 10.0.0.2"},
		{"sip:localhost", "UDP 10.0.0.1:5060 localhost"},
		{"sip:naptr.example", "TLS 10.0.1.3:5061 naptr.example, TCP 10.0.1.1:5060 naptr.example, TCP 10.0.1.2:5070 naptr.example"},
		{"sips:naptr.example", "TLS 10.0.1.3:5061 naptr.example"},
		{"sip:naptr.example;transport=udp", "UDP 10.0.1.4:1 naptr.example"},
		{"sip:srv.example", "TCP 10.0.1.2:5062 srv.example"},
		{"sips:srv.example", "TLS 10.0.1.3:5063 srv.example"},
		{"sip:srv.example;transport=tls", "TLS 10.0.1.3:5063 srv.example"},
		{"sip:plain.example", "UDP 10.0.1.5:5060 plain.example"},
		{"sip:plain.example;transport=tcp", "TCP 10.0.1.5:5060 plain.example"},
		{"sips:plain.example", "TLS 10.0.1.5:5061 plain.example"},
		{"sip:sips-only.example", "TLS 10.0.1.3:5061 sips-only.example"},
		{"sip:none.example", "error: look up none.example: it has no SIP server"},
		{"sip:broken.example", "UDP 10.0.0.9:5060 broken.example"},
	} {
		inWorld(t, "S-031/resolve/"+c.uri, func(w *world) {
			if _, err := w.stack.Listen(TLS, "10.0.0.1:5061"); err != nil {
				w.t.Fatal(err)
			}
			w.want(w.resolve(c.uri), c.want)
		}, names, withTLS("10.0.0.1"))
	}
	inWorld(t, "S-031/resolve/without a TLS listener", func(w *world) {
		w.want(w.resolve("sip:naptr.example"), "TCP 10.0.1.1:5060 naptr.example, TCP 10.0.1.2:5070 naptr.example")
		w.want(w.resolve("sips:naptr.example"), "error: TLS to naptr.example: "+ErrNoListener.Error())
		w.want(w.resolve("sips:10.0.0.2"), "error: TLS to 10.0.0.2: "+ErrNoListener.Error())
	}, names)
}

// resolve gives the targets of a URI, each with the domain that it stands for.
func (w *world) resolve(uri string) string {
	w.t.Helper()
	u, err := ParseURI(uri)
	if err != nil {
		w.t.Fatal(err)
	}
	targets, err := w.stack.Resolve(w.t.Context(), u)
	if err != nil {
		return "error: " + err.Error()
	}
	var all []string
	for _, t := range targets {
		all = append(all, fmt.Sprint(t.Proto, " ", t.Addr, " ", t.Domain))
	}
	return strings.Join(all, ", ")
}

// TestResolveBounds: no domain can make a search long, nor its list of targets.
func TestResolveBounds(t *testing.T) {
	many := &memNames{addrs: map[string][]string{}, srv: map[string][]dnsclient.SRV{}}
	for i := range 64 {
		host := fmt.Sprintf("h%d.example", i)
		many.srv["_sip._udp.many.example"] = append(many.srv["_sip._udp.many.example"], dnsclient.SRV{Target: host, Port: 5060})
		for j := range 64 {
			many.addrs[host] = append(many.addrs[host], netip.AddrFrom4([4]byte{10, 1, byte(i), byte(j)}).String())
		}
	}
	inWorld(t, "S-031/targets of one URI are bounded", func(w *world) {
		w.want(fmt.Sprint(strings.Count(w.resolve("sip:many.example"), "UDP")), fmt.Sprint(maxTargets))
	}, func(c *Config) { c.Names = many })
}

// TestWeights: RFC 2782: of one priority each is chosen first as often as its weight says.
func TestWeights(t *testing.T) {
	records := []dnsclient.SRV{{Priority: 1, Weight: 90, Target: "a"}, {Priority: 1, Weight: 10, Target: "b"}, {Priority: 1, Weight: 0, Target: "c"}, {Priority: 0, Weight: 0, Target: "first"}}
	first := map[string]int{}
	for range 10_000 {
		o := inOrder(records)
		if len(o) != 4 || o[0].Target != "first" {
			t.Fatal(o)
		}
		first[o[1].Target]++
	}
	if first["a"] < 8500 || first["a"] > 9400 || first["b"] < 600 || first["b"] > 1400 || first["c"] > 300 || first["c"] == 0 {
		t.Error(first)
	}
}
