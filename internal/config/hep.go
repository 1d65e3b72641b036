package config

import (
	"fmt"
	"math"
)

// mostPassword is how long the password of a capture server may be.
const mostPassword = 256

// Server is where the capture server is: udp or tcp, and HOST:PORT; empty where there is none.
func (h *HEP) Server() (network, address string) {
	l, err := ParseListener(h.Target, "udp", "tcp")
	if err != nil {
		return "", ""
	}
	return l.Proto, l.Address()
}

// check checks what is said below the key hep.
func (h *HEP) check(report func(string, error)) {
	if h.Target != "" {
		l, err := ParseListener(h.Target, "udp", "tcp")
		if err == nil && l.Port == 0 {
			err = fmt.Errorf("%s has the port 0; that of the server, usually 9060, would be right", quoted(h.Target))
		}
		report("hep.target", err)
	}
	report("hep.id", checkRange(h.ID, 0, math.MaxUint32))
	if len(h.Password) > mostPassword {
		report("hep.password", fmt.Errorf("has %d octets; %d are the most", len(h.Password), mostPassword))
	}
}
