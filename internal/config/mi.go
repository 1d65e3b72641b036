package config

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
)

// Datagram is a socket of the management interface.
type Datagram struct {
	Network string // udp, unix
	Address string // HOST:PORT, or a path
}

// ParseDatagram reads udp:HOST:PORT, on loopback, or unix:PATH. The error says what would be right.
func ParseDatagram(s string) (Datagram, error) {
	const would = "udp:127.0.0.1:PORT or unix:/PATH would be right"
	network, address, _ := strings.Cut(s, ":")
	switch network {
	case "udp":
		host, _, err := parseAddress(address)
		if err != nil {
			return Datagram{}, fmt.Errorf("%s: %w", quoted(s), err)
		}
		if a, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !a.IsLoopback()) {
			return Datagram{}, fmt.Errorf("%s is not on loopback, and datagrams carry no authentication; %s", quoted(s), would)
		}
	case "unix":
		if err := checkPath(address); err != nil {
			return Datagram{}, fmt.Errorf("%s: %w", quoted(s), err)
		}
		if len(address) > maxSocketPath {
			return Datagram{}, fmt.Errorf("%s: the path of a socket has at most %d octets", quoted(s), maxSocketPath)
		}
	default:
		return Datagram{}, fmt.Errorf("%s is no socket; %s", quoted(s), would)
	}
	return Datagram{network, address}, nil
}

// maxSocketPath is how long the path of a unix socket may be on every system.
const maxSocketPath = 103

// Datagrams reads the list of sockets, which was checked.
func (m *MI) Datagrams() []Datagram {
	var all []Datagram
	for _, s := range m.Datagram {
		if d, err := ParseDatagram(s); err == nil {
			all = append(all, d)
		}
	}
	return all
}

// check checks what is said below the key mi.
func (m *MI) check(report func(string, error)) {
	if m.FIFO != "" {
		report("mi.fifo", checkPath(m.FIFO))
	}
	if m.ReplyDir != "" {
		report("mi.reply_dir", checkPath(m.ReplyDir))
	}
	if m.FIFOMode&0o600 != 0o600 {
		report("mi.fifo_mode", fmt.Errorf("is %04o, and the node itself has to read and write; 0600 would be right", uint32(m.FIFOMode)))
	}
	seen := make(map[string]bool)
	for _, s := range m.Datagram {
		if _, err := ParseDatagram(s); err != nil {
			report("mi.datagram", err)
			return
		}
		if seen[s] {
			report("mi.datagram", fmt.Errorf("%s stands there twice; once is enough", quoted(s)))
			return
		}
		seen[s] = true
	}
}

// checkPath takes absolute paths: where the node is started must not decide what clients find.
func checkPath(s string) error {
	if strings.ContainsRune(s, 0) {
		return errors.New("a path holds no NUL")
	}
	if !filepath.IsAbs(s) {
		return fmt.Errorf("%s is not an absolute path; one that begins with / would be right", quoted(s))
	}
	return nil
}
