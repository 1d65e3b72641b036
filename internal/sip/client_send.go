package sip

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
)

// maxUDPRequest: what is larger goes by TCP (RFC 3261 §18.1.1; S-013). The path MTU counts as unknown.
const maxUDPRequest = 1300

var errRequest = errors.New("request lacks From, To, Call-ID or CSeq")

// Start sends a request in a new client transaction, and calls on, never from within Start and one call at a time, for each 1xx, each 2xx to INVITE
// (retransmissions and forks too, for 64*T1 after the first), the final response, or the end without one.
// The ACK of a non-2xx is the stack's, of a 2xx the user's (Send). Requests above 1300 octets on UDP go by TCP, and back to UDP if that is refused (S-013).
// m gets its Via here, and Max-Forwards where it has none; it belongs to the stack from then on. on may be called before Start
// returns, from another goroutine; on nil means that nobody wants to know. Start does not block on the peer.
// ErrNoListener, ErrLimit, ErrClosed, or an error that says what m lacks: nothing was sent then, and on is not called.
func (s *Stack) Start(m *Message, to Target, on func(Event)) (*ClientTx, error) {
	n, method := m.CSeq()
	if m.CallID() == "" || !m.Has(hFrom) || !m.Has(hTo) || method != m.Method || method == "" || n >= 1<<31 {
		return nil, errRequest
	}
	if !m.Has(hMaxForwards) {
		m.Add(hMaxForwards, "70") // S-012
	}
	tx := &ClientTx{s: s, key: clientKey{newBranch(), m.Method}, invite: m.Method == "INVITE", on: on, to: to, req: m}
	s.checkConn(&tx.to)
	if err := tx.address(); err != nil {
		return nil, err
	}
	m.prepend(hVia, newVia(tx.to.Proto, tx.sentBy, tx.key.branch))
	tx.encode()
	if to.Proto == UDP && len(tx.octets) > maxUDPRequest {
		tx.preferTCP()
	}
	if err := tx.launch(); err != nil {
		return nil, err
	}
	return tx, nil
}

// checkConn takes a connection out of a target that it does not lead to: over TLS the peer was not authenticated as that domain (S-032).
func (s *Stack) checkConn(to *Target) {
	if to.Proto == TLS && to.Conn != 0 && !s.pool.authenticated(to.Conn, to.Domain) {
		to.Conn = 0
	}
}

// encode makes the request's octets anew. The lock is held, or nobody else knows tx yet.
func (tx *ClientTx) encode() { tx.octets = tx.req.AppendTo(make([]byte, 0, tx.req.size())) }

// preferTCP turns a request that is too large for UDP over to TCP, with a changed Via (S-013), if there is TCP here at all.
// Nobody else knows tx yet.
func (tx *ClientTx) preferTCP() {
	udp := tx.to
	tx.to.Proto = TCP
	if err := tx.address(); err != nil {
		tx.to = udp
		return
	}
	tx.fallback = true
	tx.req.rows[0].Value = newVia(TCP, tx.sentBy, tx.key.branch)
	tx.encode()
}

// address finds what to send from. The lock is held, or nobody else knows tx yet.
func (tx *ClientTx) address() error {
	e, at, err := tx.s.endpointFor(tx.to.Proto, tx.to.Addr.Addr(), tx.to.From)
	if err != nil {
		return fmt.Errorf("%s to %s: %w", tx.to.Proto, tx.to.Addr, err)
	}
	tx.to.Addr = netip.AddrPortFrom(tx.to.Addr.Addr().Unmap(), tx.to.Addr.Port())
	tx.sentBy, tx.socket = at, e.socket
	return nil
}

// launch enters the transaction and sends its request the first time.
func (tx *ClientTx) launch() error {
	if err := tx.s.client.add(tx, tx.s.cfg.MaxClientTx); err != nil {
		return err
	}
	tx.mu.Lock()
	defer tx.mu.Unlock()
	err := tx.transmit(tx.octets)
	if tx.to.Proto.stream() {
		tx.octets = nil // never repeated
	}
	tx.begin()
	if err != nil && !tx.s.spawn(func() { tx.fail(err) }) {
		tx.terminate()
		return ErrClosed
	}
	return nil
}

// fallBack sends the request by UDP after TCP was refused, with a changed Via. The lock is held.
func (tx *ClientTx) fallBack() error {
	tx.to, tx.fallback, tx.conn = Target{Proto: UDP, Addr: tx.to.Addr, From: tx.to.From}, false, nil
	if err := tx.address(); err != nil {
		return err
	}
	tx.req = tx.req.Clone()
	tx.req.rows[0].Value = newVia(UDP, tx.sentBy, tx.key.branch)
	tx.encode()
	tx.begin()
	return tx.transmit(tx.octets)
}

// Cancel sends CANCEL with the rows of h (Reason, for example), held until a provisional answer came; the INVITE then ends by its
// final answer or 64*T1 later with ErrTimeout (RFC 3261 §9.1, S-004). It does nothing once a final response came, and the second time.
func (tx *ClientTx) Cancel(h ...Header) error {
	if !tx.invite {
		return errNotInvite
	}
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if tx.cancelling || tx.state > clientProceeding {
		return nil
	}
	tx.cancelling, tx.cancel = true, h
	if tx.state == clientProceeding {
		return tx.sendCancel()
	}
	return nil
}

var errNotInvite = errors.New("only an INVITE can be cancelled")

// sendCancel starts the CANCEL's own transaction: the INVITE's branch, Route, destination and transport. The lock is held.
func (tx *ClientTx) sendCancel() error {
	m := inTransaction(tx.req, "CANCEL", tx.req.Get(hTo))
	for _, h := range tx.cancel {
		m.Add(h.Name, h.Value)
	}
	tx.cancel = nil
	tx.start(timerLife, 64*tx.s.cfg.T1)
	c := &ClientTx{
		s: tx.s, key: clientKey{tx.key.branch, "CANCEL"}, req: m,
		to: tx.to, sentBy: tx.sentBy, socket: tx.socket, conn: tx.conn,
	}
	c.encode()
	return c.launch()
}

// inTransaction makes the requests that share an INVITE's transaction, CANCEL and the ACK of a non-2xx (RFC 3261 §9.1,
// §17.1.1.3): one Via, the Route.
func inTransaction(invite *Message, method, to string) *Message {
	m := NewRequest(method, invite.RequestURI)
	m.Add(hVia, invite.Get(hVia))
	for _, route := range invite.Values(hRoute) {
		m.Add(hRoute, route)
	}
	n, _ := invite.CSeq()
	m.Add(hMaxForwards, "70")
	m.Add(hFrom, invite.Get(hFrom))
	m.Add(hTo, to)
	m.Add(hCallID, invite.CallID())
	m.Add(hCSeq, strconv.FormatUint(uint64(n), 10)+" "+method)
	return m
}

func ackFor(invite, response *Message) []byte {
	m := inTransaction(invite, "ACK", response.Get(hTo))
	return m.AppendTo(make([]byte, 0, m.size()))
}

// Send sends a request outside any transaction: the ACK of a 2xx. With the Via of a former Send kept in m it is sent again
// unchanged; m must not be used by others during the first Send. Errors as those of Start, and what UDP says; on a stream it is
// queued.
func (s *Stack) Send(m *Message, to Target) error {
	to.Addr = netip.AddrPortFrom(to.Addr.Addr().Unmap(), to.Addr.Port())
	if !m.Has(hVia) {
		return s.sendFirst(m, to)
	}
	if to.Proto == UDP && m.Transport() == TCP {
		return s.sendOn(m, to, TCP)
	}
	return s.sendOn(m, to, to.Proto)
}

func (s *Stack) sendFirst(m *Message, to Target) error {
	if !m.Has(hMaxForwards) {
		m.Add(hMaxForwards, "70")
	}
	_, at, err := s.endpointFor(to.Proto, to.Addr.Addr(), to.From)
	if err != nil {
		return fmt.Errorf("%s to %s: %w", to.Proto, to.Addr, err)
	}
	branch := newBranch()
	m.prepend(hVia, newVia(to.Proto, at, branch))
	if to.Proto == UDP && len(m.AppendTo(nil)) > maxUDPRequest {
		if _, at, err := s.endpointFor(TCP, to.Addr.Addr(), to.From); err == nil {
			m.rows[0].Value = newVia(TCP, at, branch)
			return s.sendOn(m, to, TCP)
		}
	}
	return s.sendOn(m, to, to.Proto)
}

// sendOn sends m, which has its Via, by protocol p; where to asks for another one, it is UDP and p was taken for m's size.
func (s *Stack) sendOn(m *Message, to Target, p Proto) error {
	octets := m.AppendTo(make([]byte, 0, m.size()))
	if p == UDP {
		e, at, err := s.endpointFor(UDP, to.Addr.Addr(), to.From)
		if err != nil {
			return fmt.Errorf("%s to %s: %w", p, to.Addr, err)
		}
		return e.socket.write(octets, at.Addr(), to.Addr)
	}
	var w watcher
	if to.Proto != p {
		w = &dialWatcher{s, m.Clone(), to}
	}
	s.checkConn(&to)
	_, _, err := s.pool.send(to.Conn, remoteOf(p, to.Addr, to.Domain), octets, w)
	return err
}

// Transport is the protocol that the top Via names; 0 where it is none of this package's, or there is no Via.
func (m *Message) Transport() Proto {
	v, _, err := parseVia(m.Get(hVia))
	if err != nil {
		return 0
	}
	for _, p := range []Proto{UDP, TCP, TLS} {
		if foldEqual(v.Transport, p.String()) {
			return p
		}
	}
	return 0
}

// dialWatcher sends a request without transaction by UDP if TCP, taken for its size, is refused (S-013). It is told of failures
// before the connection is open only.
type dialWatcher struct {
	s  *Stack
	m  *Message
	to Target
}

func (*dialWatcher) untilOpen() {}

func (w *dialWatcher) connFailed(_ *conn, _ error) {
	_, at, err := w.s.endpointFor(UDP, w.to.Addr.Addr(), w.to.From)
	if err == nil {
		v, _, _ := parseVia(w.m.Get(hVia))
		w.m.rows[w.m.index(hVia)].Value = newVia(UDP, at, v.branch())
		err = w.s.sendOn(w.m, w.to, UDP)
	}
	if err != nil {
		w.s.log.Debug("request not sent", "error", err, "call_id", w.m.CallID())
	}
}
