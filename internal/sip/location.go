package sip

import (
	"fmt"
	"strings"
)

// ParseLocation parses what people and scripts write where a URI is meant: a URI that stands alone, to which everything behind its host belongs,
// or an address as ParseAddress takes it, which has angle brackets. Control characters are refused wherever they stand, so that what String
// makes of it can stand in a header.
func ParseLocation(s string) (Address, error) {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return Address{}, fmt.Errorf("address %.64q: control character", s)
		}
	}
	if strings.IndexByte(s, '<') >= 0 {
		return ParseAddress(s)
	}
	u, err := ParseURI(trim(s))
	return Address{URI: u}, err
}
