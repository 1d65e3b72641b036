// Package event is the catalogue of what a node tells, and the envelopes it is told in: CloudEvents 1.0 for Parley's own
// interfaces, JSON-RPC notifications for receivers that were written for OpenSIPS.
package event

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Name of an event.
type Name string

// The events of the catalogue. The first four are those of OpenSIPS' msrp_ua.
const (
	SessionNew     Name = "E_MSRP_SESSION_NEW"
	SessionEnd     Name = "E_MSRP_SESSION_END"
	MsgReceived    Name = "E_MSRP_MSG_RECEIVED"
	ReportReceived Name = "E_MSRP_REPORT_RECEIVED"
	SessionFailed  Name = "E_MSRP_SESSION_FAILED"
	MsgSent        Name = "E_MSRP_MSG_SENT"
	MsgQueued      Name = "E_MSRP_MSG_QUEUED"
	MsgIncomplete  Name = "E_MSRP_MSG_INCOMPLETE"
	SessionWarning Name = "E_MSRP_SESSION_WARNING"
	ConnectionLost Name = "E_MSRP_CONNECTION_LOST"
	Recovered      Name = "E_MSRP_SESSION_RECOVERED"
)

// Param is one named value: a string, an int, a bool, a []Param, which is an object, or []byte. Octets are written under their name where they are valid UTF-8,
// else in base64 under their name with "_base64" behind it. A value of another type is written as null.
type Param struct {
	Name  string
	Value any
}

// Event is one thing that happened.
type Event struct {
	Cursor    string // opaque position in the journal; set by it
	Name      Name
	SessionID string
	Sequence  uint64   // without gaps within its session, from 1; 0: not numbered
	Counter   *Counter // the journal takes Sequence from it when it writes the event; nil: Sequence stands as it is
	Source    string   // the node; a URI reference
	Time      time.Time
	Trace     string  // the trace context of what caused it (W3C traceparent); "": none
	Params    []Param // those of the catalogue, in its order: all that OpenSIPS' sockets carry
	Own       []Param // Parley's own members, after them

	line []byte // what AppendCloudEvent appends for the event without its cursor; nil: it is yet to be written
}

// Counter numbers the events of one session. The journal alone counts on, so that numbers are in the order of the journal, and one that is not
// written takes none; an event that a journal was given must not be given to another one.
type Counter struct{ Last uint64 }

// Param returns the value of a parameter or own member by name, or nil.
func (e *Event) Param(name string) any {
	for _, list := range [][]Param{e.Params, e.Own} {
		for i := range list {
			if list[i].Name == name {
				return list[i].Value
			}
		}
	}
	return nil
}

// NewSession says that a session is established. contentTypes is the peer's accept-types.
func NewSession(fromURI, toURI, ruri, sessionID, contentTypes string, own ...Param) Event {
	return Event{Name: SessionNew, SessionID: sessionID, Own: own, Params: []Param{
		{"from_uri", fromURI},
		{"to_uri", toURI},
		{"ruri", ruri},
		{"session_id", sessionID},
		{"content_types", contentTypes},
	}}
}

// NewEnd says that an established session is over.
func NewEnd(sessionID string, own ...Param) Event {
	return Event{Name: SessionEnd, SessionID: sessionID, Own: own, Params: []Param{
		{"session_id", sessionID},
	}}
}

// NewMessage says that a whole message arrived. body is kept, not copied.
func NewMessage(sessionID, contentType string, body []byte, own ...Param) Event {
	return Event{Name: MsgReceived, SessionID: sessionID, Own: own, Params: []Param{
		{"session_id", sessionID},
		{"content_type", contentType},
		{"body", body},
	}}
}

// NewReport says what the peer, or its silence, told about a message of ours. status is code and comment of a REPORT ("200 OK"),
// or the code alone of a negative response or of a time-out ("413", "408"); byteRange is the value of the header.
func NewReport(sessionID, messageID, status, byteRange string, own ...Param) Event {
	return Event{Name: ReportReceived, SessionID: sessionID, Own: own, Params: []Param{
		{"session_id", sessionID},
		{"message_id", messageID},
		{"status", status},
		{"byte_range", byteRange},
	}}
}

// NewFailed says that a session came to nothing while it was set up. code is the SIP status that says it best.
func NewFailed(sessionID string, code int, reason, fromURI, toURI, ruri string, own ...Param) Event {
	return Event{Name: SessionFailed, SessionID: sessionID, Own: own, Params: []Param{
		{"session_id", sessionID},
		{"code", code},
		{"reason", reason},
		{"from_uri", fromURI},
		{"to_uri", toURI},
		{"ruri", ruri},
	}}
}

// NewSent says what became of a message of ours, where no report event tells it.
func NewSent(sessionID, messageID, fate string, own ...Param) Event {
	return Event{Name: MsgSent, SessionID: sessionID, Own: own, Params: []Param{
		{"session_id", sessionID},
		{"message_id", messageID},
		{"fate", fate},
	}}
}

// NewWarning says what is odd about an established session; warning is one of the Warning constants.
func NewWarning(sessionID, warning string, own ...Param) Event {
	return Event{Name: SessionWarning, SessionID: sessionID, Own: own, Params: []Param{
		{"session_id", sessionID},
		{"warning", warning},
	}}
}

// WarningCertificate: the peer shows another certificate than the one that was first seen of it.
const WarningCertificate = "certificate_changed"

// NewConnectionLost says that an established session has lost its connection. recovering: it is not over yet.
func NewConnectionLost(sessionID string, recovering bool, own ...Param) Event {
	return Event{Name: ConnectionLost, SessionID: sessionID, Own: own, Params: []Param{
		{"session_id", sessionID},
		{"recovering", recovering},
	}}
}

// NewRecovered says that a session whose connection was lost has another one.
func NewRecovered(sessionID string, own ...Param) Event {
	return Event{Name: Recovered, SessionID: sessionID, Own: own, Params: []Param{
		{"session_id", sessionID},
	}}
}

// NewQueued says that a message was accepted for sending.
func NewQueued(sessionID, messageID, contentType string, own ...Param) Event {
	return Event{Name: MsgQueued, SessionID: sessionID, Own: own, Params: []Param{
		{"session_id", sessionID},
		{"message_id", messageID},
		{"content_type", contentType},
	}}
}

// NewIncomplete says that a message will never be whole of which chunks were answered 200.
func NewIncomplete(sessionID, messageID string, own ...Param) Event {
	return Event{Name: MsgIncomplete, SessionID: sessionID, Own: own, Params: []Param{
		{"session_id", sessionID},
		{"message_id", messageID},
	}}
}

// Own members of Parley; the catalogue says which event has which.

// CallID is the Call-ID of the session's SIP dialog.
func CallID(v string) Param { return Param{"call_id", v} }

// Identity is what was verified of the caller: a username, or a URI.
func Identity(v string) Param { return Param{"identity", v} }

// IdentityRealm is the realm of the username in Identity.
func IdentityRealm(v string) Param { return Param{"identity_realm", v} }

// IdentityBy is what verified the caller.
func IdentityBy(v string) Param { return Param{"identity_by", v} }

// Reason is a phrase for people that says why something happened.
func Reason(v string) Param { return Param{"reason", v} }

// Contacts are the URIs that a 3xx response names, the best first.
func Contacts(v []string) Param { return Param{"contacts", strings.Join(v, " ")} }

// MessageID is the Message-ID of the message that an event is about.
func MessageID(v string) Param { return Param{"message_id", v} }

// Handler is the name that the request route gave the session.
func Handler(v string) Param { return Param{"handler", v} }

// Tags are what the request route gave the session, sorted by name.
func Tags(v map[string]string) Param {
	tags := make([]Param, 0, len(v))
	for _, name := range slices.Sorted(maps.Keys(v)) {
		tags = append(tags, Param{name, v[name]})
	}
	return Param{"tags", tags}
}

// Code is the MSRP status code that a message failed with.
func Code(v int) Param { return Param{"code", v} }

// Comment is the peer's own phrase beside a status code.
func Comment(v string) Param { return Param{"comment", v} }

// Raised says that an event was raised by hand.
func Raised() Param { return Param{"raised", true} }
