// Package datagram moves many datagrams through a UDP socket with one system call, in their order, where the system can do that.
//
// The socket is taken out of the runtime's poller. That would be woken by each datagram which is sent, because the socket can then be written again, and it would look
// in vain for somebody who waits for that: a fifth of the CPU time of a process that answers what it reads. Its reader waits in the system instead, in a
// thread of its own.
package datagram

import "errors"

// ErrUnsupported says that this system moves one datagram at a time.
var ErrUnsupported = errors.New("datagrams cannot be moved many at a time here")
