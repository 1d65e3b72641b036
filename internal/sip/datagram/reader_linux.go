package datagram

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Reader reads what waits at a socket. It is for one goroutine.
type Reader struct {
	s        *Socket
	messages []message
	pieces   []unix.Iovec
	names    []name
	control  []byte
	beside   int // octets of control for each
	used     int // messages
	zone     zone
}

// NewReader makes a Reader of at most so many datagrams at once, of so many octets each; of longer ones the rest is lost. control octets of each are room for
// what the socket tells beside it.
func (s *Socket) NewReader(most, octets, control int) *Reader {
	r := &Reader{
		s: s, messages: make([]message, most), pieces: make([]unix.Iovec, most), names: make([]name, most),
		control: make([]byte, most*control), beside: control, used: most,
	}
	buf := make([]byte, most*octets)
	for i := range r.messages {
		p, h := &r.pieces[i], &r.messages[i].header
		p.Base = &buf[i*octets]
		p.SetLen(octets)
		h.Iov = p
		h.SetIovlen(1)
		h.Name = (*byte)(unsafe.Pointer(&r.names[i]))
		if control > 0 {
			h.Control = &r.control[i*control]
		}
	}
	return r
}

// Read waits for a datagram and reads it, and those that wait behind it, as many as there is room for. An error may be that of a single datagram that was sent
// before; it is net.ErrClosed once the socket is closed.
func (r *Reader) Read() (n int, err error) {
	for i := range r.messages[:r.used] {
		h := &r.messages[i].header
		h.Namelen = uint32(unsafe.Sizeof(name{}))
		h.SetControllen(r.beside)
	}
	n, err = r.s.move(unix.SYS_RECVMMSG, r.messages, unix.MSG_WAITFORONE)
	r.used = max(n, 1) // after an error too the first may have been touched
	return n, err
}

// Datagram gives one of those that were read, until the next Read; control is what the socket told beside it.
func (r *Reader) Datagram(i int) (octets, control []byte, from netip.AddrPort) {
	m := &r.messages[i]
	at := i * r.beside
	return unsafe.Slice(r.pieces[i].Base, m.length), r.control[at : at+int(m.header.Controllen)], r.zone.address(&r.names[i])
}
