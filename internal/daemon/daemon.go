// Package daemon is one running node: everything wired together, from the configuration to the drain.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/parley-msrp/parley/internal/access"
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

// unavailable is the reason phrase for new calls while their events could not be kept.
func (n *node) unavailable() string {
	if n.journal.Refusing() {
		return "Journal Unavailable"
	}
	return ""
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
		within(readersTimeout, func(ctx context.Context) error { // a command may wait for the journal, which ends below
			closed := make(chan error, 1)
			go func() { closed <- carrier.Close() }() // ends with the journal at the latest
			select {
			case err := <-closed:
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}
	if n.web != nil {
		within(readersTimeout, n.web.Shutdown)
	}
	within(readersTimeout, n.sinks.close)
	within(readersTimeout, n.tracer.Close)
	return errors.Join(append(errs, n.calls.close(), n.journal.Close(), n.data.close())...)
}

// hint says what to do about an address that is in use.
func hint(err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w; another program listens there: stop it, or choose another address in the configuration", err)
	}
	return err
}
