package msrp

import (
	"errors"
	"fmt"
)

// What a Session returns when nothing was sent.
var (
	// ErrNotEstablished: the peer is not known yet (SetPeer).
	ErrNotEstablished = errors.New("msrp: the session's peer is not known yet")
	// ErrClosed: the session or the endpoint is closed.
	ErrClosed = errors.New("msrp: closed")
	// ErrQueueFull: the session's queue has reached Config.QueuedMessages or Config.QueuedOctets. Where Send waits for
	// room, the error wraps that of its context too.
	ErrQueueFull = errors.New("msrp: the session's send queue is full")
	// ErrDirection: the session descriptions do not allow us to send user content (RFC 4975 §8.9).
	ErrDirection = errors.New("msrp: the session's direction does not allow to send")
	// ErrConnectDenied: the address policy (Config.MayConnect) does not let the endpoint connect where the peer's URI leads, or no host can be there.
	ErrConnectDenied = errors.New("msrp: the address policy does not allow to connect there")
	// ErrConnectLimit: as many connections as Config.ConnectAttempts to the same place have come to nothing in the last minute.
	ErrConnectLimit = errors.New("msrp: too many connections there came to nothing")
	// ErrNoTransport: the peer's URI asks for a transport that this endpoint does not have.
	ErrNoTransport = errors.New("msrp: no transport for the peer's URI")
)

// Why a session ended; Handler.Closed gets one of these, wrapped or as it is.
var (
	// ErrSessionUnknown: the peer answered 481, it does not know the session (RFC 4975 §10.8). Comes as *PeerError.
	ErrSessionUnknown = errors.New("msrp: the peer does not know the session")
	// ErrBoundElsewhere: the peer answered 506, the session is bound to another connection (RFC 4975 §10.10). Comes as
	// *PeerError.
	ErrBoundElsewhere = errors.New("msrp: the session is bound to another connection")
	// ErrNotBound: no valid request tied a connection to the session in time (Config.BindTimeout).
	ErrNotBound = errors.New("msrp: the peer did not connect in time")
	// ErrFraming: octets came that are not MSRP (RFC 4975 §7).
	ErrFraming = errors.New("msrp: framing lost")
	// ErrTimeout: a header, a body or a write made no progress in time.
	ErrTimeout = errors.New("msrp: connection timed out")
	// ErrConnectionLost: the session's connection broke. What broke it is wrapped.
	ErrConnectionLost = errors.New("msrp: connection lost")
)

// TypeError says that the peer does not take a media type: it is not in its accept-types (RFC 4975 §8.6), or it was
// refused with 415 before (RFC 4975 §10.6).
type TypeError struct {
	ContentType string
	Refused     bool // by a 415
}

func (e *TypeError) Error() string {
	if e.Refused {
		return fmt.Sprintf("msrp: the peer has refused content type %q before", e.ContentType)
	}
	return fmt.Sprintf("msrp: the peer does not accept content type %q", e.ContentType)
}

// SizeError says that a message is larger than the peer takes (max-size, RFC 4975 §8.6). Both are octets.
type SizeError struct{ Size, Max int64 }

func (e *SizeError) Error() string {
	return fmt.Sprintf("msrp: message of %d octets, the peer takes at most %d", e.Size, e.Max)
}

// HeaderError says that a value cannot stand in a header.
type HeaderError struct{ Name, Reason string }

func (e *HeaderError) Error() string { return fmt.Sprintf("msrp: header %q: %s", e.Name, e.Reason) }

// PeerError is a response or a REPORT of the peer that ended the session.
type PeerError struct {
	Code    int
	Comment string // as the peer sent it
}

func (e *PeerError) Error() string { return fmt.Sprintf("msrp: the peer answered %d", e.Code) }

// Unwrap returns ErrSessionUnknown for 481 and ErrBoundElsewhere for 506.
func (e *PeerError) Unwrap() error {
	switch e.Code {
	case 481:
		return ErrSessionUnknown
	case 506:
		return ErrBoundElsewhere
	}
	return nil
}

// ConfigError says which field of a Config or SessionConfig is wrong, and what would be right.
type ConfigError struct{ Field, Reason string }

func (e *ConfigError) Error() string { return fmt.Sprintf("msrp: %s: %s", e.Field, e.Reason) }
