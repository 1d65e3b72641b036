package sip

import (
	"fmt"
	"sync"
	"time"
)

// ServerTx is a server transaction (RFC 3261 §17.2 with RFC 6026). Safe for concurrent use; what is sent on one leaves in the
// order of the calls. The stack lets go of the request with the final response; a ServerTx that its user keeps holds it.
type ServerTx struct {
	record *serverRecord
	req    *Message
	flow   Flow
	tagged bool // the request's To has a tag
}

// Request returns the request.
func (tx *ServerTx) Request() *Message { return tx.req }

// Flow tells which way the request came.
func (tx *ServerTx) Flow() Flow { return tx.flow }

type serverState uint8

const (
	serverProceeding serverState = iota // Trying of a non-INVITE as well
	serverCompleted                     // a final answer went; of an INVITE: 300 to 699, no ACK yet
	serverConfirmed                     // its ACK came
	serverAccepted                      // a 2xx to an INVITE went (RFC 6026 §7.1)
	serverTerminated
)

// serverRecord is what the stack itself keeps of a server transaction. After the final answer it is all there is, and where nothing but repeats
// can come any more not even that (finishedTable).
type serverRecord struct {
	s      *Stack
	key    txKey
	merge  txKey // zero: there is none
	path   path
	invite bool

	mu        sync.Mutex
	state     serverState
	cancelled bool
	tag       string
	handle    *ServerTx // nil after the final answer
	size      int       // of the request, as counted in the table; 0 after the final answer
	last      []byte    // the last response
	interval  time.Duration
	timers    [timersPerTx]timer
}

const tryingAfter = 200 * time.Millisecond // RFC 3261 §17.2.1 (S-001)

// request takes a valid request to its transaction, or makes one.
func (s *Stack) request(in inbound, m *Message, e *essentials) {
	var room [256]byte
	key := s.server.keyOf(appendServerKey(room[:0], m, e))
	switch m.Method {
	case "ACK":
		if r := s.server.find(key); r == nil || !r.ack() {
			s.cfg.User.Ack(in.flow, m)
		}
		return
	case "CANCEL":
		s.cancel(s.pathTo(in, e.via, true), m, key)
		return
	}
	tx, r := newServerTx(m)
	*tx = ServerTx{record: r, req: m, flow: in.flow, tagged: e.toTag != ""}
	*r = serverRecord{
		s: s, key: key, merge: s.server.keyOf(appendMergeKey(room[:0], m, e)), path: s.pathTo(in, e.via, true),
		invite: m.Method == "INVITE", handle: tx, size: m.size(),
	}
	old, is := s.server.admit(r, s.cfg.MaxServerTx, s.cfg.MaxOpenOctets)
	switch is {
	case repeated:
		s.repeated(old, key, e.callID)
	case mergedRequest:
		s.replyStateless(r.path, m, 482, "", nil)
	case tableFull:
		s.log.Warn("request refused, limit of transactions reached", "call_id", e.callID)
		s.replyStateless(r.path, m, 503, "", []Header{{hRetryAfter, "5"}})
	case admitted:
		r.begin()
		s.cfg.User.Request(tx, m)
	}
}

// newServerTx makes a transaction for a request. That of an INVITE is known long after its user has forgotten it; others are one piece.
func newServerTx(m *Message) (*ServerTx, *serverRecord) {
	if m.Method == "INVITE" {
		return new(ServerTx), new(serverRecord)
	}
	whole := new(struct {
		tx     ServerTx
		record serverRecord
	})
	return &whole.tx, &whole.record
}

func (r *serverRecord) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.invite {
		r.start(timerRepeat, tryingAfter)
		return
	}
	// A non-INVITE that nobody answered is of no use to the peer after Timer F.
	r.start(timerLife, 64*r.s.cfg.T1)
}

func (r *serverRecord) start(which timerID, d time.Duration) {
	r.s.clock.start(&r.timers[which], r, which, d)
}

func (r *serverRecord) stop(which timerID) { r.s.clock.stop(&r.timers[which]) }

// repeated answers a request that came again (S-003), as r does, or where that is nil as was kept of it. An INVITE with a 2xx is not answered:
// its user sends that again.
func (s *Stack) repeated(r *serverRecord, key txKey, callID string) {
	if r != nil {
		r.repeat()
		return
	}
	f, ok := s.server.findFinished(key)
	if !ok || f.invite {
		return
	}
	if err := s.sendAnswer(f.path, f.octets); err != nil {
		s.log.Debug("answer not sent", "error", err, "call_id", callID)
	}
}

func (r *serverRecord) repeat() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if (r.state == serverProceeding || r.state == serverCompleted) && r.last != nil {
		r.send()
	}
}

// send is called with the lock held, so that nothing can overtake on a socket.
func (r *serverRecord) send() {
	if err := r.s.sendAnswer(r.path, r.last); err != nil {
		m, _ := scanDatagram(r.last, len(r.last), len(r.last))
		r.s.log.Debug("answer not sent", "error", err, "call_id", m.CallID())
	}
}

// ack takes the ACK of a non-2xx answer; false where it belongs to something else, or to a 2xx.
func (r *serverRecord) ack() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch r.state {
	case serverCompleted:
		r.state, r.last = serverConfirmed, nil
		r.stop(timerRepeat)
		if r.path.socket == nil {
			r.terminate() // Timer I is 0 on streams
			return true
		}
		r.start(timerLife, r.s.cfg.T4)
		return true
	case serverConfirmed, serverProceeding:
		return true
	}
	return false
}

// cancel answers a CANCEL and tells the user of the first that comes in time (RFC 3261 §9.2, S-004). CANCEL needs no transaction
// of its own: its answer is the same each time.
func (s *Stack) cancel(p path, m *Message, key txKey) {
	tx, tag, known := s.cancelled(key)
	if !known {
		s.replyStateless(p, m, 481, "", nil)
		return
	}
	switch {
	case m.ToTag() != "":
		tag = ""
	case tag == "":
		tag = s.tagFor(m)
	}
	if err := s.sendAnswer(p, appendResponse(nil, m, 200, "", tag, nil, nil)); err != nil {
		s.log.Debug("answer not sent", "error", err, "call_id", m.CallID())
	}
	if tx != nil {
		s.cfg.User.Cancel(tx, m)
	}
}

// cancelled notes a CANCEL with the INVITE's transaction, if that is known, and gives its local tag; tx is nil unless the user is to be told.
func (s *Stack) cancelled(key txKey) (tx *ServerTx, tag string, known bool) {
	r := s.server.find(key)
	if r == nil {
		f, ok := s.server.findFinished(key)
		return nil, string(f.octets), ok && f.invite
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state == serverTerminated {
		return nil, "", false
	}
	if !r.cancelled && r.state == serverProceeding {
		r.cancelled, tx = true, r.handle
	}
	return tx, r.localTag(), true
}

// localTag is called with the lock held.
func (r *serverRecord) localTag() string {
	if r.tag == "" {
		r.tag = NewTag()
	}
	return r.tag
}

// SetLocalTag sets the To tag of every response but 100 (CANCEL's 200 too) where the request had none. Without it the stack
// makes one.
func (tx *ServerTx) SetLocalTag(tag string) {
	tx.record.mu.Lock()
	tx.record.tag = tag
	tx.record.mu.Unlock()
}

// Reply sends a response: Via, From, To, Call-ID, CSeq are copied from the request (Timestamp for 100),
// then h, then Content-Length. Record-Route is copied by the caller through h. An empty reason means the code's usual phrase.
// A 2xx to INVITE leaves the transaction in Accepted; repeating it is up to the user (Resend).
//
// ErrAnswered once a final response went, ErrTerminated when the transaction is over. Another error says that the
// network did not take the response; the transaction goes on as if it had, for it may be asked again.
func (tx *ServerTx) Reply(code int, reason string, h []Header, body []byte) error {
	if code < 100 || code > 699 {
		return fmt.Errorf("status code %d", code)
	}
	r := tx.record
	r.mu.Lock()
	defer r.mu.Unlock()
	switch r.state {
	case serverProceeding:
	case serverTerminated:
		return ErrTerminated
	default:
		return ErrAnswered
	}
	tag := ""
	if code != 100 && !tx.tagged {
		tag = r.localTag()
	}
	var octets []byte
	if code >= 200 && !r.invite && r.path.socket != nil { // sent at once, and kept in the table of those that have finished
		room := r.s.answers.Get().(*[]byte)
		defer r.s.answers.Put(room)
		octets = appendResponse((*room)[:0], tx.req, code, reason, tag, h, body)
		*room = octets
	} else {
		octets = appendResponse(nil, tx.req, code, reason, tag, h, body)
	}
	r.last = octets
	r.stop(timerRepeat)
	if code >= 200 {
		r.final(code)
	}
	return r.s.sendAnswer(r.path, octets)
}

// final moves to the state that a final answer leads to. The lock is held.
func (r *serverRecord) final(code int) {
	cfg, udp := &r.s.cfg, r.path.socket != nil
	r.s.server.answered(r.size)
	r.handle, r.size = nil, 0
	r.state = serverCompleted
	switch {
	case r.invite && code < 300:
		r.state = serverAccepted
		r.start(timerLife, 64*cfg.T1) // Timer L
	case r.invite:
		r.start(timerLife, 64*cfg.T1) // Timer H
		if udp {
			r.interval = cfg.T1
			r.start(timerRepeat, r.interval) // Timer G
		}
	case udp:
		r.finish(r.last, r.s.clock.now()+64*cfg.T1) // Timer J
	default:
		r.terminate() // Timer J is 0 on streams
	}
}

// Resend sends the last 2xx to an INVITE again, octet for octet. ErrTerminated once Forget was called or 64*T1 have passed.
func (tx *ServerTx) Resend() error {
	r := tx.record
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state != serverAccepted || r.last == nil {
		return ErrTerminated
	}
	return r.s.sendAnswer(r.path, r.last)
}

// Forget drops the stored octets of the 2xx (after its ACK came); the transaction still absorbs repeats.
func (tx *ServerTx) Forget() {
	r := tx.record
	r.mu.Lock()
	if r.state == serverAccepted && r.last != nil {
		r.finish([]byte(r.tag), r.timers[timerLife].due)
	}
	r.mu.Unlock()
}

// finish leaves the rest of the transaction's life, until due, to the table. The lock is held.
func (r *serverRecord) finish(octets []byte, due time.Duration) {
	r.stop(timerLife)
	r.s.server.finish(r, octets, due)
	r.last = nil
}

// expire is called by the clock.
func (r *serverRecord) expire(which timerID, generation uint32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.timers[which].generation != generation {
		return
	}
	if which == timerLife {
		r.terminate() // H, I, J, L
		return
	}
	switch r.state {
	case serverProceeding:
		if r.handle != nil && r.last == nil {
			r.last = appendResponse(nil, r.handle.req, 100, "", "", nil, nil)
			r.send()
		}
	case serverCompleted: // Timer G
		r.interval = min(2*r.interval, r.s.cfg.T2)
		r.start(timerRepeat, r.interval)
		r.send()
	}
}

// terminate is called with the lock held.
func (r *serverRecord) terminate() {
	if r.size > 0 {
		r.s.server.answered(r.size)
	}
	r.state, r.last, r.handle, r.size = serverTerminated, nil, nil, 0
	r.stop(timerRepeat)
	r.stop(timerLife)
	r.s.server.remove(r)
}
