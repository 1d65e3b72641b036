package msrp

import (
	"hash/maphash"
	"sync"
)

// sessionTable finds sessions by session-id. It is in shards, so that connections do not wait for one another.
type sessionTable struct {
	seed   maphash.Seed
	shards [64]sessionShard
}

type sessionShard struct {
	mu       sync.RWMutex
	sessions map[string]*Session
}

func (t *sessionTable) shard(id string) *sessionShard {
	return &t.shards[maphash.String(t.seed, id)%uint64(len(t.shards))]
}

// add puts a session into the table. False: its session-id is taken.
func (t *sessionTable) add(s *Session) bool {
	sh := t.shard(s.id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if _, taken := sh.sessions[s.id]; taken {
		return false
	}
	if sh.sessions == nil {
		sh.sessions = make(map[string]*Session)
	}
	sh.sessions[s.id] = s
	return true
}

func (t *sessionTable) get(id string) *Session {
	sh := t.shard(id)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	return sh.sessions[id]
}

func (t *sessionTable) remove(s *Session) {
	sh := t.shard(s.id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	delete(sh.sessions, s.id)
}

func (t *sessionTable) all() []*Session {
	var all []*Session
	for i := range t.shards {
		sh := &t.shards[i]
		sh.mu.RLock()
		for _, s := range sh.sessions {
			all = append(all, s)
		}
		sh.mu.RUnlock()
	}
	return all
}
