package sip

import (
	"context"
	"errors"
	"net/netip"
	"strings"

	"github.com/parley-msrp/parley/internal/sip/dnsclient"
)

// memNames are the names of a test. What is not there does not exist; a name that begins with "broken" cannot be looked up.
type memNames struct {
	naptr map[string][]dnsclient.NAPTR
	srv   map[string][]dnsclient.SRV
	addrs map[string][]string
	asked []string
}

func (n *memNames) ask(kind, name string) error {
	n.asked = append(n.asked, kind+" "+name)
	if strings.Contains(name, "broken") {
		return errors.New("no DNS server answers")
	}
	return nil
}

func (n *memNames) NAPTR(_ context.Context, domain string) ([]dnsclient.NAPTR, error) {
	return n.naptr[domain], n.ask("NAPTR", domain)
}

func (n *memNames) SRV(_ context.Context, name string) ([]dnsclient.SRV, error) {
	return n.srv[name], n.ask("SRV", name)
}

func (n *memNames) Addresses(_ context.Context, host string) ([]netip.Addr, error) {
	n.asked = append(n.asked, "A "+host)
	var all []netip.Addr
	for _, a := range n.addrs[host] {
		all = append(all, netip.MustParseAddr(a))
	}
	if len(all) == 0 {
		return nil, errors.New("no such host")
	}
	return all, nil
}
