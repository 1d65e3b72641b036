// Package control is what every face of the daemon shares: start, send, end, list, subscribe.
package control

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/parley-msrp/parley/internal/trace"
	"github.com/parley-msrp/parley/msrp"
)

// ErrUnknownSession says that no session has that ID, or has it any more.
var ErrUnknownSession = errors.New("unknown session")

// FieldError says what is wrong with one thing that was asked for, by the name that the faces give it.
type FieldError struct {
	Field string
	Err   error
}

func (e *FieldError) Error() string { return fmt.Sprintf("%s: %v", e.Field, e.Err) }

// Unwrap gives the reason.
func (e *FieldError) Unwrap() error { return e.Err }

// Start asks for a new session.
type Start struct {
	ContentTypes               string // space separated
	FromURI, ToURI, RequestURI string
	Trace                      bool // from the INVITE on; see Control.Trace

	Key string // the caller's own: the same command with the same key again is done once; "": none
}

// Send asks for a message.
type Send struct {
	SessionID     string
	ContentType   string // "": a bodiless SEND
	Body          []byte
	Stream        io.Reader // in place of Body; see msrp.Outgoing
	Size          int64     // of Stream, in octets; 0: not known
	Disposition   string    // value of Content-Disposition; "": none
	FailureReport msrp.FailureReport
	SuccessReport bool

	Key    string // as in Start; not with Stream
	Parent string // the trace context that the command came with; "": none
}

// Label is what a session is known by besides what OpenSIPS knows: events carry it, and the list shows it.
type Label struct {
	Handler string            // whom its events are for; "": the daemon's own name
	Tags    map[string]string // the application's own words
}

// Session is one listed session. The first seven fields keep OpenSIPS' names, types and order.
type Session struct {
	SessionID string `json:"session_id"`
	B2BKey    string `json:"b2b_key"`
	Type      string `json:"type"` // UAS or UAC
	Handler   string `json:"handler"`
	State     int    `json:"dlg_state"` // 0 new, 1 confirmed, 2 established, 3 terminated
	PeerPath  string `json:"peer_path"`
	Lifetime  int    `json:"lifetime"` // seconds left; 0: no limit

	CallID  string `json:"call_id"`
	FromURI string `json:"from_uri"`
	ToURI   string `json:"to_uri"`

	Tags map[string]string `json:"tags,omitempty"`

	// Who calls, where that was verified; see the events' members of these names.
	Identity      string `json:"identity,omitempty"`
	IdentityRealm string `json:"identity_realm,omitempty"`
	IdentityBy    string `json:"identity_by,omitempty"`

	// What OpenSIPS' form of the list has no place for.
	Started        time.Time  `json:"-"` // when the INVITE came or left
	Expires        time.Time  `json:"-"` // zero: never
	PeerTypes      msrp.Types `json:"-"` // nil until known
	Received, Sent uint64     `json:"-"` // messages
}

// Registration is one listed address that is kept registered.
type Registration struct {
	AOR        string `json:"aor"`
	Registered bool   `json:"registered"`
	Expires    int    `json:"expires"` // seconds left of what was granted; 0 where it is not registered
	Code       int    `json:"code"`    // SIP status of the last attempt; 0: none ended yet
	Reason     string `json:"reason"`
}

// Node is what the faces are given (implemented in this package by *Control).
type Node interface {
	Start(s Start) (sessionID string, err error)
	Send(s Send) (messageID string, err error) // ErrUnknownSession, or why it cannot be sent
	EndOnce(sessionID, key string) error       // ErrUnknownSession; key: the caller's own, or ""
	List() []Session
	Session(sessionID string) (Session, error) // ErrUnknownSession
	Figures() Figures
	Trace(sessionID string) error                                   // ErrUnknownSession, trace.ErrTooMany
	Traced(sessionID string, after uint64) (trace.Recording, error) // ErrNotTraced
	EndTrace(sessionID string) error                                // ErrNotTraced
	Follow(sessionID string) (*trace.Follower, error)               // ErrUnknownSession, trace.ErrTooManyFollowers
	TraceNext(calls int)
	Registrations() []Registration
}

// Reloaded are the keys of the configuration whose values have changed when it was read anew.
type Reloaded struct {
	Changed   []string `json:"changed" doc:"Keys of which the node has taken the new value: at once, or for new sessions."`
	NextStart []string `json:"at_next_start" doc:"Keys whose new value counts from the next start on."`
}
