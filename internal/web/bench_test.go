package web_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// BenchmarkCommand is send_message, from a request that was read to its answer, with a node that does nothing.
func BenchmarkCommand(b *testing.B) {
	h := start(b, node{}, nil).Handler()
	body := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"msrp_ua:send_message","params":{"session_id":%q,"mime":"text/plain","body":%q}}`, session, strings.Repeat("x", 100))
	text := strings.NewReader(body)
	local := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080}
	r := httptest.NewRequestWithContext(context.WithValue(b.Context(), http.LocalAddrContextKey, local), http.MethodPost, "http://127.0.0.1:8080/mi", text)
	r.Header.Set("Content-Type", "application/json")
	w := &answer{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		text.Reset(body)
		r.Body = io.NopCloser(text)
		clear(w.header)
		h.ServeHTTP(w, r)
	}
	if w.octets != int64(len(`{"jsonrpc":"2.0","result":"OK","id":1}`)) {
		b.Errorf("%d octets are the last answer", w.octets)
	}
}

// answer counts the octets of one.
type answer struct {
	header http.Header
	octets int64
}

func (a *answer) Header() http.Header { return a.header }
func (a *answer) WriteHeader(int)     {}
func (a *answer) Write(b []byte) (int, error) {
	a.octets = int64(len(b))
	return len(b), nil
}
