package web_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/parley-msrp/parley/internal/web"
)

func TestFiles(t *testing.T) {
	const size = 96 << 20
	a := newAPI(t, "*")
	s := a.call(t)
	path := "/v1/sessions/" + s.SessionID + "/files/"
	t.Run("a large one passes through", func(t *testing.T) {
		hash := sha256.New()
		var most uint64
		body := io.TeeReader(&pattern256{left: size, watch: func() {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
		}}, hash)
		answer, text := a.put(t, path+"gr%C3%BC%C3%9Fe%20%22x%22.bin?success_report=yes", body, -1, "video/mp4")
		var sent web.SentFile
		if err := json.Unmarshal([]byte(text), &sent); err != nil || answer.StatusCode != 202 || sent.Octets != size {
			t.Fatalf("%s %s", answer.Status, text)
		}
		eventually(t, "all of it comes", func() bool { a.peer.mu.Lock(); defer a.peer.mu.Unlock(); return a.peer.octets == size })
		if want := fmt.Sprintf("%x", hash.Sum(nil)); a.peer.sum != want {
			t.Errorf("sum %s, want %s", a.peer.sum, want)
		}
		if h := a.peer.headers; len(h) != 1 || h[0].Value != `attachment; filename*=utf-8''gr%C3%BC%C3%9Fe%20%22x%22.bin` {
			t.Errorf("headers %v", h)
		}
		if most > 48<<20 {
			t.Errorf("%d MiB of heap", most>>20)
		}
	})
	for _, size := range []int64{0, 1, 100, 70_000} {
		t.Run(fmt.Sprintf("%d octets", size), func(t *testing.T) {
			answer, text := a.put(t, path+"a.txt", io.LimitReader(zeros{}, size), size, "")
			var sent web.SentFile
			if err := json.Unmarshal([]byte(text), &sent); err != nil || answer.StatusCode != 202 || sent.Octets != size {
				t.Fatalf("%s %s", answer.Status, text)
			}
		})
	}
	t.Run("the peer refuses it", func(t *testing.T) {
		a.peer.mu.Lock()
		a.peer.refuse = true
		a.peer.mu.Unlock()
		answer, text := a.put(t, path+"a.bin", &pattern256{left: size, watch: func() {}}, -1, "video/mp4")
		if answer.StatusCode != http.StatusConflict || !strings.Contains(text, "came to nothing") {
			t.Errorf("%s %s", answer.Status, text)
		}
	})
}

func (a *api) put(t *testing.T, path string, body io.Reader, length int64, contentType string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, a.url+path, io.NopCloser(body))
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = length
	if length == 0 {
		r.Body = http.NoBody
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	client := &http.Client{Transport: a.client.Transport, Timeout: 2 * time.Minute}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	a.check(t, "PUT", path, answer, string(text))
	return answer, string(text)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// pattern256 is a body that looks like nothing else, and watches each 16 MiB of itself go.
type pattern256 struct {
	left, read int64
	watch      func()
}

func (p *pattern256) Read(b []byte) (int, error) {
	if p.left == 0 {
		return 0, io.EOF
	}
	n := int(min(p.left, int64(len(b))))
	for i := range n {
		b[i] = byte((p.read + int64(i)) * 2654435761 >> 13)
	}
	before := p.read >> 24
	p.left -= int64(n)
	if p.read += int64(n); p.read>>24 != before {
		p.watch()
	}
	return n, nil
}
