package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

const (
	attemptTime = 10 * time.Second // for one request
	firstPause  = time.Second      // after an attempt that failed; doubled each time
	attempts    = 4
	maxAnswer   = 64 << 10 // octets of an answer that are read
)

// exporter posts spans in OTLP/HTTP with JSON. (The protocol's own exporter for Go brings gRPC along, which would make the program a fifth larger.)
type exporter struct {
	endpoint string
	client   *http.Client
	log      *slog.Logger
	failing  atomic.Bool
}

var errRefused = errors.New("the spans were refused")

// ExportSpans implements sdktrace.SpanExporter.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	body, err := json.Marshal(requestOf(spans))
	if err != nil {
		return err
	}
	for n, pause := 1, firstPause; ; n, pause = n+1, 2*pause {
		var retryAfter time.Duration
		retryAfter, err = e.post(ctx, body)
		if err == nil || errors.Is(err, errRefused) || n == attempts {
			break
		}
		timer := time.NewTimer(max(pause, retryAfter))
		select {
		case <-timer.C:
			continue
		case <-ctx.Done():
			timer.Stop()
		}
		break
	}
	e.tell(err)
	return nil // it has been told
}

// tell logs when spans begin to be lost, and when they are no more.
func (e *exporter) tell(err error) {
	switch {
	case err != nil && !e.failing.Swap(true):
		e.log.Warn("traces are not exported", "endpoint", e.endpoint, "err", err)
	case err == nil && e.failing.Swap(false):
		e.log.Info("traces are exported again", "endpoint", e.endpoint)
	}
}

// post posts once. Where it may be tried again, the error is not errRefused (OTLP, "Retryable Response Codes").
func (e *exporter) post(ctx context.Context, body []byte) (retryAfter time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, e.endpoint, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := e.client.Do(r)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(answer.Body, maxAnswer)); err != nil {
		return 0, err
	}
	switch answer.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		seconds, _ := strconv.ParseUint(answer.Header.Get("Retry-After"), 10, 8)
		return time.Duration(seconds) * time.Second, fmt.Errorf("answered %s", answer.Status)
	}
	if answer.StatusCode/100 != 2 {
		return 0, fmt.Errorf("%w: answered %s", errRefused, answer.Status)
	}
	return 0, nil
}

// Shutdown implements sdktrace.SpanExporter.
func (e *exporter) Shutdown(context.Context) error { return nil }

// What follows is opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest, as OTLP writes it in JSON.
type (
	request struct {
		ResourceSpans []resourceSpans `json:"resourceSpans"`
	}
	resourceSpans struct {
		Resource   attributes   `json:"resource"`
		ScopeSpans []scopeSpans `json:"scopeSpans"`
	}
	attributes struct {
		Attributes []keyValue `json:"attributes,omitempty"`
	}
	scopeSpans struct {
		Scope scope      `json:"scope"`
		Spans []jsonSpan `json:"spans"`
	}
	scope struct {
		Name string `json:"name"`
	}
	jsonSpan struct {
		TraceID      string      `json:"traceId"`
		SpanID       string      `json:"spanId"`
		ParentSpanID string      `json:"parentSpanId,omitempty"`
		Name         string      `json:"name"`
		Kind         int         `json:"kind"`
		Start        string      `json:"startTimeUnixNano"`
		End          string      `json:"endTimeUnixNano"`
		Attributes   []keyValue  `json:"attributes,omitempty"`
		Events       []spanEvent `json:"events,omitempty"`
		Status       *status     `json:"status,omitempty"`
	}
	spanEvent struct {
		Time       string     `json:"timeUnixNano"`
		Name       string     `json:"name"`
		Attributes []keyValue `json:"attributes,omitempty"`
	}
	status struct {
		Message string `json:"message,omitempty"`
		Code    int    `json:"code"`
	}
	keyValue struct {
		Key   string `json:"key"`
		Value struct {
			String string `json:"stringValue"`
		} `json:"value"`
	}
)

// statusError is STATUS_CODE_ERROR.
const statusError = 2

func requestOf(spans []sdktrace.ReadOnlySpan) request {
	all := resourceSpans{Resource: attributes{keyValues(spans[0].Resource().Attributes())}}
	list := scopeSpans{Scope: scope{spans[0].InstrumentationScope().Name}, Spans: make([]jsonSpan, len(spans))}
	for i, s := range spans {
		list.Spans[i] = jsonSpan{
			TraceID: s.SpanContext().TraceID().String(), SpanID: s.SpanContext().SpanID().String(), Name: s.Name(),
			Kind:  int(s.SpanKind()), // numbered as in OTLP
			Start: nanoseconds(s.StartTime()), End: nanoseconds(s.EndTime()), Attributes: keyValues(s.Attributes()),
		}
		if s.Parent().HasSpanID() {
			list.Spans[i].ParentSpanID = s.Parent().SpanID().String()
		}
		for _, e := range s.Events() {
			list.Spans[i].Events = append(list.Spans[i].Events, spanEvent{nanoseconds(e.Time), e.Name, keyValues(e.Attributes)})
		}
		if s.Status().Code == codes.Error {
			list.Spans[i].Status = &status{Message: s.Status().Description, Code: statusError}
		}
	}
	all.ScopeSpans = []scopeSpans{list}
	return request{[]resourceSpans{all}}
}

func nanoseconds(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }

func keyValues(all []attribute.KeyValue) []keyValue {
	list := make([]keyValue, len(all))
	for i, a := range all {
		list[i].Key, list[i].Value.String = string(a.Key), a.Value.String()
	}
	return list
}
