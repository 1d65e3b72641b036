package sip

import "slices"

const hAsserted = "P-Asserted-Identity"

// disbelieve takes a P-Asserted-Identity out of a message whose previous hop is not trusted to assert anything: nobody above sees it
// (RFC 3325 §8; S-029). The message has not been shared yet.
func (s *Stack) disbelieve(f Flow, m *Message) {
	asserted := func(h Header) bool { return h.Name == hAsserted } // its one spelling in a message that was read
	if !slices.ContainsFunc(m.rows, asserted) || s.cfg.Asserts != nil && s.cfg.Asserts(f) {
		return
	}
	s.log.Debug("asserted identity dropped: the previous hop is not trusted", "call_id", m.CallID())
	m.rows = slices.DeleteFunc(m.rows, asserted)
}

// unwelcome refuses a request from a source that may send none: 403 without a transaction, so that a flood of them costs no memory. An ACK is
// never answered.
func (s *Stack) unwelcome(in inbound, m *Message, v via, hasVia bool) bool {
	if s.cfg.Admit == nil || s.cfg.Admit(in.flow) {
		return false
	}
	s.log.Debug("request refused: its source is not allowed", "method", m.Method, "call_id", m.CallID())
	if m.Method != "ACK" {
		s.replyStateless(s.pathTo(in, v, hasVia), m, 403, "", nil)
	}
	return true
}
