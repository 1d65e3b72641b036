// Package msrpsdp reads and writes the session descriptions of MSRP sessions (RFC 4975 §8) and plays both parts of offer and
// answer with them (RFC 3264). It opens no connection and keeps no session: package ua decides which lines are taken, and
// package msrp what then happens in them.
//
// A peer's description becomes a Description by Parse; an own one is made by Offer, Answer or Capabilities. CheckAnswer says
// whether an answer fits an offer of ours, and Own.Peer turns a negotiated line into what package msrp needs to know.
package msrpsdp
