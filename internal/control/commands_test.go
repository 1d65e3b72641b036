package control_test

import (
	"errors"
	"testing"

	"github.com/parley-msrp/parley/internal/control"
	"github.com/parley-msrp/parley/internal/event"
	"github.com/parley-msrp/parley/internal/journal"
	"github.com/parley-msrp/parley/msrp"
)

// TestKeys: a command with a caller's key is done once.
func TestKeys(t *testing.T) {
	j := journal.NewMemory(journal.MemoryConfig{})
	n, r := newNode(t, j, msrp.Config{}), read(t, j)
	call := newCall(t, n)
	r.skip(t, event.SessionNew)
	send := control.Send{SessionID: call.id, ContentType: "text/plain", Body: []byte("hello"), Key: "k1"}
	id, err := n.Send(send)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if again, err := n.Send(send); again != id || err != nil {
			t.Errorf("%s, %v; want %s", again, err, id)
		}
	}
	if e := r.next(t); e.Name != event.MsgQueued || e.Param("idempotency_key") != "k1" || e.Param("message_id") != id {
		t.Errorf("told %+v", e)
	}
	other := send
	other.Body = []byte("goodbye")
	if _, err := n.Send(other); !errors.Is(err, control.ErrKeyReused) {
		t.Error(err)
	}
	if err := n.EndOnce(call.id, "k1"); !errors.Is(err, control.ErrKeyReused) {
		t.Error(err)
	}
	t.Run("one that failed may be tried again", func(t *testing.T) {
		bad := control.Send{SessionID: "nobody", ContentType: "text/plain", Body: []byte("x"), Key: "k2"}
		for range 2 {
			if _, err := n.Send(bad); !errors.Is(err, control.ErrUnknownSession) {
				t.Error(err)
			}
		}
		good := send
		good.Key = "k2"
		if id, err := n.Send(good); err != nil || id == "" {
			t.Error(id, err)
		}
	})
	t.Run("the end", func(t *testing.T) {
		for range 2 {
			if err := n.EndOnce(call.id, "k3"); err != nil {
				t.Error(err)
			}
		}
	})
}
