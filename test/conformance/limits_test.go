package conformance

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parley-msrp/parley/test/conformance/node"
	"github.com/parley-msrp/parley/test/peer"
)

func TestLimits(t *testing.T) {
	t.Parallel()
	n := start(t, node.Config{})
	if node.Target() == "daemon" {
		answered(t, n, setup{}).received(t) // so that what is made once is made
	}
	t.Run("M-025/header line of 10 MB", func(t *testing.T) {
		other := answered(t, n, setup{})
		c := answered(t, n, setup{})
		before := resident(t, n)
		line := bytes.Repeat([]byte("x"), 1<<16)
		f := c.s.Send("hello").Bytes()
		c.c.Put(append(f[:bytes.Index(f, []byte("Content-Type"))], "X-Long: "...))
		sent, err := 0, error(nil)
		for err == nil && sent < 10<<20 {
			var w int
			_ = c.c.SetWriteDeadline(time.Now().Add(patience()))
			w, err = c.c.Write(line)
			sent += w
		}
		if f, err := c.c.Read(patience()); err == nil || !peer.IsClosed(err) {
			t.Fatalf("%v %v, want the end of the connection", f, err)
		}
		if grown := resident(t, n) - before; grown > 8<<20 {
			t.Errorf("memory grew by %d kB", grown>>10)
		}
		c.n.Await(t, c.id, "E_MSRP_SESSION_END", 1)
		other.received(t)
	})
	limits := map[string]func(s peer.Session) []byte{
		"5 000 headers": func(s peer.Session) []byte { return withRow(s, strings.Repeat("X-Foo: bar\r\n", 5000)+"X: y") },
		"start line":    func(s peer.Session) []byte { return edited(s, " SEND", " "+strings.Repeat("S", 5000)) },
		"header block": func(s peer.Session) []byte {
			return withRow(s, "X: "+strings.Repeat(strings.Repeat("x", 8000)+"\r\nX: ", 20)+"y")
		},
		"To-Path of 1000 URIs": func(s peer.Session) []byte {
			return edited(s, "To-Path: ", "To-Path: "+strings.Repeat("msrp://h.example.invalid:2855/a;tcp ", 1000))
		},
	}
	for name, input := range limits {
		t.Run("M-025/"+name, func(t *testing.T) {
			c := answered(t, n, setup{})
			c.expect(t, input(c.s), "CLOSE")
			c.n.Await(t, c.id, "E_MSRP_SESSION_END", 1)
		})
	}
	t.Run("M-025/what is below the limits", func(t *testing.T) {
		c := answered(t, n, setup{})
		c.expect(t, withRow(c.s, strings.Repeat("X-Foo: bar\r\n", 100)+"X: y"), "200")
		c.expect(t, withRow(c.s, "X-Foo: "+strings.Repeat("x", 15<<10)), "200")
		c.received(t, "hello", "hello")
	})
	for _, total := range []string{"9223372036854775807", "9223372036854775808", "18446744073709551616", strings.Repeat("9", 30)} {
		t.Run("M-027/total "+total, func(t *testing.T) {
			c := answered(t, n, setup{})
			before := resident(t, n)
			f := c.s.Chunk(peer.Ident(), "1-5/"+total, "hello", '+')
			c.expect(t, f.Bytes(), "413", "400", "200")
			if grown := resident(t, n) - before; grown > 4<<20 {
				t.Errorf("memory grew by %d kB", grown>>10)
			}
			c.received(t)
		})
	}
	t.Run("M-027/start beyond all", func(t *testing.T) {
		c := answered(t, n, setup{})
		c.expect(t, withRange(c.s, "9223372036854775807-*/*", "hello"), "413", "400")
		c.expect(t, withRange(c.s, "99999999999999999999999999-*/*", "hello"), "413", "400")
		c.received(t)
	})
}

// resident is the process' resident memory in octets.
func resident(t *testing.T, n *node.Node) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", n.PID()))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(b))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}
