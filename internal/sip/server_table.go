package sip

import (
	"strconv"
	"strings"
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

// serverKey is what matches requests to a transaction (RFC 3261 §17.2.3): branch, sent-by and method, where ACK and CANCEL count
// as INVITE. A branch without the magic cookie comes from a peer of RFC 2543 and is not enough.
func serverKey(m *Message, e *essentials) string {
	method := m.Method
	if method == "ACK" || method == "CANCEL" {
		method = "INVITE"
	}
	branch := e.via.branch()
	sentBy := strings.ToLower(e.via.Host) + ":" + strconv.Itoa(e.via.Port)
	if len(branch) > len(magicCookie) && foldEqual(branch[:len(magicCookie)], magicCookie) {
		return branch + "\x00" + sentBy + "\x00" + method
	}
	return strings.Join([]string{
		m.RequestURI, e.fromTag, e.callID, strconv.FormatUint(uint64(e.cseq), 10), sentBy, branch, method,
	}, "\x00")
}

// mergeKey is what the copies of a request that came on two ways share (RFC 3261 §8.2.2.2); "" where the rule does not apply.
func mergeKey(m *Message, e *essentials) string {
	if e.toTag != "" {
		return ""
	}
	return e.callID + "\x00" + e.fromTag + "\x00" + strconv.FormatUint(uint64(e.cseq), 10) + " " + m.Method
}

type admission uint8

const (
	admitted admission = iota
	repeated
	mergedRequest
	tableFull
)

func (t *serverTable) find(key string) *serverRecord {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.byKey[key]
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
