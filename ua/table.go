package ua

import (
	"cmp"
	"slices"
	"sync"
)

// table holds the sessions by ID.
type table struct {
	mu       sync.RWMutex
	sessions map[string]*Session
	born     uint64
}

func (t *table) add(s *Session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.born++
	s.born = t.born
	t.sessions[s.ID()] = s
}

func (t *table) remove(s *Session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.sessions, s.ID())
}

func (t *table) get(id string) *Session {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.sessions[id]
}

// list gives the sessions in the order of their birth.
func (t *table) list() []*Session {
	t.mu.RLock()
	all := make([]*Session, 0, len(t.sessions))
	for _, s := range t.sessions {
		all = append(all, s)
	}
	t.mu.RUnlock()
	slices.SortFunc(all, func(a, b *Session) int { return cmp.Compare(a.born, b.born) })
	return all
}

// calls gives each call once.
func (t *table) calls() []*Call {
	t.mu.RLock()
	defer t.mu.RUnlock()
	seen := make(map[*Call]struct{}, len(t.sessions))
	all := make([]*Call, 0, len(t.sessions))
	for _, s := range t.sessions {
		if _, ok := seen[s.call]; !ok {
			seen[s.call] = struct{}{}
			all = append(all, s.call)
		}
	}
	return all
}
