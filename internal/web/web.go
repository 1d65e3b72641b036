// Package web is the HTTP side: the API at /v1, described at /openapi.json, the management interface at /mi, and /healthz.
// docs/http.md describes it.
package web

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/parley-msrp/parley/internal/access"
	"github.com/parley-msrp/parley/internal/control"
	"github.com/parley-msrp/parley/internal/journal"
	"github.com/parley-msrp/parley/internal/statistics"
	"github.com/parley-msrp/parley/internal/telemetry"
	"github.com/parley-msrp/parley/internal/trace"
)

// Defaults of Config.
const (
	DefaultMaxBody           = 16 << 20
	DefaultMaxConns          = 1024
	DefaultMaxConnsPerSource = 128
	DefaultMaxStreams        = 64
	DefaultKeepAlive         = 15 * time.Second
	DefaultWriteTimeout      = 10 * time.Second
)

const (
	headerTime = 5 * time.Second  // for the head of a request
	bodyTime   = 30 * time.Second // for all of a request
	answerTime = 60 * time.Second // from the head read to the answer written; streams have a limit for each write instead
	idleTime   = 2 * time.Minute  // between requests
	maxHeader  = 16 << 10         // octets
)

// MI answers JSON-RPC requests; nil: nothing is to be answered.
type MI interface {
	Serve(ctx context.Context, rights access.Rights, request []byte) []byte
}

// Events lets readers follow the journal.
type Events interface {
	Subscribe(cursor string) (journal.Reader, error)
}

// Node is what the API acts on.
type Node interface {
	Start(s control.Start) (sessionID string, err error)
	Send(s control.Send) (messageID string, err error)
	EndOnce(sessionID, key string) error // key: the caller's own, or ""
	Session(sessionID string) (control.Session, error)
	List() []control.Session
	Figures() control.Figures
	Trace(sessionID string) error
	Traced(sessionID string, after uint64) (trace.Recording, error)
	EndTrace(sessionID string) error
	Follow(sessionID string) (*trace.Follower, error)
	TraceNext(calls int)
}

// Config of a Server; zero values mean the documented defaults.
type Config struct {
	MI         MI              // required
	Node       Node            // required
	Events     Events          // required
	Statistics *statistics.Set // what /metrics tells; nil: nothing of the node's own
	Gate       *access.Gate    // who may do what; nil: everybody on this machine may do everything

	// Webhooks deliver events by HTTP; nil: there are none, and no paths for them.
	Webhooks Webhooks

	Bodies  Bodies                           // nil: all bodies are in events
	Reload  func() (control.Reloaded, error) // reads the configuration anew; an error says why nothing has changed; nil: that cannot be done
	Ready   func() error                     // what /healthz tells: nil, or why the node is not ready; nil: always ready
	Product string                           // value of the Server header; "": none
	Version string                           // of the node, as /v1/health and /openapi.json tell it
	Logger  *slog.Logger                     // nil: nothing is logged
	Tracer  *telemetry.Tracer                // nil: requests' trace contexts are not looked at, and event streams have no spans

	MaxBody           int64         // octets of a request, DefaultMaxBody
	MaxConns          int           // connections at the same time, DefaultMaxConns; further ones are closed at once
	MaxConnsPerSource int           // of those, from one source that is not on loopback, DefaultMaxConnsPerSource
	MaxStreams        int           // event streams at the same time, DefaultMaxStreams; further ones get 503
	KeepAlive         time.Duration // between two comments on a stream, DefaultKeepAlive
	WriteTimeout      time.Duration // for one write to a stream, DefaultWriteTimeout
}

func (c Config) withDefaults() Config {
	if c.Statistics == nil {
		c.Statistics = &statistics.Set{}
	}
	if c.Gate == nil {
		c.Gate = access.NewGate(access.GateConfig{LoopbackOpen: true}, nil)
	}
	if c.Ready == nil {
		c.Ready = func() error { return nil }
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.MaxBody <= 0 {
		c.MaxBody = DefaultMaxBody
	}
	if c.MaxConns <= 0 {
		c.MaxConns = DefaultMaxConns
	}
	if c.MaxConnsPerSource <= 0 {
		c.MaxConnsPerSource = DefaultMaxConnsPerSource
	}
	if c.MaxStreams <= 0 {
		c.MaxStreams = DefaultMaxStreams
	}
	if c.KeepAlive <= 0 {
		c.KeepAlive = DefaultKeepAlive
	}
	if c.WriteTimeout <= 0 {
		c.WriteTimeout = DefaultWriteTimeout
	}
	return c
}

// Server serves the HTTP side. Safe for concurrent use.
type Server struct {
	config    Config
	http      *http.Server
	routes    []route
	byPath    map[string][]*route
	byPattern []*route
	headers   map[string][]string // that all answers have
	openAPI   []byte
	started   time.Time

	conns   conns
	streams chan struct{} // one place for each event stream
	large   chan struct{} // one place for each large body in memory
	uploads chan struct{} // one place for each file on its way

	closing context.Context // ends when Shutdown begins
	close   context.CancelFunc
	over    context.Context // ends when Shutdown has waited for long enough: net/http closes no connection that it has handed over
	end     context.CancelFunc
	running sync.WaitGroup // the serving goroutine, and the requests in hand

	mu     sync.Mutex
	closed bool // no request is taken in hand any more
}

// New makes a Server that serves nothing yet.
func New(c Config) (*Server, error) {
	if c.MI == nil || c.Node == nil || c.Events == nil {
		return nil, errors.New("web: a management interface, a node and events are needed")
	}
	s := &Server{config: c.withDefaults(), started: time.Now()}
	s.conns = conns{max: s.config.MaxConns, perSource: s.config.MaxConnsPerSource}
	s.streams = make(chan struct{}, s.config.MaxStreams)
	s.large = make(chan struct{}, maxLarge)
	s.uploads = make(chan struct{}, maxUploads)
	s.headers = map[string][]string{"Cache-Control": {"no-store"}, "X-Content-Type-Options": {"nosniff"}}
	if s.config.Product != "" {
		s.headers["Server"] = []string{s.config.Product}
	}
	s.closing, s.close = context.WithCancel(context.Background())
	s.over, s.end = context.WithCancel(context.Background())
	if err := s.route(); err != nil {
		return nil, err
	}
	s.http = &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: headerTime,
		ReadTimeout:       bodyTime,
		WriteTimeout:      answerTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeader,
		ConnState:         s.conns.count,
		// OPTIONS * goes through the same checks as everything.
		DisableGeneralOptionsHandler: true,

		ErrorLog: slog.NewLogLogger(s.config.Logger.Handler(), slog.LevelDebug),
	}
	return s, nil
}

// Start serves l, which must be on loopback, in a goroutine of its own until Shutdown. An error means that l is not served,
// and is the caller's to close.
func (s *Server) Start(l net.Listener) error {
	if err := access.CheckListener(l.Addr().String()); err != nil {
		return err
	}
	s.serve(l)
	return nil
}

// StartTLS serves l over TLS, in a goroutine of its own until Shutdown. Where nobody could authenticate, it is an error; then l is not served, and is the
// caller's to close.
func (s *Server) StartTLS(l net.Listener, c *tls.Config) error {
	if !s.config.Gate.Authenticates() {
		return errors.New("web: a listener that others can reach needs clients who authenticate")
	}
	s.serve(tls.NewListener(l, c))
	return nil
}

func (s *Server) serve(l net.Listener) {
	s.running.Go(func() { // ends with Shutdown
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.config.Logger.Error("http listener failed", "listen", l.Addr().String(), "err", err)
		}
	})
}

// Shutdown stops accepting, lets requests in hand finish and event streams tell what the journal still has for them, until
// ctx ends; then it closes what is left. It returns when all goroutines have ended, with ctx's error if it had to close.
func (s *Server) Shutdown(ctx context.Context) error {
	s.close()
	defer s.end()
	defer context.AfterFunc(ctx, s.end)()
	err := s.http.Shutdown(ctx)
	if err != nil {
		s.http.Close()
	}
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.running.Wait()
	if err == nil && s.over.Err() != nil {
		err = ctx.Err()
	}
	return err
}

// enter takes a request in hand: Shutdown waits for it. It must be let go by running.Done.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.running.Add(1)
	return true
}
