package msrp

import "slices"

// spans is a set of octets of a message as sorted, disjoint spans that do not touch.
type spans []span

// span is the octets from..to, counted from 1, both in it.
type span struct{ from, to int64 }

// maxSpans bounds the memory of a set that is fed by a peer.
const maxSpans = 1024

// add puts the octets from..to into the set. A span that would make the set too large is left out.
func (s *spans) add(from, to int64) {
	if from > to {
		return
	}
	// lo: the first span that touches the new one or lies behind it; hi: the first that lies wholly behind it.
	lo, _ := slices.BinarySearchFunc(*s, from, func(x span, at int64) int {
		if x.to < at-1 {
			return -1
		}
		return 1
	})
	hi := lo
	for hi < len(*s) && (*s)[hi].from <= to+1 {
		from, to = min(from, (*s)[hi].from), max(to, (*s)[hi].to)
		hi++
	}
	if lo == hi && len(*s) >= maxSpans {
		return
	}
	*s = slices.Replace(*s, lo, hi, span{from, to})
}

// covers says whether the set holds the octets 1..to.
func (s spans) covers(to int64) bool {
	return to <= 0 || len(s) > 0 && s[0].from <= 1 && s[0].to >= to
}
