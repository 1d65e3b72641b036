package sip

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/parley-msrp/parley/internal/sip/dnsclient"
)

// User is what sits above the stack. Its methods are called in arrival order for each socket and must not block. No lock is held
// while they are called: they may call anything of the stack but Close.
type User interface {
	Request(tx *ServerTx, m *Message) // a new request that passed the checks of S-040; never ACK or CANCEL
	Ack(f Flow, m *Message)           // an ACK that belongs to no non-2xx transaction
	Cancel(tx *ServerTx, m *Message)  // for the unanswered INVITE transaction tx, whose CANCEL got its 200 already; send 487. Once at most
	Stray(f Flow, m *Message)         // a response without transaction, for example a 2xx repeated late; never acknowledged by the stack
}

// Names looks names up, as *dnsclient.Resolver does. An empty answer without an error: there is nothing of that kind.
type Names interface {
	NAPTR(ctx context.Context, domain string) ([]dnsclient.NAPTR, error)
	SRV(ctx context.Context, name string) ([]dnsclient.SRV, error)
	Addresses(ctx context.Context, host string) ([]netip.Addr, error)
}

// Config of a Stack. Zero values mean the defaults said beside them.
type Config struct {
	User   User          // required
	Logger *slog.Logger  // none
	T1     time.Duration // 500 ms
	T2     time.Duration // 4 s
	T4     time.Duration // 5 s

	ListenPacket func(network, addr string) (net.PacketConn, error)                // net.ListenPacket
	ListenStream func(network, addr string) (net.Listener, error)                  // net.Listen
	DialStream   func(ctx context.Context, network, addr string) (net.Conn, error) // net.Dialer
	Security     *Security                                                         // nil: no TLS
	Names        Names                                                             // dnsclient.New, with the system's servers
	LocalAddr    func(peer netip.Addr) (netip.Addr, error)                         // of the route to a peer; asks the system
	Tap          func(f Flow, sent bool, octets []byte)                            // nil: off; must not keep octets

	Admit   func(Flow) bool // whether requests that came so are looked at; others get 403; nil: all are
	Asserts func(Flow) bool // whether a P-Asserted-Identity that came so is believed; others are taken out; nil: none is

	MaxDatagram     int           // octets received of one datagram, 65,535; longer ones are cut off by the system
	MaxHead         int           // octets of a head, 65,536; above: 513
	MaxBody         int           // octets of a body, 262,144; above: 513
	MaxConns        int           // stream connections in all, 8,192; above: closed at once, or ErrLimit
	MaxConnsPerPeer int           // of these, accepted from one address (of IPv6 one /64), 1,024; above: closed at once
	MaxHandshakes   int           // TLS handshakes under way on accepted connections, 1,024; of one address an eighth; above: closed at once
	MaxServerTx     int           // server transactions, finished ones too, 2,097,152 (32 s of 32,000 calls a second; some 1.4 GB); above: 503
	MaxClientTx     int           // client transactions, finished ones too, 262,144; above: ErrLimit
	MaxOpenOctets   int64         // octets of requests that wait for their final answer, 256 MiB; above: 503
	MaxWriteQueue   int           // octets that wait to be written on one connection, 1 MiB; above: the connection is closed
	IdleTimeout     time.Duration // after which an unused connection is closed, 10 min; at least 64*T1
}

var errNoUser = errors.New("sip: Config.User is required")

// populate checks a Config and fills its defaults in.
func (c Config) populate() (Config, error) {
	if c.User == nil {
		return c, errNoUser
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	orDefault(&c.T1, 500*time.Millisecond)
	orDefault(&c.T2, 4*time.Second)
	orDefault(&c.T4, 5*time.Second)
	orDefault(&c.IdleTimeout, 10*time.Minute)
	c.IdleTimeout = max(c.IdleTimeout, 64*c.T1)
	orDefault(&c.MaxDatagram, 65535)
	orDefault(&c.MaxHead, defaultMaxHead)
	orDefault(&c.MaxBody, defaultMaxBody)
	orDefault(&c.MaxConns, 8<<10)
	orDefault(&c.MaxConnsPerPeer, 1<<10)
	orDefault(&c.MaxHandshakes, 1<<10)
	orDefault(&c.MaxServerTx, 2<<20)
	orDefault(&c.MaxClientTx, 256<<10)
	orDefault(&c.MaxOpenOctets, 256<<20)
	orDefault(&c.MaxWriteQueue, 1<<20)
	if c.ListenPacket == nil {
		c.ListenPacket = net.ListenPacket
	}
	if c.ListenStream == nil {
		c.ListenStream = net.Listen
	}
	if c.DialStream == nil {
		c.DialStream = new(net.Dialer).DialContext
	}
	if c.Names == nil {
		c.Names = dnsclient.New(dnsclient.Config{})
	}
	if c.LocalAddr == nil {
		c.LocalAddr = routeAddr
	}
	return c, nil
}

func orDefault[T int | int64 | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// routeAddr finds the local address of the route to a peer: a connected UDP socket has it, and sends nothing.
func routeAddr(peer netip.Addr) (netip.Addr, error) {
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(peer, defaultPort)))
	if err != nil {
		return netip.Addr{}, err
	}
	defer c.Close()
	return addrPortOf(c.LocalAddr()).Addr(), nil
}

// addrPortOf gives a socket address in one form: IPv4 never mapped into IPv6.
func addrPortOf(a net.Addr) netip.AddrPort {
	var ap netip.AddrPort
	if t, ok := a.(interface{ AddrPort() netip.AddrPort }); ok {
		ap = t.AddrPort()
	} else if a != nil {
		ap, _ = netip.ParseAddrPort(a.String())
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
