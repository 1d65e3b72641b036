package daemon

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
)

// Address picks a loopback address on which nobody listens at the daemon's ports. Its error says what stood in the way on the last of several tries.
func Address() (netip.Addr, error) {
	var err error
	for range 20 {
		// 127.0.0.x is left to people and to daemons that run without a configuration.
		addr := netip.AddrFrom4([4]byte{127, byte(64 + rand.N(64)), byte(rand.N(256)), byte(1 + rand.N(254))})
		if err = free(addr); err == nil {
			return addr, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("no free loopback address: %w", err)
}

func free(addr netip.Addr) error {
	var errs []error
	for _, port := range []uint16{SIPPort, MSRPPort, HTTPPort} {
		l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(addr, port)))
		if err == nil {
			err = l.Close()
		}
		errs = append(errs, err)
	}
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, SIPPort)))
	if err == nil {
		err = c.Close()
	}
	return errors.Join(append(errs, err)...)
}
