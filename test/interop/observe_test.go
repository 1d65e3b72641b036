package interop

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/test/daemon"
	"github.com/parley-msrp/parley/test/peer"
)

// converse has a daemon and a scripted peer talk in both roles.
func converse(t *testing.T, d *daemon.Daemon, proto string) *exchange {
	t.Helper()
	e := &exchange{t: t, d: d, agent: peer.NewAgent(t, proto, d.SIP().String()), listener: peer.ListenMSRP(t)}
	e.answered()
	e.started(proto)
	e.sip(e.agent.Drop(func(*peer.Message) bool { return true })...) // provisional responses, retransmissions
	return e
}

// TestTraceCommand: what parley trace --pcap writes Wireshark reads as it would have read the wire: exactly the messages and frames that the peer sent and received, in packets
// without a fault. The same are in what the command shows.
func TestTraceCommand(t *testing.T) {
	for _, proto := range []string{"udp", "tcp"} {
		t.Run("SIP over "+strings.ToUpper(proto), func(t *testing.T) {
			d := start(t, "")
			file, url := filepath.Join(t.TempDir(), "trace.pcap"), strings.TrimSuffix(d.URL("/"), "/")
			capture := startChat(t, t.TempDir(), "trace", "--url", url, "--pcap", file)
			shown := startChat(t, t.TempDir(), "trace", "--url", url)
			raw := startChat(t, t.TempDir(), "trace", "--url", url, "--raw")
			all := []*chat{capture, shown, raw}
			for _, c := range all {
				c.shows(t, &c.stderr, answerLimit, "following")
			}
			e := converse(t, d, proto)
			want := len(e.messages) + len(e.frames)
			eventually(t, answerLimit, func() (bool, string) {
				n := strings.Count(shown.stdout.String(), "\n")
				return n == want, fmt.Sprintf("%d lines for %d messages:\n%s", n, want, &shown.stdout)
			})
			raw.shows(t, &raw.stdout, answerLimit, "    Content-Type: text/plain\n    \n    hello back\n")
			sipPort := strconv.Itoa(int(e.agent.Addr.Port()))
			options := []string{
				"-d", "udp.port==" + sipPort + ",sip", "-d", "tcp.port==" + sipPort + ",sip", "-d", fmt.Sprintf("tcp.port==%d,msrp", daemon.MSRPPort),
				"-d", "tcp.port==" + peer.PathPort(e.listener.Path("x")) + ",msrp",
				"-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE", "-o", "tcp.reassemble_out_of_order:FALSE",
			}
			eventually(t, answerLimit, func() (bool, string) {
				n := len(tshark(t, file, "sip || msrp", options, "frame.number"))
				return n == want, fmt.Sprintf("%d of %d messages are in the file", n, want)
			})
			for _, c := range all {
				if err := c.cmd.Process.Signal(os.Interrupt); err != nil {
					t.Fatal(err)
				}
				c.ends(t)
			}
			compare(t, "SIP messages", e.messages, tshark(t, file, "sip", options, "sip.Method", "sip.Status-Code", "sip.CSeq", "sip.Call-ID"))
			compare(t, "MSRP frames", e.frames, tshark(t, file, "msrp", options, "msrp.transaction.id", "msrp.method", "msrp.status.code", "msrp.messageid",
				"msrp.byte.range", "msrp.success.report", "msrp.failure.report", "msrp.status", "msrp.content.type", "msrp.cnt.flg", "msrp.to.path", "msrp.from.path"))
			bad := `_ws.malformed || ip.checksum.status == "Bad" || tcp.checksum.status == "Bad" || udp.checksum.status == "Bad" || tcp.analysis.flags`
			if packets := tshark(t, file, bad, options, "frame.number", "_ws.col.Info"); len(packets) > 0 {
				t.Errorf("packets with faults: %q", packets)
			}
		})
	}
}

// TestHEP has sngrep receive what the daemon captures, and write it as a capture file: it has each SIP message and MSRP frame, as Wireshark and the scripted peer read them.
func TestHEP(t *testing.T) {
	const port = 9060
	d := start(t, fmt.Sprintf("hep:\n  target: udp:HOST:%d\n  id: 7\n  password: hep-of-tests\n  bodies: true\n", port))
	server, file := fmt.Sprintf("%s:%d", d.Addr, port), filepath.Join(t.TempDir(), "hep.pcap")
	sngrep := exec.Command(tool(t, "sngrep", "sngrep"), "-N", "-q", "-F", "-L", "udp:"+server, "-O", file)
	sngrep.Env = append(os.Environ(), "TERM=xterm")
	var said bytes.Buffer
	sngrep.Stdout, sngrep.Stderr = &said, &said
	if err := sngrep.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		sngrep.Process.Kill()
		sngrep.Wait()
	})
	eventually(t, answerLimit, func() (bool, string) {
		c, err := net.ListenPacket("udp", server)
		if err == nil {
			c.Close()
		}
		return err != nil, "sngrep does not listen"
	})
	e := converse(t, d, "udp")
	options := []string{"-d", "udp.port==" + strconv.Itoa(int(e.agent.Addr.Port())) + ",sip"}
	filter := fmt.Sprintf("!sip && udp.port in {%d, %s}", daemon.MSRPPort, peer.PathPort(e.listener.Path("x")))
	var frames []string
	eventually(t, answerLimit, func() (bool, string) {
		if _, err := os.Stat(file); err != nil {
			return false, err.Error()
		}
		frames = tshark(t, file, filter, options, "udp.payload")
		return len(frames) == len(e.frames), fmt.Sprintf("sngrep has %d of %d frames", len(frames), len(e.frames))
	})
	compare(t, "SIP messages", e.messages, tshark(t, file, "sip", options, "sip.Method", "sip.Status-Code", "sip.CSeq", "sip.Call-ID"))
	seen := &exchange{t: t}
	for _, text := range frames {
		octets, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		frame, err := peer.ReadFrame(bufio.NewReader(bytes.NewReader(octets)))
		if err != nil || frame.Raw != len(octets) {
			t.Fatalf("%q: error %v", octets, err)
		}
		seen.msrp(frame)
	}
	compare(t, "MSRP frames", e.frames, seen.frames)
}
