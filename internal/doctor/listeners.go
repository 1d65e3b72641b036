package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"

	"github.com/parley-msrp/parley/internal/config"
	"github.com/parley-msrp/parley/internal/version"
)

// listeners tries each address that the node would listen on. Where a node listens already, its addresses are taken, as they should be.
func listeners(ctx context.Context, c *config.Config) []Finding {
	all := append(append([]string{}, c.SIP.Listen...), c.MSRP.Listen...)
	all = append(all, "tcp:"+c.HTTP.Listen)
	running := runs(ctx, c)
	var found []Finding
	for _, l := range all {
		proto, address, _ := strings.Cut(l, ":")
		err := try(ctx, proto, address)
		f := Finding{Check: "listeners", Level: OK, Text: l + " is free"}
		switch {
		case err == nil:
		case errors.Is(err, syscall.EADDRINUSE) && running:
			f.Text = l + " is in use, by a running Parley it seems"
		case errors.Is(err, syscall.EADDRINUSE):
			f.Level, f.Text, f.Do = Failure, l+" is in use by another program", "stop that program (ss -lnp shows it), or choose another address"
		case errors.Is(err, syscall.EACCES):
			f.Level, f.Text, f.Do = Failure, fmt.Sprintf("%s: %v", l, err), "ports below 1024 need CAP_NET_BIND_SERVICE, which the unit gives"
		case errors.Is(err, syscall.EADDRNOTAVAIL):
			f.Level, f.Text, f.Do = Failure, l+" is no address of this machine", "ip address shows those that are"
		default:
			f.Level, f.Text = Failure, fmt.Sprintf("%s: %v", l, err)
		}
		found = append(found, f)
	}
	return found
}

// try listens for a moment.
func try(ctx context.Context, proto, address string) error {
	var l net.ListenConfig
	if proto == "udp" {
		c, err := l.ListenPacket(ctx, "udp", address)
		if err != nil {
			return err
		}
		return c.Close()
	}
	s, err := l.Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return s.Close()
}

// runs says whether a node answers at the HTTP address.
func runs(ctx context.Context, c *config.Config) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.HTTP.Listen+"/healthz", nil)
	if err != nil {
		return false
	}
	r.Close = true
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	return strings.HasPrefix(answer.Header.Get("Server"), version.Product+"/")
}
