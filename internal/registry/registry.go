// Package registry keeps records of live calls in a file, so that a later process can take them up. The file is a log: what is put and deleted is appended, many
// at a time, and when more than half of it is dead the rest is copied into another one.
package registry

import (
	"fmt"
	"io"
	"iter"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"time"
)

const (
	// gather is how long what is to be written waits for more of it.
	gather = 2 * time.Millisecond
	// retry is how long after a failure writing is tried again.
	retry = time.Second
	// worthCompacting is how large a file is at least that is copied, in octets.
	worthCompacting = 1 << 20
	// MaxRecord is the largest record, in octets.
	MaxRecord = 1 << 20
)

// Registry is an open file of records. Safe for concurrent use.
type Registry struct {
	path  string
	fsync bool
	log   *slog.Logger
	wake  chan struct{} // something is pending
	stop  chan struct{}
	done  chan struct{}

	file  *os.File        // the writer's, once that runs
	size  int64           // of the file
	live  int64           // octets of it that are in index
	worth int64           // how large it is at least when it is copied
	index map[string]span // where the record of a key lies

	mu      sync.Mutex
	pending map[string]change // not written yet
	stored  map[string]struct{}
	err     error // why nothing can be written; nil: it can
	closed  bool
}

// span is where a frame lies in the file.
type span struct {
	at int64
	n  int
}

// change is what is to be written of a key; nil: it is deleted.
type change []byte

// Open opens the file at path, which is made where there is none, and reads where its records lie. fsync has every write reach the disk, not only the
// operating system. What a process wrote last may be cut off: it counts as not written.
func Open(path string, fsync bool, log *slog.Logger) (*Registry, error) {
	r := &Registry{
		path: path, fsync: fsync, log: log, wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
		worth: worthCompacting, index: map[string]span{}, pending: map[string]change{}, stored: map[string]struct{}{},
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	r.file = f
	if err := r.load(); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for key := range r.index {
		r.stored[key] = struct{}{}
	}
	go r.run() // ends with Close
	return r, nil
}

// Records gives what is in the file, each key once, in the order in which they were put. It is for the start, before anything is put or deleted.
func (r *Registry) Records() iter.Seq2[string, []byte] {
	keys := r.keys()
	return func(yield func(string, []byte) bool) {
		for _, key := range keys {
			record, err := r.read(key)
			if err != nil {
				r.log.Error("record of a call not read", "session_id", key, "err", err)
				continue
			}
			if !yield(key, record) {
				return
			}
		}
	}
}

// keys are those of the records in the order in which they lie in the file.
func (r *Registry) keys() []string {
	return slices.SortedFunc(maps.Keys(r.index), func(a, b string) int { return int(r.index[a].at - r.index[b].at) })
}

func (r *Registry) read(key string) ([]byte, error) {
	at := r.index[key]
	b := make([]byte, at.n)
	if _, err := r.file.ReadAt(b, at.at); err != nil {
		return nil, err
	}
	_, record, err := decode(b)
	return record, err
}

// Keep puts a record in the place of the one before under that key. It does not wait for the disk, which has it some milliseconds later.
func (r *Registry) Keep(key string, record []byte) {
	if len(record) == 0 || len(record) > MaxRecord || len(key) > maxKey {
		r.log.Error("record of a call not kept", "session_id", key, "octets", len(record))
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.pending[key] = record
		r.notify()
	}
}

// Forget deletes a record. One that was not written yet never is.
func (r *Registry) Forget(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	if _, there := r.stored[key]; !there {
		delete(r.pending, key)
		return
	}
	r.pending[key] = nil
	r.notify()
}

func (r *Registry) notify() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Err says why nothing can be written at the moment; nil: it can.
func (r *Registry) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// Close writes what waits and closes the file. The error says that it could not.
func (r *Registry) Close() error {
	r.mu.Lock()
	again := r.closed
	r.closed = true
	r.mu.Unlock()
	if !again {
		close(r.stop)
	}
	<-r.done
	return r.Err()
}

// run is the writer.
func (r *Registry) run() {
	defer close(r.done)
	defer func() { r.file.Close() }()
	for {
		wait := gather
		select {
		case <-r.stop:
			r.write()
			return
		case <-r.wake:
		}
		if r.Err() != nil {
			wait = retry
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-r.stop:
			timer.Stop()
		}
		r.write()
	}
}

// write writes all that is pending.
func (r *Registry) write() {
	r.mu.Lock()
	changes := r.pending
	r.pending = make(map[string]change)
	for key := range changes {
		r.stored[key] = struct{}{} // from here on a Forget has to be written
	}
	before := r.err
	r.mu.Unlock()
	if len(changes) == 0 {
		return
	}
	err := r.append(changes)
	if err == nil {
		r.tidy()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
	if err == nil {
		for key, record := range changes {
			if _, again := r.pending[key]; record == nil && !again {
				delete(r.stored, key)
			}
		}
		if before != nil {
			r.log.Info("registry of calls is written again")
		}
		return
	}
	if before == nil {
		r.log.Error("registry of calls cannot be written", "err", err)
	}
	for key, record := range changes {
		if _, newer := r.pending[key]; !newer {
			r.pending[key] = record
		}
	}
	r.notify()
}

// append writes changes behind the rest in one piece. What an attempt that failed has left is written over.
func (r *Registry) append(changes map[string]change) error {
	var b []byte
	at := make(map[string]span, len(changes))
	for key, record := range changes {
		from := len(b)
		b = encode(b, key, record)
		at[key] = span{r.size + int64(from), len(b) - from}
	}
	if err := r.file.Truncate(r.size); err != nil {
		return err
	}
	if _, err := r.file.WriteAt(b, r.size); err != nil {
		return err
	}
	if r.fsync {
		if err := r.file.Sync(); err != nil {
			return err
		}
	}
	r.size += int64(len(b))
	for key, record := range changes {
		r.live -= int64(r.index[key].n)
		delete(r.index, key)
		if record != nil {
			r.index[key] = at[key]
			r.live += int64(at[key].n)
		}
	}
	return nil
}

// tidy compacts the file where that is worth it. Where it fails, nothing is lost: it is tried again when the file has doubled.
func (r *Registry) tidy() {
	if r.size < r.worth || r.live > r.size/2 {
		return
	}
	r.worth = worthCompacting
	if err := r.compact(); err != nil {
		r.worth = 2 * r.size
		r.log.Warn("the registry of calls grows: it cannot be copied without what is over", "file", r.path, "octets", r.size, "err", err)
	}
}

// compact copies what is live into another file.
func (r *Registry) compact() (err error) {
	next, err := os.OpenFile(r.path+".new", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			next.Close()
			os.Remove(next.Name())
		}
	}()
	if _, err = next.WriteString(magic); err != nil {
		return err
	}
	keys := r.keys()
	index, size := make(map[string]span, len(keys)), int64(len(magic))
	for _, key := range keys {
		s := r.index[key]
		if _, err = io.Copy(next, io.NewSectionReader(r.file, s.at, int64(s.n))); err != nil {
			return err
		}
		index[key] = span{size, s.n}
		size += int64(s.n)
	}
	if err = next.Sync(); err != nil {
		return err
	}
	// The last that can fail: from here on the other file is the one that counts.
	if err = os.Rename(next.Name(), r.path); err != nil {
		return err
	}
	r.file.Close()
	r.file, r.index, r.size, r.live = next, index, size, size-int64(len(magic))
	return nil
}
