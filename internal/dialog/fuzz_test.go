package dialog

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-msrp/parley/internal/sip"
)

// The states in which FuzzDialogStates lets something come.
const (
	stateEarly      = iota // called, 180 sent
	stateAccepted          // called, 200 sent, no ACK yet
	stateConfirmed         // called, ACK came
	stateTerminated        // called, the peer's BYE was answered
	stateReinviting        // called, an own re-INVITE waits for its answer
	stateCalling           // caller, nothing came
	stateProceeding        // caller, 180 came
	stateCount
)

// FuzzDialogStates sends a datagram to a listening endpoint in each state of a dialog. In it {tag} is the endpoint's tag, {mine} the peer's, {call} the Call-ID,
// {branch} and {seq} those of the endpoint's last request. It must answer an OPTIONS after that, and leave nothing behind at its end.
func FuzzDialogStates(f *testing.F) {
	inDialog := func(method string, seq int, more string) string {
		return fmt.Sprintf("%s sip:192.0.2.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKf%s%d\r\nMax-Forwards: 70\r\nFrom: <sip:p@192.0.2.9>;tag={mine}\r\n"+
			"To: <sip:e@192.0.2.1>;tag={tag}\r\nCall-ID: {call}\r\nCSeq: %d %s\r\nContact: <sip:p@192.0.2.9:5060>\r\n%s", method, method, seq, seq, method, more)
	}
	response := func(status, method, more string) string {
		return fmt.Sprintf("SIP/2.0 %s\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch={branch}\r\nFrom: <sip:e@192.0.2.1>;tag={tag}\r\nTo: <sip:p@192.0.2.9>;tag={mine}\r\n"+
			"Call-ID: {call}\r\nCSeq: {seq} %s\r\nContact: <sip:p@192.0.2.9:5060>\r\n%s", status, method, more)
	}
	sdp := func(body string) string {
		return fmt.Sprintf("Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
	const none = "Content-Length: 0\r\n\r\n"
	for state := range byte(stateCount) {
		for _, m := range []string{
			"", "\r\n\r\n", "SIP/2.0 200 OK\r\n\r\n",
			inDialog("BYE", 50, none), inDialog("BYE", 1, none), inDialog("INVITE", 51, sdp(otherSDP)), inDialog("INVITE", 52, none), inDialog("UPDATE", 53, sdp(otherSDP)),
			inDialog("ACK", 1, none), inDialog("ACK", 1, sdp(otherSDP)), inDialog("CANCEL", 1, none), inDialog("PRACK", 54, "RAck: 1 1 INVITE\r\n"+none), inDialog("INFO", 55, none),
			inDialog("INVITE", 56, "Session-Expires: 90;refresher=uac\r\nSupported: timer\r\nRequire: timer\r\n"+sdp(offerSDP)), inDialog("OPTIONS", 57, none),
			inDialog("REFER", 58, "Refer-To: <sip:x@192.0.2.8>\r\n"+none), inDialog("NOTIFY", 59, "Event: refer\r\n"+none),
			inDialog("INVITE", 60, "Record-Route: <sip:192.0.2.8;lr>\r\nReplaces: {call};to-tag={tag};from-tag={mine}\r\n"+sdp(offerSDP)),
			response("100 Trying", "INVITE", none), response("183 Progress", "INVITE", sdp(answerSDP)), response("200 OK", "INVITE", sdp(answerSDP)), response("200 OK", "INVITE", none),
			response("486 Busy Here", "INVITE", none), response("302 Moved", "INVITE", none), response("491 Request Pending", "INVITE", none), response("481 Gone", "INVITE", none),
			response("422 Small", "INVITE", "Min-SE: 4000\r\n"+none), response("200 OK", "BYE", none),
			response("401 Unauthorized", "INVITE", "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n"+none),
		} {
			f.Add(state, m)
		}
	}
	f.Fuzz(func(t *testing.T, state byte, datagram string) {
		synctest.Test(t, func(t *testing.T) { fuzzState(t, state%stateCount, datagram) })
	})
}

func fuzzState(t *testing.T, state byte, datagram string) {
	n := newMemNet()
	h := &fuzzed{t: t, state: state}
	h.e = New(Config{SetupTimeout: time.Minute}, h)
	var err error
	h.stack, err = sip.NewStack(sip.Config{User: h.e, ListenPacket: n.ListenPacket, ListenStream: n.Listen, DialStream: n.Dial, Names: twoAddresses{}})
	check0(t, err)
	h.e.Attach(h.stack)
	_, err = h.stack.Listen(sip.UDP, "192.0.2.1:5060")
	check0(t, err)
	h.peer, err = n.ListenPacket("udp", "192.0.2.9:5060")
	check0(t, err)
	defer h.peer.Close()
	h.reach()
	h.send(strings.NewReplacer("{tag}", h.tag, "{mine}", "mine", "{call}", h.call, "{branch}", h.branch, "{seq}", h.seq).Replace(datagram))
	h.send("OPTIONS sip:192.0.2.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKlast\r\nMax-Forwards: 70\r\nFrom: <sip:p@192.0.2.9>;tag=last\r\n" +
		"To: <sip:e@192.0.2.1>\r\nCall-ID: last\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n")
	if !h.heard("SIP/2.0 200 ", "Call-ID: last\r\n") {
		t.Fatal("the OPTIONS after that was not answered")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	check0(t, h.e.Close(ctx))
	check0(t, h.stack.Close(ctx))
	if h.e.Len()+len(h.e.table.all())+h.e.undecided.count() != 0 || h.ended > 1 {
		t.Fatalf("left are %d dialogs, %d undecided INVITEs; the owner heard %d ends", h.e.Len(), h.e.undecided.count(), h.ended)
	}
}

// fuzzed is an endpoint, what is above it, and its peer's socket.
type fuzzed struct {
	t     *testing.T
	e     *Endpoint
	stack *sip.Stack
	peer  net.PacketConn
	state byte
	d     *Dialog
	ended int

	tag, call, branch, seq string
}

// reach brings the dialog to its state.
func (h *fuzzed) reach() {
	if h.state >= stateCalling {
		_, err := h.e.Invite(Invite{RequestURI: "sip:p@192.0.2.9:5060", From: "sip:e@192.0.2.1", To: "sip:p@192.0.2.9", Offer: []byte(offerSDP), Owner: h})
		check0(h.t, err)
		h.heard("INVITE ")
		if h.state == stateProceeding {
			h.send(fmt.Sprintf("SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=%s\r\nFrom: <sip:e@192.0.2.1>;tag=%s\r\nTo: <sip:p@192.0.2.9>;tag=mine\r\n"+
				"Call-ID: %s\r\nCSeq: %s INVITE\r\nContent-Length: 0\r\n\r\n", h.branch, h.tag, h.call, h.seq))
		}
		return
	}
	request := func(method string, seq int, to, more string) {
		h.send(fmt.Sprintf("%s sip:e@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKs%s\r\nMax-Forwards: 70\r\nFrom: <sip:p@192.0.2.9>;tag=mine\r\n"+
			"To: <sip:e@192.0.2.1>%s\r\nCall-ID: reach\r\nCSeq: %d %s\r\nContact: <sip:p@192.0.2.9:5060>\r\n%s", method, method, to, seq, method, more))
	}
	h.call, h.branch, h.seq = "reach", "z9hG4bKnone", "1"
	request("INVITE", 1, "", fmt.Sprintf("Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s", len(offerSDP), offerSDP))
	if !h.heard("SIP/2.0 ", "Call-ID: reach\r\n") {
		h.t.Fatal("the INVITE was not answered")
	}
	if h.state >= stateConfirmed {
		request("ACK", 1, ";tag="+h.tag, "Content-Length: 0\r\n\r\n")
	}
	switch h.state {
	case stateTerminated:
		request("BYE", 2, ";tag="+h.tag, "Content-Length: 0\r\n\r\n")
	case stateReinviting:
		check0(h.t, h.d.Modify(false, func() []byte { return []byte(otherSDP) }, func(error) {}))
		h.heard("INVITE ")
	}
}

func (h *fuzzed) send(datagram string) {
	_, err := h.peer.WriteTo([]byte(datagram), net.UDPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.1:5060")))
	check0(h.t, err)
	synctest.Wait()
}

// heard looks for a message that begins so and holds the rest, among those that came, and learns from it.
func (h *fuzzed) heard(start string, parts ...string) bool {
	synctest.Wait()
	in := h.peer.(*memSocket).in
	for {
		select {
		case p := <-in:
			m := string(p.b)
			found := strings.HasPrefix(m, start)
			for _, part := range parts {
				found = found && strings.Contains(m, part)
			}
			if !found {
				continue
			}
			between := func(before, after string) string {
				_, rest, _ := strings.Cut(m, before)
				value, _, _ := strings.Cut(rest, after)
				return value
			}
			if strings.HasPrefix(m, "INVITE ") {
				h.call, h.branch, h.seq = between("Call-ID: ", "\r\n"), between(";branch=", "\r\n"), between("CSeq: ", " ")
				h.tag = between(";tag=", "\r\n")
			} else if !strings.Contains(m, "Call-ID: last") {
				_, to, _ := strings.Cut(m, "\r\nTo: ")
				to, _, _ = strings.Cut(to, "\r\n")
				_, h.tag, _ = strings.Cut(to, ";tag=")
			}
			return true
		default:
			return false
		}
	}
}

func (h *fuzzed) Invite(in *Incoming) {
	if in.CallID() != "reach" || h.d != nil || h.state >= stateCalling {
		_ = in.Reject(Refusal{Code: 486})
		return
	}
	if h.state == stateEarly {
		_ = in.Ring(180, "")
		return
	}
	h.d, _ = in.Accept([]byte(answerSDP), h)
}

func (h *fuzzed) Query(q *Query)                                  { q.Accept(nil) }
func (h *fuzzed) Capabilities() []byte                            { return nil }
func (h *fuzzed) Progress(*Dialog, *sip.Message)                  {}
func (h *fuzzed) Answered(*Dialog, *sip.Message, []byte) *Refusal { return nil }
func (h *fuzzed) MakeOffer(*Dialog) []byte                        { return []byte(answerSDP) }
func (h *fuzzed) Established(*Dialog, *sip.Message)               {}
func (h *fuzzed) Ended(*Dialog, End)                              { h.ended++ }

func (h *fuzzed) Offer(*Dialog, *sip.Message, []byte) ([]byte, *Refusal) {
	return []byte(answerSDP), nil
}
