package ua

import (
	"github.com/parley-msrp/parley/internal/dialog"
	"github.com/parley-msrp/parley/msrp"
)

// Handler is told what happens in sessions. What it needs of its own it keeps in its own fields.
//
// Methods must not block, and may call the session's methods. Established, Failed and Ended come one at a time for each
// call and in order; Message, Report and Fate come in order for each session. The two kinds may come at the same time, and a
// Message may come before Established: MSRP works from the 200 on, and its ACK may be slower. No method is called from within
// Start, Answer or End, but may well be called before they return.
type Handler interface {
	// Name is shown where sessions are listed.
	Name() string
	// Established: the ACK was received or sent. m is that ACK, or the 2xx that it answered.
	Established(s *Session, m *SIPMessage)
	// Failed: the session was being set up and came to nothing. Nothing follows.
	Failed(s *Session, e End)
	// Ended: the established session is over, whatever ended it. Once; nothing but the fates of messages that were sent, and the
	// reports that they rest on, follows.
	Ended(s *Session, e End)
	// Message hands over a whole message, to be completed by its Accept or Reject, from any goroutine, in any order; the
	// peer's 200 waits for that. Bodiless messages come too (m.Bodiless); they are answered already.
	Message(s *Session, m *Message)
	// Report: a REPORT came for a message that was sent here.
	Report(s *Session, r Report)
	// Fate: what became of a message that was sent here.
	Fate(s *Session, f Fate)
}

// Report is a REPORT that came.
type Report = msrp.Report

// Fate is how a sent message ended.
type Fate = msrp.Fate

// Outgoing is a message to send. It is wrapped in message/cpim, with From, To and DateTime, for a peer that asks for that (RFC 4975 §13) or takes
// its type in no other way (§8.6). Then Headers are those of what is wrapped.
type Outgoing = msrp.Outgoing

// Quiet is a Handler that accepts every message and ignores the rest, named "msrp_ua". Embed it to write only the methods that matter.
type Quiet struct{}

// Name is "msrp_ua".
func (Quiet) Name() string { return "msrp_ua" }

// Established does nothing.
func (Quiet) Established(*Session, *SIPMessage) {}

// Failed does nothing.
func (Quiet) Failed(*Session, End) {}

// Ended does nothing.
func (Quiet) Ended(*Session, End) {}

// Message accepts m.
func (Quiet) Message(_ *Session, m *Message) { m.Accept() }

// Report does nothing.
func (Quiet) Report(*Session, Report) {}

// Fate does nothing.
func (Quiet) Fate(*Session, Fate) {}

// Cause says what ended a session or its set-up.
type Cause uint8

// The causes.
const (
	ByPeer         Cause = iota + 1 // BYE, or CANCEL of a call that was not answered yet
	ByApplication                   // Session.End or Call.End
	Refused                         // the peer answered the INVITE with 300 to 699
	TimedOut                        // set-up took too long, no answer, or no ACK
	Unreachable                     // the network refused
	BadAnswer                       // the peer's session description cannot be used
	Expired                         // MaxDuration is over
	ConnectionLost                  // the MSRP connection broke, never came, or the peer does not know the session (481)
	DialogLost                      // the peer no longer knows the SIP dialog
	ShuttingDown                    // the Agent was closed
)

var causeNames = [...]string{
	ByPeer: "by peer", ByApplication: "by application", Refused: "refused", TimedOut: "timed out", Unreachable: "unreachable",
	BadAnswer: "bad answer", Expired: "expired", ConnectionLost: "connection lost", DialogLost: "dialog lost", ShuttingDown: "shutting down",
}

// String names the cause.
func (c Cause) String() string {
	if int(c) < len(causeNames) && causeNames[c] != "" {
		return causeNames[c]
	}
	return "unknown"
}

// End says how a session, or its set-up, ended.
type End struct {
	Cause   Cause
	Code    int         // the SIP status that says it best; 200 for a regular end
	Reason  string      // for people
	Message *SIPMessage // the SIP message that caused it; nil if none did
}

// Contacts lists the SIP URIs that a call was redirected to, the best first; nil where it ended in another way than by a 3xx.
func (e End) Contacts() []string {
	if e.Cause != Refused || e.Message == nil || e.Message.Status() >= 400 {
		return nil
	}
	return dialog.Contacts(e.Message.m)
}
