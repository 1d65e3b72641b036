package dialog

import "github.com/parley-msrp/parley/internal/sip"

// User is what sits above an Endpoint. Its methods are called in arrival order for each socket and must not block.
type User interface {
	// Invite hands over a new INVITE that passed every check of this package (method, URI scheme, Require, Accept, body types).
	// The user decides now or later, from any goroutine, with in.Accept or in.Reject; 100 leaves by itself after 200 ms.
	Invite(in *Incoming)
	// Query hands over an OPTIONS: q.Accept or q.Refuse answers it now or later, as an INVITE to that request URI would be.
	Query(q *Query)
	// Capabilities is the session description that says what this side can do, for an OPTIONS inside a dialog; nil: none.
	Capabilities() []byte
}

// Owner is told what happens to one dialog. Its methods are called one at a time for each dialog, in order, and must not block;
// they may call the dialog's methods. They are never called from within a method of Dialog, Incoming or Endpoint that the
// same goroutine is in, but may well be called before that method returned.
type Owner interface {
	// Progress: a provisional response other than 100 came (as caller only).
	Progress(d *Dialog, m *sip.Message)
	// Answered: the answer to an own offer came: in the first 2xx (as caller; its ACK has not been sent yet, and answer is nil where there is
	// none that can be read), in the ACK of a 2xx that carried an offer, or in the 2xx of an own re-INVITE or UPDATE. Those that change
	// nothing are not told. A refusal ends the dialog by BYE, after the ACK where one is due: Ended with Cause BadAnswer, code and reason as given.
	Answered(d *Dialog, m *sip.Message, answer []byte) (refuse *Refusal)
	// Established: the ACK was received (called side; m is the ACK) or sent (calling side; m is the 2xx). Once.
	Established(d *Dialog, m *sip.Message)
	// Offer: a re-INVITE or UPDATE came whose session description differs from the peer's last one.
	// Returns the answer, or a Refusal (488 …), which leaves the dialog as it was. An offer equal to the last one is answered
	// by the dialog itself with the last description that we sent.
	Offer(d *Dialog, m *sip.Message, offer []byte) (answer []byte, refuse *Refusal)
	// MakeOffer: a re-INVITE came that has no offer, and asks for one: what stands, or what this side wishes by now (S-024). Its answer comes
	// through Answered, unless it changes nothing. Nil refuses with 488.
	MakeOffer(d *Dialog) []byte
	// Ended: the dialog is over. Exactly once for each dialog or attempt, whatever ended it, and the last call.
	Ended(d *Dialog, e End)
}

// Refusal is a SIP response that refuses something.
type Refusal struct {
	Code    int          // 300 to 699
	Reason  string       // empty: the code's usual phrase
	Headers []sip.Header // further ones, for example Warning
}

// Cause says who or what ended a dialog.
type Cause uint8

// The causes.
const (
	Local     Cause = iota + 1 // End or Reject was called
	Remote                     // BYE or CANCEL came
	Refused                    // as caller: a final response of 300 to 699; Code and Reason are the response's
	Timeout                    // set-up time over, no answer, no ACK
	Transport                  // the network said no
	Lost                       // 481 or 408 to an in-dialog request
	BadAnswer                  // Answered refused
)

// End says how a dialog ended.
type End struct {
	Cause       Cause
	Established bool         // whether Established had been called: without, it is a failed set-up
	Code        int          // SIP status that says it best: 487 for CANCEL, 408 for time-outs, 503 for transport; 200 for BYE
	Reason      string       // a phrase for people
	Message     *sip.Message // that caused it; nil at time-outs and local ends
}
