package interop

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-msrp/parley/test/daemon"
	"github.com/parley-msrp/parley/test/peer"
)

// TestDissectors captures a conversation of both roles with a scripted peer. Wireshark's dissectors see exactly the messages and frames that the peer sent and received,
// with the fields that it meant and read, and find none malformed.
func TestDissectors(t *testing.T) {
	for _, proto := range []string{"udp", "tcp"} {
		t.Run("SIP over "+strings.ToUpper(proto), func(t *testing.T) {
			d := start(t, "")
			e := &exchange{t: t, d: d, agent: peer.NewAgent(t, proto, d.SIP().String()), listener: peer.ListenMSRP(t)}
			own, sipPort := peer.PathPort(e.listener.Path("x")), strconv.Itoa(int(e.agent.Addr.Port()))
			capture := startCapture(t, fmt.Sprintf("(host %s and not tcp port %d) or tcp port %s or tcp port %s", d.Addr, daemon.HTTPPort, own, sipPort))
			e.answered()
			e.started(proto)
			e.sip(e.agent.Drop(func(*peer.Message) bool { return true })...) // provisional responses, retransmissions
			capture.finish(t, d.Addr.String())
			options := []string{"-d", "tcp.port==" + own + ",msrp", "-d", "udp.port==" + sipPort + ",sip", "-d", "tcp.port==" + sipPort + ",sip"}

			compare(t, "SIP messages", e.messages, tshark(t, capture.file, "sip", options, "sip.Method", "sip.Status-Code", "sip.CSeq", "sip.Call-ID"))
			frames := cutFrames(t, directions(t, capture.file, fmt.Sprintf("tcp.port in {%d, %s}", daemon.MSRPPort, own)))
			compare(t, "MSRP frames", e.frames, tshark(t, frames, "msrp", options, "msrp.transaction.id", "msrp.method", "msrp.status.code", "msrp.messageid",
				"msrp.byte.range", "msrp.success.report", "msrp.failure.report", "msrp.status", "msrp.content.type", "msrp.cnt.flg", "msrp.to.path", "msrp.from.path"))
			for _, file := range []string{capture.file, frames} {
				if bad := tshark(t, file, "_ws.malformed || msrp.status.code.invalid", options, "frame.number", "_ws.col.Info"); len(bad) > 0 {
					t.Errorf("malformed: %q", bad)
				}
			}
		})
	}
}

// compare compares without regard to order.
func compare(t *testing.T, what string, sent, seen []string) {
	t.Helper()
	slices.Sort(sent)
	slices.Sort(seen)
	if diff := cmp.Diff(sent, seen); diff != "" {
		t.Errorf("%s: %d sent and received, %d seen by tshark (-sent +seen):\n%s", what, len(sent), len(seen), diff)
	}
	if len(sent) == 0 {
		t.Errorf("%s: none at all", what)
	}
	t.Logf("%d %s", len(seen), what)
}

// An exchange is a conversation with the daemon that keeps account of each message and frame.
type exchange struct {
	t        *testing.T
	d        *daemon.Daemon
	agent    *peer.Agent
	listener *peer.Listener

	messages []string // SIP
	frames   []string // MSRP
}

// answered is a session that the peer starts.
func (e *exchange) answered() {
	dialog := e.agent.NewDialog("bob")
	own := e.listener.Path(peer.Ident())
	invite, answer := dialog.Call(e.t, answerLimit, peer.Offer("text/plain", own))
	e.sip(invite, answer)
	if answer.Code() != 200 {
		e.t.Fatalf("the INVITE was answered %s", answer.Start)
	}
	e.sip(dialog.Ack(e.t))
	s := peer.Session{Own: own, Remote: peer.ParseSDP(answer.Body).Media[0].Path()}
	conn := peer.DialMSRP(e.t, hostPort(s.Remote))

	e.ask(conn, s.Bodiless(), 200)
	e.ask(conn, s.Send("hello"), 200)
	e.ask(conn, s.Chunk("in-two-chunks", "1-5/10", "first", '+'), 200)
	e.ask(conn, s.Chunk("in-two-chunks", "6-10/10", "other", '$'), 200)
	e.ask(conn, peer.Session{Own: own, Remote: strings.Replace(s.Remote, ";tcp", "x;tcp", 1)}.Send("nobody"), 481)
	e.ask(conn, s.Send("with a report").Add("Success-Report", "yes"), 200)
	e.msrp(conn.Request(e.t, answerLimit, "REPORT"))
	e.sent(s, conn)

	bye := dialog.Request("BYE").Del("Contact")
	e.sip(bye, e.agent.Ask(e.t, answerLimit, bye))
}

// sent has the daemon send a message that takes more than one chunk, which the peer reports as received.
func (e *exchange) sent(s peer.Session, conn *peer.Conn) {
	sessions, err := e.d.Sessions(e.t.Context())
	if err != nil || len(sessions) != 1 {
		e.t.Fatalf("%d sessions are listed, want 1 (error %v)", len(sessions), err)
	}
	const size = 5000
	e.call("msrp_ua_send_message", map[string]string{
		"session_id": sessions[0].SessionID, "mime": "text/plain", "body": strings.Repeat("x", size), "success_report": "yes",
	})
	var chunk *peer.Frame
	for chunk == nil || chunk.Flag != '$' {
		chunk = conn.Request(e.t, answerLimit, "SEND")
		e.respond(conn, chunk)
	}
	report := s.Report(chunk.Get("Message-ID"), fmt.Sprintf("1-%d/%d", size, size), "000 200 OK")
	conn.Put(report.Bytes())
	e.msrp(report)
}

// started is a session that the daemon starts, and ends.
func (e *exchange) started(proto string) {
	eventually(e.t, answerLimit, func() (bool, string) { // the 200 of a BYE may overtake the end of its session
		before, err := e.d.Sessions(e.t.Context())
		return err == nil && len(before) == 0, fmt.Sprintf("%d sessions are listed, want none (error %v)", len(before), err)
	})
	e.call("msrp_ua_start_session", map[string]string{
		"content_types": "text/plain", "from_uri": "sip:parley@" + e.d.SIP().String(), "to_uri": "sip:peer@example.org",
		"ruri": e.agent.ContactURI(),
	})
	invite := e.agent.Request(e.t, answerLimit, "INVITE")
	dialog := e.agent.Answering(invite)
	own := e.listener.Path(peer.Ident())
	answer := dialog.Response(invite, 200, "OK").WithSDP(peer.Offer("text/plain", own))
	e.agent.Respond(e.t, invite, answer)
	e.sip(invite, answer, e.agent.Request(e.t, answerLimit, "ACK"))
	conn := e.listener.Accept(e.t, answerLimit)
	e.respond(conn, conn.Request(e.t, answerLimit, "SEND"))
	s := peer.Session{Own: own, Remote: peer.ParseSDP(invite.Body).Media[0].Path()}
	e.ask(conn, s.Send("hello back"), 200)

	sessions, err := e.d.Sessions(e.t.Context())
	if err != nil || len(sessions) != 1 {
		e.t.Fatalf("%d sessions are listed, want 1 (error %v)", len(sessions), err)
	}
	e.call("msrp_ua_end_session", map[string]string{"session_id": sessions[0].SessionID})
	bye := e.agent.Request(e.t, answerLimit, "BYE")
	bye200 := dialog.Response(bye, 200, "OK")
	e.agent.Respond(e.t, bye, bye200)
	e.sip(bye, bye200)
}

func (e *exchange) call(method string, params map[string]string) {
	e.t.Helper()
	var result any
	if err := e.d.Call(e.t.Context(), method, params, &result); err != nil || result != "OK" {
		e.t.Fatalf("%s: result %v, error %v", method, result, err)
	}
}

// ask sends a request and takes its response.
func (e *exchange) ask(conn *peer.Conn, request *peer.Frame, code int) {
	e.t.Helper()
	conn.Put(request.Bytes())
	response := conn.Response(e.t, answerLimit, request.ID)
	if response.Code != code {
		e.t.Errorf("%s %s was answered %d %s, want %d", request.Method, request.Get("Message-ID"), response.Code, response.Comment, code)
	}
	e.msrp(request, response)
}

// respond takes a request and responds to it.
func (e *exchange) respond(conn *peer.Conn, request *peer.Frame) {
	response := request.Reply(200, "OK")
	conn.Put(response.Bytes())
	e.msrp(request, response)
}

func (e *exchange) sip(messages ...*peer.Message) {
	for _, m := range messages {
		what := m.Method() + "|"
		if !m.IsRequest() {
			what = "|" + strconv.Itoa(m.Code())
		}
		e.messages = append(e.messages, strings.Join([]string{what, m.Get("CSeq"), m.Get("Call-ID")}, "|"))
	}
}

func (e *exchange) msrp(frames ...*peer.Frame) {
	for _, f := range frames {
		code := ""
		if f.Method == "" {
			code = strconv.Itoa(f.Code)
		}
		e.frames = append(e.frames, strings.Join([]string{
			f.ID, f.Method, code, f.Get("Message-ID"), f.Get("Byte-Range"), f.Get("Success-Report"), f.Get("Failure-Report"), f.Get("Status"),
			f.Get("Content-Type"), string(f.Flag), f.Get("To-Path"), f.Get("From-Path"),
		}, "|"))
	}
}
