package doctor

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/parley-msrp/parley/internal/certificate"
	"github.com/parley-msrp/parley/internal/config"
	"github.com/parley-msrp/parley/internal/sip"
	"github.com/parley-msrp/parley/internal/version"
	"github.com/parley-msrp/parley/internal/wire"
	"github.com/parley-msrp/parley/ua"
)

// names looks up every name that the configuration has.
func names(ctx context.Context, c *config.Config) []Finding {
	type named struct{ key, host string }
	var all []named
	if u, err := sip.ParseURI(c.SIP.OutboundProxy); err == nil {
		all = append(all, named{"sip.outbound_proxy", u.Host})
	}
	if u, err := c.MSRPUA.URI(); err == nil {
		all = append(all, named{"msrp_ua.my_uri", u.Host})
	}
	for _, relay := range strings.Fields(c.MSRPUA.RelayURI) {
		if u, err := wire.ParseURI(relay); err == nil {
			all = append(all, named{"msrp_ua.relay_uri", u.Host})
		}
	}
	var found []Finding
	for _, n := range all {
		if _, err := netip.ParseAddr(n.host); err == nil {
			continue
		}
		f := Finding{Check: "names", Level: OK}
		addresses, err := net.DefaultResolver.LookupHost(ctx, n.host)
		if err != nil {
			// A proxy or relay may be found by SRV records alone, so that this is no proof.
			f.Level, f.Text, f.Do = Warning, fmt.Sprintf("%s of %s has no address: %v", n.host, n.key, err), "look at the DNS servers, or write an address"
		} else {
			f.Text = fmt.Sprintf("%s of %s is at %s", n.host, n.key, strings.Join(addresses, ", "))
		}
		found = append(found, f)
	}
	if len(found) == 0 {
		found = append(found, Finding{Check: "names", Level: OK, Text: "the configuration has addresses only"})
	}
	return found
}

// peer asks the peer that was given, over an agent of its own, with a port of its own: the listeners may be a running node's.
func peer(ctx context.Context, c *Config) []Finding {
	if c.Peer == "" {
		return nil
	}
	failed := func(err error) []Finding {
		return []Finding{{Check: "peer", Level: Failure, Text: fmt.Sprintf("%s: %v", c.Peer, err), Do: "see that it listens there, and that nothing between drops SIP"}}
	}
	agent, err := newAgent(c)
	if err != nil {
		return failed(err)
	}
	defer func() { _ = agent.Close(context.Background()) }()
	began := time.Now()
	got, err := agent.Ask(ctx, c.From, c.Peer)
	if err != nil {
		return failed(err)
	}
	text := fmt.Sprintf("%s at %s answered %d %s after %v", c.Peer, got.Source, got.Code, got.Reason, time.Since(began).Round(100*time.Microsecond))
	if server := got.Response.Header("Server"); len(server) > 0 {
		text += ", it is " + server[0]
	}
	f := Finding{Check: "peer", Level: OK, Text: text}
	switch types := acceptTypes(string(got.Response.Body())); {
	case got.Code >= 300:
		f.Level, f.Do = Warning, "it is there, but would not take a call as things stand"
	case types != "":
		f.Text += "; it takes " + types
	}
	return []Finding{f}
}

// acceptTypes are those that a description of capabilities has; "" where it tells none.
func acceptTypes(description string) string {
	for line := range strings.Lines(description) {
		if types, ok := strings.CutPrefix(strings.TrimSpace(line), "a=accept-types:"); ok {
			return types
		}
	}
	return ""
}

func newAgent(c *Config) (*ua.Agent, error) {
	host := "0.0.0.0"
	for _, l := range c.Config.SIP.Listen {
		if listener, err := config.ParseListener(l, "udp", "tcp", "tls"); err == nil {
			host = listener.Host
			break
		}
	}
	own := ua.Config{
		SIPListen:     []string{"udp:" + net.JoinHostPort(host, "0")},
		MSRPListen:    []string{"tcp:127.0.0.1:0"}, // nobody is told
		OutboundProxy: c.Config.SIP.OutboundProxy,
		DNSServers:    c.Config.SIP.DNSServers,
		Credentials:   c.Config.UACAuth.Credentials(),
		Product:       version.Server(),
		Logger:        slog.New(slog.DiscardHandler),
	}
	if t := c.Config.TLS; t.Certificate != "" {
		files, err := certificate.Load(certificate.Config{Certificate: t.Certificate, PrivateKey: t.PrivateKey, Authorities: t.CAList})
		if err != nil {
			return nil, err
		}
		own.TLS = &ua.TLS{Certificate: files.Certificate, Roots: files.Roots}
		own.SIPListen = append(own.SIPListen, "tls:"+net.JoinHostPort(host, "0"))
	}
	return ua.New(own)
}
