package msrp

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"sync"
)

// idents makes the random names of an endpoint: transaction ids, Message-IDs, session-ids. Random octets are fetched
// many at a time; each processor has its own store of them.
type idents struct{ stores sync.Pool }

type identStore struct {
	octets [512]byte
	left   int
}

// fill fills b with random octets.
func (d *idents) fill(b []byte) {
	s, _ := d.stores.Get().(*identStore)
	if s == nil {
		s = new(identStore)
	}
	if s.left < len(b) {
		rand.Read(s.octets[:]) // never fails
		s.left = len(s.octets)
	}
	used := s.octets[s.left-len(b) : s.left]
	copy(b, used)
	clear(used)
	s.left -= len(b)
	d.stores.Put(s)
}

// transaction makes a transaction id of 64 random bits (M-003); its text is that of transactionText.
func (d *idents) transaction() uint64 {
	var b [8]byte
	d.fill(b[:])
	return binary.BigEndian.Uint64(b[:])
}

// message makes a Message-ID of 96 random bits (M-068).
func (d *idents) message() string {
	var b [12]byte
	d.fill(b[:])
	return hex.EncodeToString(b[:])
}

// session makes a session-id of 128 random bits (M-040).
func (d *idents) session() string {
	var b [16]byte
	d.fill(b[:])
	return hex.EncodeToString(b[:])
}

// suffix makes what tells the further URIs of a session apart, of 64 random bits.
func (d *idents) suffix() string { return transactionText(d.transaction()) }

// transactionText is how a transaction id of ours stands on the wire: 16 hexadecimal digits.
func transactionText(id uint64) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], id)
	return hex.EncodeToString(b[:])
}

// parseTransaction reads a transaction id of ours back, octet for octet.
func parseTransaction(text []byte) (uint64, bool) {
	if len(text) != 16 {
		return 0, false
	}
	var id uint64
	for _, c := range text {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		default:
			return 0, false
		}
		id = id<<4 | uint64(c)
	}
	return id, true
}
