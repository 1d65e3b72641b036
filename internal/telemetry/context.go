package telemetry

import "context"

type parentKey struct{}

// WithParent notes the trace context that a request came with.
func WithParent(ctx context.Context, parent string) context.Context {
	if parent == "" {
		return ctx
	}
	return context.WithValue(ctx, parentKey{}, parent)
}

// Parent is the trace context that a request came with; "" for none.
func Parent(ctx context.Context) string {
	parent, _ := ctx.Value(parentKey{}).(string)
	return parent
}
