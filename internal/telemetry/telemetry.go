// Package telemetry makes OpenTelemetry traces of messages: one for each, from the SEND or the command to whoever gets its event. Spans are continued from W3C trace contexts
// (traceparent), which events carry. A nil *Tracer and a nil *Span do nothing.
package telemetry

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Header is what carries a trace context in HTTP, and the attribute of an event that does (W3C Trace Context; CloudEvents' extension for distributed tracing).
const Header = "traceparent"

const (
	maxQueue = 4096 // spans that wait to be exported; what comes beyond is dropped
	maxBatch = 512
)

// Kind is what a span does (OpenTelemetry, "SpanKind").
type Kind = trace.SpanKind

// The kinds.
const (
	Internal = trace.SpanKindInternal
	Client   = trace.SpanKindClient
	Producer = trace.SpanKindProducer
	Consumer = trace.SpanKindConsumer
)

// Config says where spans go.
type Config struct {
	Endpoint string // URL of an OTLP/HTTP receiver, with its path
	OneIn    int    // of so many traces one is taken, unless who began it elsewhere has decided
	Node     string // name of this node
	Version  string // of this program
	Logger   *slog.Logger
}

// Tracer begins spans. Safe for concurrent use.
type Tracer struct {
	oneIn    int
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
	exporter *exporter
}

// New makes a Tracer that exports in the background. Close ends that.
func New(c Config) *Tracer {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil
	e := &exporter{endpoint: c.Endpoint, client: &http.Client{Transport: transport}, log: c.Logger}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(e, sdktrace.WithMaxQueueSize(maxQueue), sdktrace.WithMaxExportBatchSize(maxBatch), sdktrace.WithBatchTimeout(time.Second)),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.AlwaysSample())), // which new traces there are, Begin decides
		sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", "parley"), attribute.String("service.instance.id", c.Node), attribute.String("service.version", c.Version),
		)),
	)
	return &Tracer{oneIn: max(1, c.OneIn), provider: provider, tracer: provider.Tracer("github.com/parley-msrp/parley"), exporter: e}
}

// Close exports what waits, until ctx ends, and ends the exporter.
func (t *Tracer) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	err := t.provider.Shutdown(ctx)
	t.exporter.client.CloseIdleConnections()
	return err
}

// Begin begins a span. parent is a trace context; where it is empty, or none, the span begins a trace: of so many one, else it is nil. attributes are names and values in turn.
func (t *Tracer) Begin(kind Kind, name, parent string, attributes ...string) *Span {
	if t == nil {
		return nil
	}
	ctx := context.Background()
	if parent != "" {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{Header: parent})
	}
	if t.oneIn > 1 && !trace.SpanContextFromContext(ctx).IsValid() && rand.IntN(t.oneIn) > 0 {
		return nil
	}
	_, span := t.tracer.Start(ctx, name, trace.WithSpanKind(kind), trace.WithAttributes(pairs(attributes)...))
	return &Span{span: span}
}

// Continue is Begin where there is a trace to go on with; parent is empty where there is none, and then so is the span nil.
func (t *Tracer) Continue(kind Kind, name, parent string, attributes ...string) *Span {
	if parent == "" {
		return nil
	}
	return t.Begin(kind, name, parent, attributes...)
}

// Span is a part of a trace. Safe for concurrent use.
type Span struct{ span trace.Span }

// Context is the trace context of what happens because of the span; "" for none.
func (s *Span) Context() string {
	if s == nil {
		return ""
	}
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(trace.ContextWithSpan(context.Background(), s.span), carrier)
	return carrier[Header]
}

// Set sets attributes: names and values in turn.
func (s *Span) Set(attributes ...string) {
	if s != nil {
		s.span.SetAttributes(pairs(attributes)...)
	}
}

// Note notes something that happens now.
func (s *Span) Note(name string, attributes ...string) {
	if s != nil {
		s.span.AddEvent(name, trace.WithAttributes(pairs(attributes)...))
	}
}

// Fail says what went wrong, and ends the span.
func (s *Span) Fail(reason string) {
	if s != nil {
		s.span.SetStatus(codes.Error, reason)
		s.span.End()
	}
}

// End ends the span, as failed where err is not nil.
func (s *Span) End(err error) {
	switch {
	case s == nil:
	case err != nil:
		s.Fail(err.Error())
	default:
		s.span.End()
	}
}

func pairs(attributes []string) []attribute.KeyValue {
	all := make([]attribute.KeyValue, 0, len(attributes)/2)
	for i := 0; i+1 < len(attributes); i += 2 {
		all = append(all, attribute.String(attributes[i], attributes[i+1]))
	}
	return all
}
