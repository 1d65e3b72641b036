package dialog

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/parley-msrp/parley/internal/sip"
)

func TestAsk(t *testing.T) {
	type answer struct {
		asked Asked
		err   error
	}
	ask := func(ctx context.Context, r *rig, uri string) chan answer {
		done := make(chan answer, 1)
		go func() {
			asked, err := r.e.Ask(ctx, "sip:parley@example.com", uri)
			done <- answer{asked, err}
		}()
		return done
	}
	overSockets(t, "S-020/OPTIONS asks a peer", Config{}, func(t *testing.T, r *rig) {
		done := ask(t.Context(), r, (&call{peer: r.peer}).uri())
		q := r.want("OPTIONS")
		if q.get("Accept") != "application/sdp" || q.get("Supported") != "timer" || !q.has("Allow") || !strings.HasPrefix(q.get("From"), "<sip:parley@example.com>;tag=") || strings.Contains(q.get("To"), "tag=") {
			t.Errorf("%s", q.raw)
		}
		r.answer(q, 100, "", nil, "")
		r.answer(q, 486, "x", nil, "")
		got := <-done
		if got.err != nil || got.asked.Response.Status != 486 || got.asked.Target.Addr.Port() == 0 {
			t.Errorf("%+v", got)
		}
	})
	underFakeTime(t, "nobody answers", sip.UDP, Config{}, func(t *testing.T, r *rig, _ *memNet) {
		done, began := ask(t.Context(), r, (&call{peer: r.peer}).uri()), time.Now()
		if got := <-done; !errors.Is(got.err, sip.ErrTimeout) || time.Since(began) != 32*time.Second {
			t.Errorf("%v after %v", got.err, time.Since(began))
		}
	})
	underFakeTime(t, "the asking is given up", sip.UDP, Config{}, func(t *testing.T, r *rig, _ *memNet) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if got := <-ask(ctx, r, (&call{peer: r.peer}).uri()); !errors.Is(got.err, context.DeadlineExceeded) {
			t.Errorf("%v", got.err)
		}
	})
	underFakeTime(t, "what is no URI is not asked", sip.UDP, Config{}, func(t *testing.T, r *rig, _ *memNet) {
		var input *InputError
		if got := <-ask(t.Context(), r, "tel:1"); !errors.As(got.err, &input) {
			t.Errorf("%v", got.err)
		}
	})
}
