package sink

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"
)

// MaxDatagram is the longest notification that goes out as a datagram, in octets, as in OpenSIPS.
const MaxDatagram = 65457

// errTooLong says that a notification fits no datagram.
var errTooLong = errors.New("longer than a datagram")

const (
	// lookAgain is how long an address that a name led to is used, and how long a receiver that could not be reached is left alone.
	lookAgain = 30 * time.Second
	tryAgain  = time.Second
	// unixTime is how long a receiver on a unix socket may take to have room for one more datagram.
	unixTime = time.Second
)

// udp sends each notification as one UDP datagram. The socket is not connected: that nobody listened to one datagram must not cost the next one.
type udp struct {
	socket Socket
	policy Policy
	conn   *net.UDPConn
	to     netip.AddrPort
	until  time.Time // to is good until then; where there is no conn: nothing is tried before
}

func (u *udp) send(ctx context.Context, notification []byte) error {
	if len(notification) > MaxDatagram {
		return errTooLong
	}
	if err := u.open(ctx); err != nil {
		return err
	}
	if _, err := u.conn.WriteToUDPAddrPort(notification, u.to); err != nil {
		u.close()
		u.until = time.Now().Add(tryAgain)
		return err
	}
	return nil
}

// open finds out where to send to, unless that is known.
func (u *udp) open(ctx context.Context) error {
	now := time.Now()
	literal, fixed := u.socket.literal()
	switch {
	case u.conn != nil && (fixed || now.Before(u.until)):
		return nil
	case u.conn == nil && now.Before(u.until):
		return fmt.Errorf("%s could not be reached", u.socket)
	}
	u.close()
	u.until = now.Add(tryAgain)
	if !fixed {
		var err error
		if literal, err = lookUp(ctx, u.socket.Address); err != nil {
			return err
		}
	}
	if err := u.policy.Check(literal); err != nil {
		return err
	}
	conn, err := net.ListenUDP("udp", nil)
	if err != nil {
		return err
	}
	u.conn, u.to, u.until = conn, literal, now.Add(lookAgain)
	return nil
}

func (u *udp) close() {
	if u.conn != nil {
		_ = u.conn.Close()
		u.conn = nil
	}
}

// lookUp finds the address of HOST:PORT.
func lookUp(ctx context.Context, hostport string) (netip.AddrPort, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	host, service, _ := net.SplitHostPort(hostport)
	port, err := net.DefaultResolver.LookupPort(ctx, "udp", service)
	if err != nil {
		return netip.AddrPort{}, err
	}
	all, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.AddrPort{}, err
	}
	return netip.AddrPortFrom(all[0].Unmap(), uint16(port)), nil
}

// unix sends each notification as one datagram to a unix socket.
type unix struct {
	path string
	conn net.Conn
}

// send tries a second time where the receiver was started anew: its socket is another one then.
func (u *unix) send(ctx context.Context, notification []byte) error {
	if len(notification) > MaxDatagram {
		return errTooLong
	}
	again := u.conn != nil
	err := u.write(ctx, notification)
	if err != nil && again && !errors.Is(err, os.ErrDeadlineExceeded) {
		err = u.write(ctx, notification)
	}
	return err
}

func (u *unix) write(ctx context.Context, notification []byte) error {
	if u.conn == nil {
		conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: u.path, Net: "unixgram"})
		if err != nil {
			return err
		}
		u.conn = conn
	}
	if err := writeWithin(ctx, u.conn, notification, unixTime); err != nil {
		u.close()
		return err
	}
	return nil
}

func (u *unix) close() {
	if u.conn != nil {
		_ = u.conn.Close()
		u.conn = nil
	}
}

// writeWithin writes b within a time, or until ctx ends.
func writeWithin(ctx context.Context, c net.Conn, b []byte, limit time.Duration) error {
	if err := c.SetWriteDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	_, err := c.Write(b)
	return err
}
