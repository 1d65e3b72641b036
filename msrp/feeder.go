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
	seeker   io.Seeker // reader, if the body may be needed a second time; nil: it can be read once
	start    int64     // where seeker stood
	rewinds  bool      // seeker goes back there before the first octet is read

	mu     sync.Mutex // taken after Session.mu, before nothing
	wait   sync.Cond
	blocks []*fed  // the window is in the first one, the last one is being filled
	held   int     // octets in blocks that were not taken
	total  int64   // octets read
	ended  bool    // nothing more comes
	err    error   // why, if not at the regular end
	stop   bool    // nobody wants more
	seeks  bool    // start is known
	reads  bool    // a goroutine is at it
	next   *feeder // takes reader over; nil: nobody does
}

// fed is a block of what was read: buffer.octets[from:to] was not taken.
type fed struct {
	buffer   *buffer
	from, to int
}

func (b *fed) full() bool { return b.to == len(b.buffer.octets) }

func newFeeder(e *Endpoint, r io.Reader, size int64, twice bool) *feeder {
	f := &feeder{endpoint: e, reader: r, size: size}
	if twice {
		f.seeker, _ = r.(io.Seeker)
	}
	f.wait.L = &f.mu
	return f
}

// begin begins to read; more is called whenever there is more, or the end.
func (f *feeder) begin(more func()) {
	f.reads = true
	f.endpoint.feeders.Go(func() { // ends with the body, or when the message has its fate and Read has returned
		for f != nil {
			if f.seek() {
				f.feed(more)
			} else {
				more()
			}
			f = f.done()
		}
	})
}

// feed reads the body to its end.
func (f *feeder) feed(more func()) {
	for empty := 0; empty < maxEmptyReads; empty++ {
		room := f.room()
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
}

// seek notes where the body begins, or goes back there. False: that is not possible, though it was before.
func (f *feeder) seek() bool {
	switch {
	case f.seeker == nil:
	case f.rewinds:
		if _, err := f.seeker.Seek(f.start, io.SeekStart); err != nil {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.ended, f.err = true, fmt.Errorf("the body cannot be read a second time: %w", err)
			return false
		}
	default:
		at, err := f.seeker.Seek(0, io.SeekCurrent)
		f.mu.Lock()
		defer f.mu.Unlock()
		f.start, f.seeks = at, err == nil
	}
	return true
}

// done is called when nothing more is read, and gives who takes the reader over; nil: nobody does. Until the message is acknowledged somebody may.
func (f *feeder) done() *feeder {
	f.mu.Lock()
	f.reads = false
	next, stop, keep := f.next, f.stop, f.seeks
	f.mu.Unlock()
	if next == nil && (stop || !keep) {
		f.closeReader()
	}
	return next
}

// again gives a feeder that reads the same body from its beginning, once this one, which brings no more, has done with it. Nil: the body can be read once only.
func (f *feeder) again(more func()) *feeder {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.seeks || f.stop {
		return nil
	}
	next := newFeeder(f.endpoint, f.reader, f.size, true)
	next.start, next.seeks, next.rewinds = f.start, true, true
	f.next, f.stop, f.blocks, f.held = next, true, nil, 0
	f.wait.Signal()
	if f.reads {
		next.reads = true
	} else {
		next.begin(more)
	}
	return next
}

// room waits until less than maxFed waits, and gives room to read into. Nil: nothing more is to be read.
func (f *feeder) room() []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.held >= maxFed && !f.stop {
		f.wait.Wait()
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
	f.wait.Signal()
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
	f.wait.Signal()
	if !f.ended || f.seeks {
		f.endpoint.feeders.Go(f.closeReader) // Read may be blocked, and Close block too
	}
}

func (f *feeder) closeReader() {
	if c, ok := f.reader.(io.Closer); ok {
		f.once.Do(func() { c.Close() })
	}
}
