package peer

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// Dialog is the peer's end of a SIP dialog, or of one that shall come about. Its fields may be changed to make faulty requests.
type Dialog struct {
	Agent     *Agent
	CallID    string
	Local     string // URI of From when the peer sends
	LocalTag  string
	Remote    string // URI of To when the peer sends
	RemoteTag string
	Target    string // Request-URI of the next request
	Routes    []string
	CSeq      int // of the last request sent
}

// NewDialog prepares a call from the peer to sip:USER@TARGET.
func (a *Agent) NewDialog(user string) *Dialog {
	uri := "sip:" + user + "@" + a.Target
	return &Dialog{
		Agent: a, CallID: Ident(), Local: "sip:alice@" + a.Addr.String(), LocalTag: Ident(),
		Remote: uri, Target: uri,
	}
}

// Request makes the next request of the dialog, with the next CSeq (ACK and CANCEL keep the number).
func (d *Dialog) Request(method string) *Message {
	if method != "ACK" && method != "CANCEL" {
		d.CSeq++
	}
	from, to := "<"+d.Local+">;tag="+d.LocalTag, "<"+d.Remote+">"
	if d.LocalTag == "" {
		from = "<" + d.Local + ">"
	}
	if d.RemoteTag != "" {
		to += ";tag=" + d.RemoteTag
	}
	m := &Message{Start: method + " " + d.Target + " SIP/2.0"}
	m.Add("Via", d.Agent.Via())
	for _, r := range d.Routes {
		m.Add("Route", r)
	}
	return m.Add("Max-Forwards", "70").Add("From", from).Add("To", to).Add("Call-ID", d.CallID).
		Add("CSeq", fmt.Sprintf("%d %s", d.CSeq, method)).Add("Contact", "<"+d.Agent.ContactURI()+">")
}

// Invite makes an INVITE with a session description; "" : without body.
func (d *Dialog) Invite(sdp string) *Message {
	m := d.Request("INVITE")
	if sdp != "" {
		m.Add("Content-Type", "application/sdp")
		m.Body = []byte(sdp)
	}
	return m
}

// Learn takes tag, target and route set from a dialog-making response.
func (d *Dialog) Learn(r *Message) {
	d.RemoteTag = r.Tag("To")
	d.Target = AddressURI(r.Get("Contact"))
	d.Routes = nil
	for _, rr := range r.List("Record-Route") {
		d.Routes = append([]string{rr}, d.Routes...)
	}
}

// Ack acknowledges a 2xx, with a branch of its own.
func (d *Dialog) Ack(t testing.TB) *Message {
	t.Helper()
	m := d.Request("ACK").Del("Contact")
	d.Agent.Send(t, m)
	return m
}

// AckRefusal makes the ACK of a final response of 300 to 699 (RFC 3261 §17.1.1.3).
func AckRefusal(invite, refusal *Message) *Message {
	m := &Message{Start: "ACK " + invite.URI() + " SIP/2.0"}
	m.Add("Via", invite.List("Via")[0]).Add("Max-Forwards", "70").Add("From", invite.Get("From")).Add("To", refusal.Get("To"))
	m.Add("Call-ID", invite.Get("Call-ID"))
	for _, r := range invite.List("Route") {
		m.Add("Route", r)
	}
	return m.Add("CSeq", fmt.Sprintf("%d ACK", invite.CSeq()))
}

// Cancel makes the CANCEL of an INVITE.
func Cancel(invite *Message) *Message {
	m := &Message{Start: "CANCEL " + invite.URI() + " SIP/2.0"}
	m.Add("Via", invite.List("Via")[0]).Add("Max-Forwards", "70").Add("From", invite.Get("From")).Add("To", invite.Get("To"))
	m.Add("Call-ID", invite.Get("Call-ID"))
	for _, r := range invite.List("Route") {
		m.Add("Route", r)
	}
	return m.Add("CSeq", fmt.Sprintf("%d CANCEL", invite.CSeq()))
}

// Call sends an INVITE with the session description and returns its final response, acknowledged if it is a refusal.
// A 2xx is learnt but not acknowledged.
func (d *Dialog) Call(t testing.TB, within time.Duration, sdp string) (invite, response *Message) {
	t.Helper()
	invite = d.Invite(sdp)
	return invite, d.Place(t, within, invite)
}

// Place is Call with a request that was made before.
func (d *Dialog) Place(t testing.TB, within time.Duration, invite *Message) *Message {
	t.Helper()
	r := d.Agent.Ask(t, within, invite)
	if r.Code() >= 300 {
		d.Agent.Send(t, AckRefusal(invite, r))
	} else {
		d.Learn(r)
	}
	return r
}

// Bye ends the call and returns the final response.
func (d *Dialog) Bye(t testing.TB, within time.Duration) *Message {
	t.Helper()
	return d.Agent.Ask(t, within, d.Request("BYE").Del("Contact"))
}

// Answering is the called end of an INVITE that came: a dialog with a fresh local tag.
func (a *Agent) Answering(invite *Message) *Dialog {
	d := &Dialog{
		Agent: a, CallID: invite.Get("Call-ID"), LocalTag: Ident(),
		Local: AddressURI(invite.Get("To")), Remote: AddressURI(invite.Get("From")), RemoteTag: invite.Tag("From"),
		Target: AddressURI(invite.Get("Contact")), Routes: invite.List("Record-Route"),
	}
	return d
}

// Response makes a response to a request that came. The dialog's local tag goes into To unless one is there or the code is 100.
func (d *Dialog) Response(request *Message, code int, reason string) *Message {
	m := &Message{Start: fmt.Sprintf("SIP/2.0 %d %s", code, reason)}
	for _, v := range request.All("Via") {
		m.Add("Via", v)
	}
	to := request.Get("To")
	if request.Tag("To") == "" && code != 100 && d.LocalTag != "" {
		to += ";tag=" + d.LocalTag
	}
	m.Add("From", request.Get("From")).Add("To", to).Add("Call-ID", request.Get("Call-ID")).Add("CSeq", request.Get("CSeq"))
	if request.Method() == "INVITE" && code != 100 {
		for _, rr := range request.All("Record-Route") {
			m.Add("Record-Route", rr)
		}
		m.Add("Contact", "<"+d.Agent.ContactURI()+">")
	}
	return m
}

// WithSDP adds a session description to a message.
func (m *Message) WithSDP(sdp string) *Message {
	m.Body = []byte(sdp)
	return m.Set("Content-Type", "application/sdp")
}

// Answer sends a response to a request that came.
func (d *Dialog) Answer(t testing.TB, request *Message, code int, reason string) {
	t.Helper()
	d.Agent.Respond(t, request, d.Response(request, code, reason))
}

// CheckSIP says what is wrong with a message that came, by the rules that hold for every message of a careful sender.
func (m *Message) CheckSIP() []string {
	var wrong []string
	short := map[string]bool{"v": true, "f": true, "t": true, "i": true, "m": true, "l": true, "c": true, "k": true, "e": true, "s": true}
	for _, r := range m.Rows {
		if short[strings.ToLower(r.Name)] {
			wrong = append(wrong, "compact header name "+r.Name)
		}
	}
	for _, name := range []string{"From", "To", "Call-ID", "CSeq", "Via"} {
		n := len(m.All(name))
		if n == 0 || n > 1 && name != "Via" {
			wrong = append(wrong, fmt.Sprintf("%d rows %s", n, name))
		}
	}
	if m.IsRequest() && m.Get("Max-Forwards") != "70" {
		wrong = append(wrong, "Max-Forwards "+m.Get("Max-Forwards"))
	}
	for _, v := range append(m.List("Via"), m.List("Contact")...) {
		if strings.Contains(v, "[::]") || strings.Contains(v, "0.0.0.0") {
			wrong = append(wrong, "unspecified address in "+v)
		}
	}
	return wrong
}
