package msrp

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// SessionConfig says what a new session is.
type SessionConfig struct {
	Base    URI         // own advertised URI without session-id
	Accept  Types       // types we take; others get 415
	MaxSize int64       // largest message we take, in octets; 0: the endpoint's MaxMessage
	Handler Handler     // required
	Attrs   []slog.Attr // added to each log line: Call-ID; the engine adds session_id itself
	// Certificate is shown in place of TLS.Certificate where the session opens a connection (RFC 4975 §14.4). Connections that come in cannot be told
	// apart before the handshake: such a session should be the active one. Nil: there is none of its own.
	Certificate *tls.Certificate
	// Recovers keeps the session when its connection breaks. The Handler has to be a Recoverer.
	Recovers bool
	// Lost makes a session of an earlier process anew, which its peer knows by this URI: it keeps the ID, and is without connection. Needs Recovers.
	Lost URI
}

// Session is one MSRP session. Safe for concurrent use.
type Session struct {
	endpoint *Endpoint
	id       string
	own      atomic.Pointer[ownURI] // changed holding mu
	accept   atomic.Pointer[Types]
	maxSize  int64
	handler  Handler
	streamer Streamer // the handler, if it is one
	beginner Beginner // likewise
	attrs    []slog.Attr
	recovers bool // it outlives its connection
	base     *URI // of its next URI; nil: the same as before

	certificate *tls.Certificate // own; nil: the endpoint's

	mail   mailbox
	over   atomic.Bool // ended in whatever way
	closed atomic.Bool // ended by Close

	peer     atomic.Pointer[peer] // nil: not known yet. Changed holding mu
	incoming incoming             // what comes; has its own lock
	moves    atomic.Uint32        // counts what routes have to be looked at anew for
	moving   atomic.Bool          // move or lost is set

	mu        sync.Mutex // may be held when conn.mu is taken, never the other way round
	conn      *conn      // the connection that the session is bound to
	row       *conn      // in whose row it was put last
	move      *move      // from another one; nil: there is none
	lost      bool       // its connection broke, and nothing has come over another one yet
	rebind    bool       // the peer's path has changed, and Connect has not been called since
	relays    []URI      // the Use-Path of the own relays; nil: none
	awaits    bool       // behind a relay: the peer was not heard of, nor Connect called
	nextReady *Session   // in the row of conn; guarded by conn.mu
	bindTimer *time.Timer
	outgoing  outgoing // what is sent
}

// NewSession registers a session under a fresh URI (32 hexadecimal digits of 128 random bits). From now on a peer may
// connect to it. Errors: *ConfigError, ErrClosed, which also says that there is a session with the ID of Lost.
func (e *Endpoint) NewSession(c SessionConfig) (*Session, error) {
	switch {
	case c.Handler == nil:
		return nil, &ConfigError{"Handler", "is required"}
	case c.Base.Host == "":
		return nil, &ConfigError{"Base", "has no host"}
	case c.MaxSize < 0:
		return nil, &ConfigError{"MaxSize", "must not be negative"}
	case c.Certificate != nil && len(c.Certificate.Certificate) == 0:
		return nil, &ConfigError{"Certificate", "is empty"}
	}
	if _, able := c.Handler.(Recoverer); c.Recovers && !able {
		return nil, &ConfigError{"Recovers", "the Handler is no Recoverer"}
	}
	if c.Lost.SessionID != "" && !c.Recovers {
		return nil, &ConfigError{"Lost", "the session has to recover"}
	}
	if c.MaxSize == 0 {
		c.MaxSize = e.cfg.MaxMessage
	}
	if c.Base.Transport == "" {
		c.Base.Transport = "tcp"
	}
	s := &Session{
		endpoint: e,
		maxSize:  c.MaxSize,
		handler:  c.Handler,
		attrs:    c.Attrs,

		certificate: c.Certificate,
		recovers:    c.Recovers,
	}
	s.SetAccept(c.Accept)
	s.streamer, _ = c.Handler.(Streamer)
	s.beginner, _ = c.Handler.(Beginner)
	if c.Lost.SessionID != "" {
		s.id, s.lost, s.base = SessionOf(c.Lost.SessionID), true, &c.Base
		s.moving.Store(true)
		s.own.Store(newOwnURI(c.Lost, nil))
		return s, e.register(s)
	}
	s.id = e.idents.session()
	c.Base.SessionID = s.id
	s.own.Store(newOwnURI(c.Base, nil))
	return s, e.register(s)
}

// ID is the session's permanent name: the session-id of its first URI.
func (s *Session) ID() string { return s.id }

// URI is the session's own URI.
func (s *Session) URI() URI { return s.own.Load().URI }

// Path is the session's own path, for a session description: its URI, behind those of its relays.
func (s *Session) Path() []URI {
	s.mu.Lock()
	defer s.mu.Unlock()
	path := slices.Clone(s.relays)
	slices.Reverse(path) // RFC 4976 §5.1: a peer comes from the other side
	return append(path, s.URI())
}

// Connected says whether the session has a connection.
func (s *Session) Connected() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn != nil
}

// PeerPath is the path that SetPeer gave; nil before.
func (s *Session) PeerPath() []URI {
	p := s.peer.Load()
	if p == nil {
		return nil
	}
	return slices.Clone(p.Path)
}

// SetPeer tells the session its peer, or that its peer has changed, or knows this side's URI by now (Renew). Messages may be queued from then on; on the passive
// side they leave when the peer has bound a connection (RFC 4975 §5.4, M-047). A path that leads to another place than before unbinds the
// session: it moves to the connection over which the first valid request comes, or which Connect opens, and until then requests are taken
// over the old one (D-016). Errors: ErrClosed; *ConfigError for a Peer without path; *TLSError where the peer has connected and its certificate
// is not that of the session description, which ends the session. The Handler is told by another goroutine: the caller may hold locks that it takes.
func (s *Session) SetPeer(p Peer) error {
	next, err := newPeer(p)
	if err != nil {
		return err
	}
	err = s.setPeer(next)
	if wrong, ok := errors.AsType[*TLSError](err); ok {
		s.finish(fmt.Errorf("%w: %w", ErrConnectionLost, wrong))
		go func() { // ends at once; setPeer has counted it
			defer s.endpoint.wg.Done()
			s.deliver()
		}()
	}
	return err
}

func (s *Session) setPeer(next *peer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over.Load() {
		return ErrClosed
	}
	if p := s.peer.Load(); p != nil {
		next.previous = p.last()
		s.repath(p, next)
	}
	next.toPath, next.fromPath = s.toPath(next), s.own.Load().path
	s.peer.Store(next)
	if c := s.conn; c != nil && c.secured && s.relays == nil {
		if err := checkFingerprint(c.shown, next.fingerprints()); err != nil {
			s.endpoint.wg.Add(1) // this cannot be the first while the endpoint is closed, which ends all sessions before it waits
			return err           // M-063: it connected before its session description came
		}
	}
	if (s.conn == nil || s.awaits) && s.bindTimer == nil && !s.lost {
		s.bindTimer = time.AfterFunc(s.endpoint.cfg.BindTimeout, s.notBound)
	}
	s.ready()
	return nil
}

func (s *Session) notBound() {
	s.mu.Lock()
	unbound := s.conn == nil || s.awaits
	s.mu.Unlock()
	if unbound {
		s.end(ErrNotBound)
	}
}

// bind ties the session to a connection. False: it is tied to another one, or over. Holding s.mu.
func (s *Session) bind(c *conn) bool {
	if s.conn == c {
		return true
	}
	if s.conn != nil || s.over.Load() || !c.join(s) {
		return false
	}
	s.conn = c
	if !s.awaits {
		s.stopBindTimer()
	}
	s.ready()
	return true
}

func (s *Session) stopBindTimer() {
	if s.bindTimer != nil {
		s.bindTimer.Stop()
		s.bindTimer = nil
	}
}

// Close ends the session: its URI is dead (RFC 4975 §5.4, D-023), messages whose fate is open get it: Unconfirmed if only
// their success REPORT is missing, else Failed. Complete frames already in the connection's output still leave; the
// connection is closed when nobody uses it. To let queued messages leave first, use Flush. Handler.Closed is not called.
// Fates are told before Close returns, or, if a Handler call of this session is under way, right after that.
func (s *Session) Close() {
	s.closed.Store(true)
	s.end(nil)
}

// end ends the session; err is nil if the application wants it.
func (s *Session) end(err error) {
	s.finish(err)
	s.deliver()
}

// finish is end without telling the Handler, which is left to the next deliver.
func (s *Session) finish(err error) {
	s.mu.Lock()
	if s.over.Swap(true) {
		s.mu.Unlock()
		return
	}
	if s.endpoint.closing() {
		err = nil // it may be the end of another session of the endpoint that this one hears of first
	}
	c, m := s.conn, s.move
	why := ByEnd
	if errors.Is(err, ErrConnectionLost) || s.lost {
		why = ByConnection
	}
	s.finishAll(why)
	if s.bindTimer != nil {
		s.bindTimer.Stop()
	}
	s.mu.Unlock()

	s.incoming.end(s)
	if err != nil {
		s.mail.put(&event{kind: eventClosed, err: err})
	}
	s.endpoint.sessions.remove(s)
	if err != nil {
		s.log().Debug("msrp session lost", "error", err)
	}
	if c != nil {
		c.leave(s)
	}
	if m != nil && m.from != c {
		m.from.leave(s)
	}
}

// log is made for each line: an idle session shall not hold a logger of its own.
func (s *Session) log() *slog.Logger {
	args := make([]any, 0, 1+len(s.attrs))
	args = append(args, slog.String("session_id", s.id))
	for _, a := range s.attrs {
		args = append(args, a)
	}
	return s.endpoint.cfg.Logger.With(args...)
}
