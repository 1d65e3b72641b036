package interop

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parley-msrp/parley/test/daemon"
	"github.com/parley-msrp/parley/test/peer"
	"github.com/parley-msrp/parley/ua"
)

// dropped is a message that gets no answer.
const dropped = 0

// A tortured is a message of RFC 4475 (testdata/rfc4475, by the names it has there) and the final answer that it gets: the section's own
// where there is one, else what a user agent server does with it that has no registrar, takes no MESSAGE and talks MSRP only.
type tortured struct {
	name   string
	code   int
	silent bool // over TCP there is no answer: its end does not come
}

var torturedMessages = []tortured{
	// §3.1.1: valid messages. Session descriptions in them speak of audio and video, hence 488.
	{name: "wsinv", code: 481 /* its To has a tag */},
	{name: "intmeth", code: 501},
	{name: "esc01", code: 488},
	{name: "escnull", code: 405},
	{name: "esc02", code: 501},
	{name: "lwsdisp", code: 200},
	{name: "longreq", code: 488},
	{name: "dblreq", code: 405},
	{name: "semiuri", code: 200},
	{name: "transports", code: 200},
	{name: "mpart01", code: 405},
	{name: "unreason", code: dropped},
	{name: "noreason", code: dropped},
	// §3.1.2: invalid ones.
	{name: "badinv01", code: 400},
	{name: "clerr", code: 400, silent: true},
	{name: "ncl", code: 400},
	{name: "scalar02", code: 400},
	{name: "scalarlg", code: dropped},
	{name: "quotbal", code: 400},
	{name: "ltgtruri", code: 400},
	{name: "lwsruri", code: 400},
	{name: "lwsstart", code: 400},
	{name: "trws", code: 400},
	{name: "escruri", code: 488 /* §3.1.2.11: headers in the URI may be ignored */},
	{name: "baddate", code: 488},
	{name: "regbadct", code: 405},
	{name: "badaspec", code: 400},
	{name: "baddn", code: 200 /* §3.1.2.15: the missing quotes may be inferred */},
	{name: "badvers", code: 505},
	{name: "mismatch01", code: 400},
	{name: "mismatch02", code: 400},
	{name: "bigcode", code: dropped},
	// §3.2: transaction layer.
	{name: "badbranch", code: 200},
	// §3.3: application layer.
	{name: "insuf", code: 400},
	{name: "unkscm", code: 416},
	{name: "novelsc", code: 416},
	{name: "unksm2", code: 405},
	{name: "bext01", code: 420},
	{name: "invut", code: 415},
	{name: "regaut01", code: 405},
	{name: "multi01", code: 400},
	{name: "mcl01", code: 400},
	{name: "bcast", code: dropped},
	{name: "zeromf", code: 200},
	{name: "cparam01", code: 405},
	{name: "cparam02", code: 405},
	{name: "regescrt", code: 405},
	{name: "sdp01", code: 406},
	// §3.4: RFC 2543.
	{name: "inv2543", code: 400},
}

// TestRFC4475 sends each torture message to an agent, and then makes an ordinary call with it.
func TestRFC4475(t *testing.T) {
	files, err := filepath.Glob("testdata/rfc4475/*.dat")
	if err != nil || len(files) != len(torturedMessages) {
		t.Fatalf("%d messages for %d files (error %v)", len(torturedMessages), len(files), err)
	}
	for _, proto := range []string{"udp", "tcp"} {
		for _, m := range torturedMessages {
			t.Run(m.name+" over "+proto, func(t *testing.T) {
				t.Parallel()
				octets, err := os.ReadFile(filepath.Join("testdata/rfc4475", m.name+".dat"))
				if err != nil {
					t.Fatal(err)
				}
				h := &listener{established: make(chan struct{}, 8)}
				agent, err := ua.New(ua.Config{
					SIPListen: []string{"udp:127.0.0.1:0"}, MSRPListen: []string{"tcp:127.0.0.1:0"},
					OnInvite: func(i *ua.Invitation) { _, _ = i.Answer(h) },
				})
				if err != nil {
					t.Fatal(err)
				}
				defer func() {
					if err := agent.Close(t.Context()); err != nil {
						t.Error(err)
					}
				}()
				at := strings.TrimPrefix(agent.SIPAddrs()[0], "udp:")
				got := provoke(t, proto, at, octets, func() { ordinaryCall(t, agent, h, proto, at) })
				want := m.code
				if proto == "tcp" && m.silent {
					want = dropped
				}
				if got != want {
					t.Errorf("the answer is %d, want %d (0: none)", got, want)
				}
				if n := len(agent.Sessions()); n > 0 {
					t.Errorf("%d sessions stand", n)
				}
				select {
				case <-h.established:
					t.Error("a session was made")
				default:
				}
			})
		}
	}
}

// A listener hears of sessions.
type listener struct {
	ua.Quiet
	established chan struct{}
}

func (l *listener) Established(*ua.Session, *ua.SIPMessage) { l.established <- struct{}{} }

// provoke sends octets and gives the code of the final response; 0 if none came until after was done.
func provoke(t *testing.T, proto, to string, octets []byte, after func()) int {
	t.Helper()
	responses := make(chan *peer.Message, 16)
	if proto == "tcp" {
		c, err := net.Dial("tcp", to)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		go func() { // ends with its connection
			for r := bufio.NewReader(c); ; {
				m, err := readMessage(r)
				if err != nil {
					return
				}
				responses <- m
			}
		}()
		if _, err := c.Write(octets); err != nil {
			t.Fatal(err)
		}
	} else {
		// Answers go to the ports that the messages' Via name, whatever they came from.
		own, err := daemon.Address()
		if err != nil {
			t.Fatal(err)
		}
		for _, port := range []uint16{5050, 5061, 5070, 5060} {
			c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(own, port)))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			go func() { // ends with its socket
				for buf := make([]byte, 65536); ; {
					n, err := c.Read(buf)
					if err != nil {
						return
					}
					if m, err := peer.ParseMessage(bytes.Clone(buf[:n])); err == nil {
						responses <- m
					}
				}
			}()
			if port == 5060 {
				if _, err := c.WriteToUDPAddrPort(octets, netip.MustParseAddrPort(to)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	final := func(within time.Duration) int {
		end := time.After(within)
		for {
			select {
			case m := <-responses:
				if m.Code() >= 200 {
					return m.Code()
				}
			case <-end:
				return dropped
			}
		}
	}
	got := final(100 * time.Millisecond)
	after()
	if got == dropped {
		got = final(time.Millisecond)
	}
	return got
}

// readMessage reads a message off a stream.
func readMessage(r *bufio.Reader) (*peer.Message, error) {
	var head bytes.Buffer
	length := 0
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return nil, err
		}
		head.WriteString(line)
		if name, value, ok := strings.Cut(line, ":"); ok && strings.EqualFold(name, "Content-Length") {
			if _, err := fmt.Sscan(value, &length); err != nil {
				return nil, err
			}
		}
		if line == "\r\n" {
			break
		}
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, err
	}
	return peer.ParseMessage(append(head.Bytes(), body...))
}

// ordinaryCall asks by OPTIONS, calls, and hangs up.
func ordinaryCall(t *testing.T, agent *ua.Agent, h *listener, proto, to string) {
	t.Helper()
	if n := len(agent.Sessions()); n > 0 {
		t.Errorf("%d sessions stand after the message", n)
	}
	p := peer.NewAgent(t, proto, to)
	defer p.Close()
	if r := p.Ask(t, answerLimit, p.NewDialog("bob").Request("OPTIONS")); r.Code() != 200 {
		t.Errorf("an OPTIONS got %d", r.Code())
	}
	d := p.NewDialog("bob")
	if _, r := d.Call(t, answerLimit, peer.Offer("text/plain", "msrp://127.0.0.1:9/ordinary;tcp")); r.Code() != 200 {
		t.Fatalf("a call got %d", r.Code())
	}
	d.Ack(t)
	select {
	case <-h.established:
	case <-time.After(answerLimit):
		t.Error("the call was not established")
	}
	if r := d.Bye(t, answerLimit); r.Code() != 200 {
		t.Errorf("BYE got %d", r.Code())
	}
	eventually(t, answerLimit, func() (bool, string) {
		n := len(agent.Sessions())
		return n == 0, fmt.Sprintf("%d sessions stand after the call", n)
	})
}
