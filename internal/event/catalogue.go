package event

import (
	"slices"
	"time"
)

// Kind is the catalogue's entry for one event.
type Kind struct {
	Name    Name
	When    string   // when it is raised; Markdown
	Params  []Member // in order: all that OpenSIPS' sockets carry
	Own     []Member // Parley's own members, which may follow
	Example Event
}

// Member describes one parameter or own member.
type Member struct {
	Name string
	Type string // string, number, boolean, octets or object
	Doc  string // Markdown
}

// Fates of a message, as E_MSRP_MSG_SENT tells them.
const (
	FateDelivered = "delivered"
	FateFailed    = "failed"
	FateUnknown   = "unknown"
)

// Catalogue returns every event that a node raises, in the order in which they are listed.
func Catalogue() []Kind {
	kinds := entries()
	for i := range kinds {
		kinds[i].Own = append(kinds[i].Own, labels()...)
	}
	return kinds
}

// labels are the own members that each event of a session has which the request route gave them.
func labels() []Member {
	return []Member{
		{"handler", "string", "The handler that the request route named, if it named one."},
		{"tags", "object", "The tags that the request route gave the session, if it gave any: names with strings."},
		{"raised", "boolean", "`true` where somebody raised the event by hand (`raise_event`): nothing has happened. It belongs to no session then, whatever its `session_id` says, and has neither `subject` nor `sequence`."},
	}
}

// cpimDoc says what the own member cpim holds.
const cpimDoc = "Of a `message/cpim` (RFC 3862), what it says of itself; nobody but the peer vouches for it. `from`: the senders, as objects with `uri` and, " +
	"where it is given, `name`; where one such message is within another, the outermost sender stands first; in place of one that calls itself `sip:anonymous@anonymous.invalid` stands `identity` of the " +
	"session where that is a URI, else the peer's URI in the INVITE, unless the peer asked for privacy. The rest is of the innermost message: `to` and, where they are there, `cc`, " +
	"`time` (UTC) and `subject`; `headers`: each of its CPIM headers in order, with `namespace` (not for a prefix that was not declared), `name` and `value`; " +
	"`content_type` and `body` (*octets*) of what it brings, unless `msrp.unwrap_cpim` puts them into the parameters of these names."

// entries are the entries without what each of them has.
func entries() []Kind {
	var (
		sessionID = Member{"session_id", "string", "The session. It stays the same for as long as the session lives."}
		messageID = Member{"message_id", "string", "The Message-ID of the message that was sent."}
		fromURI   = Member{"from_uri", "string", "The URI in From of the INVITE."}
		toURI     = Member{"to_uri", "string", "The URI in To of the INVITE."}
		ruri      = Member{"ruri", "string", "The request URI of the INVITE."}
		callID    = Member{"call_id", "string", "The Call-ID of the session's SIP dialog."}
		caller    = []Member{
			callID,
			{"identity", "string", "Who calls, where that was verified: a username, or a URI. `from_uri` is only what the caller claims. Missing where the caller asked for privacy."},
			{"identity_realm", "string", "The realm of that username."},
			{"identity_by", "string", "What verified it: `digest`, the caller showed a user's credentials; `pai`, a trusted previous hop asserts it; `tls`, the certificate of its TLS connection is for it, a user (`sip:bob@example.org`) or a whole domain (`sip:example.org`). Missing where nothing was verified."},
		}
	)
	return []Kind{
		{
			Name: SessionNew,
			When: "A session is established: the ACK was sent or received.",
			Params: []Member{
				fromURI, toURI, ruri, sessionID,
				{"content_types", "string", "The media types that the peer accepts, separated by blanks."},
			},
			Own: caller,
			Example: example(NewSession("sip:alice@127.0.0.1:5090", "sip:bob@127.0.0.1:5060", "sip:bob@127.0.0.1:5060",
				exampleSession, "text/plain", CallID("vnsraw5jlj04ll26"), Handler("support"), Tags(map[string]string{"customer": "acme"})), 1),
		},
		{
			Name: SessionEnd,
			When: "An established session is over, whatever ended it: BYE, `max_duration`, a connection that is lost for good, a 481, a node that " +
				"shuts down. Once for each session; not after the application's own `end_session`.",
			Params:  []Member{sessionID},
			Own:     []Member{callID, {"reason", "string", "What ended it, for people."}},
			Example: example(NewEnd(exampleSession, CallID("vnsraw5jlj04ll26"), Reason("BYE received")), 6),
		},
		{
			Name: MsgReceived,
			When: "A whole message arrived that is not empty; however many chunks it came in.",
			Params: []Member{
				sessionID,
				{"content_type", "string", "The Content-Type, with its parameters."},
				{"body", "octets", "What the message says. A body that is not valid UTF-8 is given in base64 as `body_base64` instead."},
			},
			Own: []Member{
				{"message_id", "string", "The Message-ID that the peer gave it."},
				{"cpim", "object", cpimDoc},
				{"body_ref", "object", "Where the body is, if it has more octets than `journal.max_body`; `body` is empty then. `GET /v1/bodies/ID` gives it, for as long as the event is " +
					"kept: `id`; `octets`, a number; `sha256` of them, in hexadecimal. Of a message/cpim it is the whole one, also with `msrp.unwrap_cpim`."},
			},
			Example: example(NewMessage(exampleSession, "text/plain", []byte("hello"), MessageID("ndgh33bdwnil")), 2),
		},
		{
			Name: ReportReceived,
			When: "A REPORT came for a message that was sent, or a negative response, or no response for 30 seconds (that not where " +
				"Failure-Report is `no` or `partial`).",
			Params: []Member{
				sessionID, messageID,
				{"status", "string", "Code and comment of a REPORT (`200 OK`); of a negative response its code alone (`413`); after 30 seconds `408`."},
				{"byte_range", "string", "What it is about, as in the header of that name: `1-5/5`."},
			},
			Own:     []Member{{"comment", "string", "The peer's own words beside the code of a negative response."}},
			Example: example(NewReport(exampleSession, "c3408434e95040be65fa4edecd86f6ba", "413", "1-9/9", Comment("Too large")), 4),
		},
		{
			Name: SessionFailed,
			When: "A session that was being set up came to nothing: refused, no answer in time, a bad answer, no connection, a node that was restarted meanwhile (503). Parley's own event.",
			Params: []Member{
				sessionID,
				{"code", "number", "The SIP status that says it best: that of the final response, 408 where none came, 487 after a CANCEL."},
				{"reason", "string", "Why, for people."},
				fromURI, toURI, ruri,
			},
			Own: append(slices.Clone(caller), Member{"contacts", "string", "Where the peer says the call should go instead (code 300 to 399): SIP URIs separated by blanks, the best first."}),
			Example: example(NewFailed(exampleSession, 486, "Busy Here", "sip:bob@127.0.0.1:5060", "sip:alice@127.0.0.1:5090", "sip:alice@127.0.0.1:5090",
				CallID("vnsraw5jlj04ll26")), 1),
		},
		{
			Name: MsgSent,
			When: "The fate of a message that was sent is known, and no report event tells it. Parley's own event.",
			Params: []Member{
				sessionID, messageID,
				{"fate", "string", "`delivered`: the peer answered 200. `written`: Failure-Report was `no` or `partial`, and the last octet went to TCP. " +
					"`unconfirmed`: a success REPORT was asked for and had not come when the session ended. `failed`: it did not arrive; with `partial` " +
					"this may follow `written`. `unknown`: the process died in between."},
			},
			Own: []Member{
				{"code", "number", "The MSRP status code that it failed with, if it failed with one."},
				{"comment", "string", "The words beside that code; without one, why the message could not be sent, or not a second time after the loss of a connection."},
			},
			Example: example(NewSent(exampleSession, "c9d351c906842789808340b19e27d10b", FateDelivered), 3),
		},
		{
			Name: SessionWarning,
			When: "Something is odd about an established session, which goes on. Parley's own event.",
			Params: []Member{
				sessionID,
				{"warning", "string", "`certificate_changed`: the peer shows, by the fingerprint in its session description, another certificate than the one that was " +
					"first seen of its SIP identity (RFC 6714 §7.7). It may have a new one; or somebody is between, or claims to be the peer. The node remembers 10,000 peers, as long as it runs."},
			},
			Own:     []Member{callID, {"reason", "string", "The same, for people."}},
			Example: example(NewWarning(exampleSession, WarningCertificate, CallID("vnsraw5jlj04ll26"), Reason("the certificate is not the one that was first seen of this peer")), 2),
		},
		{
			Name: ConnectionLost,
			When: "The MSRP connection of an established session broke, and no BYE of the peer's followed: an alarm. With `msrp.recovery` the session waits for " +
				"another one, with what is sent meanwhile, and `E_MSRP_SESSION_RECOVERED` or `E_MSRP_SESSION_END` follows. Without, the end. Parley's own event.",
			Params: []Member{
				sessionID,
				{"recovering", "boolean", "Whether the session waits for another connection."},
			},
			Own:     []Member{callID, {"reason", "string", "What was lost, for people."}},
			Example: example(NewConnectionLost(exampleSession, true, CallID("vnsraw5jlj04ll26"), Reason("MSRP connection lost")), 4),
		},
		{
			Name: Recovered,
			When: "A session whose connection was lost has another one, by a new offer of either side's. What was not acknowledged is sent again under its Message-ID. " +
				"Parley's own event.",
			Params:  []Member{sessionID},
			Own:     []Member{callID},
			Example: example(NewRecovered(exampleSession, CallID("vnsraw5jlj04ll26")), 5),
		},
		{
			Name: MsgQueued,
			When: "A message was accepted for sending: the command is answered when this event is kept. Its fate follows, by E_MSRP_MSG_SENT or E_MSRP_REPORT_RECEIVED. Parley's own event.",
			Params: []Member{
				sessionID, messageID,
				{"content_type", "string", "Its Content-Type; empty for a SEND without body."},
			},
			Own: []Member{
				{"octets", "number", "How large it is. Missing for a stream whose length was not told."},
				{"body", "octets", "What it says; missing for a stream, and where it has more octets than `journal.max_body`."},
				{"idempotency_key", "string", "The caller's own key for the command."},
				{"request_digest", "string", "A digest of the command that had this key."},
			},
			Example: example(NewQueued(exampleSession, "c9d351c906842789808340b19e27d10b", "text/plain", Octets(5), Text([]byte("hello"))), 3),
		},
		{
			Name:    MsgIncomplete,
			When:    "A message will never be whole of which some chunks came and were answered 200: its sender gave it up, or its rest did not come for ten minutes or before the session's end, or it was refused, or the node was restarted meanwhile. Parley's own event.",
			Params:  []Member{sessionID, {"message_id", "string", "The Message-ID that the peer gave it."}},
			Own:     []Member{{"octets", "number", "How many came, if that is known."}, {"reason", "string", "Why, for people."}},
			Example: example(NewIncomplete(exampleSession, "ndgh33bdwnil", Reason("the node was restarted")), 4),
		},
	}
}

// KindOf returns the catalogue's entry for a name; the zero Kind where it has none.
func KindOf(name Name) Kind {
	kinds := Catalogue()
	if i := slices.IndexFunc(kinds, func(k Kind) bool { return k.Name == name }); i >= 0 {
		return kinds[i]
	}
	return Kind{}
}

// Known says whether the catalogue has an event of that name.
func Known(n Name) bool {
	switch n {
	case SessionNew, SessionEnd, MsgReceived, ReportReceived, SessionFailed, MsgSent, SessionWarning, ConnectionLost, Recovered, MsgQueued, MsgIncomplete:
		return true
	}
	return false
}

const exampleSession = "9fbf724ab10d2f50b5d05646629761cb"

// example gives an event what the journal and the node would give it.
func example(e Event, sequence uint64) Event {
	e.Cursor = "5f0c2a9be377-" + string(rune('0'+sequence))
	e.Sequence = sequence
	e.Source = "/node/parley-1"
	e.Time = time.Date(2026, 11, 22, 19, 45, int(sequence), 250_000_000, time.UTC)
	return e
}
