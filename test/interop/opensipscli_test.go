package interop

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/parley-msrp/parley/test/daemon"
	"github.com/parley-msrp/parley/test/peer"
)

// carrier takes a request of the management interface to the daemon, and brings the answer.
type carrier func(t *testing.T, request string) string

// carriers are those of opensips-cli, each of them as it has them: a FIFO that is made before and opened after the request is written, without a line
// end; a socket for each datagram; a POST.
func carriers(d *daemon.Daemon, folder string) map[string]carrier {
	return map[string]carrier{
		"http": func(t *testing.T, request string) string {
			answer, err := http.Post(d.URL("/mi"), "application/json", strings.NewReader(request))
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			body, err := io.ReadAll(answer.Body)
			if err != nil || answer.StatusCode != http.StatusOK {
				t.Fatalf("%s, %v", answer.Status, err)
			}
			return string(body)
		},
		"fifo": func(t *testing.T, request string) string {
			name := fmt.Sprintf("opensips_fifo_reply_%d", rand.N(32767))
			path := filepath.Join(folder, name)
			if err := syscall.Mkfifo(path, 0o666); err != nil {
				t.Fatal(err)
			}
			defer os.Remove(path)
			f, err := os.OpenFile(filepath.Join(folder, "opensips_fifo"), os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteString(":" + name + ":" + request); err != nil {
				t.Fatal(err)
			}
			f.Close()
			if f, err = os.OpenFile(path, os.O_RDONLY, 0); err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			line, err := bufio.NewReader(f).ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			return strings.TrimSuffix(line, "\n")
		},
		"udp": func(t *testing.T, request string) string {
			return overDatagram(t, "udp", d.Addr.String()+":8080", "", request)
		},
		"unix": func(t *testing.T, request string) string {
			return overDatagram(t, "unixgram", filepath.Join(folder, "mi.sock"), filepath.Join(folder, "client.sock"), request)
		},
	}
}

func overDatagram(t *testing.T, network, address, own, request string) string {
	t.Helper()
	var dialer net.Dialer
	if own != "" {
		dialer.LocalAddr = &net.UnixAddr{Net: network, Name: own}
		defer os.Remove(own)
	}
	c, err := dialer.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(answerLimit)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 65536)
	n, err := c.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

// cli is `opensips-cli -x mi COMMAND ARGUMENTS`: it asks which commands there are, says that there is none of that name, or calls it, by name where each
// argument is key=value, and by position otherwise. Its ids are strings.
type cli struct {
	carry carrier
}

var (
	errNoCommand = errors.New("no command")
	keyValue     = regexp.MustCompile(`^([a-zA-Z.\-_]+)=(?s:(.*))$`)
)

func (c *cli) run(t *testing.T, command string, arguments ...string) (json.RawMessage, error) {
	t.Helper()
	which, err := c.call(t, "which", []string{})
	if err != nil {
		t.Fatal(err)
	}
	var commands []string
	if err := json.Unmarshal(which, &commands); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(commands, command) {
		return nil, errNoCommand
	}
	named := map[string]any{}
	for _, a := range arguments {
		if m := keyValue.FindStringSubmatch(a); m != nil {
			named[m[1]] = m[2]
		}
	}
	switch {
	case command == "get_statistics" && len(arguments) > 0:
		// One of the commands whose parameter it knows to be an array.
		return c.call(t, command, [][]string{arguments})
	case len(named) == len(arguments) && len(named) > 0:
		return c.call(t, command, named)
	}
	return c.call(t, command, arguments)
}

func (c *cli) call(t *testing.T, method string, params any) (json.RawMessage, error) {
	t.Helper()
	id := fmt.Sprint(rand.N(32767))
	request, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": id, "method": method, "params": params})
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		JSONRPC string
		ID      any
		Result  json.RawMessage
		Error   json.RawMessage
	}
	text := c.carry(t, string(request))
	if err := json.Unmarshal([]byte(text), &answer); err != nil || answer.JSONRPC != "2.0" || answer.ID != id {
		t.Fatalf("%s is answered %s", request, text)
	}
	if answer.Error != nil {
		return nil, errors.New(string(answer.Error))
	}
	return answer.Result, nil
}

// managed starts a daemon with all carriers of the management interface.
func managed(t *testing.T) (*daemon.Daemon, map[string]carrier) {
	t.Helper()
	folder := t.TempDir()
	d := start(t, fmt.Sprintf("mi:\n  fifo: %[1]s/opensips_fifo\n  datagram: [\"udp:HOST:8080\", \"unix:%[1]s/mi.sock\"]\n", folder))
	return d, carriers(d, folder)
}

// TestOpenSIPSCLI does a conversation over each carrier as a user of opensips-cli would.
func TestOpenSIPSCLI(t *testing.T) {
	d, all := managed(t)
	for name, carry := range all {
		t.Run(name, func(t *testing.T) {
			c := &cli{carry}
			want := func(result, command string, arguments ...string) {
				t.Helper()
				got, err := c.run(t, command, arguments...)
				if err != nil || !regexp.MustCompile("^(?:"+result+")$").Match(got) {
					t.Errorf("%s %q: %s, %v; want %s", command, arguments, got, err, result)
				}
			}
			refused := func(failure, command string, arguments ...string) {
				t.Helper()
				if got, err := c.run(t, command, arguments...); err == nil || err.Error() != failure {
					t.Errorf("%s %q: %s, %v; want %s", command, arguments, got, err, failure)
				}
			}
			want(`\{"Now":".*","Up since":".*","Up time":"\d+ \[sec\]"\}`, "uptime")
			want(fmt.Sprintf(`\{"Processes":\[\{"ID":0,"PID":%d,"Type":"daemon"\}\]\}`, d.PID()), "ps")
			want(`\{"New global log level":3\}`, "log_level", "3")
			want(`\[\["session_id"\]\]`, "which", "msrp_ua_end_session")
			want(`\{"msrp:chunks":\d+,"sessions:established":\d+,"sessions:live":\d+\}`, "get_statistics", "chunks", "sessions:established", "live")
			refused(`{"code":404,"message":"Statistics Not Found"}`, "get_statistics", "rcv_requests")
			refused("no command", "dlg_list")

			agent := peer.NewAgent(t, "udp", d.SIP().String())
			call := agent.NewDialog("bob")
			if _, answer := call.Call(t, answerLimit, peer.Offer("text/plain", "msrp://127.0.0.1:9/"+peer.Ident()+";tcp")); answer.Code() != 200 {
				t.Fatal(answer.Start)
			}
			call.Ack(t)
			var id string
			for deadline := time.Now().Add(answerLimit); ; time.Sleep(pollEvery) {
				list, err := c.run(t, "msrp_ua:list_sessions")
				var sessions []daemon.Session
				if err != nil || json.Unmarshal(list, &sessions) != nil || time.Now().After(deadline) {
					t.Fatalf("%s, %v", list, err)
				}
				if i := slices.IndexFunc(sessions, func(s daemon.Session) bool { return s.CallID == call.CallID && s.State == daemon.Established }); i >= 0 {
					id = sessions[i].SessionID
					break
				}
			}
			want(`"OK"`, "msrp_ua_send_message", "session_id="+id, "mime=text/plain", "body=hello = you")
			want(`"OK"`, "msrp_ua:send_message", id, "text/plain", "hello", "yes", "no")
			refused(`{"code":-32602,"message":"Invalid params","data":"Ambiguous call, use named parameters instead"}`, "msrp_ua_send_message", id, "text/plain", "hello")
			refused(`{"code":404,"message":"Unknown session"}`, "msrp_ua:end_session", "session_id=nope")
			want(`"OK"`, "msrp_ua:end_session", id)
			bye := agent.Request(t, answerLimit, "BYE")
			call.Answer(t, bye, 200, "OK")
		})
	}
}

// reason is what Parley adds where OpenSIPS says nothing.
var reason = regexp.MustCompile(`("message":"Failed to (?:start session|send message)"),"data":"[^"\\]*(?:\\.[^"\\]*)*"`)

// TestRecordedExchanges: what OpenSIPS answered, the daemon answers octet for octet, over each carrier.
func TestRecordedExchanges(t *testing.T) {
	recorded, err := os.ReadFile("../../internal/mi/testdata/opensips-mi.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	_, all := managed(t)
	for name, carry := range all {
		t.Run(name, func(t *testing.T) {
			replayed := 0
			for line := range bytes.Lines(recorded) {
				var exchange struct{ Request, Response string }
				if err := json.Unmarshal(line, &exchange); err != nil {
					t.Fatal(err)
				}
				if got := reason.ReplaceAllString(carry(t, exchange.Request), "$1"); got != exchange.Response {
					t.Errorf("%s\nis answered %s\nwant        %s", exchange.Request, got, exchange.Response)
				}
				replayed++
			}
			if replayed != 39 {
				t.Errorf("%d exchanges were replayed", replayed)
			}
		})
	}
}
