package interop

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-msrp/parley/test/daemon"
	"github.com/parley-msrp/parley/test/peer"
)

// receiver takes events as OpenSIPS' users write it: a plain socket, and whatever it reads. next gives the octets of one notification.
type receiver struct {
	socket string // as event_subscribe wants it
	next   func() string
}

func datagramReceiver(t *testing.T, network, address string) receiver {
	t.Helper()
	listening := map[string]string{"udp": "udp", "unix": "unixgram"}[network]
	c, err := net.ListenPacket(listening, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	b := make([]byte, 1<<17)
	return receiver{network + ":" + c.LocalAddr().String(), func() string {
		c.SetReadDeadline(time.Now().Add(answerLimit))
		n, _, err := c.ReadFrom(b)
		if err != nil {
			t.Fatalf("%s: %v", network, err)
		}
		return string(b[:n])
	}}
}

// streamReceiver accepts once and cuts what comes where one JSON document ends and the next begins.
func streamReceiver(t *testing.T) receiver {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	var c net.Conn
	var r *json.Decoder
	return receiver{"tcp:" + l.Addr().String(), func() string {
		if c == nil {
			l.(*net.TCPListener).SetDeadline(time.Now().Add(answerLimit))
			if c, err = l.Accept(); err != nil {
				t.Fatalf("tcp: %v", err)
			}
			t.Cleanup(func() { c.Close() })
			r = json.NewDecoder(c)
		}
		c.SetReadDeadline(time.Now().Add(answerLimit))
		var one json.RawMessage
		before := r.InputOffset()
		if err := r.Decode(&one); err != nil {
			t.Fatalf("tcp: %v", err)
		}
		if blanks := r.InputOffset() - before - int64(len(one)); blanks != 0 {
			t.Errorf("tcp: %d octets before %s", blanks, one)
		}
		return string(one)
	}}
}

var receiverEvents = []string{"E_MSRP_SESSION_NEW", "E_MSRP_SESSION_END", "E_MSRP_MSG_RECEIVED", "E_MSRP_REPORT_RECEIVED"}

// TestReceiversOfOpenSIPS has the exchange that stands in opensips-wire.txt with the built daemon: a plain UDP socket, a plain TCP listener and a unix
// datagram socket each get the octets that OpenSIPS' receivers got, with other ids and addresses, and without OpenSIPS' defect in byte_range.
func TestReceiversOfOpenSIPS(t *testing.T) {
	d := start(t, "")
	receivers := []receiver{
		datagramReceiver(t, "udp", "127.0.0.1:0"), datagramReceiver(t, "unix", filepath.Join(t.TempDir(), "events")), streamReceiver(t),
	}
	for _, r := range receivers {
		for _, name := range receiverEvents {
			var result string
			if err := d.Call(t.Context(), "event_subscribe", map[string]string{"event": name, "socket": r.socket}, &result); err != nil || result != "OK" {
				t.Fatalf("%s, %v", result, err)
			}
		}
	}
	bye := recordedCalls(t, d)
	want := recorded(t)
	got := map[string][]string{}
	for _, r := range receivers {
		for range len(want) - 1 {
			got[r.socket] = append(got[r.socket], masked(r.next()))
		}
	}
	bye()
	for _, r := range receivers {
		got := append(got[r.socket], masked(r.next()))
		if !slices.Equal(got, want) {
			t.Errorf("%s got\n%s\nwant\n%s", r.socket, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// recordedCalls are what the recorded events tell: a call that comes, two that are started, messages, reports and refusals in the first, its
// end, which bye brings.
func recordedCalls(t *testing.T, d *daemon.Daemon) (bye func()) {
	t.Helper()
	agent := peer.NewAgent(t, "udp", d.SIP().String())
	dialog := agent.NewDialog("bob")
	own := "msrp://127.0.0.1:9999/" + peer.Ident() + ";tcp"
	_, answer := dialog.Call(t, answerLimit, peer.Offer("text/plain", own))
	if answer.Code() != 200 {
		t.Fatalf("the INVITE was answered %s", answer.Start)
	}
	dialog.Ack(t)
	s := peer.Session{Own: own, Remote: peer.ParseSDP(answer.Body).Media[0].Path()}
	first := established(t, d)
	for _, user := range []string{"bob", "port0"} {
		callOut(t, d, agent, user)
	}
	conn := peer.DialMSRP(t, hostPort(s.Remote))
	for _, f := range []*peer.Frame{s.Send("hello"), s.Send("with report"), s.Send("frno").Add("Failure-Report", "no")} {
		conn.Put(f.Bytes())
		if f.Get("Failure-Report") == "" {
			conn.Response(t, answerLimit, f.ID)
		}
	}
	f := sent(t, d, conn, map[string]string{"session_id": first, "mime": "text/plain", "body": "hello", "success_report": "yes"})
	conn.Answer(f, 200, "OK")
	conn.Put(s.Report(f.Get("Message-ID"), "1-5/5", "000 200 OK").Bytes())
	for _, refused := range []struct {
		body string
		code int
	}{{"too large", 413}, {"not wanted", 403}} {
		conn.Answer(sent(t, d, conn, map[string]string{"session_id": first, "mime": "text/plain", "body": refused.body}), refused.code, "")
	}
	return func() {
		if bye := dialog.Bye(t, answerLimit); bye.Code() != 200 {
			t.Fatalf("the BYE was answered %s", bye.Start)
		}
	}
}

// established waits for the only session, and gives its ID.
func established(t *testing.T, d *daemon.Daemon) (id string) {
	t.Helper()
	eventually(t, answerLimit, func() (bool, string) {
		all, err := d.Sessions(t.Context())
		if err != nil || len(all) != 1 {
			return false, fmt.Sprintf("%d sessions, %v", len(all), err)
		}
		id = all[0].SessionID
		return all[0].State == daemon.Established, fmt.Sprintf("%+v", all[0])
	})
	return id
}

// callOut has the daemon call, and answers.
func callOut(t *testing.T, d *daemon.Daemon, agent *peer.Agent, user string) {
	t.Helper()
	to := "sip:" + user + "@" + agent.Addr.String()
	var ok string
	if err := d.Call(t.Context(), "msrp_ua_start_session", []string{"text/plain", "sip:oss@" + d.SIP().String(), to, to}, &ok); err != nil || ok != "OK" {
		t.Fatalf("%s, %v", ok, err)
	}
	invite := agent.Request(t, answerLimit, "INVITE")
	l := peer.ListenMSRP(t)
	called := agent.Answering(invite)
	agent.Respond(t, invite, called.Response(invite, 200, "OK").WithSDP(peer.Offer("text/plain", l.Path(peer.Ident()))))
	agent.Request(t, answerLimit, "ACK")
	c := l.Accept(t, answerLimit)
	c.Answer(c.Request(t, answerLimit, "SEND"), 200, "OK")
}

// sent has the daemon send a message, and gives what the peer got.
func sent(t *testing.T, d *daemon.Daemon, conn *peer.Conn, params map[string]string) *peer.Frame {
	t.Helper()
	var ok string
	if err := d.Call(t.Context(), "msrp_ua_send_message", params, &ok); err != nil || ok != "OK" {
		t.Fatalf("%s, %v", ok, err)
	}
	return conn.Request(t, answerLimit, "SEND")
}

// recorded are the events of the recorded exchange.
func recorded(t *testing.T) []string {
	t.Helper()
	f, err := os.Open("../../internal/mi/testdata/opensips-wire.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), `{"jsonrpc":"2.0","method":"E_`) {
			all = append(all, masked(strings.Replace(lines.Text(), `"byte_range":"Byte-Range: `, `"byte_range":"`, 1)))
		}
	}
	if len(all) != 10 {
		t.Fatalf("%d events are recorded", len(all))
	}
	return all
}

var (
	addresses = regexp.MustCompile(`127\.\d+\.\d+\.\d+:\d+`)
	ids       = regexp.MustCompile(`"((?:session|message)_id)":"[^"]*"`)
)

// masked leaves out what differs from one run to the next.
func masked(notification string) string {
	return ids.ReplaceAllString(addresses.ReplaceAllString(notification, "A"), `"$1":"I"`)
}
