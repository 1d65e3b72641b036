package interop

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

// The addresses of HTTP, each in a namespace of its own.
var (
	httpWithin  = netip.MustParseAddr("127.0.77.1")
	httpOutside = netip.MustParseAddr("127.0.77.2")
)

// natConfig is the configuration of a daemon on an address. Media are lines of the msrp section, ua of msrp_ua.
func natConfig(at, http netip.Addr, media, ua, more string) string {
	return fmt.Sprintf(`sip:
  listen: ["udp:%[1]s:5060", "tcp:%[1]s:5060"]
msrp:
  listen: ["tcp:%[1]s:2855"]
%[3]smsrp_ua:
%[4]shttp:
  listen: "%[2]s:8888"
log: {level: debug}
%[5]s`, at, http, media, ua, more)
}

// TestNAT has a daemon behind a NAT, whose router sends on what comes for SIP, and one outside. Messages of one chunk and of many go both ways.
func TestNAT(t *testing.T) {
	if !natted(t) {
		return
	}
	transport := http.DefaultTransport.(*http.Transport)
	transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if strings.HasPrefix(addr, httpWithin.String()+":") {
			return dialHouse(ctx, network, addr)
		}
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
	t.Cleanup(transport.CloseIdleConnections)
	k := startKamailioAt(t, relaying)

	const credential = "uac_auth: {credential: [\"alice:relay.test:open sesame\"]}\n"
	contact := fmt.Sprintf("  advertised_contact: \"sip:alice@%s:5060\"\n", router)
	private, public := fmt.Sprintf("  my_uri: \"msrp://%s:2855;tcp\"\n", within), fmt.Sprintf("  my_uri: \"msrp://%s:2855;tcp\"\n", outside)
	relay := fmt.Sprintf("  relay_uri: \"msrp://alice@%s;tcp\"\n", k)
	for _, c := range []struct {
		name      string
		in, out   string   // msrp_ua of the one within, and of the one outside
		media     string   // msrp of the one within
		more      string   // of both
		toOutside []string // URIs of the path to the one outside, as far as the port, and to the one within
		toWithin  []string
		called    bool // the one within may be called too
	}{
		{
			name:      "X-001/directly, with a public address configured",
			in:        contact + fmt.Sprintf("  my_uri: \"msrp://%s:2855;tcp\"\n", router),
			out:       public,
			media:     "  advertised_elsewhere: true\n",
			toOutside: []string{outside.String() + ":2855"},
			toWithin:  []string{router.String() + ":2855"},
		},
		{
			name:      "X-005/directly, where the one within can only be active",
			in:        contact + private,
			out:       public,
			media:     "  setup: active\n",
			toOutside: []string{outside.String() + ":2855"},
			toWithin:  []string{within.String() + ":9"},
		},
		{
			name:      "R-010/through the relay",
			in:        contact + private + relay,
			out:       public + relay,
			more:      credential,
			toOutside: []string{k.String(), outside.String() + ":2855"},
			toWithin:  []string{k.String(), within.String() + ":2855"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := startRelayed(t, inHouse(t), httpWithin, natConfig(within, httpWithin, c.media, c.in, c.more))
			out := startRelayed(t, program(t), httpOutside, natConfig(outside, httpOutside, "", c.out, c.more))
			talk := func(text string) {
				a, b := in.established(t), out.established(t)
				if got := leadsTo(a.PeerPath); fmt.Sprint(got) != fmt.Sprint(c.toOutside) {
					t.Errorf("the path to the one outside leads to %q, want %q", got, c.toOutside)
				}
				if got := leadsTo(b.PeerPath); fmt.Sprint(got) != fmt.Sprint(c.toWithin) {
					t.Errorf("the path to the one within leads to %q, want %q", got, c.toWithin)
				}
				in.sends(t, a, text+" out", text+" at length "+numbers(60_000))
				out.hears(t, text+" out", text+" at length "+numbers(60_000))
				out.sends(t, b, text+" back", text+" back at length "+numbers(50_000))
				in.hears(t, text+" back", text+" back at length "+numbers(50_000))
				if err := out.Call(t.Context(), "msrp_ua_end_session", map[string]any{"session_id": b.SessionID}, new(any)); err != nil {
					t.Fatal(err)
				}
				for _, d := range []relayed{in, out} {
					eventually(t, answerLimit, func() (bool, string) {
						all, err := d.Sessions(t.Context())
						return err == nil && len(all) == 0, fmt.Sprintf("%+v, %v", all, err)
					})
				}
			}
			in.calls(t, "sip:bob@"+outside.String())
			talk("called from within")
			out.calls(t, "sip:alice@"+router.String())
			talk("called from outside")
		})
	}
}

// leadsTo are the hosts and ports of a path.
func leadsTo(path string) (all []string) {
	for _, uri := range strings.Fields(path) {
		all = append(all, hostPort(uri))
	}
	return all
}
