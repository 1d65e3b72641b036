package main

// An outbox collects the messages that are to leave on one line.
type outbox struct {
	data []byte
	ends []int
	post func(o *outbox)
}

type outboxes []*outbox

func (p *phone) newOutboxes() outboxes {
	o := make(outboxes, len(p.lines))
	for i, l := range p.lines {
		o[i] = &outbox{post: l.poster()}
	}
	return o
}

// begin writes a request up to its branch; without a target it goes to whom the phone calls.
func (o *outbox) begin(method string, target []byte, p *phone) {
	o.data = append(o.data, method...)
	if target == nil {
		target = p.target
	}
	o.data = append(o.data, target...)
	o.data = append(o.data, p.via...)
}

// branch holds the call's number, and the request's in it.
func (o *outbox) branch(p *phone, s *slot) {
	o.data = append(o.data, p.cookie...)
	o.number(s)
	o.data = append(o.data, 'a'+s.cseq)
}

func (o *outbox) number(s *slot) {
	const digits = "0123456789abcdef"
	for shift := 4 * (numberLen - 1); shift >= 0; shift -= 4 {
		o.data = append(o.data, digits[s.number>>shift&15])
	}
}

// identity writes From and Call-ID.
func (o *outbox) identity(p *phone, s *slot) {
	o.data = append(o.data, "From: <sip:bench@127.0.0.1>;tag=bench"...)
	o.number(s)
	o.data = append(o.data, "\r\nCall-ID: "...)
	o.data = append(o.data, p.cookie...)
	o.number(s)
	o.data = append(o.data, "@127.0.0.1\r\n"...)
}

func (o *outbox) end() { o.ends = append(o.ends, len(o.data)) }

// flush sends what was collected. What the network does not take is sent again, or missed.
func (out outboxes) flush() {
	for _, o := range out {
		if len(o.data) > 0 {
			o.post(o)
		}
		o.data, o.ends = o.data[:0], o.ends[:0]
	}
}
