// Package dialog keeps the SIP dialogs that an INVITE makes (RFC 3261 §12 to §15), in both roles, from the INVITE to the
// answer of the BYE. Session descriptions are opaque octets here: what they say is the business of the packages above.
//
// An Endpoint sits on a sip.Stack as its User. What happens on a dialog runs as its tasks, one at a time and in the order of
// arrival, and no lock is held meanwhile, so that an Owner may call the dialog's methods from within its own.
//
// Not spoken yet, hence neither in Supported nor in Allow, and refused by the rules: reliable provisional responses as caller (RFC 3262),
// Replaces (RFC 3891), and answers to digest challenges.
package dialog
