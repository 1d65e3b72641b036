package datagram

import (
	"net/netip"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Writer collects datagrams, and writes them in their order. It is for one goroutine at a time.
type Writer struct {
	s        *Socket
	octets   []byte
	queue    []queued
	messages []message
	pieces   []unix.Iovec
	names    []name
	zone     zone
	done     int // of the queue
}

// queued is a datagram, which begins where the one before it ends.
type queued struct {
	control int // where its control message begins in the Writer's octets
	end     int
}

// NewWriter makes a Writer of so many datagrams at once; octets is room for them, which grows if it has to.
func (s *Socket) NewWriter(most, octets int) *Writer {
	w := &Writer{
		s: s, octets: make([]byte, 0, octets), queue: make([]queued, 0, most),
		messages: make([]message, most), pieces: make([]unix.Iovec, most), names: make([]name, most),
	}
	for i := range w.messages {
		w.messages[i].header.Iov = &w.pieces[i]
		w.messages[i].header.SetIovlen(1)
	}
	return w
}

// Len counts the datagrams that wait.
func (w *Writer) Len() int { return len(w.queue) - w.done }

// Full says that no other datagram has room before a Flush.
func (w *Writer) Full() bool { return len(w.queue) == len(w.messages) }

// Add takes a copy of a datagram, for which there has to be room; control goes to the socket beside it. The zero address is that of a connected socket.
func (w *Writer) Add(octets, control []byte, to netip.AddrPort) {
	i := len(w.queue)
	h := &w.messages[i].header
	h.Name = (*byte)(unsafe.Pointer(&w.names[i]))
	if h.Namelen = w.zone.setAddress(&w.names[i], w.s.family, to); h.Namelen == 0 {
		h.Name = nil // an unconnected socket says that it wants one
	}
	w.octets = append(w.octets, octets...)
	q := queued{control: len(w.octets)}
	w.octets = append(w.octets, control...)
	q.end = len(w.octets)
	w.queue = append(w.queue, q)
}

// Flush writes what was added, and says how many the system took. The error is that of the one behind these, which with the rest waits on; or it is
// of a datagram that was sent before; or it is net.ErrClosed. It waits for room in the system's buffer.
func (w *Writer) Flush() (n int, err error) {
	w.point()
	for w.Len() > 0 {
		sent, err := w.s.move(unix.SYS_SENDMMSG, w.messages[w.done:len(w.queue)], 0)
		w.done += sent
		if n += sent; err != nil {
			return n, err
		}
	}
	w.clear()
	return n, nil
}

func (w *Writer) clear() { w.octets, w.queue, w.done = w.octets[:0], w.queue[:0], 0 }

// start is where a datagram begins.
func (w *Writer) start(i int) int {
	if i == 0 {
		return 0
	}
	return w.queue[i-1].end
}

// point tells the system where the octets are, which have moved while they grew.
func (w *Writer) point() {
	whole := unsafe.SliceData(w.octets)
	for i := w.done; i < len(w.queue); i++ {
		from, q, h := w.start(i), w.queue[i], &w.messages[i].header
		w.pieces[i].Base = (*byte)(unsafe.Add(unsafe.Pointer(whole), from))
		w.pieces[i].SetLen(q.control - from)
		h.Control = nil
		if h.SetControllen(q.end - q.control); q.end > q.control {
			h.Control = &w.octets[q.control]
		}
	}
}

// Skip gives up the first datagram that waits, and gives its octets.
func (w *Writer) Skip() []byte {
	octets := slices.Clone(w.octets[w.start(w.done):w.queue[w.done].control])
	if w.done++; w.Len() == 0 {
		w.clear()
	}
	return octets
}
