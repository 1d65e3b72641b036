package sip

import (
	"hash/maphash"
	"strconv"
	"sync"
	"time"
)

// serverTable holds the server transactions by their keys. Its lock may be taken while a transaction's is held, never the other way
// round.
type serverTable struct {
	seeds [2]maphash.Seed
	clock *clock

	mu       sync.Mutex
	byKey    map[txKey]*serverRecord
	merged   map[txKey]*serverRecord // by what all copies of one request share
	finished finishedTable
	sweeps   timer
	sweeping bool // sweeps runs: there are finished ones
	every    time.Duration
	open     int64 // octets of requests without final answer
}

// txKey is a hash of what names a transaction, with seeds that nobody else knows. It is long enough that no two are the same.
type txKey [2]uint64

// init makes the table ready; every is how often it looks for finished transactions that have come to their end.
func (t *serverTable) init(c *clock, every time.Duration) {
	t.seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}
	t.clock, t.every = c, every
	t.byKey = make(map[txKey]*serverRecord)
	t.merged = make(map[txKey]*serverRecord)
}

// keyOf hashes the octets that name a transaction; none give the zero key.
func (t *serverTable) keyOf(name []byte) (k txKey) {
	if len(name) > 0 {
		k[0], k[1] = maphash.Bytes(t.seeds[0], name), maphash.Bytes(t.seeds[1], name)
	}
	return k
}

// appendServerKey is what matches requests to a transaction (RFC 3261 §17.2.3): branch, sent-by and method, where ACK and CANCEL count
// as INVITE. A branch without the magic cookie comes from a peer of RFC 2543 and is not enough.
func appendServerKey(b []byte, m *Message, e *essentials) []byte {
	branch := e.via.branch()
	if len(branch) <= len(magicCookie) || !foldEqual(branch[:len(magicCookie)], magicCookie) {
		for _, part := range [...]string{m.RequestURI, e.fromTag, e.callID} {
			b = append(append(b, part...), 0)
		}
		b = append(strconv.AppendUint(b, uint64(e.cseq), 10), 0)
	}
	b = append(append(b, branch...), 0)
	for i := range len(e.via.Host) {
		b = append(b, lower(e.via.Host[i]))
	}
	b = append(b, ':')
	b = append(strconv.AppendInt(b, int64(e.via.Port), 10), 0)
	if m.Method == "ACK" || m.Method == "CANCEL" {
		return append(b, "INVITE"...)
	}
	return append(b, m.Method...)
}

// appendMergeKey is what the copies of a request that came on two ways share (RFC 3261 §8.2.2.2); nothing where the rule does not apply.
func appendMergeKey(b []byte, m *Message, e *essentials) []byte {
	if e.toTag != "" {
		return b
	}
	b = append(append(b, e.callID...), 0)
	b = append(append(b, e.fromTag...), 0)
	b = append(strconv.AppendUint(b, uint64(e.cseq), 10), ' ')
	return append(b, m.Method...)
}

type admission uint8

const (
	admitted admission = iota
	repeated
	mergedRequest
	tableFull
)

func (t *serverTable) find(key txKey) *serverRecord {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.byKey[key]
}

// findFinished gives what is kept of a transaction that has done its work.
func (t *serverTable) findFinished(key txKey) (f finished, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.finished.find(key, t.clock.now())
}

// admit enters r, unless its request is a repeat, of which it returns the transaction, or nil where that has finished.
func (t *serverTable) admit(r *serverRecord, maxTx int, maxOpen int64) (*serverRecord, admission) {
	now := t.clock.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if old := t.byKey[r.key]; old != nil {
		return old, repeated
	}
	if t.finished.has(r.key, now) {
		return nil, repeated
	}
	if r.merge != (txKey{}) && (t.merged[r.merge] != nil || t.finished.has(r.merge, now)) {
		return nil, mergedRequest
	}
	if len(t.byKey)+t.finished.count() >= maxTx || t.open+int64(r.size) > maxOpen {
		return nil, tableFull
	}
	t.byKey[r.key] = r
	if r.merge != (txKey{}) {
		t.merged[r.merge] = r
	}
	t.open += int64(r.size)
	return r, admitted
}

func (t *serverTable) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.byKey) + t.finished.count()
}

// answered gives back what the request weighed.
func (t *serverTable) answered(size int) {
	t.mu.Lock()
	t.open -= int64(size)
	t.mu.Unlock()
}

func (t *serverTable) remove(r *serverRecord) {
	t.mu.Lock()
	t.take(r)
	t.mu.Unlock()
}

// take is called with the lock held.
func (t *serverTable) take(r *serverRecord) {
	if t.byKey[r.key] == r {
		delete(t.byKey, r.key)
	}
	if r.merge != (txKey{}) && t.merged[r.merge] == r {
		delete(t.merged, r.merge)
	}
}

// finish keeps no more of r than it takes to know repeats of its request, and octets, until due.
func (t *serverTable) finish(r *serverRecord, octets []byte, due time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byKey[r.key] != r {
		return
	}
	t.take(r)
	t.finished.sweep(t.clock.now(), sweptByOne)
	t.finished.add(r, octets, due)
	if !t.sweeping {
		t.sweeping = true
		t.clock.start(&t.sweeps, t, timerLife, t.every)
	}
}

const (
	sweptByOne  = 4   // more than come, so that there is never much left to do
	sweptAtOnce = 256 // bounds how long the lock is held
)

// expire is called by the clock.
func (t *serverTable) expire(timerID, uint32) {
	for all := false; !all; {
		t.mu.Lock()
		if all = t.finished.sweep(t.clock.now(), sweptAtOnce); all {
			if t.sweeping = t.finished.count() > 0; t.sweeping {
				t.clock.start(&t.sweeps, t, timerLife, t.every)
			}
		}
		t.mu.Unlock()
	}
}
