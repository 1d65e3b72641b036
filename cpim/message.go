package cpim

import (
	"iter"
	"strings"
	"time"
)

// Message is a CPIM message (RFC 3862 §2). Reading one may be concurrent, as long as nobody changes it.
type Message struct {
	Headers []Header     // of the message, in order
	MIME    []MIMEHeader // of its content, in order; Content-Type is one of them
	Content []byte       // of a message that was parsed: part of what was parsed, not a copy
}

// From is the sender that the message asserts. Nobody but whoever sent the message vouches for it (RFC 4975 §14.5).
func (m *Message) From() Address {
	for a := range m.addresses("From") {
		return a
	}
	return Address{}
}

// To are the recipients.
func (m *Message) To() iter.Seq[Address] { return m.addresses("To") }

// Cc are those who got a copy.
func (m *Message) Cc() iter.Seq[Address] { return m.addresses("cc") }

func (m *Message) addresses(name string) iter.Seq[Address] {
	return func(yield func(Address) bool) {
		for h := range m.All(CoreNamespace, name) {
			if a, err := ParseAddress(h.Value()); err == nil && !yield(a) {
				return
			}
		}
	}
}

// DateTime is when the message was sent. It is false where that is not said, or not as RFC 3339 says it.
func (m *Message) DateTime() (time.Time, bool) {
	h, ok := m.First(CoreNamespace, "DateTime")
	if !ok {
		return time.Time{}, false
	}
	return parseTime(h.Text())
}

// parseTime reads RFC 3339, whose letters may be small and whose seconds may leap (RFC 3339 §5.6, §5.7).
func parseTime(s string) (time.Time, bool) {
	s = strings.ToUpper(s)
	const seconds = len("2006-01-02T15:04:")
	leap := len(s) > seconds+2 && s[seconds:seconds+2] == "60"
	if leap {
		s = s[:seconds] + "59" + s[seconds+2:]
	}
	t, err := time.Parse(time.RFC3339, s)
	if leap {
		t = t.Add(time.Second)
	}
	return t, err == nil
}

// Subject is what the message is about, "" if it does not say so. Of several the first one counts (P-004); All finds the others, which may be in
// other languages.
func (m *Message) Subject() string {
	h, _ := m.First(CoreNamespace, "Subject")
	return h.Text()
}

// ContentType is the media type of the content, with its parameters; "" if there is none, which Parse does not let through.
func (m *Message) ContentType() string { return m.MIMEValue("Content-Type") }

// MIMEValue is the value of a header of the content, "" if it is not there. Case is ignored in the name.
func (m *Message) MIMEValue(name string) string {
	for _, h := range m.MIME {
		if strings.EqualFold(h.Name(), name) {
			return h.Value()
		}
	}
	return ""
}

// Len is how many octets AppendTo appends.
func (m *Message) Len() int {
	n := 2*len("\r\n") + len(m.Content)
	for i := range m.Headers {
		n += len(m.Headers[i].line) + len("\r\n")
	}
	for i := range m.MIME {
		n += len(m.MIME[i].line) + len("\r\n")
	}
	return n
}

// AppendTo appends the message as it goes into an MSRP body.
func (m *Message) AppendTo(b []byte) []byte { return append(m.AppendHead(b), m.Content...) }

// AppendHead appends what stands before the content.
func (m *Message) AppendHead(b []byte) []byte {
	for i := range m.Headers {
		b = append(append(b, m.Headers[i].line...), '\r', '\n')
	}
	b = append(b, '\r', '\n')
	for i := range m.MIME {
		b = append(append(b, m.MIME[i].line...), '\r', '\n')
	}
	return append(b, '\r', '\n')
}
