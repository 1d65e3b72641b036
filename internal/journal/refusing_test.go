package journal

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/parley-msrp/parley/internal/event"
)

// TestWokenAfterRefusals: the writer hears of the first event after an outage, also where all that waited meanwhile were refused.
func TestWokenAfterRefusals(t *testing.T) {
	j := &Durable{cfg: Config{Logger: slog.New(slog.DiscardHandler)}, wake: make(chan struct{}, 1), shards: 1}
	j.linger = time.AfterFunc(time.Hour, j.notify)
	defer j.linger.Stop()
	woken := func() bool {
		select {
		case <-j.wake:
			return true
		default:
			return false
		}
	}
	j.fail(errors.New("the disk is full"))
	var refused error
	j.Append(event.NewMessage("s", "text/plain", []byte("in vain")), func(err error) { refused = err })
	j.refuse() // there is no patience
	if !errors.Is(refused, ErrUnavailable) {
		t.Fatalf("%v, want it refused", refused)
	}
	// The stream is there again: the writer looks, finds nothing, and waits.
	j.problem, j.refusing = nil, false
	woken()
	if made, _ := j.take(maxPayload); len(made) > 0 {
		t.Fatalf("%d packs of nothing", len(made))
	}
	j.Append(event.NewMessage("s", "text/plain", []byte("kept")), func(error) {})
	if !woken() {
		t.Error("the writer sleeps on, and the message is never answered")
	}
}
