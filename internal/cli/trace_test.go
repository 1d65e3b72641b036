package cli

import (
	"encoding/binary"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTrace: what parley trace makes of the daemon's stream, a peer's control characters and messages that were cut included.
func TestTrace(t *testing.T) {
	const (
		bye  = `{"time":"2026-11-03T09:00:00.0005Z","protocol":"SIP","transport":"TLS","call_id":"a@h","sent":true,"local":"192.0.2.1:5061","remote":"192.0.2.7:5061","octets":21,"text":"BYE sip:\u009b SIP/2.0\r\n\r\n"}`
		frag = `{"time":"2026-11-03T09:00:01Z","protocol":"MSRP","sent":false,"local":"[2001:db8::1]:2855","remote":"[2001:db8::7]:9","octets":70000,"text_base64":"TVNSUCBhIFNFTkQNCv8="}`
	)
	var asked string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.RequestURI()
		fmt.Fprintf(w, "retry: 1000\n\nevent: message\ndata: %s\n\n: keep-alive\n\nevent: lost\ndata: {\"dropped\":3}\n\nevent: message\ndata: %s\n\n", bye, frag)
	}))
	defer server.Close()
	const first = "09:00:00.000  192.0.2.1:5061        --> 192.0.2.7:5061         SIP/TLS  BYE sip:\ufffd SIP/2.0\n"
	const second = "09:00:01.000  [2001:db8::1]:2855    <-- [2001:db8::7]:9        MSRP     MSRP a SEND\n"
	const beyond = "following the messages of URL; Ctrl-C ends that\n3 messages were dropped before they were read\nparley: the daemon closed the stream\n"
	for _, c := range []struct {
		args []string
		path string
		out  string
	}{
		{nil, "/v1/trace", first + second},
		{[]string{"a/b"}, "/v1/trace?session_id=a%2Fb", first + second},
		{[]string{"--raw"}, "/v1/trace", first + "    BYE sip:\ufffd SIP/2.0\n    \n\n" + second + "    MSRP a SEND\n    \ufffd\n    (the beginning of 70000 octets)\n\n"},
		{[]string{"--output", "json"}, "/v1/trace", bye + "\n{\"dropped\":3}\n" + frag + "\n"},
	} {
		status, out, errOut := parley(strings.NewReader(""), nil, append([]string{"trace", "--url", server.URL}, c.args...)...)
		if status != 1 || asked != c.path {
			t.Errorf("%q: status %d, asked for %s", c.args, status, asked)
		}
		if diff := cmp.Diff(c.out, out); diff != "" {
			t.Errorf("%q (-want +printed):\n%s", c.args, diff)
		}
		if want := strings.Replace(beyond, "URL", server.URL, 1); c.args == nil && errOut != want {
			t.Errorf("standard error %q, want %q", errOut, want)
		}
	}

	file := filepath.Join(t.TempDir(), "trace.pcap")
	if status, out, errOut := parley(strings.NewReader(""), nil, "trace", "--url", server.URL, "--pcap", file); status != 1 || out != "" {
		t.Fatalf("status %d, %q, %s", status, out, errOut)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if mode, _ := os.Stat(file); mode.Mode().Perm() != 0o600 {
		t.Errorf("others may read it: %v", mode.Mode())
	}
	// The head has 24 octets, that of a packet 16: seconds, microseconds, octets here, octets there were.
	packet := b[24:]
	n := binary.LittleEndian.Uint32(packet[8:])
	if port := binary.BigEndian.Uint16(packet[16+20:]); packet[16] != 0x45 || port != 5060 || binary.LittleEndian.Uint32(packet[4:]) != 500 {
		t.Errorf("the first packet: % x", packet[:16+n])
	}
	packet = packet[16+n:]
	here, there := binary.LittleEndian.Uint32(packet[8:]), binary.LittleEndian.Uint32(packet[12:])
	if packet[16] != 0x60 || here != 40+20+14 || there != 65535 || int(here)+16 != len(packet) {
		t.Errorf("the second packet, %d of %d octets: % x", here, there, packet)
	}

	if status, _, errOut := parley(strings.NewReader(""), nil, "trace", "--pcap", file, "--raw"); status != 1 || !strings.Contains(errOut, "leave them out") {
		t.Errorf("status %d: %s", status, errOut)
	}
}
