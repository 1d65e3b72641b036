package sip

import (
	"net/netip"
	"sync"
	"time"
)

// Event is what a client transaction tells: a response, or its end without one.
type Event struct {
	Response *Message // nil: Err says why
	Flow     Flow
	Err      error // ErrTimeout, ErrClosed, or a transport error (treat as 408 and 503)
}

// ClientTx is a client transaction (RFC 3261 §17.1 with RFC 6026). Safe for concurrent use.
type ClientTx struct {
	s      *Stack
	key    clientKey
	invite bool

	mu         sync.Mutex
	on         func(Event) // nil: nobody listens
	req        *Message
	to         Target
	sentBy     netip.AddrPort // what the Via says
	fallback   bool           // UDP was asked for, TCP taken for size (S-013)
	socket     *udpSocket     // UDP
	conn       *conn          // streams
	redial     bool           // conn was open before the request: its failure says nothing of the peer
	octets     []byte         // the request; after a non-2xx to an INVITE its ACK; nil when none of them is repeated
	state      clientState
	interval   time.Duration
	timers     [timersPerTx]timer
	cancel     []Header // of the CANCEL that waits for a provisional response
	cancelling bool
	events     []Event
	telling    bool // a goroutine is calling on
}

type clientState uint8

const (
	clientCalling    clientState = iota // Trying of a non-INVITE as well
	clientProceeding                    // a 1xx came
	clientCompleted                     // the final response came; of an INVITE: 300 to 699
	clientAccepted                      // a 2xx to an INVITE came (RFC 6026 §7.2)
	clientTerminated
)

// Request returns the request as it was sent, with its Via. It must not be changed.
func (tx *ClientTx) Request() *Message {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	return tx.req
}

// Target tells where it was sent, and by what protocol.
func (tx *ClientTx) Target() Target {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	return tx.to
}

// Drop forgets the transaction; no event follows, but one that is being told at this moment.
func (tx *ClientTx) Drop() {
	tx.mu.Lock()
	tx.on, tx.events = nil, nil
	c := tx.terminate()
	tx.mu.Unlock()
	c.unwatchIf(tx)
}

// ownVia tells whether a response's Via has the sent-by of the request (RFC 3261 §18.1.2).
func (tx *ClientTx) ownVia(v via) bool {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	addr, err := netip.ParseAddr(v.Host)
	return err == nil && addr.Unmap() == tx.sentBy.Addr() && v.sentByPort() == tx.sentBy.Port()
}

func (tx *ClientTx) start(which timerID, d time.Duration) {
	tx.s.clock.start(&tx.timers[which], tx, which, d)
}

func (tx *ClientTx) stop(which timerID) { tx.s.clock.stop(&tx.timers[which]) }

// begin starts the timers that run until a response comes: A or E, B or F. The lock is held.
func (tx *ClientTx) begin() {
	tx.interval = tx.s.cfg.T1
	tx.stop(timerRepeat)
	if !tx.to.Proto.stream() {
		tx.start(timerRepeat, tx.interval)
	}
	tx.start(timerLife, 64*tx.s.cfg.T1)
}

// expire is called by the clock.
func (tx *ClientTx) expire(which timerID, generation uint32) {
	tx.mu.Lock()
	if tx.timers[which].generation != generation {
		tx.mu.Unlock()
		return
	}
	if which == timerRepeat {
		err := tx.repeat()
		tx.mu.Unlock()
		if err != nil {
			tx.fail(err)
		}
		return
	}
	done := tx.state == clientCompleted || tx.state == clientAccepted // D, K, M
	tx.mu.Unlock()
	if done {
		tx.Drop()
		return
	}
	tx.fail(ErrTimeout) // B, F, or nothing came after CANCEL
}

// repeat sends the request again on UDP (S-036). The lock is held.
func (tx *ClientTx) repeat() error {
	if tx.state > clientProceeding || tx.octets == nil {
		return nil
	}
	tx.interval *= 2
	if !tx.invite {
		tx.interval = min(tx.interval, tx.s.cfg.T2)
		if tx.state == clientProceeding {
			tx.interval = tx.s.cfg.T2
		}
	}
	tx.start(timerRepeat, tx.interval)
	return tx.transmit(tx.octets)
}

// transmit sends octets where the request went. The lock is held, so that nothing can overtake.
func (tx *ClientTx) transmit(octets []byte) error {
	if tx.socket != nil {
		return tx.socket.write(octets, tx.sentBy.Addr(), tx.to.Addr)
	}
	id := tx.to.Conn
	if tx.conn != nil {
		id = tx.conn.id
	}
	c, reused, err := tx.s.pool.send(id, remoteOf(tx.to.Proto, tx.to.Addr, tx.to.Domain), octets, tx)
	if err != nil {
		return err
	}
	tx.conn, tx.redial = c, reused
	return nil
}

// response takes a response that matches. It runs on the reader goroutine of the socket on which it came.
func (tx *ClientTx) response(f Flow, m *Message) {
	tx.mu.Lock()
	var done *conn
	switch {
	case tx.state == clientTerminated:
	case tx.state == clientCompleted:
		if tx.invite && m.Status >= 300 && tx.octets != nil {
			_ = tx.transmit(tx.octets) // the ACK again, at once (RFC 3261 §17.1.1.2)
		}
	case tx.state == clientAccepted:
		if m.Status/100 == 2 {
			tx.tell(Event{Response: m, Flow: f})
		}
	case m.Status < 200:
		tx.provisional()
		tx.tell(Event{Response: m, Flow: f})
	default:
		tx.tell(Event{Response: m, Flow: f})
		done = tx.final(m)
	}
	tx.flush()
	done.unwatchIf(tx)
}

// provisional moves to Proceeding. The lock is held.
func (tx *ClientTx) provisional() {
	first := tx.state == clientCalling
	tx.state = clientProceeding
	if !tx.invite {
		return // Timers E and F run on
	}
	tx.stop(timerRepeat)
	tx.octets = nil
	if first && !tx.cancelling {
		tx.stop(timerLife)
	}
	if first && tx.cancelling {
		if err := tx.sendCancel(); err != nil {
			tx.s.log.Debug("CANCEL not sent", "error", err, "call_id", tx.req.CallID())
		}
	}
}

// final moves to the state that a final response leads to. The lock is held; the connection that is returned need not be watched
// any more.
func (tx *ClientTx) final(m *Message) *conn {
	cfg := &tx.s.cfg
	tx.stop(timerRepeat)
	tx.cancel = nil
	c := tx.conn
	switch {
	case tx.invite && m.Status < 300:
		tx.state, tx.octets = clientAccepted, nil
		tx.start(timerLife, 64*cfg.T1) // Timer M
	case tx.invite:
		tx.state, tx.octets = clientCompleted, ackFor(tx.req, m)
		if err := tx.transmit(tx.octets); err != nil {
			tx.s.log.Debug("ACK not sent", "error", err, "call_id", tx.req.CallID())
		}
		if tx.to.Proto.stream() {
			return tx.terminate() // Timer D is 0 on streams
		}
		tx.start(timerLife, 64*cfg.T1) // Timer D
	case tx.to.Proto.stream():
		return tx.terminate() // Timer K is 0 on streams
	default:
		tx.state, tx.octets = clientCompleted, nil
		tx.start(timerLife, cfg.T4) // Timer K
	}
	return c
}

// fail ends the transaction without a response, unless it has its final one.
func (tx *ClientTx) fail(err error) {
	tx.mu.Lock()
	if tx.state > clientProceeding {
		tx.mu.Unlock()
		return
	}
	tx.tell(Event{Err: err})
	c := tx.terminate()
	tx.flush()
	c.unwatchIf(tx)
}

// terminate is called with the lock held and returns the connection that need not be watched any more.
func (tx *ClientTx) terminate() *conn {
	tx.state, tx.octets, tx.cancel = clientTerminated, nil, nil
	tx.stop(timerRepeat)
	tx.stop(timerLife)
	tx.s.client.remove(tx)
	c := tx.conn
	tx.conn = nil
	return c
}

// tell queues an event for flush. The lock is held.
func (tx *ClientTx) tell(e Event) {
	if tx.on != nil {
		tx.events = append(tx.events, e)
	}
}

// flush releases the lock and calls on for each queued event. If another goroutine is doing so already, that one goes on: events
// are told one at a time and in order.
func (tx *ClientTx) flush() {
	if tx.telling {
		tx.mu.Unlock()
		return
	}
	tx.telling = true
	for len(tx.events) > 0 && tx.on != nil {
		e, on := tx.events[0], tx.on
		tx.events = tx.events[1:]
		tx.mu.Unlock()
		on(e)
		tx.mu.Lock()
	}
	tx.telling, tx.events = false, nil
	tx.mu.Unlock()
}

// connFailed implements watcher. A request on a connection that was open before goes by another one, once: that the old one was lost says
// nothing of the peer, which knows the request by its branch if it had come. One that only its size had put on TCP goes by UDP after all (S-013).
func (tx *ClientTx) connFailed(c *conn, err error) {
	tx.mu.Lock()
	if tx.conn != c && tx.conn != nil {
		tx.mu.Unlock()
		return
	}
	tx.conn = nil
	if tx.state != clientCalling {
		tx.mu.Unlock()
		return // the peer has the request, and may answer on another connection (RFC 3261 §18.2.2)
	}
	switch {
	case tx.redial:
		tx.to.Conn = 0
		err = tx.transmit(tx.req.AppendTo(make([]byte, 0, tx.req.size())))
		tx.redial = false
	case tx.fallback:
		err = tx.fallBack()
	}
	tx.mu.Unlock()
	if err != nil {
		tx.fail(err)
	}
}

// unreachable: the network said that nobody hears at the address to. It counts until a response came.
func (tx *ClientTx) unreachable(to netip.AddrPort, err error) {
	tx.mu.Lock()
	concerns := tx.state == clientCalling && tx.socket != nil && tx.to.Addr == to
	tx.mu.Unlock()
	if concerns {
		tx.fail(err)
	}
}

// unwatchIf stops watching; c may be nil.
func (c *conn) unwatchIf(w watcher) {
	if c != nil {
		c.unwatch(w)
	}
}
