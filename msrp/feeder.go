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
	// readAhead is how much of a stream is in memory at most, in octets: what waits, with one read more, and what is moved into a window.
	readAhead = maxFed + 2*readSize
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
	blocks []*fed // the last one is being filled
	held   int    // octets in blocks
	total  int64  // octets read
	ended  bool   // nothing more comes
	err    error  // why, if not at the regular end
	stop   bool   // nobody wants more
}

// fed is a piece of what was read and not taken: octets[from:to].
type fed struct {
	octets   *readBuffer
	from, to int
}

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
	if n := len(f.blocks); n > 0 && f.blocks[n-1].to < readSize {
		b := f.blocks[n-1]
		return b.octets[b.to:]
	}
	b := &fed{octets: f.endpoint.buffers.Get().(*readBuffer)}
	f.blocks = append(f.blocks, b)
	return b.octets[:]
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

// appendTo moves octets behind b until that holds n or nothing is left. Holding f.mu.
func (f *feeder) appendTo(b []byte, n int) []byte {
	for len(b) < n && f.held > 0 {
		block := f.blocks[0]
		octets := block.octets[block.from:block.to]
		octets = octets[:min(len(octets), n-len(b))]
		b = append(b, octets...)
		block.from += len(octets)
		f.held -= len(octets)
		if block.from == readSize { // one that is not full may be being filled
			f.endpoint.buffers.Put(block.octets)
			f.blocks[0], f.blocks = nil, f.blocks[1:]
		}
	}
	f.room.Signal()
	return b
}

// close lets the reading end.
func (f *feeder) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stop {
		return
	}
	f.stop, f.blocks, f.held = true, nil, 0 // not into the pool: one may be being filled
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
