package wire

import (
	"errors"
	"math"
	"testing"
)

func TestParseByteRange(t *testing.T) {
	const most = math.MaxInt64
	for _, c := range []struct {
		name, in string
		want     ByteRange
		err      error
	}{
		{"M-026/all known", "1-5/5", ByteRange{1, 5, 5}, nil},
		{"M-026/nothing but the start known", "1-*/*", ByteRange{1, Star, Star}, nil},
		{"M-026/total unknown", "1-5/*", ByteRange{1, 5, Star}, nil},
		{"M-026/end unknown", "1-*/5", ByteRange{1, Star, 5}, nil},
		{"M-045/no octets", "1-0/0", ByteRange{1, 0, 0}, nil},
		{"M-100/no octets behind the tenth", "11-10/10", ByteRange{11, 10, 10}, nil},
		{"M-099/end is not checked against a body", "1-100/100", ByteRange{1, 100, 100}, nil},
		{"M-027/2^63 - 1", "1-*/9223372036854775807", ByteRange{1, Star, most}, nil},
		{"M-027/2^63", "1-*/9223372036854775808", ByteRange{1, Star, most}, nil},
		{"M-027/2^64", "1-*/18446744073709551616", ByteRange{1, Star, most}, nil},
		{"M-027/40 digits", "1-1000000000000000000000000000000000000000/1000000000000000000000000000000000000000", ByteRange{1, most, most}, nil},
		{"M-027/huge start", "9223372036854775807-*/*", ByteRange{most, Star, Star}, nil},
		{"M-026/star for start", "*-5/5", ByteRange{}, ErrRangeSyntax},
		{"M-026/octet 0", "0-4/5", ByteRange{}, ErrRangeStart},
		{"M-026/no total", "1-5", ByteRange{}, ErrRangeSyntax},
		{"M-026/empty total", "1-5/", ByteRange{}, ErrRangeSyntax},
		{"M-026/empty end", "1-/5", ByteRange{}, ErrRangeSyntax},
		{"M-026/empty start", "-5/5", ByteRange{}, ErrRangeSyntax},
		{"M-026/blanks", "1 - 5/5", ByteRange{}, ErrRangeSyntax},
		{"M-026/negative", "-1-5/5", ByteRange{}, ErrRangeSyntax},
		{"M-026/letters", "a-b/c", ByteRange{}, ErrRangeSyntax},
		{"M-026/hexadecimal", "0x1-5/5", ByteRange{}, ErrRangeSyntax},
		{"M-026/text behind", "1-5/5 x", ByteRange{}, ErrRangeSyntax},
		{"M-026/nothing", "", ByteRange{}, ErrRangeSyntax},
		{"M-026/star and digits", "1-*5/5", ByteRange{}, ErrRangeSyntax},
		{"M-026/end before start", "5-3/10", ByteRange{}, ErrRangeConflict},
		{"M-026/end behind total", "1-10/5", ByteRange{}, ErrRangeConflict},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := ParseByteRange([]byte(c.in))
			if r != c.want || !errors.Is(err, c.err) {
				t.Fatalf("%v, error %v", r, err)
			}
			if err == nil && len(c.in) < 20 && r.String() != c.in {
				t.Errorf("printed as %q", r.String())
			}
		})
	}
}
