package journal

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-msrp/parley/internal/event"
)

// Durable is a Journal in a JetStream stream: of a NATS server within this process, or of an outside cluster. What is kept outlives the process.
//
// Events are stored in packs, so that many cost little more than one. One goroutine, the writer, makes packs of all that waits, has a few of them
// under way at a time, and takes the acknowledgements in order. Each pack says behind which one it belongs, so that none can be stored twice or out
// of order, whatever happens to the connection, and a second node of the same name is found out.
type Durable struct {
	cfg      Config
	writer   string // names the packs of this process
	instance string // of the stream
	cancel   context.CancelFunc
	ended    chan struct{} // closed when the writer has ended

	mu       sync.Mutex
	queue    []pending   // not in packs yet
	queued   time.Time   // when the first of them came, where nobody waits for it
	waiters  int         // of those in queue that somebody waits for
	linger   *time.Timer // wakes the writer when nobody does
	awaited  bool        // linger is running
	waiting  int64       // octets of those in queue that nobody waits for, estimated
	dropped  uint64      // events that could not even be queued
	closed   bool
	problem  error         // why nothing is kept at the moment; nil: it is
	since    time.Time     // of the problem
	refusing bool          // it has lasted for longer than patience
	store    *store        // nil while there is none
	changed  chan struct{} // closed when store, tail or closed change; nil while nobody waits
	tail     tail
	damage   damage
	wake     chan struct{}  // of capacity 1: there is something for the writer
	filled   chan struct{}  // of capacity 1: a body was kept
	keeping  sync.WaitGroup // the goroutine of keep
	readers  atomic.Int64   // that are open

	ahead    int // packs that may wait for their acknowledgement when more are made
	shards   int
	subjects [shards]string // of the shards
	unkept   int            // when the writer ended

	// The writer's own.
	backlog  []pending // taken out of queue
	spare    []pending // memory for queue
	buffers  [][]byte  // memory for packs
	inflight []*outgoing
	next     uint64 // sequence that the next pack gets
	number   uint64 // of the last event in a pack
	packs    uint64 // made by this process
}

// pending is an event on its way into the journal.
type pending struct {
	event  event.Event
	kept   func(error)
	since  time.Time // when it began to wait in vain
	octets int64     // that count as waiting
	shard  int
}

var _ Journal = (*Durable)(nil)

// Errors of a Durable.
var (
	// ErrUnavailable says that an event is not kept, because nothing can be at the moment.
	ErrUnavailable = errors.New("the journal is not available")
	// ErrTooLarge says that an event is larger than what can be stored as one.
	ErrTooLarge = errors.New("the event is too large for the journal")
)

// Open opens the journal of a node, and makes it when there is none. It blocks until that has been read, or ctx ends; for an outside cluster that does
// not answer it waits half a minute. An error says why it cannot be used.
func Open(ctx context.Context, c Config) (*Durable, error) {
	c = c.withDefaults()
	open := makeStore
	if c.URL != "" {
		open = makeStoreOfCluster
	}
	st, err := open(ctx, &c)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	j := &Durable{
		cfg: c, writer: random(8), instance: st.instance, cancel: cancel, ended: make(chan struct{}), wake: make(chan struct{}, 1), filled: make(chan struct{}, 1),
		store: st, next: st.last + 1, number: st.total,
	}
	j.ahead, j.shards = packsAhead, shards
	if c.Fsync {
		j.ahead, j.shards = 1, 1 // each pack costs a write to the disk
	}
	for i := range j.subjects {
		j.subjects[i] = subject(c.Node, strconv.Itoa(i))
	}
	j.awaited = true
	j.linger = time.AfterFunc(linger, j.lingered)
	j.tail.last, j.tail.number = st.last, st.total
	go j.run(ctx)                        // ends by Close
	j.keeping.Go(func() { j.keep(ctx) }) // ends by Close
	return j, nil
}

func random(octets int) string {
	b := make([]byte, octets)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return hex.EncodeToString(b)
}

// Append hands e to the writer. It does not block. While the journal is not available, events with kept wait for Config.Patience, and are then told
// ErrUnavailable, further ones at once; those without are kept in memory until it is available again.
func (j *Durable) Append(e event.Event, kept func(error)) {
	if err := j.enqueue(e, kept); err != nil && kept != nil {
		kept(err)
	}
}

func (j *Durable) enqueue(e event.Event, kept func(error)) error {
	in := pending{event: e, kept: kept, shard: shardOf(e.SessionID) % j.shards}
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.closed:
		return ErrClosed
	case kept != nil && j.refusing:
		return fmt.Errorf("%w: %w", ErrUnavailable, j.problem)
	case kept == nil:
		if j.waiting > queueOctets {
			if j.dropped++; j.dropped == 1 {
				j.cfg.Logger.Error("events are dropped: too many wait for the journal")
			}
			return nil
		}
		in.octets = size(&e)
		j.waiting += in.octets
	}
	if j.problem != nil {
		in.since = time.Now()
	}
	j.queue = append(j.queue, in)
	if kept != nil {
		if j.waiters++; j.waiters == 1 {
			j.notify()
		}
	} else if len(j.queue) == 1 {
		j.queued = time.Now()
		if !j.awaited {
			j.awaited = true
			j.linger.Reset(linger)
		}
	}
	return nil
}

// lingered wakes the writer for events that have waited for long enough. The timer goes on for those that have not: to set it for each of them would
// cost more than they do, as most are taken along long before.
func (j *Durable) lingered() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.awaited = false
	if len(j.queue) == 0 || j.waiters > 0 {
		return // the writer has been woken for those who wait
	}
	if left := linger - time.Since(j.queued); left > 0 {
		j.awaited = true
		j.linger.Reset(left)
		return
	}
	j.notify()
}

// notify wakes the writer.
func (j *Durable) notify() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// change wakes who waits for something to change. Holding j.mu.
func (j *Durable) change() {
	if j.changed != nil {
		close(j.changed)
		j.changed = nil
	}
}

// awaitChange returns the channel that the next change closes. Holding j.mu.
func (j *Durable) awaitChange() <-chan struct{} {
	if j.changed == nil {
		j.changed = make(chan struct{})
	}
	return j.changed
}

// closeTimeout is how long Close waits for what is not kept yet.
const closeTimeout = 5 * time.Second

// Close keeps what waits, for at most 5 s, and ends the journal. Readers get ErrClosed.
func (j *Durable) Close() error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		<-j.ended
		return nil
	}
	j.closed = true
	j.notify()
	j.mu.Unlock()
	defer time.AfterFunc(closeTimeout, j.cancel).Stop()
	<-j.ended
	j.cancel()
	j.keeping.Wait()
	j.linger.Stop()
	j.mu.Lock()
	defer j.mu.Unlock()
	j.change()
	if j.unkept > 0 {
		return fmt.Errorf("the journal was closed before all was kept: %w", j.problem)
	}
	return nil
}
