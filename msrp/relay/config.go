package relay

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/parley-msrp/parley/internal/auth"
	"github.com/parley-msrp/parley/msrp"
)

// Credential is a user's name and password in one realm. It never shows its password in a log or an error.
type Credential = auth.Credential

// Resolver looks names up. Safe for concurrent use.
type Resolver interface {
	// SRV gives the SRV records of a name like _msrps._tcp.example.com; none and no error where there are none.
	SRV(ctx context.Context, name string) ([]*net.SRV, error)
	// Addresses gives the addresses of a host.
	Addresses(ctx context.Context, host string) ([]netip.Addr, error)
}

// Config of a Client. Zero values mean the defaults named with each field.
type Config struct {
	// Endpoint is where the sessions are; required.
	Endpoint *msrp.Endpoint
	// Relays are the own relays, without session-id, the nearest one first; required. One of scheme msrp is talked to in clear.
	Relays []msrp.URI
	// Credentials answer the relays' challenges, each those of its realm.
	Credentials []Credential
	// Expires is how long a path shall last; 0: as long as the relay likes. The relay may decide otherwise.
	Expires time.Duration
	// IdleTimeout is how long the connection is kept after its last session. Default 1 h (RFC 4976 §5.4).
	IdleTimeout time.Duration
	// DialTimeout is how long connecting to one address may take, TLS included. Default 10 s.
	DialTimeout time.Duration
	// AuthTimeout is how long a relay may take for the response to an AUTH. Default 10 s.
	AuthTimeout time.Duration
	// Dial opens TCP connections. Default: that of a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Roots gives the authorities that relays' certificates have to come from. Nil, or a nil pool: the system's.
	Roots func() (*x509.CertPool, error)
	// Resolver looks up the first relay. Default: the system's.
	Resolver Resolver
	// Logger gets one line for each thing that goes wrong; nil discards them.
	Logger *slog.Logger
}

// maxRelays bounds a chain: each relay challenges for itself.
const maxRelays = 8

func (c Config) withDefaults() (Config, error) {
	switch {
	case c.Endpoint == nil:
		return c, errors.New("relay: Endpoint is required")
	case len(c.Relays) == 0 || len(c.Relays) > maxRelays:
		return c, fmt.Errorf("relay: %d Relays, 1 to %d are possible", len(c.Relays), maxRelays)
	case c.Expires < 0:
		return c, errors.New("relay: Expires is negative")
	}
	for _, u := range c.Relays {
		switch {
		case u.SessionID != "":
			return c, fmt.Errorf("relay %s has a session-id, which a relay gives", u.Host)
		case !strings.EqualFold(u.Transport, "tcp"):
			return c, fmt.Errorf("relay %s has a transport other than tcp", u.Host)
		}
	}
	c.Relays, c.Credentials = slices.Clone(c.Relays), slices.Clone(c.Credentials)
	orTime(&c.IdleTimeout, time.Hour)
	orTime(&c.DialTimeout, 10*time.Second)
	orTime(&c.AuthTimeout, 10*time.Second)
	if c.Dial == nil {
		c.Dial = new(net.Dialer).DialContext
	}
	if c.Resolver == nil {
		c.Resolver = system{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

func orTime(field *time.Duration, byDefault time.Duration) {
	if *field <= 0 {
		*field = byDefault
	}
}

// system asks the system's resolver.
type system struct{}

func (system) SRV(ctx context.Context, name string) ([]*net.SRV, error) {
	_, all, err := net.DefaultResolver.LookupSRV(ctx, "", "", name)
	if e, ok := errors.AsType[*net.DNSError](err); ok && e.IsNotFound {
		return nil, nil
	}
	return all, err
}

func (system) Addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}
