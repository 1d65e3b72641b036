package msrp

import (
	"hash/maphash"
	"slices"
)

// remembered is the last so many Message-IDs of one direction of a session, as keyed hashes: 8 octets each, and a peer
// cannot make two collide. It grows as it is used.
type remembered struct {
	hashes []uint64
	next   int // the one to overwrite when full
}

func (r *remembered) has(seed maphash.Seed, id []byte) bool {
	return len(r.hashes) > 0 && slices.Contains(r.hashes, maphash.Bytes(seed, id))
}

// add remembers id, and forgets the oldest one if that would make more than limit.
func (r *remembered) add(seed maphash.Seed, id string, limit int) {
	h := maphash.String(seed, id)
	switch {
	case limit == 0:
	case len(r.hashes) < limit:
		r.hashes = append(r.hashes, h)
	default:
		r.hashes[r.next] = h
		r.next = (r.next + 1) % limit
	}
}

// remove forgets id.
func (r *remembered) remove(seed maphash.Seed, id string) {
	if i := slices.Index(r.hashes, maphash.String(seed, id)); i >= 0 {
		r.hashes[i] = 0
	}
}
