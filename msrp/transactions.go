package msrp

import (
	"maps"
	"slices"
	"time"
)

// transaction is a SEND of ours that may be answered: one chunk of a message.
type transaction struct {
	id      uint64
	session *Session
	message *message
	span    span // octets of the message

	state transactionState
	due   time.Time // when the response is late; set when the last octet has left
	list  *transactionList
	prev  *transaction
	next  *transaction
}

type transactionState uint8

const (
	transactionOpen transactionState = iota
	transactionDone                  // answered, late or forgotten
)

// maxQuiet is how many transactions with Failure-Report partial are kept: they are answered only if something is wrong,
// and nothing tells when they are over (RFC 4975 §7.1.4, M-080).
const maxQuiet = 1024

// transactions are those of one connection; a response belongs to the connection of its request (RFC 4975 §7.2, M-058).
// All have the same time-out, so that the one that left first is the first to be late. Guarded by conn.mu.
type transactions struct {
	byID   map[uint64]*transaction
	timed  transactionList // have left, wait for the response
	quiet  transactionList // with Failure-Report partial
	timer  *time.Timer
	armed  bool
	expire func()
}

// open adds a transaction before its request leaves: a response may come before the last octet was written (M-114).
// False: its id is in use.
func (ts *transactions) open(t *transaction) bool {
	if _, used := ts.byID[t.id]; used {
		return false
	}
	if ts.byID == nil {
		ts.byID = make(map[uint64]*transaction)
	}
	ts.byID[t.id] = t
	if t.message.failure == FailurePartial {
		ts.quiet.push(t)
		if ts.quiet.len > maxQuiet {
			ts.remove(ts.quiet.first)
		}
	}
	return true
}

// wait starts the time-out of those whose requests have left and were not answered before.
func (ts *transactions) wait(left []*transaction, due time.Time) {
	for _, t := range left {
		if t.state == transactionOpen && t.list == nil {
			t.due = due
			ts.timed.push(t)
		}
	}
	ts.arm()
}

func (ts *transactions) arm() {
	if ts.armed || ts.timed.first == nil {
		return
	}
	ts.armed = true
	after := time.Until(ts.timed.first.due)
	if ts.timer == nil {
		ts.timer = time.AfterFunc(after, ts.expire)
		return
	}
	ts.timer.Reset(after)
}

// take finds the transaction of a response and ends it. Nil: there is none, the response is stray, late or a second one
// (M-113).
func (ts *transactions) take(id uint64) *transaction {
	t := ts.byID[id]
	if t != nil {
		ts.remove(t)
	}
	return t
}

// late ends the transactions whose response is late.
func (ts *transactions) late(now time.Time) []*transaction {
	ts.armed = false
	var late []*transaction
	for t := ts.timed.first; t != nil && !t.due.After(now); t = ts.timed.first {
		ts.remove(t)
		late = append(late, t)
	}
	ts.arm()
	return late
}

func (ts *transactions) remove(t *transaction) {
	delete(ts.byID, t.id)
	t.state = transactionDone
	if t.list != nil {
		t.list.remove(t)
	}
}

// takeAll ends all of them, without an answer.
func (ts *transactions) takeAll() []*transaction {
	all := slices.Collect(maps.Values(ts.byID))
	for _, t := range all {
		ts.remove(t)
	}
	return all
}

func (ts *transactions) stop() {
	if ts.timer != nil {
		ts.timer.Stop()
	}
	ts.byID, ts.timed, ts.quiet = nil, transactionList{}, transactionList{}
}

// transactionList is a row of transactions. A transaction is in one at most.
type transactionList struct {
	first, last *transaction
	len         int
}

func (l *transactionList) push(t *transaction) {
	t.list, t.prev, t.next = l, l.last, nil
	if l.last == nil {
		l.first = t
	} else {
		l.last.next = t
	}
	l.last = t
	l.len++
}

func (l *transactionList) remove(t *transaction) {
	if t.prev == nil {
		l.first = t.next
	} else {
		t.prev.next = t.next
	}
	if t.next == nil {
		l.last = t.prev
	} else {
		t.next.prev = t.prev
	}
	t.list, t.prev, t.next = nil, nil, nil
	l.len--
}

// expire is called by the timer.
func (c *conn) expire() {
	c.mu.Lock()
	if c.state == connClosed {
		c.mu.Unlock()
		return
	}
	c.endpoint.wg.Add(1) // the reader holds one while the connection is open
	late := c.transactions.late(time.Now())
	c.mu.Unlock()
	defer c.endpoint.wg.Done()
	for _, t := range late {
		c.countTransaction(t, 408)
		t.session.answered(t, 408, "", ByTimeout)
		if t.session.moving.Load() {
			t.session.heard(nil)
		}
	}
}
