// Package msrp is an MSRP endpoint (RFC 4975): connections, sessions, messages and reports. It knows nothing of SIP:
// how two endpoints learn each other's paths is the business of the packages above (see package ua).
//
// An [Endpoint] owns connections and sessions. [Endpoint.Serve] takes connections from a listener;
// [Endpoint.NewSession] makes a [Session] with a URI of its own, to which a peer may connect from then on. Once the
// peer's path is known, [Session.SetPeer] sets it; the side that is to open the connection calls [Session.Connect].
// [Session.Send] queues a message, whose [Fate] the session's [Handler] hears. A message that came is a [Received],
// which is completed later by its Accept or Reject, from any goroutine and in any order.
//
// Messages may be of any size. A body to send can be an io.Reader (Outgoing.Stream), and a Handler that is a [Streamer] reads what comes in
// chunks as it arrives ([Incoming]). Neither is ever in memory as a whole.
//
// The connection, not the session, is the unit of transport: sessions with the same peer share one. One to an own relay is a [Link], to which
// [Session.Relay] binds a session; package msrp/relay does what belongs to that.
package msrp

import "github.com/parley-msrp/parley/internal/wire"

// URI is an MSRP or MSRPS URI (RFC 4975 §6).
type URI = wire.URI

// ByteRange is the value of a Byte-Range header: start-end/total. Positions count from 1; -1 is the '*' of an unknown
// end or total.
type ByteRange = wire.ByteRange

// ParseURI reads one URI by the grammar of RFC 4975 §9.
func ParseURI(s string) (URI, error) { return wire.ParseURI(s) }
