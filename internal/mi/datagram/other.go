//go:build !unix

package datagram

import "errors"

func listenUnix(string) (socket, error) {
	return nil, errors.New("unix sockets are not available on this system; udp is")
}
