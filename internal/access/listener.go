package access

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// CheckListener refuses an address, HOST:PORT, that is not on loopback: without TLS the HTTP side is for this machine only. HOST is a literal address or localhost; no name is resolved. It does for what a configuration says and for
// the Addr of a listener.
func CheckListener(hostport string) error {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		return fmt.Errorf("%q is not HOST:PORT, as in 127.0.0.1:8888", hostport)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%q: the port is a number from 0 to 65535", hostport)
	}
	if strings.EqualFold(host, "localhost") {
		return nil
	}
	if addr, err := netip.ParseAddr(host); err == nil && addr.IsLoopback() {
		return nil
	}
	return fmt.Errorf("%q is not on loopback: without TLS the HTTP side listens on loopback only, as in 127.0.0.1:%s", hostport, port)
}
