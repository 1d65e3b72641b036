package dialog

import "github.com/parley-msrp/parley/internal/sip"

// Examine looks at a request that begins a dialog or asks about one, and checks it as an Endpoint that takes Replaces would before its User gets to see it: one that the
// request reached by the transport which its top Via names. It gives the session description in the body (nil: none), or what the request would
// be refused with.
func Examine(m *sip.Message) (offer []byte, r *Refusal) {
	over := m.Transport()
	e := &Endpoint{cfg: Config{Replacing: ReplacingSource}}
	offer, r = e.check(m, over, false)
	if r == nil && m.Method == "INVITE" {
		_, r = checkPeer(m, m.List("Record-Route"), over == sip.TLS)
	}
	return offer, r
}
