// Package datagram carries the management interface in datagrams, as OpenSIPS' mi_datagram does: one request in one datagram, its answer in one
// datagram back. docs/mi.md describes it.
package datagram

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"

	"github.com/parley-msrp/parley/internal/access"
	"github.com/parley-msrp/parley/internal/mi"
)

// maxDatagram is how long a datagram may be over IPv4, in octets; so long are answers at most.
const maxDatagram = 65507

// MI answers JSON-RPC requests; nil: nothing is to be answered.
type MI interface {
	Serve(ctx context.Context, rights access.Rights, request []byte) []byte
}

// Config of a Server.
type Config struct {
	Network string // udp or unix
	Address string // HOST:PORT on loopback, or the path of a socket, which is made for this user alone, and removed by Close
	MI      MI     // required
	Logger  *slog.Logger
}

// Server answers requests on one socket, in their order, by one goroutine.
type Server struct {
	config Config
	socket socket
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// socket is a UDP or a unix one. A reply never waits for its receiver.
type socket interface {
	ReadFrom(b []byte) (int, net.Addr, error)
	reply(b []byte, to net.Addr) error
	LocalAddr() net.Addr
	Close() error
}

// Listen opens the socket and serves what comes, until Close.
func Listen(c Config) (*Server, error) {
	s := &Server{config: c}
	var err error
	switch c.Network {
	case "udp":
		s.socket, err = listenUDP(c.Address)
	case "unix":
		s.socket, err = listenUnix(c.Address)
	default:
		err = fmt.Errorf("%q is no network; udp or unix would be right", c.Network)
	}
	if err != nil {
		return nil, err
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.wg.Go(s.read) // ends with Close
	return s, nil
}

// Addr is where the socket is.
func (s *Server) Addr() net.Addr { return s.socket.LocalAddr() }

// Close closes the socket, and waits for the request at hand.
func (s *Server) Close() error {
	s.cancel()
	err := s.socket.Close()
	s.wg.Wait()
	return err
}

func (s *Server) read() {
	buffer := make([]byte, 64<<10)
	for {
		n, from, err := s.socket.ReadFrom(buffer)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			// An ICMP error about an answer, for example.
			s.config.Logger.Debug("reading a datagram of the management interface failed", "socket", s.config.Address, "err", err)
			continue
		}
		s.serve(buffer[:n], from)
	}
}

// serve answers one request. Who reaches the socket may do everything.
func (s *Server) serve(request []byte, from net.Addr) {
	answer := s.config.MI.Serve(s.ctx, access.All, request)
	if answer == nil || !hasName(from) {
		return
	}
	if len(answer) > maxDatagram {
		answer = mi.TooLong(request, fmt.Sprintf("the answer has %d octets, a datagram holds %d; ask over HTTP or the FIFO", len(answer), maxDatagram))
	}
	if err := s.socket.reply(answer, from); err != nil {
		s.config.Logger.Warn("an answer of the management interface was dropped", "socket", s.config.Address, "err", err)
	}
}

// hasName says whether a client can be answered: one with a unix socket has to give that a name.
func hasName(from net.Addr) bool {
	u, ok := from.(*net.UnixAddr)
	return from != nil && (!ok || u != nil && u.Name != "")
}

// udpSocket is one on loopback: a datagram with a loopback address comes from this machine.
type udpSocket struct{ *net.UDPConn }

func listenUDP(address string) (socket, error) {
	addr, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		return nil, err
	}
	if !addr.IP.IsLoopback() {
		return nil, fmt.Errorf("%s is not on loopback: datagrams carry no authentication", address)
	}
	c, err := net.ListenUDP("udp", addr)
	if err != nil {
		return nil, err
	}
	return udpSocket{c}, nil
}

func (u udpSocket) reply(b []byte, to net.Addr) error {
	_, err := u.WriteTo(b, to)
	return err
}
