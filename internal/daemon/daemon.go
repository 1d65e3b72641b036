// Package daemon is one running node: everything wired together, from the configuration to the drain.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/parley-msrp/parley/internal/access"
	"github.com/parley-msrp/parley/internal/auth"
	"github.com/parley-msrp/parley/internal/certificate"
	"github.com/parley-msrp/parley/internal/config"
	"github.com/parley-msrp/parley/internal/control"
	"github.com/parley-msrp/parley/internal/hep"
	"github.com/parley-msrp/parley/internal/journal"
	"github.com/parley-msrp/parley/internal/mi"
	"github.com/parley-msrp/parley/internal/route"
	"github.com/parley-msrp/parley/internal/telemetry"
	"github.com/parley-msrp/parley/internal/version"
	"github.com/parley-msrp/parley/internal/web"
	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/ua"
)

const (
	// drainTimeout is how long a node that was told to stop waits for its peers' answers to BYE. An unanswered BYE would take 32 s.
	drainTimeout = 8 * time.Second
	// readersTimeout is how long those who read events then have for the last ones.
	readersTimeout = 2 * time.Second
)

// partialOctets is what the half-received messages of a session may take, apart from those that are kept while they come.
const partialOctets = 32 << 20

// ballastSize is how much address space, never touched and so not of memory, the collector counts as heap. Without it the few MiB of a node with
// few sessions are collected a hundred times a second under load.
const ballastSize = 64 << 20

// node is one running node.
type node struct {
	config  config.Config // that it runs with; see reload
	log     *slog.Logger
	level   *slog.LevelVar // of log
	data    *dataDir
	journal journal.Journal
	control *control.Control
	router  *router
	calls   calls
	agent   *ua.Agent
	web     *web.Server
	gate    *access.Gate
	hep     *hep.Sender       // nil: no capture server
	tracer  *telemetry.Tracer // nil: messages are not traced
	sinks   sinks
	mi      []io.Closer // what carries the management interface besides HTTP
	http    string      // address of the HTTP listener
	https   []string    // addresses of those with TLS

	files     *certificate.Files // of SIP and MSRP
	httpFiles *certificate.Files // of HTTPS; nil: there is none

	reloading sync.Mutex
	started   atomic.Bool
	draining  atomic.Bool
}

// Serve runs a node until ctx ends, then drains it: no new sessions, BYE to the live ones. What listens, and what to try, goes to out, the log to errOut.
// An error says in one line why the node could not start.
func Serve(ctx context.Context, c config.Config, out, errOut io.Writer) error {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP) // from the first moment on: without, it would end the process
	defer signal.Stop(hup)
	n, err := start(c, errOut)
	if err != nil {
		return hint(err)
	}
	ballast := make([]byte, ballastSize)
	n.greet(out)
	tell(n.log, daemon.SdNotifyReady)
	watched := make(chan struct{})
	go func() { // ends with ctx
		defer close(watched)
		watch(ctx, n.log, func() { n.agent.Session("") }) // a node whose tables are stuck does not come back
	}()
	n.reloadOn(ctx, hup)
	<-watched
	runtime.KeepAlive(ballast)
	tell(n.log, daemon.SdNotifyStopping)
	fmt.Fprintln(out, "draining: no new sessions, live ones get a BYE")
	return n.drain()
}

func start(c config.Config, errOut io.Writer) (*node, error) {
	n := &node{config: c, level: levelOf(c.Log)}
	n.log = newLogger(c.Log, n.level, errOut)
	script, err := n.loadRoute(&c)
	if err != nil {
		return nil, err
	}
	users, err := c.Auth.LoadUsers()
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", c.HTTP.Listen)
	if err != nil {
		return nil, fmt.Errorf("HTTP listener: %w", err)
	}
	if n.data, n.journal, err = openJournal(c, n.log); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	if err := n.openCalls(c.Journal.Durability == "fsync"); err != nil {
		return nil, errors.Join(err, listener.Close(), n.journal.Close(), n.data.close())
	}
	n.control = control.New(n.journal, "/parley/"+n.data.node, n.log)
	n.control.UnwrapCPIM(c.MSRP.UnwrapCPIM)
	n.capture(&c.HEP)
	n.traceMessages(&c.OTel)
	if err := n.recall(&c.Journal); err != nil {
		n.closeTap()
		return nil, errors.Join(err, listener.Close(), n.calls.close(), n.journal.Close(), n.data.close())
	}
	// The agent answers as soon as it listens, so all that it calls stands before it.
	files, err := certificate.Load(n.sipFiles(&c))
	if err != nil {
		err = fmt.Errorf("tls: %w", err)
	}
	if err == nil {
		err = n.startSinks(&c, files)
	}
	if err == nil {
		n.router = newRouter(script, n.control, n.sinks.asker, users != nil, n.log)
		n.router.direct = c.MSRPUA.RelayURI == "" && c.MSRP.CEMA == "off"
		n.agent, err = ua.New(n.agentConfig(c, users, files))
	}
	if err != nil {
		n.closeTap()
		return nil, errors.Join(err, listener.Close(), n.sinks.close(context.Background()), n.calls.close(), n.journal.Close(), n.data.close())
	}
	n.files = files
	n.countSinks()
	methods, err := mi.New(mi.Config{
		Node: n.control, Subscribers: n.sinks.sockets, Statistics: n.control.Statistics().Set,
		Product: version.Product, Version: version.String(), Started: time.Now(), Level: n.level, Reload: n.reload,
	})
	if err == nil {
		err = n.serveMI(&c.MI, methods)
	}
	if err == nil {
		err = n.serveHTTP(listener, &c.HTTP, methods) // the last: /healthz says that everything listens
	}
	if err != nil {
		return nil, errors.Join(err, listener.Close(), n.drain())
	}
	n.http = listener.Addr().String()
	n.started.Store(true)
	return n, nil
}

// loadRoute reads the request route.
func (n *node) loadRoute(c *config.Config) (*route.Script, error) {
	switch {
	case c.Route != "":
		script, err := route.Load(c.Route, route.WithPrint(n.printed))
		if err != nil {
			return nil, fmt.Errorf("route: %w", err)
		}
		return script, nil
	case c.Ask.URL != "":
		return route.Asking(), nil
	}
	return route.Default(), nil
}

// printed logs what the request route prints.
func (n *node) printed(p route.Print) {
	n.log.Info("route script", "call_id", p.CallID, "line", p.Line, "text", p.Text)
}

// ready is what /healthz tells. Everything listens before HTTP does.
func (n *node) ready() error {
	if n.draining.Load() {
		return errors.New("draining")
	}
	return errors.Join(n.journal.Err(), n.calls.err())
}

// security is what SIP over TLS needs; nil where no certificate is configured.
func security(c config.TLS, files *certificate.Files) *ua.TLS {
	if c.Certificate == "" {
		return nil
	}
	clients := map[string]ua.ClientCertificates{"ask": ua.AskClientCertificates, "require": ua.RequireClientCertificates}[c.ClientCertificates]
	return &ua.TLS{Certificate: files.Certificate, Roots: files.Roots, LegacyCipher: c.LegacyCipher, Clients: clients}
}

func (n *node) agentConfig(c config.Config, users *auth.Users, files *certificate.Files) ua.Config {
	sip := &c.SIP
	return ua.Config{
		SIPListen:        c.SIP.Listen,
		TLS:              security(c.TLS, files),
		DNSServers:       c.SIP.DNSServers,
		OutboundProxy:    c.SIP.OutboundProxy,
		MSRPListen:       c.MSRP.Listen,
		Profile:          profile(&c),
		RelayIdleTimeout: c.MSRP.RelayIdleTimeout, RelayRoots: files.Roots,
		Recovery:        ua.Recovery{Off: !c.MSRP.Recovery, EndRestored: !c.MSRP.RecoveryAfterRestart, Limit: c.MSRP.RecoveryTime},
		Keeper:          n.calls.keeper(),
		Ready:           n.takeUp,
		OnInvite:        n.router.invite,
		OnQuery:         n.router.query,
		SetupTimeout:    c.SIP.SetupTimeout,
		MaxDuration:     c.MSRPUA.MaxDuration,
		CleanupInterval: c.MSRPUA.CleanupInterval,
		Auth:            authConfig(c.Auth, users),
		Allow:           config.Prefixes(c.SIP.Allow),
		Deny:            config.Prefixes(c.SIP.Deny),
		Trusted:         config.Prefixes(c.SIP.Trusted),
		Register:        registrations(c.SIP.Register),
		Credentials:     c.UACAuth.Credentials(),
		Limits:          ua.CallLimits{CallsPerSecond: sip.MaxCallsPerSecond, CallsInSetup: sip.MaxCallsInSetup, Calls: sip.MaxSessions},
		SourceLimits: ua.CallLimits{
			CallsPerSecond: sip.MaxCallsPerSecondPerSource, CallsInSetup: sip.MaxCallsInSetupPerSource, Calls: sip.MaxSessionsPerSource,
		},
		Replaces:       map[string]ua.Replacing{"same_source": ua.ReplacingSource, "any": ua.ReplacingAny}[sip.Replaces],
		Refer:          sip.Refer == "in_dialog",
		MaxRedirects:   sip.MaxRedirects,
		SessionExpires: sip.SessionExpires,
		MinSE:          sip.MinSE,
		Reliable:       sip.ReliableProvisional,
		Product:        version.Server(),
		Logger:         n.log,
		Counter:        n.control.Statistics(),
		TapSIP:         n.control.Tap().SIP,
		MSRP:           n.mediaConfig(&c.MSRP, &c.Journal),
	}
}

func profile(c *config.Config) ua.Profile {
	return ua.Profile{
		MyURI: c.MSRPUA.MyURI, Contact: c.MSRPUA.AdvertisedContact, Relay: c.MSRPUA.RelayURI,
		Unreachable: c.MSRP.Setup == "active", CEMA: c.MSRP.CEMA != "off", CEMAAnyAddress: c.MSRP.CEMA == "lenient",
	}
}

func (n *node) mediaConfig(c *config.MSRP, j *config.Journal) msrp.Config {
	policy := access.Addresses{Allow: config.Targets(c.ConnectAllow), Deny: config.Targets(c.ConnectDeny)}
	attempts := c.ConnectAttempts
	if attempts == 0 {
		attempts = -1
	}
	match := msrp.ToPathWhole
	if c.Match == "session_id" {
		match = msrp.ToPathSessionID
	}
	// The journal keeps the bodies: they are not borrowed.
	m := msrp.Config{
		RefuseWhenFull: true, Counter: n.control.Statistics().MSRP(), Tap: n.control.Tap().MSRP, MayConnect: policy.Permit, ConnectAttempts: attempts, ToPath: match,
		MaxMessage: int64(c.MaxMessage), StreamFrom: int64(c.MaxMessage),
	}
	if j.Durability != "memory" {
		m.StreamFrom, m.PartialOctets = int64(j.MaxBody), partialOctets
	}
	return m
}

// drain ends the sessions and then everything else. Peers and readers that take longer than they may are left behind: that is no error.
func (n *node) drain() error {
	var errs []error
	within := func(limit time.Duration, do func(context.Context) error) {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		if err := do(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			errs = append(errs, err)
		}
	}
	n.draining.Store(true)
	within(drainTimeout, n.agent.Close)
	n.router.wait()
	n.closeTap()
	for _, carrier := range n.mi {
		errs = append(errs, carrier.Close())
	}
	if n.web != nil {
		within(readersTimeout, n.web.Shutdown)
	}
	within(readersTimeout, n.sinks.close)
	within(readersTimeout, n.tracer.Close)
	return errors.Join(append(errs, n.calls.close(), n.journal.Close(), n.data.close())...)
}

// greet says what listens and what to try.
func (n *node) greet(out io.Writer) {
	url := ""
	if n.http != config.Default().HTTP.Listen {
		url = " --url http://" + n.http
	}
	addresses := append([]string{"http://" + n.http}, n.https...)
	fmt.Fprintf(out, "Parley %s is ready.\n  SIP   %s\n  MSRP  %s\n  HTTP  %s\nTry, in a second terminal or a browser:\n",
		version.String(), strings.Join(n.agent.SIPAddrs(), " "), strings.Join(n.agent.MSRPAddrs(), " "), strings.Join(addresses, " "))
	self := program()
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintf(w, "  %s chat %s\ttalk to this daemon\n", self, uri(n.agent.SIPAddrs()))
	fmt.Fprintf(w, "  http://%s/\tsee who is there, and talk\n", n.http)
	fmt.Fprintf(w, "  %s events%s\tsee what happens\n", self, url)
	fmt.Fprintf(w, "  %s sessions%s\tlist the sessions, then: %s send%s SESSION_ID hello\n", self, url, self, url)
	w.Flush()
}

// program is how this program was called, so that what to try can be typed as it stands.
func program() string {
	if strings.ContainsRune(os.Args[0], filepath.Separator) {
		return os.Args[0]
	}
	return "parley"
}

// uri is whom to call to reach the first listener, as a word of a command line.
func uri(listeners []string) string {
	network, address, ok := strings.Cut(listeners[0], ":")
	at, err := netip.ParseAddrPort(address)
	if !ok || err != nil {
		return "sip:anyone@127.0.0.1"
	}
	host := at.Addr().Unmap()
	if host.IsUnspecified() {
		host = netip.MustParseAddr("127.0.0.1")
	}
	u := "sip:anyone@" + netip.AddrPortFrom(host, at.Port()).String()
	u = strings.TrimSuffix(u, ":5060")
	if network != "udp" {
		return "'" + u + ";transport=" + network + "'"
	}
	return u
}

// hint says what to do about an address that is in use.
func hint(err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w; another program listens there: stop it, or choose another address in the configuration", err)
	}
	return err
}
