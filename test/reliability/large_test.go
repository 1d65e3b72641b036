package reliability

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parley-msrp/parley/test/daemon"
	"github.com/parley-msrp/parley/test/peer"
)

// TestLargeMessage: a large message is answered 200 when it is kept, is never in memory, and can be got in parts, also after the daemon was killed.
func TestLargeMessage(t *testing.T) {
	size := 192 << 20
	if os.Getenv("PARLEY_SOAK") != "" {
		size = 1 << 30
	}
	dir := t.TempDir()
	addr, err := daemon.Address()
	if err != nil {
		t.Fatal(err)
	}
	config := daemon.Config(addr, "msrp: {max_message: 2147483648}\nlog: {level: error}\n")
	d := start(t, dir, addr, config)
	c := place(t, d)
	sum := sha256.New()
	id, tid := peer.Ident(), peer.Ident()
	head := fmt.Sprintf("MSRP %s SEND\r\nTo-Path: %s\r\nFrom-Path: %s\r\nMessage-ID: %s\r\nByte-Range: 1-*/%d\r\nContent-Type: application/octet-stream\r\n\r\n",
		tid, c.session.Remote, c.session.Own, id, size)
	c.conn.Put([]byte(head))
	block := make([]byte, 1<<20)
	for n := 0; n < size; n += len(block) {
		for i := 0; i < len(block); i += 8 {
			binary.BigEndian.PutUint64(block[i:], uint64(n+i))
		}
		sum.Write(block)
		if _, err := c.conn.Write(block); err != nil {
			t.Fatal(err)
		}
	}
	c.conn.Put([]byte("\r\n-------" + tid + "$\r\n"))
	if f := c.conn.Response(t, limit, tid); f.Code != 200 {
		t.Fatalf("answered %d", f.Code)
	}
	if peak := peakMemory(t, d.PID()); peak > 300<<20 {
		t.Errorf("%d MiB of memory for a message of %d MiB", peak>>20, size>>20)
	}
	d.Kill()
	d = start(t, dir, addr, config)
	var ref map[string]any
	for _, e := range read(t, d, place(t, d).id) {
		if e.Type == "E_MSRP_MSG_RECEIVED" && e.text("message_id") == id {
			ref, _ = e.Data["body_ref"].(map[string]any)
			if e.text("body") != "" {
				t.Error("the event has a body")
			}
		}
	}
	want := hex.EncodeToString(sum.Sum(nil))
	if ref["sha256"] != want || ref["octets"] != float64(size) {
		t.Fatalf("body_ref %v, want %s of %d octets", ref, want, size)
	}
	url := d.URL("/v1/bodies/" + ref["id"].(string))
	got := sha256.New()
	r := get(t, url, "")
	if n, err := io.Copy(got, r.Body); err != nil || n != int64(size) || hex.EncodeToString(got.Sum(nil)) != want || r.Header.Get("ETag") != `"`+want+`"` {
		t.Errorf("%d octets, %v", n, err)
	}
	from := size - 3<<20 - 5
	r = get(t, url, fmt.Sprintf("bytes=%d-%d", from, from+99_999))
	part, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusPartialContent || len(part) != 100_000 || r.Header.Get("Content-Range") != fmt.Sprintf("bytes %d-%d/%d", from, from+99_999, size) {
		t.Fatalf("%s, %d octets, %v", r.Status, len(part), err)
	}
	if at := from + 8 - from%8; binary.BigEndian.Uint64(part[at-from:]) != uint64(at) {
		t.Errorf("%q stands at %d", part[at-from:at-from+8], at)
	}
	if r := get(t, d.URL("/v1/bodies/00000000000000000000000000000000"), ""); r.StatusCode != http.StatusNotFound {
		t.Error(r.Status)
	}
	if err := d.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

func get(t *testing.T, url, byteRange string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if byteRange != "" {
		req.Header.Set("Range", byteRange)
	}
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Body.Close() })
	return r
}

// peakMemory is the most memory that a process had, in octets.
func peakMemory(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(b), "VmHWM:")
	n, err := strconv.Atoi(strings.Fields(after)[0])
	if err != nil {
		t.Fatal(err)
	}
	return n << 10
}

// TestCutOff: a message of which some chunks were answered 200 when the daemon was killed ends incomplete, and its session ends.
func TestCutOff(t *testing.T) {
	dir := t.TempDir()
	addr, err := daemon.Address()
	if err != nil {
		t.Fatal(err)
	}
	config := daemon.Config(addr, "msrp: {recovery_after_restart: false}\nlog: {level: error}\n")
	d := start(t, dir, addr, config)
	c := place(t, d)
	whole := c.session.Send("whole")
	c.conn.Put(whole.Bytes())
	part := c.session.Chunk("cut-off-by-it", "1-4/10", "half", '+')
	c.conn.Put(part.Bytes())
	for range 2 {
		if f := c.conn.Next(t, limit); f.Code != 200 {
			t.Fatalf("answered %d", f.Code)
		}
	}
	time.Sleep(100 * time.Millisecond) // the record follows the answer
	d.Kill()
	d = start(t, dir, addr, config)
	var got []string
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	err = events(ctx, d, "0", func(e told) bool {
		if e.Type != "E_MSRP_CONNECTION_LOST" { // where the session is to be recovered first
			got = append(got, strings.TrimSpace(e.Type+" "+e.text("message_id")))
		}
		return e.Type != "E_MSRP_SESSION_END"
	})
	slices.Sort(got[:min(2, len(got))]) // a message may come before the ACK that makes the session new
	want := []string{"E_MSRP_MSG_RECEIVED " + whole.Get("Message-ID"), "E_MSRP_SESSION_NEW", "E_MSRP_MSG_INCOMPLETE cut-off-by-it", "E_MSRP_SESSION_END"}
	if err != nil || strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	if err := d.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}
