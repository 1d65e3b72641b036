//go:build unix

package datagram_test

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-msrp/parley/internal/access"
	"github.com/parley-msrp/parley/internal/mi/datagram"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const limit = 20 * time.Second

// echo answers with the request, which may ask for more: "large", or for nothing: "quiet".
type echo struct{ came atomic.Int64 }

func (e *echo) Serve(_ context.Context, rights access.Rights, request []byte) []byte {
	e.came.Add(1)
	switch {
	case strings.Contains(string(request), "quiet") || rights != access.All:
		return nil
	case strings.Contains(string(request), "large"):
		return make([]byte, 70_000)
	}
	return []byte(string(request))
}

func listen(t *testing.T, network, address string) (*datagram.Server, *echo) {
	t.Helper()
	e := &echo{}
	s, err := datagram.Listen(datagram.Config{Network: network, Address: address, MI: e, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, e
}

// dial makes a client; with unix one whose socket has a name.
func dial(t *testing.T, to net.Addr) net.Conn {
	t.Helper()
	var own net.Addr
	if to.Network() == "unixgram" {
		own = &net.UnixAddr{Net: "unixgram", Name: filepath.Join(t.TempDir(), "client")}
	}
	d := net.Dialer{LocalAddr: own}
	c, err := d.Dial(to.Network(), to.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(limit)); err != nil {
		t.Fatal(err)
	}
	return c
}

func ask(t *testing.T, c net.Conn, request string) string {
	t.Helper()
	if _, err := c.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 70_000)
	n, err := c.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

func TestDatagrams(t *testing.T) {
	for network, address := range map[string]string{"udp": "127.0.0.1:0", "unix": filepath.Join(t.TempDir(), "mi.sock")} {
		t.Run(network, func(t *testing.T) {
			s, _ := listen(t, network, address)
			c := dial(t, s.Addr())
			if got := ask(t, c, `{"id":1}`); got != `{"id":1}` {
				t.Errorf("answered %q", got)
			}
			want := `{"jsonrpc":"2.0","error":{"code":-32000,"message":"Server error","data":"the answer has 70000 octets, a datagram holds 65507; ask over HTTP or the FIFO"},"id":"x"}`
			if got := ask(t, c, `{"jsonrpc":"2.0","method":"large","id":"x"}`); got != want {
				t.Errorf("an answer that is too long: %q", got)
			}
			// What has no answer gets no datagram: the next one is for the next request.
			if _, err := c.Write([]byte("quiet")); err != nil {
				t.Fatal(err)
			}
			if got := ask(t, c, "next"); got != "next" {
				t.Errorf("answered %q", got)
			}
		})
	}
}

// TestUnixDeafClient: who does not read the own socket, and who has none with a name, hold up nobody else.
func TestUnixDeafClient(t *testing.T) {
	s, e := listen(t, "unix", filepath.Join(t.TempDir(), "mi.sock"))
	deaf := dial(t, s.Addr())
	nameless, err := net.Dial("unixgram", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nameless.Close()
	for i := range 200 {
		for _, c := range []net.Conn{deaf, nameless} {
			if _, err := c.Write(fmt.Appendf(nil, `{"id":%d}`, i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := ask(t, dial(t, s.Addr()), "me"); got != "me" {
		t.Errorf("answered %q", got)
	}
	if n := e.came.Load(); n != 401 {
		t.Errorf("%d requests were served", n)
	}
}

func TestUnixFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mi.sock")
	config := datagram.Config{Network: "unix", Address: path, MI: &echo{}, Logger: slog.New(slog.DiscardHandler)}
	s, err := datagram.Listen(config)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(path); err != nil || info.Mode() != fs.ModeSocket|0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if _, err := datagram.Listen(config); err == nil || !strings.Contains(err.Error(), "another program listens there") {
		t.Errorf("a second one: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); err == nil {
		t.Error("the socket is still there")
	}
	// One that was left over.
	left, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: path})
	if err != nil {
		t.Fatal(err)
	}
	left.Close()
	if s, err = datagram.Listen(config); err != nil {
		t.Fatalf("where one was left over: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := datagram.Listen(config); err == nil || !strings.Contains(err.Error(), "is no socket") {
		t.Errorf("where a file stands: %v", err)
	}
}

// TestUnixMode: the mask of the process makes no socket that others may use, not even for a moment.
func TestUnixMode(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	path := filepath.Join(t.TempDir(), "mi.sock")
	listen(t, "unix", path)
	if info, err := os.Lstat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestUDPIsForThisMachine(t *testing.T) {
	_, err := datagram.Listen(datagram.Config{Network: "udp", Address: "0.0.0.0:0", MI: &echo{}})
	if err == nil || !strings.Contains(err.Error(), "not on loopback") {
		t.Errorf("%v", err)
	}
}
