package interop

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// A capture is a running dumpcap on the loopback interface.
type capture struct {
	file string
	cmd  *exec.Cmd
	said chan string // its standard error, once that has ended
}

// startCapture captures what the filter lets through, and returns once it does.
func startCapture(t *testing.T, filter string) *capture {
	t.Helper()
	c := &capture{file: filepath.Join(t.TempDir(), "capture.pcapng"), said: make(chan string, 1)}
	c.cmd = exec.Command(tool(t, "dumpcap", "wireshark-common"), "-i", "lo", "-f", filter, "-w", c.file, "-q")
	stderr, err := c.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	open := make(chan struct{})
	go func() { // ends with dumpcap
		var said strings.Builder
		opened := sync.OnceFunc(func() { close(open) })
		for r := bufio.NewReader(stderr); ; {
			line, err := r.ReadString('\n')
			said.WriteString(line)
			if strings.HasPrefix(line, "File:") { // printed when the interface is open
				opened()
			}
			if err != nil {
				c.said <- said.String()
				return
			}
		}
	}()
	t.Cleanup(func() {
		if c.cmd.ProcessState == nil {
			c.cmd.Process.Kill()
			c.cmd.Wait()
		}
	})
	select {
	case <-open:
	case said := <-c.said:
		t.Fatalf("dumpcap does not capture on lo (as root it may):\n%s", said)
	case <-time.After(answerLimit):
		t.Fatal("dumpcap does not begin to capture")
	}
	return c
}

// finish ends the capture. A last datagram to addr, which the filter must let through, tells when all before it is in the file.
func (c *capture) finish(t *testing.T, addr string) {
	t.Helper()
	mark := fmt.Sprintf("end of the capture %p", c)
	conn, err := net.Dial("udp", net.JoinHostPort(addr, "9"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, mark); err != nil {
		t.Fatal(err)
	}
	eventually(t, answerLimit, func() (bool, string) {
		b, err := os.ReadFile(c.file)
		return bytes.Contains(b, []byte(mark)), fmt.Sprintf("the capture of %d octets lacks its end (error %v)", len(b), err)
	})
	if err := c.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	said := <-c.said
	if err := c.cmd.Wait(); err != nil {
		t.Fatalf("dumpcap: %v\n%s", err, said)
	}
	if !strings.Contains(said, "/0 (") { // Packets received/dropped on interface …: N/0 (…)
		t.Fatalf("dumpcap dropped packets:\n%s", said)
	}
}

// tshark dissects a capture: the given fields (their first occurrence) of each packet that the display filter lets through, joined by "|".
func tshark(t *testing.T, file, filter string, options []string, fields ...string) []string {
	t.Helper()
	args := []string{"-n", "-r", file, "-Y", filter, "-T", "fields", "-E", "separator=|", "-E", "occurrence=f"}
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, tool(t, "tshark", "tshark"), append(args, options...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tshark: %v\n%s", err, &stderr)
	}
	return lines(string(out))
}
