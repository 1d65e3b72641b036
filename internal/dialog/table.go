package dialog

import (
	"hash/maphash"
	"sync"

	"github.com/parley-msrp/parley/internal/sip"
)

const shardCount = 64

// table finds dialogs by their local tag, which this side made and which no two dialogs share. The caller compares Call-ID
// and remote tag.
type table struct {
	seed   maphash.Seed
	shards [shardCount]shard
}

type shard struct {
	mu sync.Mutex
	m  map[string]*Dialog
}

// undecided finds an Incoming by its transaction, for CANCEL.
type undecided struct {
	mu   sync.Mutex
	byTx map[*sip.ServerTx]*Incoming
}

func (u *undecided) add(in *Incoming) {
	u.mu.Lock()
	u.byTx[in.tx] = in
	u.mu.Unlock()
}

func (u *undecided) remove(in *Incoming) {
	u.mu.Lock()
	delete(u.byTx, in.tx)
	u.mu.Unlock()
}

func (u *undecided) find(tx *sip.ServerTx) *Incoming {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.byTx[tx]
}

func (u *undecided) count() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.byTx)
}

func newTable() *table {
	t := &table{seed: maphash.MakeSeed()}
	for i := range t.shards {
		t.shards[i].m = map[string]*Dialog{}
	}
	return t
}

func (t *table) shard(localTag string) *shard {
	return &t.shards[maphash.String(t.seed, localTag)%shardCount]
}

func (t *table) add(d *Dialog) {
	s := t.shard(d.localTag)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.m[d.localTag] = d
}

func (t *table) remove(d *Dialog) {
	s := t.shard(d.localTag)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.m, d.localTag)
}

// find gives the dialog of that Call-ID and local tag, or nil.
func (t *table) find(callID, localTag string) *Dialog {
	s := t.shard(localTag)
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.m[localTag]; d != nil && d.callID == callID {
		return d
	}
	return nil
}

// all lists the dialogs, in no order.
func (t *table) all() []*Dialog {
	var ds []*Dialog
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		for _, d := range s.m {
			ds = append(ds, d)
		}
		s.mu.Unlock()
	}
	return ds
}
