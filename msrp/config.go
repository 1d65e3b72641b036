package msrp

import (
	"context"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"time"
)

// FromPathCheck says how the From-Path of a request is compared with the path that the peer's session description named
// (M-052). A mismatch is answered 403.
type FromPathCheck uint8

// The checks.
const (
	// FromPathSessionID compares scheme and session-id of the right-most URI: border elements rewrite host and port.
	FromPathSessionID FromPathCheck = iota
	FromPathWhole                   // compares the whole right-most URI
	FromPathOff                     // compares nothing
)

// ToPathMatch says what of a To-Path has to be that of a session.
type ToPathMatch uint8

// The matches.
const (
	// ToPathWhole compares by the rules of RFC 4975 §6.1.
	ToPathWhole ToPathMatch = iota
	// ToPathSessionID compares scheme, session-id and transport, for networks whose border elements rewrite host and port in paths.
	ToPathSessionID
)

// Config of an Endpoint. Zero values mean the defaults named with each field; a negative time-out or limit means none.
type Config struct {
	// Logger gets one line for each thing that goes wrong. Default: nothing is logged.
	Logger *slog.Logger
	// Dial opens connections. Default: that of a net.Dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Resolve looks up the A and AAAA records of a host name; the addresses are tried in order. Default: the system's
	// resolver.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	// MayConnect is the address policy: it says whether a connection to a peer may be opened. It is asked about each address just before that is
	// dialled, so also about those that names lead to; without zone, and IPv4 addresses are not mapped to IPv6. It must not block, and is
	// called concurrently. Connections to own relays (NewLink) are not asked about. Default: every address will do. Unspecified and multicast
	// addresses never do.
	MayConnect func(to netip.AddrPort) bool
	// Tap sees the octets that a connection reads and writes, as they pass; it must not keep them, nor block. Calls for one
	// connection and direction come one at a time. Default: none, which costs nothing.
	Tap func(local, remote net.Addr, sent bool, octets []byte)

	// Counter counts what passes. Default: nobody counts, which costs nothing.
	Counter Counter

	// TLS is needed for msrps URIs and for ServeTLS. Default: there is none.
	TLS *TLS

	// ChunkSize is the largest body of a chunk, in octets. Default 2048, which is also the most that a chunk may hold
	// unless Interruptible (RFC 4975 §7.1.1).
	ChunkSize int
	// Interruptible lets chunks grow above 2048 octets. Those carry range-end '*', and end early when a response, a REPORT
	// or a message of another session waits.
	Interruptible bool
	// Window is how many chunks of a session may wait for their response. Default 64.
	Window int
	// FromPath is how the From-Path of requests is checked.
	FromPath FromPathCheck
	// ToPath is how the session of a request is found.
	ToPath ToPathMatch
	// Strict answers 400 to what is tolerated otherwise: blanks around header values, headers after Content-Type.
	Strict bool

	ResponseTimeout time.Duration // from a chunk's last octet to its response (RFC 4975 §7.1.1), 30 s
	DialTimeout     time.Duration // for each address, 10 s
	HeadTimeout     time.Duration // from the first octet of a frame to the end of its head, 30 s
	BodyTimeout     time.Duration // without progress within a body, 120 s
	WriteTimeout    time.Duration // for a write of at most 256 KiB, 30 s
	UnboundTimeout  time.Duration // a connection that came in and to which no session is bound, 30 s
	BindTimeout     time.Duration // a session whose peer is known, and to which no connection is bound, 180 s
	PartialTimeout  time.Duration // a half-received message without progress, 600 s
	ReportTimeout   time.Duration // a message that waits for its success REPORT, 3600 s
	RelayTimeout    time.Duration // a connection to a peer's relay that no session uses (RFC 4976 §5.4), 300 s
	LingerTimeout   time.Duration // an unused connection that the peer opened, or that is not done with its output, 5 s

	MaxMessage              int64 // largest message received, in octets, 16 MiB
	PartialMessages         int   // half-received messages of a session, 256
	PartialOctets           int64 // octets of those, 32 MiB or MaxMessage if that is more
	StreamFrom              int64 // octets of a message that have to come before a Streamer gets it; smaller ones come whole. 0
	StreamBuffer            int64 // octets of a connection that streams (see Streamer) hold and nobody has read, 256 KiB; then reading stops
	UncompletedMessages     int   // messages of a connection that wait for Accept or Reject, 1024; then reading stops
	UncompletedOctets       int64 // octets of those, 32 MiB; a borrowed body from 16 KiB on counts as 64 KiB at least; a single message may be larger
	QueuedMessages          int   // messages of a session that wait to leave, 1024
	QueuedOctets            int64 // octets of those, 64 MiB; a single message may be larger
	AwaitedReports          int   // messages of a session that wait for their success REPORT, 4096; above, the oldest is given up
	Duplicates              int   // Message-IDs remembered in each direction of a session (M-055), 256
	ConnectAttempts         int   // connections opened to one address and port in a minute that no valid MSRP comes over (RFC 4975 §14.5), 10; at most 1000
	MaxConnections          int   // connections that came in, 65536
	MaxConnectionsPerSource int   // of those, from one IPv4 address or IPv6 /64, 4096

	// BorrowedBodies lends Received.Body to the handler until it completes the message: then it is nil, and its memory used again. Large bodies are
	// not copied then, which is a good part of what they cost. For a handler that has done with the body when it calls Accept or Reject.
	BorrowedBodies bool
	// RefuseWhenFull makes Send return ErrQueueFull at once where it would wait for room in the queue.
	RefuseWhenFull bool
}

// plainChunk is the largest body of a chunk that cannot be interrupted (RFC 4975 §7.1.1, M-070), and the smallest of a
// chunk that is not the last (M-072), in octets; maxChunk is beyond all messages, with room to add to.
const (
	plainChunk = 2048
	maxChunk   = math.MaxInt / 4
)

func (c Config) withDefaults() (Config, error) {
	switch {
	case c.ChunkSize < 0:
		return c, &ConfigError{"ChunkSize", "must not be negative"}
	case c.ChunkSize > plainChunk && !c.Interruptible:
		return c, &ConfigError{"ChunkSize", "above 2048 octets chunks must be Interruptible"}
	case c.ConnectAttempts > maxAttempts:
		return c, &ConfigError{"ConnectAttempts", "1000 are the most that are counted; a negative number means no limit"}
	case c.TLS != nil && c.TLS.Certificate == nil:
		return c, &ConfigError{"TLS", "needs a Certificate"}
	case c.ToPath > ToPathSessionID:
		return c, &ConfigError{"ToPath", "unknown match"}
	case c.FromPath > FromPathOff:
		return c, &ConfigError{"FromPath", "unknown check"}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Dial == nil {
		c.Dial = new(net.Dialer).DialContext
	}
	if c.Resolve == nil {
		c.Resolve = resolve
	}
	or(&c.ChunkSize, plainChunk)
	c.ChunkSize = min(c.ChunkSize, maxChunk)
	or(&c.Window, 64)
	orLong(&c.ResponseTimeout, 30*time.Second)
	orLong(&c.DialTimeout, 10*time.Second)
	orLong(&c.HeadTimeout, 30*time.Second)
	orLong(&c.BodyTimeout, 120*time.Second)
	orLong(&c.WriteTimeout, 30*time.Second)
	orLong(&c.UnboundTimeout, 30*time.Second)
	orLong(&c.BindTimeout, 180*time.Second)
	orLong(&c.PartialTimeout, 600*time.Second)
	orLong(&c.ReportTimeout, time.Hour)
	orLong(&c.RelayTimeout, 300*time.Second)
	orLong(&c.LingerTimeout, 5*time.Second)
	orLong(&c.MaxMessage, 16<<20)
	or(&c.PartialMessages, 256)
	orLong(&c.PartialOctets, max(32<<20, c.MaxMessage))
	orLong(&c.StreamBuffer, 256<<10)
	or(&c.UncompletedMessages, 1024)
	orLong(&c.UncompletedOctets, 32<<20)
	or(&c.QueuedMessages, 1024)
	orLong(&c.QueuedOctets, 64<<20)
	or(&c.AwaitedReports, 4096)
	if c.Duplicates == 0 {
		c.Duplicates = 256
	}
	c.Duplicates = max(c.Duplicates, 0)
	or(&c.ConnectAttempts, 10)
	or(&c.MaxConnections, 65536)
	or(&c.MaxConnectionsPerSource, 4096)
	return c, nil
}

// or puts a default in the place of zero, and the largest value in that of a negative one.
func or(field *int, byDefault int) {
	switch {
	case *field == 0:
		*field = byDefault
	case *field < 0:
		*field = math.MaxInt
	}
}

// orLong is or for octets and times.
func orLong[T int64 | time.Duration](field *T, byDefault T) {
	switch {
	case *field == 0:
		*field = byDefault
	case *field < 0:
		*field = math.MaxInt64 / 2 // room to add to
	}
}

func resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}
