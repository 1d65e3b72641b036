package sip

import (
	"errors"
	"strconv"
)

var errCSeq = errors.New("broken CSeq")

// parseCSeq parses `1 INVITE` with any blanks between (RFC 3261 §8.1.1.5: the number is below 2^31).
func parseCSeq(s string) (n uint32, method string, err error) {
	end := blankIn(s)
	if end == len(s) || s[0] < '0' || s[0] > '9' {
		return 0, "", errCSeq
	}
	v, err := strconv.ParseUint(s[:end], 10, 31)
	method = trim(s[end:])
	if err != nil || !isToken(method) {
		return 0, "", errCSeq
	}
	return uint32(v), method, nil
}
