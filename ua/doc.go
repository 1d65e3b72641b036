// Package ua is an MSRP user agent: SIP calls (RFC 3261) that carry MSRP sessions (RFC 4975), answered and started.
//
// An [Agent] owns the listeners. An INVITE that comes reaches Config.OnInvite as an [Invitation], which is answered
// with media types and a [Handler], or refused. [Agent.Start] starts a session. From then on a [Session] sends messages,
// and its Handler is told what happens: established, failed, ended, messages, reports, and the fate of each message sent.
//
// A call is one SIP dialog; it holds one session for each MSRP line of its session description that was accepted.
// A session's ID is permanent.
package ua
