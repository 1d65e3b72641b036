//go:build !unix

package msrp

import (
	"errors"
	"net"
)

// socket is not to be had on this system: connections are read and written in the plain way.
type socket struct{}

func newSocket(net.Conn) *socket { return nil }

func (*socket) read(*bufferPool) (*buffer, int, error) { return nil, 0, errors.ErrUnsupported }

func (*socket) write([]byte) (int, error) { return 0, errors.ErrUnsupported }
