package journal

import (
	"bytes"
	"strconv"
	"time"

	"github.com/parley-msrp/parley/internal/event"
)

// outgoing is a pack on its way into the stream. Once it was sent it never changes: it may be there, unheard of.
type outgoing struct {
	pack
	subject string
	events  []event.Event
	kept    []func(error)
}

// mostSpare is the longest queue whose memory is used again.
const mostSpare = 16 << 10

// headRoom is more octets than the headers of a pack take.
const headRoom = 1 << 10

// take makes packs of what waits: one for each shard, or more where one would become too large. With more than enough for now, the rest stays in
// the backlog. closed says that nothing is left and nothing more will come.
func (j *Durable) take(maxPayload int) (made []*outgoing, closed bool) {
	if len(j.backlog) == 0 {
		if closed = j.takeQueue(); closed {
			return nil, true
		}
	}
	var (
		open   [shards]*outgoing
		left   [shards]int // events that are yet to come into each
		octets int
		freed  int64
	)
	for i := range j.backlog[:min(len(j.backlog), shards*packEvents)] {
		left[j.backlog[i].shard]++
	}
	n := 0
	for ; n < len(j.backlog) && octets < packsAhead*packOctets; n++ {
		in := &j.backlog[n]
		freed += in.octets
		p := open[in.shard]
		if p == nil || len(p.lines) >= packOctets || len(p.events) >= packEvents {
			p = j.begin(in.shard, min(max(left[in.shard], 1), packEvents))
			open[in.shard] = p
			made = append(made, p)
		}
		left[in.shard]--
		before := len(p.lines)
		if p.add(in, maxPayload) {
			octets += len(p.lines) - before
			continue
		}
		j.cfg.Logger.Error("an event is too large for the journal", "session_id", in.event.SessionID, "event", string(in.event.Name))
		call(in.kept, ErrTooLarge)
	}
	clear(j.backlog[:n])
	j.backlog = j.backlog[n:]
	if freed > 0 {
		j.mu.Lock()
		j.waiting -= freed
		j.mu.Unlock()
	}
	return j.place(made), false
}

// takeQueue makes the queue the backlog. It says whether there is none and nothing more will come.
func (j *Durable) takeQueue() (closed bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.queue) == 0 {
		return j.closed
	}
	if j.waiters == 0 && len(j.queue) < lingerEvents && !j.closed && time.Since(j.queued) < linger {
		return false
	}
	j.waiters = 0
	// The memory of the backlog is that of the next queue: it is empty by then.
	next := j.spare[:0]
	if cap(next) > mostSpare {
		next = nil
	}
	j.backlog, j.spare, j.queue = j.queue, j.queue, next
	return false
}

// begin makes an empty pack, with room for as many events as are known of.
func (j *Durable) begin(shard, events int) *outgoing {
	p := &outgoing{
		subject: j.subjects[shard],
		events:  make([]event.Event, 0, events),
		kept:    make([]func(error), 0, events),
	}
	if n := len(j.buffers); n > 0 {
		p.lines, j.buffers = j.buffers[n-1], j.buffers[:n-1]
	}
	return p
}

// add adds an event and numbers it, unless the pack would have more octets than one may.
func (p *outgoing) add(in *pending, limit int) bool {
	e := &in.event
	if e.Counter != nil {
		e.Sequence = e.Counter.Last + 1
	}
	n := len(p.lines)
	p.lines = e.AppendLine(p.lines)
	if len(p.lines) > limit {
		p.lines = p.lines[:n]
		return false
	}
	if e.Counter != nil {
		e.Counter.Last++
		e.Counter = nil
	}
	p.events = append(p.events, *e)
	p.kept = append(p.kept, in.kept)
	return true
}

// place gives packs their place in the stream.
func (j *Durable) place(made []*outgoing) []*outgoing {
	placed := made[:0]
	for _, p := range made {
		if len(p.events) == 0 {
			continue
		}
		j.packs++
		p.name = j.writer + "-" + strconv.FormatUint(j.packs, 10)
		p.sequence, p.first = j.next, j.number+1
		j.next++
		j.number += uint64(len(p.events))
		j.inflight = append(j.inflight, p)
		placed = append(placed, p)
	}
	return placed
}

// complete takes out the oldest pack under way, which is stored: readers see it, and those who wait are told.
func (j *Durable) complete() {
	p := j.inflight[0]
	j.inflight = j.inflight[1:]
	if j.readers.Load() > 0 {
		p.keepLines()
	}
	j.mu.Lock()
	j.tail.add(p)
	j.change()
	j.mu.Unlock()
	for _, kept := range p.kept {
		call(kept, nil)
	}
	if cap(p.lines) <= 2*packOctets && len(j.buffers) < 2*packsAhead {
		j.buffers = append(j.buffers, p.lines[:0])
	}
}

// keepLines lets those who follow tell the events as they were written, which takes less than to write them anew.
func (p *outgoing) keepLines() {
	i := 0
	for line := range event.Lines(bytes.Clone(p.lines)) {
		p.events[i].Written(line)
		i++
	}
}

// shardOf is the shard of a session, always the same.
func shardOf(sessionID string) int {
	h := uint32(2166136261) // FNV-1a
	for i := range len(sessionID) {
		h = (h ^ uint32(sessionID[i])) * 16777619
	}
	return int(h % shards)
}
