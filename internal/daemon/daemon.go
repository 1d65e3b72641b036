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
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/parley-msrp/parley/internal/config"
	"github.com/parley-msrp/parley/internal/control"
	"github.com/parley-msrp/parley/internal/journal"
	"github.com/parley-msrp/parley/internal/mi"
	"github.com/parley-msrp/parley/internal/route"
	"github.com/parley-msrp/parley/internal/version"
	"github.com/parley-msrp/parley/internal/web"
	"github.com/parley-msrp/parley/ua"
)

// drainTimeout is how long a node that was told to stop waits for its peers' answers to BYE. An unanswered BYE would take 32 s.
const drainTimeout = 8 * time.Second

// node is one running node.
type node struct {
	log     *slog.Logger
	journal journal.Journal
	control *control.Control
	router  *router
	agent   *ua.Agent
	web     *web.Server

	draining atomic.Bool
}

// Serve runs a node until ctx ends, then drains it: no new sessions, BYE to the live ones. What listens, and what to try, goes to out, the log to errOut.
// An error says in one line why the node could not start.
func Serve(ctx context.Context, c config.Config, out, errOut io.Writer) error {
	n, err := start(c, errOut)
	if err != nil {
		return hint(err)
	}
	n.greet(c, out)
	<-ctx.Done()
	fmt.Fprintln(out, "draining: no new sessions, live ones get a BYE")
	return n.drain()
}

func start(c config.Config, errOut io.Writer) (*node, error) {
	n := &node{log: newLogger(c.Log, errOut)}
	script := route.Default()
	if c.Route != "" {
		var err error
		if script, err = route.Load(c.Route); err != nil {
			return nil, fmt.Errorf("route: %w", err)
		}
	}
	listener, err := net.Listen("tcp", c.HTTP.Listen)
	if err != nil {
		return nil, fmt.Errorf("HTTP listener: %w", err)
	}
	n.journal = journal.NewMemory(journal.MemoryConfig{})
	n.control = control.New(n.journal, source(), n.log)
	n.router = newRouter(script, n.control, n.log)
	// The agent answers as soon as it listens, so all that it calls stands before it.
	n.agent, err = ua.New(n.agentConfig(c))
	if err != nil {
		return nil, errors.Join(err, listener.Close(), n.journal.Close())
	}
	n.control.Attach(n.agent)
	if err := n.serveHTTP(listener); err != nil {
		return nil, errors.Join(err, n.drain())
	}
	return n, nil
}

func (n *node) serveHTTP(l net.Listener) error {
	methods, err := mi.New(mi.Config{Node: n.control, Product: version.Product, Version: version.String(), Started: time.Now()})
	if err != nil {
		return err
	}
	n.web, err = web.New(web.Config{MI: methods, Events: n.control, Ready: n.ready, Product: version.Server(), Logger: n.log})
	if err != nil {
		return err
	}
	return n.web.Start(l)
}

// ready is what /healthz tells. Everything listens before HTTP does.
func (n *node) ready() error {
	if n.draining.Load() {
		return errors.New("draining")
	}
	return nil
}

func (n *node) agentConfig(c config.Config) ua.Config {
	return ua.Config{
		SIPListen:       c.SIP.Listen,
		MSRPListen:      c.MSRP.Listen,
		Profile:         ua.Profile{MyURI: c.MSRPUA.MyURI, Contact: c.MSRPUA.AdvertisedContact},
		OnInvite:        n.router.invite,
		SetupTimeout:    c.SIP.SetupTimeout,
		MaxDuration:     c.MSRPUA.MaxDuration,
		CleanupInterval: c.MSRPUA.CleanupInterval,
		Product:         version.Server(),
		Logger:          n.log,
	}
}

// drain ends the sessions and then everything else, within drainTimeout.
func (n *node) drain() error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	var errs []error
	n.draining.Store(true)
	if err := n.agent.Close(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		errs = append(errs, err)
	}
	n.router.wait()
	if n.web != nil {
		// Readers of events get the last ones while HTTP shuts down.
		errs = append(errs, n.web.Shutdown(ctx))
	}
	return errors.Join(append(errs, n.journal.Close())...)
}

// greet says what listens and what to try.
func (n *node) greet(c config.Config, out io.Writer) {
	host := firstHost(n.agent.SIPAddrs())
	fmt.Fprintf(out, `Parley %s is ready.
  SIP   %s
  MSRP  %s
  HTTP  http://%s
Try, in a second terminal:
  parley chat sip:anyone@%s      talk to this daemon
  parley events                  see what happens
  parley sessions                list the sessions, then: parley send SESSION_ID hello
`, version.String(), strings.Join(n.agent.SIPAddrs(), " "), strings.Join(n.agent.MSRPAddrs(), " "), c.HTTP.Listen, host)
}

// firstHost is the address of the first listener, with its port unless that is SIP's own.
func firstHost(listeners []string) string {
	if len(listeners) == 0 {
		return "127.0.0.1"
	}
	_, address, _ := strings.Cut(listeners[0], ":")
	return strings.TrimSuffix(address, ":5060")
}

func newLogger(c config.Log, w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		level = slog.LevelInfo
	}
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: utc}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// utc writes the time of a log line in UTC.
func utc(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		a.Value = slog.TimeValue(a.Value.Time().UTC())
	}
	return a
}

// source names the node in its events.
func source() string {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	return "/parley/" + host
}

// hint says what to do about an address that is in use.
func hint(err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w; another program listens there: stop it, or choose another address in the configuration", err)
	}
	return err
}
