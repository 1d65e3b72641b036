package ua

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/parley-msrp/parley/internal/dialog"
	"github.com/parley-msrp/parley/internal/sip"
	"github.com/parley-msrp/parley/internal/sip/dnsclient"
	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/msrp/relay"
	"github.com/parley-msrp/parley/msrpsdp"
)

// relays are the own MSRP relays of a profile; nil: it has none.
type relays struct {
	client *relay.Client
	secure bool // the first one is reached by TLS
}

// prepareRelays makes the relays of a profile ready. Nobody is connected to yet.
func (a *Agent) prepareRelays(name, uris string) (*relays, error) {
	if uris == "" {
		return nil, nil
	}
	path, err := msrp.ParsePath(uris)
	if err != nil {
		return nil, fmt.Errorf("profile %s: relay: %w; want msrps://HOST;tcp", name, err)
	}
	c, err := relay.New(relay.Config{
		Endpoint: a.media, Relays: path, Credentials: a.cfg.Credentials, IdleTimeout: a.cfg.RelayIdleTimeout, Roots: a.cfg.RelayRoots,
		Dial: a.cfg.MSRP.Dial, Resolver: relayNames{a.names}, Logger: a.log,
	})
	if err != nil {
		return nil, fmt.Errorf("profile %s: %w", name, err)
	}
	return &relays{client: c, secure: path[0].Secure}, nil
}

// closeRelays lets go of the relays of all profiles.
func (a *Agent) closeRelays() {
	for _, p := range *a.profiles.Load() {
		if p.relays != nil {
			p.relays.client.Close()
		}
	}
}

// relayNames asks for relays what is asked for SIP servers.
type relayNames struct{ *dnsclient.Resolver }

func (n relayNames) SRV(ctx context.Context, name string) ([]*net.SRV, error) {
	records, err := n.Resolver.SRV(ctx, name)
	all := make([]*net.SRV, len(records))
	for i, r := range records {
		all[i] = &net.SRV{Target: r.Target, Port: r.Port, Priority: r.Priority, Weight: r.Weight}
	}
	return all, err
}

func (n relayNames) Addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	return n.Resolver.Addresses(ctx, host)
}

// sessionBase is the own URI of a session, without its session-id: that of the connection over which its peer's requests come. No host: there is none
// of that kind. An unspecified address stands for the one that leads to the peer.
func (p *profile) sessionBase(secure bool) msrp.URI {
	switch {
	case p.relays != nil:
		u := p.base
		u.Secure = p.relays.secure
		return u
	case p.base.Secure == secure:
		return p.base
	}
	return p.other
}

// refuses says why a line cannot be taken. With TLS it can be behind a relay that is reached by TLS, or where there is a listener for it.
func (p *profile) refuses(l *msrpsdp.Line, accept msrp.Types) error {
	secure, plain := p.sessionBase(true).Host != "", p.sessionBase(false).Host != ""
	if p.relays != nil {
		secure, plain = p.relays.secure, true
	}
	switch {
	case l.TLS() && !secure:
		return l.Refuses(accept)
	case l.MSRP && !l.TLS() && !plain:
		return &msrpsdp.LineError{Warn: msrpsdp.WarnTransport, Text: "MSRP without TLS is not available"}
	}
	return l.RefusesTypes(accept)
}

// takes says which lines of an offer are taken: where there are such with TLS and such without, those with (S-019).
func (p *profile) takes(offer *msrpsdp.Description, accept msrp.Types) []bool {
	taken, secure := make([]bool, len(offer.Lines)), false
	for n := range offer.Lines {
		taken[n] = p.refuses(&offer.Lines[n], accept) == nil
		secure = secure || taken[n] && offer.Lines[n].TLS()
	}
	for n := range taken {
		taken[n] = taken[n] && (!secure || offer.Lines[n].TLS())
	}
	return taken
}

// refusesAll says why no line of an offer can be taken.
func (p *profile) refusesAll(d *msrpsdp.Description, accept msrp.Types) error {
	if slices.Contains(p.takes(d, accept), true) {
		return nil
	}
	for n := range d.Lines {
		if l := &d.Lines[n]; l.MSRP {
			return p.refuses(l, accept)
		}
	}
	return d.Refuses(accept)
}

// joinRelays gets a path through the profile's relays for a session that was just made.
func (c *Call) joinRelays(p *profile, s *Session) error {
	if p.relays == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(c.untilOver(), c.agent.settings.Load().SetupTimeout)
	defer cancel()
	lease, err := p.relays.client.Join(ctx, s.media, relayed{s})
	if err != nil {
		c.agent.log.Warn("no path through the MSRP relay", "session_id", s.ID(), "call_id", c.CallID(), "err", err)
		return err
	}
	s.lease.Store(lease)
	return nil
}

// pathless says whether a session has lost its path through the relays, and has no other one yet.
func (c *Call) pathless() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.live(), func(s *Session) bool {
		lease := s.lease.Load()
		return lease != nil && !lease.Alive() || lease == nil && s.lost != nil && c.profile.relays != nil
	})
}

// release gives back what a session has of the MSRP side.
func (s *Session) release() {
	s.media.Close()
	if lease := s.lease.Load(); lease != nil {
		lease.End()
	}
}

// relayRefusal is how a call is refused that no relay gives a path to; nil where that is not what went wrong.
func relayRefusal(err error) *dialog.Refusal {
	wrong, ok := errors.AsType[*relay.Error](err)
	if !ok {
		return nil
	}
	// The text of the relay is for the log; the caller has no business with this side's credentials.
	r := &dialog.Refusal{Code: 503, Headers: []sip.Header{{Name: "Warning", Value: `399 parley "the MSRP relay does not answer"`}}}
	if refused, ok := errors.AsType[*relay.RefusedError](wrong); ok || errors.Is(wrong, relay.ErrCredentials) {
		r.Code, r.Headers[0].Value = 480, `399 parley "the MSRP relay refuses"`
		if ok && refused.Code/100 == 5 {
			r.Code = 503
		}
	}
	return r
}

// relayed is the relay.Owner of a Session.
type relayed struct{ s *Session }

// PathChanged offers the peer the new path (RFC 4976 §5.1; R-014). Before the call is established, that waits until it is.
func (o relayed) PathChanged() { o.s.call.offerPaths() }

var errPathExpired = errors.New("the path through the MSRP relay has expired")

func (o relayed) PathExpired(err error) {
	if !o.s.over.Load() {
		o.s.call.lost(o.s, fmt.Errorf("%w: %w", errPathExpired, err))
	}
}

// offerPaths offers the sessions' paths again, where they are not those that the peer knows.
func (c *Call) offerPaths() {
	c.mu.Lock()
	d := c.dialog
	moved := d != nil && c.state == Established && slices.ContainsFunc(c.live(), func(s *Session) bool {
		l := c.locals[s.line]
		return l != nil && !slices.Equal(l.Path, s.media.Path())
	})
	c.mu.Unlock()
	if !moved {
		return
	}
	c.offerAfresh(d, "the peer was not told the new path through the MSRP relay")
}

// offerAfresh offers what the call's sessions are now; failed is what the log says where that comes to nothing.
func (c *Call) offerAfresh(d *dialog.Dialog, failed string) {
	warn := func(err error) {
		if err != nil && !errors.Is(err, dialog.ErrOver) {
			c.logger().Warn(failed, "err", public(err))
		}
	}
	// Where Modify itself fails, nothing was offered: what is on its way stays what it is.
	warn(d.Modify(false, func() []byte { return c.makeOffer(change{}) }, func(err error) {
		c.updated(err)
		warn(err)
	}))
}
