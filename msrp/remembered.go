package msrp

import (
	"hash/maphash"
	"slices"
)

// remembered is the last so many Message-IDs of one direction of a session, as keyed hashes: 8 octets each, and a peer
// cannot make two collide. It grows as it is used.
type remembered struct {
	hashes []uint64
	next   int     // the one to overwrite when full
	filter *filter // says of most new ones that they are new; nil: the search is short
}

// filtered is from how many Message-IDs on a search is worth avoiding.
const filtered = 32

func (r *remembered) has(seed maphash.Seed, id []byte) bool {
	if len(r.hashes) == 0 {
		return false
	}
	h := maphash.Bytes(seed, id)
	return (r.filter == nil || r.filter.maybe(h)) && slices.Contains(r.hashes, h)
}

// add remembers id, and forgets the oldest one if that would make more than limit.
func (r *remembered) add(seed maphash.Seed, id string, limit int) {
	h := maphash.String(seed, id)
	switch {
	case limit == 0:
		return
	case len(r.hashes) < limit:
		r.hashes = append(r.hashes, h)
	default:
		r.hashes[r.next] = h
		r.next = (r.next + 1) % limit
	}
	switch {
	case r.filter != nil:
		r.filter.add(h, limit)
	case len(r.hashes) == filtered:
		r.filter = new(filter)
		for _, h := range r.hashes {
			r.filter.add(h, limit)
		}
	}
}

// remove forgets id.
func (r *remembered) remove(seed maphash.Seed, id string) {
	if i := slices.Index(r.hashes, maphash.String(seed, id)); i >= 0 {
		r.hashes[i] = 0
	}
}

// filter is a set of hashes of which at least the last so many are in it, and some that never were. Two halves take turns: one is filled
// while the other still knows those before.
type filter struct {
	bits  [2][filterBits / 64]uint64
	at    int // the half being filled
	count int // hashes in it
}

const filterBits = 4096

func (f *filter) maybe(h uint64) bool {
	word, bit := h%filterBits/64, uint64(1)<<(h%64)
	return (f.bits[0][word]|f.bits[1][word])&bit != 0
}

func (f *filter) add(h uint64, limit int) {
	if f.count == limit {
		f.at, f.count = 1-f.at, 0
		clear(f.bits[f.at][:])
	}
	f.count++
	f.bits[f.at][h%filterBits/64] |= 1 << (h % 64)
}
