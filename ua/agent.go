package ua

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-msrp/parley/internal/dialog"
	"github.com/parley-msrp/parley/internal/sip"
	"github.com/parley-msrp/parley/internal/sip/dnsclient"
	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/msrpsdp"
)

const (
	// connectTimeout bounds opening the MSRP connection of a started session.
	connectTimeout = 30 * time.Second
	// byeGrace is how long after its MSRP connection a BYE may come.
	byeGrace = 500 * time.Millisecond
)

// features says in own Contacts that this side talks MSRP (RFC 4569; S-021).
const features = ";+sip.message"

// Agent is a user agent: SIP and MSRP listeners, and the calls on them. Safe for concurrent use.
type Agent struct {
	changed   changed // calls that are to be kept
	cfg       Config
	log       *slog.Logger
	stack     *sip.Stack
	dialogs   *dialog.Endpoint
	media     *msrp.Endpoint
	names     *dnsclient.Resolver
	proxy     sip.URI                             // zero: none
	profiles  atomic.Pointer[map[string]*profile] // replaced by Adjust
	settings  atomic.Pointer[Settings]            // those in force
	swept     chan struct{}                       // CleanupInterval has changed
	table     table
	access    access
	known     known
	registrar registrar

	certificate *ownCertificate // for MSRP over TLS; nil: there is none

	restored  atomic.Int64  // calls of an earlier process
	listening chan struct{} // closed once SIP is listened for
	listeners []msrp.URI    // of MSRP
	sipAddrs  []string
	msrpAddrs []string

	// ctx ends when the agent closes; running counts the goroutines that it owns: media listeners, the sweep, connecting and
	// ending calls.
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu     sync.Mutex
	closed bool // no goroutine is started any more
}

// New opens the listeners and starts answering. An error names the listener or the setting that is wrong; nothing is left open then.
func New(c Config) (*Agent, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.MSRP.Logger == nil {
		c.MSRP.Logger = c.Logger
	}
	names := dnsclient.New(dnsclient.Config{Servers: c.DNSServers})
	if c.MSRP.Resolve == nil {
		c.MSRP.Resolve = names.Addresses
	}
	a := &Agent{cfg: c, log: c.Logger, listening: make(chan struct{}), names: names, swept: make(chan struct{}, 1)}
	a.profiles.Store(&map[string]*profile{})
	a.settings.Store(c.settings())
	a.table.sessions = map[string]*Session{}
	a.changed.wake = make(chan struct{}, 1)
	a.ctx, a.cancel = context.WithCancel(context.Background())
	if err := a.start(); err != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		return nil, errors.Join(err, a.Close(ctx))
	}
	return a, nil
}

func (a *Agent) start() error {
	if err := a.secureMedia(); err != nil {
		return err
	}
	media, err := msrp.NewEndpoint(a.cfg.MSRP)
	if err != nil {
		return err
	}
	a.media = media
	own, err := a.listenMSRP()
	if err != nil {
		return err
	}
	if err := a.prepareProfiles(own); err != nil {
		return err
	}
	config := dialog.Config{Logger: a.log, Counter: a.cfg.Counter, Product: a.cfg.Product, Features: features, SetupTimeout: a.cfg.SetupTimeout}
	config.SessionExpires, config.MinSE, config.Reliable = a.cfg.SessionExpires, a.cfg.MinSE, a.cfg.Reliable
	for _, c := range a.cfg.Credentials {
		if err := c.Check(); err != nil {
			return fmt.Errorf("credential %v %w", c, err)
		}
	}
	config.Credentials = a.cfg.Credentials
	if err := a.access.prepare(&a.cfg); err != nil {
		return err
	}
	config.Guard = a.access.guard
	config.Replacing, config.Refer = a.cfg.Replaces, a.cfg.Refer
	config.MaxRedirects = a.cfg.MaxRedirects
	config.Limits, config.PerSource = a.cfg.Limits.dialogs(), a.cfg.SourceLimits.dialogs()
	config.Unavailable = a.cfg.Unavailable
	config.Contact = func(sip.Proto, netip.Addr) (sip.URI, error) { return a.profile(DefaultProfile).contact, nil }
	if config.Proxy, err = outboundProxy(a.cfg.OutboundProxy); err != nil {
		return err
	}
	a.proxy = config.Proxy
	a.dialogs = dialog.New(config, callee{a})
	security, err := a.cfg.TLS.security()
	if err != nil {
		return err
	}
	a.stack, err = sip.NewStack(sip.Config{
		User: a.dialogs, Logger: a.log, Security: security, Names: a.names, Admit: a.access.admits, Asserts: a.access.trusts, Tap: a.tap(),
	})
	if err != nil {
		return err
	}
	a.dialogs.Attach(a.stack)
	if a.cfg.Keeper != nil {
		a.spawn(a.keepUntilClosed)
	}
	if a.cfg.Ready != nil {
		a.cfg.Ready(a)
	}
	if err := a.listenSIP(); err != nil {
		return err
	}
	close(a.listening)
	a.spawn(a.sweepUntilClosed)
	return a.register()
}

// tap hands SIP messages to Config.TapSIP.
func (a *Agent) tap() func(sip.Flow, bool, []byte) {
	see := a.cfg.TapSIP
	if see == nil {
		return nil
	}
	return func(f sip.Flow, sent bool, octets []byte) { see(f.Proto.String(), f.Local, f.Remote, sent, octets) }
}

// spawn runs f in a goroutine that Close waits for; once that waits, f runs here.
func (a *Agent) spawn(f func()) {
	a.mu.Lock()
	closed := a.closed
	if !closed {
		a.running.Go(f)
	}
	a.mu.Unlock()
	if closed {
		f()
	}
}

// listenMSRP opens the MSRP listeners and gives their URIs.
func (a *Agent) listenMSRP() (own []msrp.URI, err error) {
	for _, s := range a.cfg.MSRPListen {
		network, address, err := splitListener(s)
		if err != nil {
			return own, err
		}
		serve := map[string]func(net.Listener) error{"tcp": a.media.Serve, "tls": a.media.ServeTLS}[network]
		if serve == nil {
			return own, fmt.Errorf("MSRP listener %q: want tcp:HOST:PORT or tls:HOST:PORT", s)
		}
		l, err := net.Listen("tcp", address)
		if err != nil {
			return own, fmt.Errorf("MSRP listener %q: %w", s, err)
		}
		at := l.Addr().(*net.TCPAddr)
		own = append(own, msrp.URI{
			Host: at.AddrPort().Addr().Unmap().WithZone("").String(), Port: at.Port, Transport: "tcp", Secure: network == "tls",
		})
		a.msrpAddrs = append(a.msrpAddrs, network+":"+l.Addr().String())
		a.spawn(func() { // ends with the endpoint
			if err := serve(l); err != nil && a.ctx.Err() == nil {
				a.log.Error("MSRP listener stopped", "listener", s, "err", err)
			}
		})
	}
	return own, nil
}

func (a *Agent) prepareProfiles(own []msrp.URI) error {
	profiles := map[string]*profile{}
	a.profiles.Store(&profiles)
	a.listeners = own
	add := func(name string, p Profile) error {
		ready, err := a.prepareProfile(name, p)
		if err == nil {
			ready.relays, err = a.prepareRelays(name, p.Relay)
		}
		if err != nil {
			return err
		}
		profiles[name] = ready
		return nil
	}
	if err := add(DefaultProfile, a.cfg.Profile); err != nil {
		return err
	}
	for name, p := range a.cfg.Profiles {
		if err := add(name, p); err != nil {
			return err
		}
	}
	return nil
}

func (a *Agent) listenSIP() error {
	bound := map[string]netip.AddrPort{}
	for _, s := range a.cfg.SIPListen {
		network, address, err := splitListener(s)
		if err != nil {
			return err
		}
		p := map[string]sip.Proto{"udp": sip.UDP, "tcp": sip.TCP, "tls": sip.TLS}[network]
		switch {
		case p == 0:
			return fmt.Errorf("SIP listener %q: want udp:HOST:PORT, tcp:HOST:PORT or tls:HOST:PORT", s)
		case p == sip.TLS && a.cfg.TLS == nil:
			return fmt.Errorf("SIP listener %q: TLS needs a certificate: Config.TLS", s)
		}
		at, err := a.stack.Listen(p, address)
		if err != nil {
			return fmt.Errorf("SIP listener %q: %w", s, err)
		}
		a.sipAddrs = append(a.sipAddrs, network+":"+at.String())
		bound[s] = at
	}
	a.access.listening(bound)
	return nil
}

// SIPAddrs lists the SIP listeners as they are, like "udp:127.0.0.1:5060".
func (a *Agent) SIPAddrs() []string { return a.sipAddrs }

// MSRPAddrs lists the MSRP listeners as they are, like "tcp:127.0.0.1:2855".
func (a *Agent) MSRPAddrs() []string { return a.msrpAddrs }

// Session finds a session by its ID; nil if there is none.
func (a *Agent) Session(id string) *Session { return a.table.get(id) }

// Sessions lists the sessions, the oldest first.
func (a *Agent) Sessions() []*Session { return a.table.list() }

// Drain takes no new call from now on: an INVITE gets 503 with Retry-After. Live calls go on.
func (a *Agent) Drain() { a.dialogs.Drain() }

// Close takes registrations back and ends every call (BYE, CANCEL), waits for the peers' answers at most until ctx ends, and gives everything back.
// Handlers hear Ended or Failed with ShuttingDown. It must not be called from a Handler's methods.
func (a *Agent) Close(ctx context.Context) error {
	var errs []error
	if a.dialogs != nil && a.stack != nil {
		a.dialogs.Drain()
		for _, c := range a.table.calls() {
			c.finish(End{Cause: ShuttingDown, Code: 503, Reason: "shutting down"})
		}
		errs = append(errs, a.dialogs.Close(ctx))
	}
	a.cancel()
	if a.stack != nil {
		errs = append(errs, a.stack.Close(ctx))
	}
	a.closeRelays()
	if a.media != nil {
		errs = append(errs, a.media.Close(ctx))
	}
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	a.running.Wait()
	return errors.Join(errs...)
}

// callee is the dialog.User of an Agent.
type callee struct{ a *Agent }

func (u callee) Invite(in *dialog.Incoming) {
	inv := newInvitation(u.a, in)
	if u.a.cfg.OnInvite == nil {
		_ = inv.Reject(480, "")
		return
	}
	u.a.cfg.OnInvite(inv)
}

func (u callee) Query(q *dialog.Query) {
	query := newQuery(u.a, q)
	switch {
	case u.a.cfg.OnQuery != nil:
		u.a.cfg.OnQuery(query)
	case u.a.cfg.OnInvite == nil:
		_ = query.Reject(480, "")
	default:
		_ = query.Accept()
	}
}

func (u callee) Capabilities() []byte { return u.a.capabilities(u.a.profile(DefaultProfile).types) }

func (a *Agent) capabilities(types msrp.Types) []byte {
	return msrpsdp.Capabilities(a.profile(DefaultProfile).base.Host, types)
}
