package msrp

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/parley-msrp/parley/internal/wire"
)

const (
	// maxFed is how many octets may wait until a reader is read no further.
	maxFed = 256 << 10
	// readAhead is how much memory a stream takes at most, in octets: what waits, and one block more.
	readAhead = maxFed + bulkSize
	// headroom is what is left in front of a block, for the last octets of the one before that go out with it.
	headroom = 4 << 10
	// maxEmptyReads in a row are taken for a reader that never gives anything.
	maxEmptyReads = 100
)

var (
	errBodySize = errors.New("the body is not as long as said")
	errBadRead  = errors.New("the body's reader returned an impossible count")
)

// feeder reads a body ahead of the chunks that carry it.
type feeder struct {
	endpoint *Endpoint
	reader   io.Reader
	size     int64     // as the application said it; wire.Star: not at all
	once     sync.Once // closes reader

	mu     sync.Mutex // taken after Session.mu, before nothing
	room   sync.Cond
	blocks []*fed // the window is in the first one, the last one is being filled
	held   int    // octets in blocks that were not taken
	total  int64  // octets read
	ended  bool   // nothing more comes
	err    error  // why, if not at the regular end
	stop   bool   // nobody wants more
}

// fed is a block of what was read: buffer.octets[from:to] was not taken.
type fed struct {
	buffer   *buffer
	from, to int
}

func (b *fed) full() bool { return b.to == len(b.buffer.octets) }

func newFeeder(e *Endpoint, r io.Reader, size int64) *feeder {
	f := &feeder{endpoint: e, reader: r, size: size}
	f.room.L = &f.mu
	return f
}

// start begins to read; more is called whenever there is more, or the end.
func (f *feeder) start(more func()) {
	f.endpoint.feeders.Go(func() { // ends with the body, or when the message has its fate and Read has returned
		defer f.closeReader()
		for empty := 0; empty < maxEmptyReads; empty++ {
			room := f.next()
			if room == nil {
				return
			}
			n, err := f.reader.Read(room)
			if n < 0 || n > len(room) {
				n, err = 0, errBadRead
			}
			if n > 0 {
				empty = -1
			}
			if f.take(n, err) {
				more()
			}
		}
		if f.take(0, io.ErrNoProgress) {
			more()
		}
	})
}

// next waits until less than maxFed waits, and gives room to read into. Nil: nothing more is to be read.
func (f *feeder) next() []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.held >= maxFed && !f.stop {
		f.room.Wait()
	}
	if f.stop || f.ended {
		return nil
	}
	if n := len(f.blocks); n == 0 || f.blocks[n-1].full() {
		f.blocks = append(f.blocks, &fed{buffer: f.pool().take(), from: headroom, to: headroom})
	}
	b := f.blocks[len(f.blocks)-1]
	return b.buffer.octets[b.to:]
}

// pool is where the blocks come from.
func (f *feeder) pool() *bufferPool {
	if f.size == wire.Star || f.size > readSize-headroom {
		return &f.endpoint.bulk
	}
	return &f.endpoint.buffers
}

// take notes what a read brought. False: nothing new.
func (f *feeder) take(n int, err error) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stop {
		return false
	}
	f.total += int64(n)
	f.ended, f.err = f.judge(err)
	f.blocks[len(f.blocks)-1].to += n
	f.held += n
	return n > 0 || f.ended
}

// judge says whether the body is at its end after the reader's err, and whether that is as it should be.
func (f *feeder) judge(err error) (ended bool, wrong error) {
	switch {
	case err != nil && err != io.EOF: // io.EOF itself is a regular end; wrapped, or as ErrUnexpectedEOF, it is that of something below
		return true, err
	case f.size != wire.Star && (f.total > f.size || err != nil && f.total < f.size):
		return true, fmt.Errorf("%w: %d octets were announced", errBodySize, f.size)
	}
	return err != nil, nil
}

// advance takes n octets away, and gives what can be had in one piece of those behind them: n of them if that many were read, unless more than
// headroom of them lie before the end of a block. It stays as it is until it was taken, and longer if block is held. Holding f.mu.
func (f *feeder) advance(taken, n int) (window []byte, block *buffer) {
	if len(f.blocks) == 0 {
		return nil, nil
	}
	first := f.blocks[0]
	first.from += taken
	f.held -= taken
	rest := first.buffer.octets[first.from:first.to]
	if first.full() && len(f.blocks) > 1 && len(rest) < n && len(rest) <= headroom {
		next := f.blocks[1]
		next.from -= copy(next.buffer.octets[next.from-len(rest):], rest)
		first.buffer.release()
		f.blocks[0], f.blocks = nil, f.blocks[1:]
		first = next
	}
	f.room.Signal()
	return first.buffer.octets[first.from:first.to], first.buffer
}

// close lets the reading end.
func (f *feeder) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stop {
		return
	}
	f.stop, f.blocks, f.held = true, nil, 0 // not released: one may be being filled
	f.room.Signal()
	if !f.ended {
		f.endpoint.feeders.Go(f.closeReader) // Read may be blocked, and Close block too
	}
}

func (f *feeder) closeReader() {
	if c, ok := f.reader.(io.Closer); ok {
		f.once.Do(func() { c.Close() })
	}
}
