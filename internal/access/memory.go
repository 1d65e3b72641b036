package access

import (
	"maps"
	"time"
)

const (
	// maxSources bounds how many sources are remembered; for one more, another is forgotten.
	maxSources = 4096
	// sweepEvery is how often at most all that is remembered is looked through.
	sweepEvery = time.Second
)

// memory is what is remembered of sources, of maxSources at most. The zero value is ready.
type memory[K comparable, V any] struct {
	of    map[K]V
	swept time.Time
}

// put remembers v. Where there is no room for one more, those that are stale are forgotten first, then whichever.
func (m *memory[K, V]) put(source K, v V, now time.Time, stale func(V) bool) {
	if m.of == nil {
		m.of = map[K]V{}
	}
	if _, known := m.of[source]; !known {
		m.makeRoom(now, stale)
	}
	m.of[source] = v
}

func (m *memory[K, V]) makeRoom(now time.Time, stale func(V) bool) {
	if len(m.of) >= maxSources && now.Sub(m.swept) >= sweepEvery {
		m.swept = now
		maps.DeleteFunc(m.of, func(_ K, v V) bool { return stale(v) })
	}
	for source := range m.of {
		if len(m.of) < maxSources {
			break
		}
		delete(m.of, source)
	}
}
