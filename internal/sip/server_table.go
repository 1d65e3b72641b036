package sip

import (
	"strconv"
	"sync"
)

// serverTable holds the server transactions by their keys. Its lock may be taken while a transaction's is held, never the other
// way round.
type serverTable struct {
	mu     sync.Mutex
	byKey  map[string]*serverRecord
	merged map[string]*serverRecord // by what all copies of one request share
	open   int64                    // octets of requests without final answer
}

func (t *serverTable) init() {
	t.byKey = make(map[string]*serverRecord)
	t.merged = make(map[string]*serverRecord)
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

func (t *serverTable) find(key []byte) *serverRecord {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.byKey[string(key)]
}

// admit enters r, unless its request is a repeat, of which it returns the transaction.
func (t *serverTable) admit(r *serverRecord, maxTx int, maxOpen int64) (*serverRecord, admission) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if old := t.byKey[r.key]; old != nil {
		return old, repeated
	}
	if r.merge != "" && t.merged[r.merge] != nil {
		return nil, mergedRequest
	}
	if len(t.byKey) >= maxTx || t.open+int64(r.size) > maxOpen {
		return nil, tableFull
	}
	t.byKey[r.key] = r
	if r.merge != "" {
		t.merged[r.merge] = r
	}
	t.open += int64(r.size)
	return r, admitted
}

func (t *serverTable) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.byKey)
}

// answered gives back what the request weighed.
func (t *serverTable) answered(size int) {
	t.mu.Lock()
	t.open -= int64(size)
	t.mu.Unlock()
}

func (t *serverTable) remove(r *serverRecord) {
	t.mu.Lock()
	if t.byKey[r.key] == r {
		delete(t.byKey, r.key)
	}
	if r.merge != "" && t.merged[r.merge] == r {
		delete(t.merged, r.merge)
	}
	t.mu.Unlock()
}
