package reliability

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-msrp/parley/test/daemon"
	"github.com/parley-msrp/parley/test/peer"
)

// TestLargeMessage: a large message is answered 200 when it is kept, is never in memory, and can be got in parts, also after the daemon was killed.
func TestLargeMessage(t *testing.T) {
	size := largeSize()
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
	began := time.Now()
	if n, err := io.Copy(io.MultiWriter(sum, c.conn), &places{size: size}); err != nil || n != int64(size) {
		t.Fatal(n, err)
	}
	c.conn.Put([]byte("\r\n-------" + tid + "$\r\n"))
	if f := c.conn.Response(t, limit, tid); f.Code != 200 {
		t.Fatalf("answered %d", f.Code)
	}
	bounded(t, d, "received", size, time.Since(began))
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
	began = time.Now()
	r := get(t, url, "")
	if n, err := io.Copy(got, r.Body); err != nil || n != int64(size) || hex.EncodeToString(got.Sum(nil)) != want || r.Header.Get("ETag") != `"`+want+`"` {
		t.Errorf("%d octets, %v", n, err)
	}
	bounded(t, d, "given by GET /v1/bodies", size, time.Since(began))
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

// largeSize is how many octets a large message has.
func largeSize() int {
	if os.Getenv("PARLEY_SOAK") != "" {
		return 1 << 30
	}
	return 192 << 20
}

// mostMemory is what the daemon may take while a large message passes, however large it is.
const mostMemory = 256 << 20

// bounded holds that the daemon never had more memory than that.
func bounded(t *testing.T, d *daemon.Daemon, what string, size int, took time.Duration) {
	t.Helper()
	peak := peakMemory(t, d.PID())
	t.Logf("%d MiB %s: at most %d MiB of memory, %s", size>>20, what, peak>>20, took.Round(10*time.Millisecond))
	if peak > mostMemory {
		t.Errorf("%d MiB of memory for a message of %d MiB that is %s", peak>>20, size>>20, what)
	}
}

// places is a body in which each eight octets say where they stand.
type places struct{ at, size int }

func (p *places) Read(b []byte) (int, error) {
	if p.at == p.size {
		return 0, io.EOF
	}
	n := min(len(b), p.size-p.at) / 8 * 8
	for i := 0; i < n; i += 8 {
		binary.BigEndian.PutUint64(b[i:], uint64(p.at+i))
	}
	p.at += n
	return n, nil
}

// TestLargeFile: a large file that goes through the daemon to the peer comes there octet for octet, is never in memory, and has its fate.
func TestLargeFile(t *testing.T) {
	size := largeSize()
	addr, err := daemon.Address()
	if err != nil {
		t.Fatal(err)
	}
	d := start(t, t.TempDir(), addr, daemon.Config(addr, "log: {level: error}\n"))
	c := place(t, d)
	sent, came := sha256.New(), sha256.New()
	began := time.Now()
	var uploading sync.WaitGroup
	var answer struct {
		MessageID string `json:"message_id"`
	}
	uploading.Go(func() {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, d.URL("/v1/sessions/"+c.id+"/files/large.bin"), io.TeeReader(&places{size: size}, sent))
		if err != nil {
			t.Error(err)
			return
		}
		r.ContentLength = int64(size)
		a, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Error(err)
			return
		}
		defer a.Body.Close()
		if err := json.NewDecoder(a.Body).Decode(&answer); err != nil || a.StatusCode != http.StatusAccepted {
			t.Error(a.Status, err)
		}
	})
	octets, last := 0, ""
	for {
		f, err := c.conn.Read(limit)
		if err != nil {
			t.Fatalf("after %d octets: %v", octets, err)
		}
		if r, ok := f.Range(); !ok || r.Start != octets+1 || r.Total != size {
			t.Fatalf("%+v after %d octets", r, octets)
		}
		octets += len(f.Body)
		came.Write(f.Body)
		c.conn.Answer(f, 200, "OK")
		if f.Flag != '+' {
			last = f.Get("Message-ID")
			break
		}
	}
	uploading.Wait()
	if octets != size || !bytes.Equal(came.Sum(nil), sent.Sum(nil)) || answer.MessageID != last {
		t.Errorf("%d octets came of %d, %x for %x, as %s for %s", octets, size, came.Sum(nil), sent.Sum(nil), last, answer.MessageID)
	}
	bounded(t, d, "sent", size, time.Since(began))
	fate := ""
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	err = events(ctx, d, "0", func(e told) bool {
		if e.Type == "E_MSRP_MSG_SENT" && e.text("message_id") == last {
			fate = e.text("fate")
		}
		return fate == ""
	})
	if fate != "delivered" {
		t.Errorf("its fate is %q, %v", fate, err)
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
