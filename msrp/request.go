package msrp

import (
	"bytes"
	"net"

	"github.com/parley-msrp/parley/internal/wire"
)

// route is what a connection remembers of the requests for a session, so that the next one like it costs no parsing. It
// belongs to the reader.
type route struct {
	toPath      string // as it stood
	session     *Session
	own         *ownURI // the one of the session's that toPath is
	sender      *sender // the last From-Path
	peer        *peer   // what sender was checked against
	bound       bool    // the session is bound to this connection
	before      bool    // it is or was
	moves       uint32  // Session.moves when bound was found out
	contentType string  // the last one that the session accepted
	accept      *Types  // by this list
}

// maxRoutes is how many routes more than sessions a connection remembers; peers that spell one URI in many ways do not
// make it grow.
const maxRoutes = 16

// phrases are the comments of our responses (RFC 4975 §10).
func phrase(code int) string {
	switch code {
	case 200:
		return "OK"
	case 400:
		return "Bad Request"
	case 403:
		return "Forbidden"
	case 408:
		return "Request Timeout"
	case 413:
		return "Message Too Large"
	case 415:
		return "Unsupported Media Type"
	case 481:
		return "Session Does Not Exist"
	case 501:
		return "Not Implemented"
	case 506:
		return "Bound To Another Connection"
	}
	return ""
}

// request handles a request other than REPORT.
func (c *conn) request(p *wire.Piece) {
	r := &c.reader
	if !p.First {
		if r.arrival.active {
			c.proceed(p)
		}
		return
	}
	r.arrival = arrival{}
	h := p.Head
	rt, code := c.find(h.ToPath)
	from, ok := rt.senderOf(h.FromPath)
	if !ok {
		c.unanswerable()
		return
	}
	if code == 0 {
		code = c.judge(h, rt, from)
	}
	if r.lost {
		return // who is not trusted gets no answer (M-065)
	}
	if code != 0 {
		c.answer(h, from, rt, code, "")
		if code == 481 {
			c.guessed()
		}
		return
	}
	c.proved()
	r.arrival.active = true
	r.arrival.route = rt
	c.begin(p)
}

// senderOf reads a From-Path. False: there is none to send a response to.
func (rt *route) senderOf(path []byte) (*sender, bool) {
	if rt != nil && rt.sender != nil && bytes.Equal(path, rt.sender.path) {
		return rt.sender, true
	}
	s, err := readSender(string(path))
	return s, err == nil
}

// unanswerable counts requests that nothing can be answered to (T-015).
func (c *conn) unanswerable() {
	if c.reader.unanswerable++; c.reader.unanswerable >= maxUnanswerable {
		c.loseFraming(errUnanswerable)
	}
}

// guessed counts requests for unknown sessions, until a session is bound (T-076).
func (c *conn) guessed() {
	r := &c.reader
	if r.guesses++; r.guesses >= maxGuesses && c.unbound() {
		c.loseFraming(errGuesses)
	}
}

// find looks up the session that a To-Path names: a code if there is none. The session check comes before all others but
// that of the To-Path itself (RFC 4975 §5.4, §7.3, M-048 to M-050, M-111).
func (c *conn) find(toPath []byte) (*route, int) {
	r := &c.reader
	if r.last != nil && r.last.toPath == string(toPath) && !r.last.session.over.Load() {
		return r.last, 0
	}
	if rt := r.routes[string(toPath)]; rt != nil && !rt.session.over.Load() {
		r.last = rt
		return rt, 0
	}
	if len(toPath) == 0 {
		return nil, 400
	}
	if bytes.IndexByte(toPath, ' ') >= 0 {
		if _, err := ParsePath(string(toPath)); err != nil {
			return nil, 400
		}
		return nil, 481 // M-050
	}
	u, err := wire.ParseURI(string(toPath))
	if err != nil {
		return nil, 400
	}
	s := c.endpoint.sessions.get(SessionOf(u.SessionID))
	if s == nil || s.over.Load() || !c.carries(u) {
		return nil, 481
	}
	own := s.own.Load().find(u, c.endpoint.cfg.ToPath)
	if own == nil {
		return nil, 481
	}
	rt := &route{toPath: string(toPath), session: s, own: own}
	r.remember(rt, c.boundSessions())
	return rt, 0
}

// carries says whether requests to an own URI may come over the connection: those to msrps by TLS alone, those to msrp over one of TLS where this side
// has opened it, to a peer's relay (RFC 4976 §11, D-001).
func (c *conn) carries(u URI) bool {
	return u.Secure == c.secured || c.secured && !c.inbound
}

func (c *conn) boundSessions() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.sessions)
}

// remember keeps a route; routes of sessions that are over make room for it.
func (r *reader) remember(rt *route, sessions int) {
	if len(r.routes) >= sessions+maxRoutes {
		for to, old := range r.routes {
			if old.session.over.Load() || !old.bound {
				delete(r.routes, to)
			}
		}
		if len(r.routes) >= 2*sessions+maxRoutes {
			clear(r.routes)
		}
	}
	switch {
	case r.last == nil: // most connections never need the map
	case r.routes == nil:
		r.routes = map[string]*route{r.last.toPath: r.last, rt.toPath: rt}
	default:
		r.routes[rt.toPath] = rt
	}
	r.last = rt
}

// judge applies the checks that follow the session's: bound elsewhere, malformed, method, From-Path; then the connection
// is tied to the session (RFC 4975 §5.4, §7.3).
func (c *conn) judge(h *wire.Head, rt *route, from *sender) (code int) {
	s := rt.session
	if moves := s.moves.Load(); rt.moves != moves {
		rt.bound, rt.moves = false, moves
	}
	if !rt.bound && s.boundElsewhere(c) {
		return 506 // M-049
	}
	switch {
	case h.Bad != nil:
		return 400 // M-112
	case string(h.Method) != "SEND":
		return 501 // M-111
	case h.HasBody && len(h.MessageID) == 0:
		return 400 // M-031; what is not valid ties no connection to the session (M-047)
	}
	if p := s.peer.Load(); rt.sender != from || rt.peer != p {
		if p != nil && !p.sent(&from.last, c.endpoint.cfg.FromPath) {
			return 403 // M-052
		}
		rt.sender, rt.peer = from, p
	}
	if rt.bound {
		return 0
	}
	if !c.trusts(s, rt.peer) {
		return 481
	}
	s.mu.Lock()
	taken, bound := s.takes(c, from, rt.before)
	rt.bound, rt.before = bound, rt.before || bound
	s.mu.Unlock()
	if bound {
		s.deliver() // it may have recovered
	}
	switch {
	case taken:
		return 0
	case s.over.Load():
		return 481
	}
	return 506
}

func (s *Session) boundElsewhere(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn != nil && s.conn != c && (s.move == nil || s.move.from != c && !s.stays() || s.move.heard)
}

// answer sends the response to a request that is at hand, unless it must not be answered (RFC 4975 §7.1.4, M-051, M-092).
func (c *conn) answer(h *wire.Head, from *sender, rt *route, code int, comment string) {
	if h.Failure == wire.No || h.Failure == wire.Partial && code/100 == 2 {
		return
	}
	if comment == "" {
		comment = phrase(code)
	}
	to := from.path
	if string(h.Method) == "SEND" {
		to = from.hop() // RFC 4975 §7.2: the response to a SEND goes one hop, all others the whole way back (M-093)
	}
	own := c.ownURI(h, rt)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state >= connShut {
		return
	}
	c.countAnswer(code)
	b := c.output()
	b.octets = wire.AppendResponse(b.octets, h.ID, code, comment, to, own)
}

// ownURI is the From-Path of a response: the session's URI, else the URI that was asked for, else one without session-id.
// It never shows the URI of another session (M-094, T-014).
func (c *conn) ownURI(h *wire.Head, rt *route) []byte {
	if rt != nil {
		return rt.own.text
	}
	first, _, _ := bytes.Cut(h.ToPath, []byte(" "))
	if u, err := wire.ParseURI(string(first)); err == nil {
		return u.AppendTo(nil)
	}
	if h.ToPath == nil {
		if s := c.only(); s != nil {
			return s.own.Load().text
		}
	}
	return c.hostURI().AppendTo(nil)
}

// hostURI is the connection's own address as a URI.
func (c *conn) hostURI() URI {
	u := URI{Host: "localhost", Transport: "tcp", Secure: c.secured}
	if a, ok := c.net.LocalAddr().(*net.TCPAddr); ok {
		u.Host, u.Port = a.AddrPort().Addr().Unmap().WithZone("").String(), a.Port
	}
	return u
}
