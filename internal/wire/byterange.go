package wire

import (
	"errors"
	"math"
	"strconv"
)

// ByteRange is the value of a Byte-Range header, start-end/total (RFC 4975 §7.1.1), in octets counted from 1. End and
// Total may be Star. Numbers beyond an int64 stand as math.MaxInt64 (M-027): whoever adds to one must check first.
type ByteRange struct{ Start, End, Total int64 }

// Star stands for '*', a number that is not known yet, in the End and Total of a ByteRange.
const Star = -1

// What ParseByteRange finds wrong.
var (
	ErrRangeSyntax   = errors.New("not of the form start-end/total")
	ErrRangeStart    = errors.New("range-start is 0; octets are counted from 1")
	ErrRangeConflict = errors.New("range-end contradicts range-start or total")
)

// ParseByteRange reads the value of a Byte-Range header. It fails with ErrRangeSyntax or ErrRangeStart for what is
// outside the grammar (M-026), and with ErrRangeConflict if the end lies more than one octet before the start or behind
// the total. An end of start-1 is legal: such a chunk has no octets (M-045, M-100). It keeps nothing of v.
func ParseByteRange(v []byte) (ByteRange, error) {
	var r ByteRange
	var ok bool
	if r.Start, v, ok = cutNumber(v); !ok || len(v) == 0 || v[0] != '-' {
		return ByteRange{}, ErrRangeSyntax
	}
	if r.End, v, ok = cutNumberOrStar(v[1:]); !ok || len(v) == 0 || v[0] != '/' {
		return ByteRange{}, ErrRangeSyntax
	}
	if r.Total, v, ok = cutNumberOrStar(v[1:]); !ok || len(v) != 0 {
		return ByteRange{}, ErrRangeSyntax
	}
	switch {
	case r.Start == 0:
		return ByteRange{}, ErrRangeStart
	case r.End != Star && r.End < r.Start-1, r.End != Star && r.Total != Star && r.End > r.Total:
		return ByteRange{}, ErrRangeConflict
	}
	return r, nil
}

func cutNumberOrStar(v []byte) (int64, []byte, bool) {
	if len(v) > 0 && v[0] == '*' {
		return Star, v[1:], true
	}
	return cutNumber(v)
}

// cutNumber reads digits and returns what follows them.
func cutNumber(v []byte) (n int64, rest []byte, ok bool) {
	i := 0
	for ; i < len(v) && isDigit(v[i]); i++ {
		if d := int64(v[i] - '0'); n > (math.MaxInt64-d)/10 {
			n = math.MaxInt64
		} else {
			n = n*10 + d
		}
	}
	return n, v[i:], i > 0
}

// String returns the range as it stands in a header.
func (r ByteRange) String() string { return string(r.AppendTo(nil)) }

// AppendTo appends the range as it stands in a header.
func (r ByteRange) AppendTo(b []byte) []byte {
	b = strconv.AppendInt(b, r.Start, 10)
	b = append(b, '-')
	b = appendNumberOrStar(b, r.End)
	b = append(b, '/')
	return appendNumberOrStar(b, r.Total)
}

func appendNumberOrStar(b []byte, n int64) []byte {
	if n == Star {
		return append(b, '*')
	}
	return strconv.AppendInt(b, n, 10)
}
