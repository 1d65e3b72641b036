package wire

import "errors"

// Status is the value of a Status header of a REPORT, such as "000 200 OK" (RFC 4975 §7.1.3, M-029). Only in namespace 0
// has Code the meaning of a response code. Comment points into what was parsed; nil if there is none.
type Status struct {
	Namespace, Code int
	Comment         []byte
}

// ErrStatusSyntax is what ParseStatus returns for a value outside the grammar.
var ErrStatusSyntax = errors.New("not of the form namespace code comment, with 3 digits each")

// ParseStatus reads the value of a Status header. It fails with ErrStatusSyntax only.
func ParseStatus(v []byte) (Status, error) {
	if len(v) < 7 || v[3] != ' ' {
		return Status{}, ErrStatusSyntax
	}
	namespace, ok1 := threeDigits(v[:3])
	code, comment, ok2 := cutCode(v[4:])
	if !ok1 || !ok2 {
		return Status{}, ErrStatusSyntax
	}
	return Status{Namespace: namespace, Code: code, Comment: comment}, nil
}

// cutCode reads "code" or "code comment", as in a start line and in a Status header.
func cutCode(v []byte) (code int, comment []byte, ok bool) {
	if len(v) < 3 {
		return 0, nil, false
	}
	if code, ok = threeDigits(v[:3]); !ok {
		return 0, nil, false
	}
	switch {
	case len(v) == 3:
		return code, nil, true
	case v[3] != ' ':
		return 0, nil, false
	}
	return code, v[4:], true
}

func threeDigits(v []byte) (int, bool) {
	if !isDigit(v[0]) || !isDigit(v[1]) || !isDigit(v[2]) {
		return 0, false
	}
	return int(v[0]-'0')*100 + int(v[1]-'0')*10 + int(v[2]-'0'), true
}
