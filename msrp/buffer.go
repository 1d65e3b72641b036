package msrp

import (
	"sync"
	"sync/atomic"
)

const (
	// readSize is the room for one read, in octets. Frames that fit come out whole.
	readSize = 64 << 10
	// bulkSize is the room of a buffer for large frames and for bodies that are read ahead, in octets.
	bulkSize = 256 << 10
)

// buffer is memory from a pool that may be in use in several places; whoever is the last to release it gives it back. Where nobody does, it
// is left to the garbage collector.
type buffer struct {
	octets []byte
	pool   *bufferPool
	uses   atomic.Int32
}

// hold notes one more use.
func (b *buffer) hold() *buffer {
	b.uses.Add(1)
	return b
}

func (b *buffer) release() {
	if b.uses.Add(-1) == 0 {
		b.pool.free.Put(b)
	}
}

// shared says whether somebody else holds it, too.
func (b *buffer) shared() bool { return b.uses.Load() > 1 }

// bufferPool holds buffers of one size.
type bufferPool struct {
	size int
	free sync.Pool
}

// take gives a buffer with one use.
func (p *bufferPool) take() *buffer {
	b, _ := p.free.Get().(*buffer)
	if b == nil {
		b = &buffer{octets: make([]byte, p.size), pool: p}
	}
	b.uses.Store(1)
	return b
}
