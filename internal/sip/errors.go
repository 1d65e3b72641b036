package sip

import "errors"

var (
	// ErrTimeout ends a client transaction that got no final response in time: 64*T1 after the request, for an INVITE that was
	// answered by a 1xx 64*T1 after its CANCEL (RFC 3261 §17.1; treat it as a 408).
	ErrTimeout = errors.New("no final response in time")
	// ErrClosed is returned once Close was called, and ends the client transactions that were open then.
	ErrClosed = errors.New("the SIP stack is closed")
	// ErrAnswered is returned by ServerTx.Reply once a final response went.
	ErrAnswered = errors.New("the request was answered already")
	// ErrTerminated is returned by ServerTx.Resend and Reply when the transaction is over or its octets were forgotten.
	ErrTerminated = errors.New("the transaction is over")
	// ErrNoListener is returned where no listener of that protocol and address family is open to send from or be answered at.
	ErrNoListener = errors.New("no listener for that transport and address family")
	// ErrTransport is returned for a URI whose transport is not supported.
	ErrTransport = errors.New("transport not supported")
	// ErrLimit is returned where a limit of Config is reached: connections, transactions, the write queue of a connection.
	ErrLimit = errors.New("limit reached")

	errConnClosed = errors.New("connection closed")
)
