package ua

import "github.com/parley-msrp/parley/internal/sip"

// SIPMessage is a SIP message that came, for reading. Safe for concurrent use and to keep.
type SIPMessage struct{ m *sip.Message }

func wrap(m *sip.Message) *SIPMessage {
	if m == nil {
		return nil
	}
	return &SIPMessage{m}
}

// Method is the request's method; for a response that of the request it answers.
func (m *SIPMessage) Method() string {
	if m.m.IsRequest() {
		return m.m.Method
	}
	_, method := m.m.CSeq()
	return method
}

// Status is the response's status code; 0 for a request.
func (m *SIPMessage) Status() int { return m.m.Status }

// Reason is the response's reason phrase.
func (m *SIPMessage) Reason() string { return m.m.Reason }

// RequestURI is the request's URI as written.
func (m *SIPMessage) RequestURI() string { return m.m.RequestURI }

// Header gives the values of all rows of that name, in order. Any spelling and the compact names are known.
func (m *SIPMessage) Header(name string) []string { return m.m.Values(name) }

// List gives the values of a header that is a list, one for each element, in order: rows of several elements are taken apart at their commas
// (RFC 3261 §7.3.1).
func (m *SIPMessage) List(name string) []string { return m.m.List(name) }

// Body is the message body. Not to be changed.
func (m *SIPMessage) Body() []byte { return m.m.Body }

// String is the message as text.
func (m *SIPMessage) String() string { return string(m.m.AppendTo(nil)) }
