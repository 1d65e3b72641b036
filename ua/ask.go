package ua

import (
	"context"
	"strings"

	"github.com/parley-msrp/parley/internal/sip"
)

// Asked is what answered an OPTIONS.
type Asked struct {
	Code     int    // of the final response, whatever it says
	Reason   string // behind the code
	Source   string // who was asked, of those that the URI leads to, like "udp:192.0.2.1:5060"
	Response *SIPMessage
}

// Ask asks to how a call from from would be answered now, by an OPTIONS outside of any call (RFC 3261 §11), and waits for the final response or for ctx.
// It makes no session. The error is a *FieldError for an address that is wrong, ErrClosed, context.Cause(ctx), or says why nobody could be asked: no address,
// no connection, no answer within 32 s. Safe for concurrent use.
func (a *Agent) Ask(ctx context.Context, from, to string) (Asked, error) {
	if a.ctx.Err() != nil {
		return Asked{}, ErrClosed
	}
	got, err := a.dialogs.Ask(ctx, from, to)
	if err != nil {
		return Asked{}, public(err)
	}
	return Asked{Code: got.Response.Status, Reason: got.Response.Reason, Source: sourceOf(got.Target), Response: wrap(got.Response)}, nil
}

func sourceOf(t sip.Target) string { return strings.ToLower(t.Proto.String()) + ":" + t.Addr.String() }
