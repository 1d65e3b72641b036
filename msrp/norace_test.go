//go:build !race

package msrp_test

// raced says whether the race detector is at work, with which all takes five times as long; longBody, in octets, follows from that.
const (
	raced    = false
	longBody = 1 << 18
)
