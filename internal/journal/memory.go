package journal

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/parley-msrp/parley/internal/event"
)

// Defaults of MemoryConfig.
const (
	DefaultEvents = 100_000
	DefaultOctets = 64 << 20
)

// MemoryConfig bounds a Memory; zero values mean the defaults.
type MemoryConfig struct {
	Events   int    // kept at most, DefaultEvents
	Octets   int64  // of memory kept at most, estimated, DefaultOctets; the newest event is kept whatever its size
	Instance string // letters and digits that stand in every cursor, unlike those of any earlier run; random if empty
}

// Memory is a Journal that keeps the newest events in memory, and nothing over a restart. A reader costs nothing but its cursor:
// what it has not read when newer events push it out is lost to it, and it is told so.
type Memory struct {
	maxEvents int
	maxOctets int64
	instance  string

	mu     sync.Mutex
	ring   []entry // event number n stands at n % len(ring)
	oldest uint64  // number of the oldest event kept
	next   uint64  // number that the next event gets; numbers begin at 1
	octets int64
	closed bool
	grown  chan struct{} // closed at the next event; nil while nobody waits
}

type entry struct {
	event  event.Event
	octets int64
}

var _ Journal = (*Memory)(nil)

// NewMemory makes an empty journal.
func NewMemory(c MemoryConfig) *Memory {
	if c.Events <= 0 {
		c.Events = DefaultEvents
	}
	if c.Octets <= 0 {
		c.Octets = DefaultOctets
	}
	if c.Instance == "" {
		var b [6]byte
		_, _ = rand.Read(b[:]) // never fails (crypto/rand)
		c.Instance = hex.EncodeToString(b[:])
	}
	return &Memory{
		maxEvents: c.Events,
		maxOctets: c.Octets,
		instance:  c.Instance,
		ring:      make([]entry, min(c.Events, 256)),
		oldest:    1,
		next:      1,
	}
}

// Append keeps e and calls kept before it returns. It does not block on readers.
func (m *Memory) Append(e event.Event, kept func(error)) {
	err := m.add(e)
	if kept != nil {
		kept(err)
	}
}

func (m *Memory) add(e event.Event) error {
	n := size(&e)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return ErrClosed
	}
	for m.oldest < m.next && (m.octets+n > m.maxOctets || m.next-m.oldest >= uint64(m.maxEvents)) {
		m.drop()
	}
	if m.next-m.oldest == uint64(len(m.ring)) {
		m.grow()
	}
	if e.Counter != nil {
		e.Counter.Last++
		e.Sequence = e.Counter.Last
	}
	*m.at(m.next) = entry{event: e, octets: n}
	m.octets += n
	m.next++
	m.wake()
	return nil
}

func (m *Memory) at(n uint64) *entry { return &m.ring[n%uint64(len(m.ring))] }

func (m *Memory) drop() {
	e := m.at(m.oldest)
	m.octets -= e.octets
	*e = entry{}
	m.oldest++
}

// grow makes the ring larger: a quiet node pays for few events only.
func (m *Memory) grow() {
	old := m.ring
	m.ring = make([]entry, min(2*len(old), m.maxEvents))
	for n := m.oldest; n < m.next; n++ {
		*m.at(n) = old[n%uint64(len(old))]
	}
}

func (m *Memory) wake() {
	if m.grown != nil {
		close(m.grown)
		m.grown = nil
	}
}

// Subscribe makes a reader. Its error is of the kind that Journal says.
func (m *Memory) Subscribe(cursor string) (Reader, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, ErrClosed
	}
	from, err := m.position(cursor)
	if err != nil {
		return nil, err
	}
	return &memoryReader{journal: m, next: from}, nil
}

// position is the number of the first event after a cursor.
func (m *Memory) position(cursor string) (uint64, error) {
	switch cursor {
	case Newest:
		return m.next, nil
	case Oldest:
		return m.oldest, nil
	}
	instance, number, ok := strings.Cut(cursor, "-")
	n, err := strconv.ParseUint(number, 10, 64)
	switch {
	case !ok || err != nil || instance == "" || n == 0:
		return 0, fmt.Errorf("%w: %.80q was never given out", ErrCursorUnknown, cursor)
	case instance != m.instance:
		return 0, fmt.Errorf("%w: %.80q is from before the node was started, and events are kept in memory only", ErrCursorLost, cursor)
	case n >= m.next:
		return 0, fmt.Errorf("%w: %.80q was never given out", ErrCursorUnknown, cursor)
	case n+1 < m.oldest:
		return 0, fmt.Errorf("%w: %d events after %.80q were dropped", ErrCursorLost, m.oldest-n-1, cursor)
	}
	return n + 1, nil
}

// Err returns nil: memory can be written to.
func (m *Memory) Err() error { return nil }

// Refusing is false.
func (m *Memory) Refusing() bool { return false }

// Stats says how much is kept.
func (m *Memory) Stats(context.Context) Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := Stats{Events: m.next - m.oldest, Octets: uint64(m.octets), Appended: m.next - 1}
	if s.Events > 0 {
		s.Oldest = m.at(m.oldest).event.Time
	}
	return s
}

// Close ends the journal. It returns nil.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	m.wake()
	return nil
}

// size estimates what keeping e costs, in octets.
func size(e *event.Event) int64 {
	const (
		ofEntry = 192 // entry itself
		ofParam = 48  // Param and the head of its value
	)
	n := int64(ofEntry + len(e.SessionID) + len(e.Source))
	for _, list := range [][]event.Param{e.Params, e.Own} {
		for i := range list {
			n += ofParam
			switch v := list[i].Value.(type) {
			case string:
				n += int64(len(v))
			case []byte:
				n += int64(len(v))
			}
		}
	}
	return n
}

type memoryReader struct {
	journal *Memory
	next    uint64 // number of the event to read next
	closed  bool
}

func (r *memoryReader) Next(ctx context.Context) (event.Event, error) {
	for {
		if r.closed {
			return event.Event{}, ErrClosed
		}
		if err := ctx.Err(); err != nil {
			return event.Event{}, err
		}
		e, wait, err := r.take()
		if wait == nil {
			return e, err
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return event.Event{}, ctx.Err()
		}
	}
}

// take returns the next event, an error, or a channel that is closed when it is worth to look again.
func (r *memoryReader) take() (event.Event, <-chan struct{}, error) {
	m := r.journal
	m.mu.Lock()
	defer m.mu.Unlock()
	for r.next >= m.oldest && r.next < m.next {
		e := m.at(r.next).event
		e.Cursor = m.instance + "-" + strconv.FormatUint(r.next, 10)
		r.next++
		if !e.Name.Internal() {
			return e, nil, nil
		}
	}
	if r.next < m.oldest {
		lost := &LostError{Dropped: m.oldest - r.next}
		r.next = m.oldest
		return event.Event{}, nil, lost
	}
	if m.closed {
		return event.Event{}, nil, ErrClosed
	}
	if m.grown == nil {
		m.grown = make(chan struct{})
	}
	return event.Event{}, m.grown, nil
}

func (r *memoryReader) Ready() bool {
	r.journal.mu.Lock()
	defer r.journal.mu.Unlock()
	return r.next < r.journal.next
}

func (r *memoryReader) Close() { r.closed = true }
