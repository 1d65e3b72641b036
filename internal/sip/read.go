package sip

import "fmt"

// What a Stack takes unless its Config says otherwise, in octets.
const (
	defaultMaxHead = 64 << 10
	defaultMaxBody = 256 << 10
)

// FaultError says what is wrong with a message, as the answer to it would.
type FaultError struct {
	Code   int
	Reason string
}

func (e *FaultError) Error() string { return fmt.Sprintf("%d %s", e.Code, e.Reason) }

// ReadMessage reads a message as a datagram that holds it alone, and checks it as a Stack would before anybody gets to see it. The error is a
// *FaultError.
func ReadMessage(b []byte) (*Message, error) {
	m, f := scanDatagram(b, defaultMaxHead, defaultMaxBody)
	if m == nil {
		return nil, &FaultError{faultNoSIP.code, faultNoSIP.reason}
	}
	if f.code == 0 {
		_, _, f = check(m)
	}
	if f.code != 0 {
		return nil, &FaultError{f.code, f.reason}
	}
	return m, nil
}
