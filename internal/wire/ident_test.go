package wire

import (
	"strings"
	"testing"
)

func TestValidIdent(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     bool
	}{
		{"M-002/4 characters", "a123", true},
		{"M-002/32 characters", strings.Repeat("a", 32), true},
		{"M-002/all marks", "0.-+%=Z", true},
		{"M-002/3 characters", "abc", false},
		{"M-002/33 characters", strings.Repeat("a", 33), false},
		{"M-002/hyphen first", "-abcd", false},
		{"M-002/dot first", ".abcd", false},
		{"M-002/underscore", "ab_cd", false},
		{"M-002/blank", "ab cd", false},
		{"M-002/outside ASCII", "abc\u00fc", false},
		{"M-002/flag", "abcd$", false},
		{"M-030/a UUID is too long", "123e4567-e89b-12d3-a456-426614174000", false},
		{"M-002/nothing", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if ValidIdent(c.in) != c.want {
				t.Errorf("%q: %t", c.in, !c.want)
			}
		})
	}
	t.Run("M-002/each octet in second place", func(t *testing.T) {
		const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-+%="
		for i := range 256 {
			if c := byte(i); ValidIdent("a"+string([]byte{c})+"aa") != (strings.IndexByte(allowed, c) >= 0) {
				t.Errorf("%q", c)
			}
		}
	})
}
