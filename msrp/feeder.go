package msrp

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/parley-msrp/parley/internal/wire"
)

const (
	// feedSize is how much is read from a reader at a time, and maxFed how much may wait, in octets.
	feedSize = 64 << 10
	maxFed   = 4 * feedSize
)

var errBodySize = errors.New("the body is not as long as said")

// feeder reads a body ahead of the chunks that carry it.
type feeder struct {
	reader io.Reader
	size   int64     // as the application said it; wire.Star: not at all
	once   sync.Once // closes reader

	mu     sync.Mutex // taken after Session.mu, before nothing
	room   sync.Cond
	blocks [][]byte // read, not taken yet
	held   int      // octets in blocks
	ended  bool     // nothing more comes
	err    error    // why, if not at the regular end
	stop   bool     // nobody wants more
}

func newFeeder(r io.Reader, size int64) *feeder {
	f := &feeder{reader: r, size: size}
	f.room.L = &f.mu
	return f
}

// run reads the body until its end or until nobody wants it. more is called whenever there is more, or the end.
func (f *feeder) run(more func()) {
	defer f.closeReader()
	total := int64(0)
	for {
		block := make([]byte, feedSize)
		n, err := io.ReadAtLeast(f.reader, block, feedSize/2)
		total += int64(n)
		f.mu.Lock()
		f.ended, f.err = f.judge(total, err)
		if n > 0 && f.err == nil && !f.stop {
			f.blocks = append(f.blocks, block[:n])
			f.held += n
		}
		over := f.ended
		f.mu.Unlock()
		more()
		if over || !f.waitRoom() {
			return
		}
	}
}

// judge says whether the body is at its end after total octets and the reader's err, and whether that is as it should be.
func (f *feeder) judge(total int64, err error) (ended bool, wrong error) {
	end := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	switch {
	case err != nil && !end:
		return true, err
	case f.size != wire.Star && (total > f.size || end && total < f.size):
		return true, fmt.Errorf("%w: %d octets were announced", errBodySize, f.size)
	}
	return end, nil
}

// waitRoom waits until less than maxFed waits. False: nobody wants more.
func (f *feeder) waitRoom() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.held >= maxFed && !f.stop {
		f.room.Wait()
	}
	return !f.stop
}

// next takes the first block. Holding f.mu.
func (f *feeder) next() []byte {
	block := f.blocks[0]
	f.blocks[0], f.blocks = nil, f.blocks[1:]
	f.held -= len(block)
	f.room.Signal()
	return block
}

// close lets run end.
func (f *feeder) close() {
	f.mu.Lock()
	f.stop, f.blocks, f.held = true, nil, 0
	f.room.Signal()
	f.mu.Unlock()
	f.closeReader() // Read may be blocked
}

func (f *feeder) closeReader() {
	if c, ok := f.reader.(io.Closer); ok {
		f.once.Do(func() { c.Close() })
	}
}
