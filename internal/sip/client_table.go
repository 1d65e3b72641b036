package sip

import "sync"

// clientTable holds the client transactions by branch and method (RFC 3261 §17.1.3). Its lock may be taken while a transaction's
// is held, never the other way round.
type clientTable struct {
	mu    sync.Mutex
	byKey map[clientKey]*ClientTx
	ended bool
}

type clientKey struct{ branch, method string }

func (t *clientTable) init() { t.byKey = make(map[clientKey]*ClientTx) }

func (t *clientTable) add(tx *ClientTx, limit int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return ErrClosed
	}
	if len(t.byKey) >= limit {
		return ErrLimit
	}
	t.byKey[tx.key] = tx
	return nil
}

func (t *clientTable) find(branch, method string) *ClientTx {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.byKey[clientKey{branch, method}]
}

func (t *clientTable) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.byKey)
}

func (t *clientTable) remove(tx *ClientTx) {
	t.mu.Lock()
	if t.byKey[tx.key] == tx {
		delete(t.byKey, tx.key)
	}
	t.mu.Unlock()
}

// endAll ends every transaction and takes no new ones.
func (t *clientTable) endAll(err error) {
	t.mu.Lock()
	t.ended = true
	all := make([]*ClientTx, 0, len(t.byKey))
	for _, tx := range t.byKey {
		all = append(all, tx)
	}
	t.mu.Unlock()
	for _, tx := range all {
		tx.fail(err)
	}
}
