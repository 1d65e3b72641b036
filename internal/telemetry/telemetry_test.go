package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// receiver answers requests with the statuses that it is given, then with 200, and keeps the names of the spans that it took.
type receiver struct {
	mu       sync.Mutex
	statuses []int
	requests int
	spans    []string
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests++
	if len(r.statuses) > 0 {
		w.WriteHeader(r.statuses[0])
		r.statuses = r.statuses[1:]
		return
	}
	var body struct {
		ResourceSpans []struct {
			ScopeSpans []struct {
				Spans []struct{ Name string }
			}
		}
	}
	if err := json.NewDecoder(q.Body).Decode(&body); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	for _, s := range body.ResourceSpans[0].ScopeSpans[0].Spans {
		r.spans = append(r.spans, s.Name)
	}
}

func newTracer(t *testing.T, r *receiver, oneIn int, log *strings.Builder) *Tracer {
	t.Helper()
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	return New(Config{Endpoint: server.URL, OneIn: oneIn, Logger: slog.New(slog.NewTextHandler(log, nil))})
}

func closeTracer(t *testing.T, tracer *Tracer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := tracer.Close(ctx); err != nil {
		t.Error(err)
	}
}

// TestOff: nobody tracing, nothing happens.
func TestOff(t *testing.T) {
	var tracer *Tracer
	s := tracer.Begin(Producer, "send", "")
	s.Set("a", "b")
	s.Note("c")
	s.Fail("d")
	s.End(errors.New("e"))
	if s != nil || s.Context() != "" || tracer.Close(t.Context()) != nil {
		t.Error("something happens")
	}
}

// TestSampling: one trace of several is taken; whoever began a trace elsewhere decides about it.
func TestSampling(t *testing.T) {
	var r receiver
	var log strings.Builder
	tracer := newTracer(t, &r, 1_000_000, &log)
	const taken, left = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
	for range 100 {
		tracer.Begin(Consumer, "own", "").End(nil)
	}
	tracer.Begin(Consumer, "left", left).End(nil)
	tracer.Begin(Consumer, "no context", "00-x").End(nil)
	span := tracer.Begin(Consumer, "taken", taken)
	below := tracer.Begin(Internal, "below", span.Context())
	if got := below.Context(); !strings.HasPrefix(got, taken[:36]) || !strings.HasSuffix(got, "-01") || got == span.Context() {
		t.Errorf("trace context %s below %s", got, span.Context())
	}
	below.End(nil)
	span.End(nil)
	closeTracer(t, tracer)
	if got := fmt.Sprint(r.spans); got != "[below taken]" {
		t.Errorf("spans %s", got)
	}
}

// TestShare: one in two traces is one in two, more or less.
func TestShare(t *testing.T) {
	var r receiver
	var log strings.Builder
	tracer := newTracer(t, &r, 2, &log)
	const all = 1000
	for range all {
		tracer.Begin(Consumer, "x", "").End(nil)
	}
	closeTracer(t, tracer)
	if n := len(r.spans); n < all/3 || n > all*2/3 {
		t.Errorf("%d of %d", n, all)
	}
}

// TestRefused: what a collector refuses for good is not sent again, what it is too busy for is; the log says when spans begin to be lost, and when no more.
func TestRefused(t *testing.T) {
	for _, test := range []struct {
		statuses []int
		requests int
		spans    string
		warned   bool
	}{
		{[]int{400}, 1, "[]", true},
		{[]int{429, 503}, 3, "[x]", false},
		{[]int{502, 502, 502, 502}, 4, "[]", true},
	} {
		t.Run(fmt.Sprint(test.statuses), func(t *testing.T) {
			r := receiver{statuses: test.statuses}
			var log strings.Builder
			tracer := newTracer(t, &r, 1, &log)
			tracer.Begin(Producer, "x", "").End(nil)
			closeTracer(t, tracer)
			if got := fmt.Sprint(r.spans); got != test.spans || r.requests != test.requests || strings.Contains(log.String(), "not exported") != test.warned {
				t.Errorf("%d requests, spans %s, log %s", r.requests, got, &log)
			}
		})
	}
}
