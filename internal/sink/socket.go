package sink

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
)

// Socket is where an OpenSIPS receiver takes its events.
type Socket struct {
	Network string // udp, tcp, unix
	Address string // HOST:PORT, or of unix the path
}

// maxPath is the longest path of a unix socket, in octets: that of sockaddr_un on Linux without its closing NUL.
const maxPath = 107

// ErrSocket says that a text is no socket that events can go to.
var ErrSocket = errors.New("udp:HOST:PORT, tcp:HOST:PORT and unix:/PATH are sockets")

// ParseSocket reads udp:HOST:PORT, tcp:HOST:PORT or unix:/PATH. Nothing is looked up. The error wraps ErrSocket.
func ParseSocket(s string) (Socket, error) {
	network, address, _ := strings.Cut(s, ":")
	socket := Socket{Network: network, Address: address}
	switch network {
	case "udp", "tcp":
		host, port, err := net.SplitHostPort(address)
		n, badPort := strconv.ParseUint(port, 10, 16)
		if err != nil || badPort != nil || n == 0 || !isHost(host) {
			return socket, fmt.Errorf("%.80q: %w", s, ErrSocket)
		}
	case "unix":
		if !filepath.IsAbs(address) || len(address) > maxPath || strings.ContainsRune(address, 0) {
			return socket, fmt.Errorf("%.80q: %w", s, ErrSocket)
		}
	default:
		return socket, fmt.Errorf("%.80q: %w", s, ErrSocket)
	}
	return socket, nil
}

// String is the socket as it is written.
func (s Socket) String() string { return s.Network + ":" + s.Address }

// literal is the address of a socket that names no host; false: it does, or is a path.
func (s Socket) literal() (netip.AddrPort, bool) {
	at, err := netip.ParseAddrPort(s.Address)
	return at, s.Network != "unix" && err == nil
}

// isHost takes an address without zone, or a name of the characters that names of hosts have.
func isHost(s string) bool {
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Zone() == ""
	}
	other := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' || r == '_')
	}
	return s != "" && len(s) <= 253 && !strings.ContainsFunc(s, other)
}
