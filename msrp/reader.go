package msrp

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/parley-msrp/parley/internal/wire"
)

const (
	// moveBelow: a rest this small is moved to the front of the buffer before the next read.
	moveBelow = 4 << 10
	// bulky is from how many octets on that one tenancy of a buffer has brought a connection gets the larger ones.
	bulky = readSize / 2
	// maxControl is how many octets of responses and REPORTs may wait until reading stops: a peer that does not read what
	// it asked for is not served further.
	maxControl = 256 << 10
	// maxUnanswerable and maxMalformed are how many requests without an address and malformed responses are overlooked
	// (T-015, T-064), maxGuesses how many requests for unknown sessions on a connection without any (T-076).
	maxUnanswerable = 3
	maxMalformed    = 3
	maxGuesses      = 16
	// restTime is how long a connection is silent until its reader gives back the stack that it has grown.
	restTime = 4 * time.Second
)

var (
	errUnanswerable = errors.New("requests without a From-Path")
	errMalformed    = errors.New("malformed responses")
	errGuesses      = errors.New("requests for unknown sessions")
	errUnbound      = errors.New("no session was bound to the connection")
	errLinger       = errors.New("output or messages not done with when the connection was to close")
)

// reader is what belongs to the reader goroutine of a connection.
type reader struct {
	decoder *wire.Decoder // nil: nothing of a frame has come
	opened  time.Time
	buffer  *buffer // nil: nothing is left over from the last read
	from    int     // buffer.octets[from:to] is left over
	to      int
	bulk    bool      // large frames have come: they get a larger buffer
	first   [1]byte   // of what is read while there is no buffer
	used    bool      // a session was bound, see conn.used
	waits   time.Time // the deadline that is set
	frameAt time.Time // when the head at hand began; zero: none
	rested  bool      // the goroutine is a new one, and nothing has come since it began

	last         *route
	routes       map[string]*route // by To-Path as it stood; nil while last is the only one
	arrival      arrival
	unanswerable int
	malformed    int
	guesses      int
	lost         bool   // framing: what comes is dropped
	forgive      func() // takes back that the connection counts as one that came to nothing; nil: it does not
}

// read is the reader goroutine.
func (c *conn) read() {
	defer c.endpoint.wg.Done()
	if !c.handshake() {
		return
	}
	for c.waitRoom() {
		if err := c.fill(); err != nil {
			if c.resting(err) {
				c.endpoint.wg.Add(1)
				go c.read() // takes the place of this one, with a stack half as large
				return
			}
			c.releaseBuffer()
			c.fail(c.readError(err))
			return
		}
		c.consume()
	}
	c.releaseBuffer()
}

// resting says whether reading failed only because nothing came for restTime, and the reader has not taken that for a rest yet.
func (c *conn) resting(err error) bool {
	r := &c.reader
	if !errors.Is(err, os.ErrDeadlineExceeded) || r.rested || !r.used || r.lost || r.inFrame() {
		return false
	}
	if r.from == r.to {
		c.releaseBuffer() // a plain read has taken one
	}
	r.rested = true
	return true
}

func (c *conn) readError(err error) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded) && c.unbound():
		return errUnbound
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%w while a frame was read", ErrTimeout)
	case errors.Is(err, io.EOF):
		return io.EOF
	}
	return err
}

func (c *conn) unbound() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.used
}

// fill reads once. An idle connection holds no buffer.
func (c *conn) fill() error {
	r := &c.reader
	c.setReadDeadline()
	before := r.to
	var n int
	var err error
	switch {
	case r.buffer != nil:
		c.makeRoom()
		before = r.to
		n, err = c.net.Read(r.buffer.octets[r.to:])
	case c.socket != nil:
		r.buffer, n, err = c.socket.read(c.pool())
	case c.secured && !r.inFrame():
		// What TLS has decrypted is not seen from outside: the first octet of a frame alone is waited for.
		if n, err = c.net.Read(r.first[:]); n > 0 {
			r.buffer = c.pool().take()
			copy(r.buffer.octets, r.first[:])
		}
	default:
		r.buffer = c.pool().take()
		n, err = c.net.Read(r.buffer.octets)
	}
	r.to += n
	if n > 0 && c.endpoint.cfg.Counter != nil {
		c.endpoint.cfg.Counter.Octets(n, 0)
	}
	if n > 0 && c.endpoint.cfg.Tap != nil {
		c.endpoint.cfg.Tap(c.net.LocalAddr(), c.net.RemoteAddr(), false, r.buffer.octets[before:r.to])
	}
	if n > 0 {
		r.rested = false
		return nil
	}
	return err
}

// pool is where the connection's buffers come from.
func (c *conn) pool() *bufferPool {
	if c.reader.bulk && !c.reader.lost {
		return &c.endpoint.bulk
	}
	return &c.endpoint.buffers
}

// inOnePiece is how large a frame may be to come out whole. One that comes in pieces is given to a Streamer at once, but is copied.
func (c *conn) inOnePiece() int {
	if last := c.reader.last; last == nil || last.session.streamer != nil && c.endpoint.cfg.StreamFrom == 0 {
		return readSize
	}
	return bulkSize
}

// makeRoom moves what is left over: to the front of the buffer, or into another one, because messages hold this one or the frame at hand is
// large.
func (c *conn) makeRoom() {
	r := &c.reader
	rest := r.buffer.octets[r.from:r.to]
	r.bulk = r.bulk || len(rest) >= bulky && c.inOnePiece() > readSize
	room, size := len(r.buffer.octets)-r.to, len(r.buffer.octets)
	switch {
	case size < c.pool().size || r.buffer.shared() && (len(rest) < moveBelow || room == 0):
		b := c.pool().take()
		copy(b.octets, rest)
		r.buffer.release()
		r.buffer = b
	case r.from > 0 && (len(rest) < moveBelow || room == 0):
		copy(r.buffer.octets, rest)
	default:
		return
	}
	r.from, r.to = 0, len(rest)
}

// setReadDeadline puts the time-outs into force: no session bound (T-073), a head that does not come to an end (T-071), a
// body that does not move (T-072). So does a rest.
func (c *conn) setReadDeadline() {
	r, cfg := &c.reader, &c.endpoint.cfg
	r.used = r.used || !c.unbound()
	var at time.Time
	switch {
	case r.lost:
	case r.inBody():
		r.frameAt = time.Time{}
		at = time.Now().Add(cfg.BodyTimeout)
		if d := at.Sub(r.waits); d >= 0 && d < cfg.BodyTimeout/64 {
			return // near enough: not a system call for each read
		}
	case r.inFrame():
		if r.frameAt.IsZero() {
			r.frameAt = time.Now()
		}
		at = r.frameAt.Add(cfg.HeadTimeout)
	default:
		r.frameAt = time.Time{}
		if r.rested || !r.used {
			break
		}
		at = time.Now().Add(restTime)
		if d := at.Sub(r.waits); d >= 0 && d < restTime/2 {
			return
		}
	}
	if !r.used {
		if limit := r.opened.Add(cfg.UnboundTimeout); at.IsZero() || limit.Before(at) {
			at = limit
		}
	}
	if !at.Equal(r.waits) {
		r.waits = at
		c.net.SetReadDeadline(at)
	}
}

func (r *reader) inFrame() bool { return r.decoder != nil && r.decoder.InFrame() }
func (r *reader) inBody() bool  { return r.decoder != nil && r.decoder.InBody() }

// releaseBuffer gives back the buffer, and the decoder if no frame is under way: an idle connection holds neither.
func (c *conn) releaseBuffer() {
	r := &c.reader
	if r.buffer != nil {
		r.buffer.release()
		r.bulk = r.to >= bulky && c.inOnePiece() > readSize
	}
	if r.decoder != nil && r.decoder.Between() {
		c.endpoint.decoders.Put(r.decoder)
		r.decoder = nil
	}
	r.buffer, r.from, r.to = nil, 0, 0
}

// consume handles the frames in the buffer. All responses that they cause at once leave in one write.
func (c *conn) consume() {
	r := &c.reader
	if r.lost {
		c.releaseBuffer()
		return
	}
	if r.decoder == nil {
		r.decoder = c.endpoint.decoders.Get().(*wire.Decoder)
	}
	c.beginBatch()
	full := false
	for {
		p, n, ok, err := r.decoder.Next(r.buffer.octets[r.from:r.to], full || c.streaming())
		r.from += n
		if err != nil {
			c.loseFraming(fmt.Errorf("%w: %w", ErrFraming, err))
			break
		}
		if ok {
			if p.Last {
				r.frameAt = time.Time{}
			}
			c.frame(&p)
			if r.lost {
				break
			}
			if !c.roomNow() || c.crowded() != nil {
				c.endBatch()
				if !c.waitRoom() {
					return
				}
				c.beginBatch()
			}
			continue
		}
		if full || r.from > 0 || r.to < c.inOnePiece() {
			break
		}
		full = true // a frame larger than the buffer comes out in pieces
	}
	if r.from == r.to {
		c.releaseBuffer()
	}
	c.endBatch()
}

// streaming says whether the body at hand goes into a stream: then no piece of it waits for more.
func (c *conn) streaming() bool {
	a := &c.reader.arrival
	return a.active && a.partial != nil && a.partial.stream != nil && c.reader.inBody()
}

// loseFraming stops the interpretation of what comes.
func (c *conn) loseFraming(cause error) {
	c.reader.lost = true
	c.releaseBuffer()
	c.giveUp(cause)
}

// proved notes that valid MSRP of a peer has come: a response, or a request for a session that is on the connection (D-024).
func (c *conn) proved() {
	if !c.proven.Load() {
		c.proven.Store(true)
	}
	if forgive := c.reader.forgive; forgive != nil {
		c.reader.forgive = nil
		forgive()
	}
}

// frame handles a frame or a part of one.
func (c *conn) frame(p *wire.Piece) {
	h := p.Head
	if p.Last {
		c.countFrame(h)
	}
	switch {
	case h.IsResponse():
		if p.Last {
			c.response(h)
		}
	case string(h.Method) == "REPORT":
		if p.Last {
			c.report(h)
		}
	default:
		c.request(p)
	}
}
