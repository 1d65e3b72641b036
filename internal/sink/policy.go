package sink

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// ErrForbidden says that the address policy does not let events go to an address.
var ErrForbidden = errors.New("events may not go there")

// Policy says which addresses events may go to; nil: to any. Unspecified and multicast addresses are never among them.
type Policy func(netip.AddrPort) bool

// Check returns an error that wraps ErrForbidden for an address that nothing may go to.
func (p Policy) Check(to netip.AddrPort) error {
	addr := to.Addr().Unmap()
	if addr.IsUnspecified() || addr.IsMulticast() || addr == broadcast || p != nil && !p(to) {
		return fmt.Errorf("%w: %s", ErrForbidden, to)
	}
	return nil
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// dialTimeout bounds one attempt to connect, the look-up of the name included.
const dialTimeout = 5 * time.Second

// dialer asks the policy about each address that is dialled, whatever name led there.
func (p Policy) dialer() *net.Dialer {
	return &net.Dialer{Timeout: dialTimeout, Control: func(_, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("%w: %s", ErrForbidden, address)
		}
		return p.Check(to)
	}}
}
