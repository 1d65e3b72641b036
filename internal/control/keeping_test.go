package control_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/parley-msrp/parley/internal/control"
	"github.com/parley-msrp/parley/internal/event"
	"github.com/parley-msrp/parley/internal/journal"
	"github.com/parley-msrp/parley/msrp"
)

func expired(t testing.TB) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func eventually(t testing.TB, done func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	end := time.After(limit)
	for !done() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatal("not in time")
		}
	}
}

func waitForgotten(t testing.TB, n *node) {
	t.Helper()
	eventually(t, func() bool { return len(n.List()) == 0 })
}

// slowJournal keeps messages when the test says so; other events at once.
type slowJournal struct {
	journal.Journal
	waiting chan func(error)
}

func (j *slowJournal) Append(e event.Event, kept func(error)) {
	if e.Name != event.MsgReceived {
		j.Journal.Append(e, kept)
		return
	}
	j.waiting <- kept
}

// TestKept: the 200 of a message says that it is kept.
func TestKept(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		code int
	}{
		{"kept", nil, 200},
		{"not kept", errors.New("disk full"), 413},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := &slowJournal{journal.NewMemory(journal.MemoryConfig{}), make(chan func(error), 10)}
			call := newCall(t, newNode(t, j, msrp.Config{}))
			send := call.session.Send("hello")
			call.conn.Put(send.Bytes())
			kept := <-j.waiting
			// The same message again is not answered before it is known what became of the first.
			again := call.session.Send("hello").Set("Message-ID", send.Get("Message-ID"))
			call.conn.Put(again.Bytes())
			bind := call.session.Bodiless()
			call.conn.Put(bind.Bytes())
			if f := call.conn.Response(t, limit, bind.ID); f.Code != 200 { // the first answer that comes at all
				t.Errorf("the bodiless SEND was answered %d", f.Code)
			}
			kept(c.err)
			codes := map[string]int{}
			for range 2 {
				f := call.conn.Next(t, limit)
				codes[f.ID] = f.Code
			}
			if codes[send.ID] != c.code || codes[again.ID] != c.code {
				t.Errorf("answered %d, and its repeat %d, want %d", codes[send.ID], codes[again.ID], c.code)
			}
			if len(j.waiting) != 0 {
				t.Error("the repeat was kept too")
			}
		})
	}
	t.Run("the journal is closed", func(t *testing.T) {
		j := journal.NewMemory(journal.MemoryConfig{})
		call := newCall(t, newNode(t, j, msrp.Config{}))
		j.Close()
		send := call.session.Send("hello")
		call.conn.Put(send.Bytes())
		if f := call.conn.Response(t, limit, send.ID); f.Code != 413 {
			t.Errorf("answered %d, want 413", f.Code)
		}
	})
}

// TestSequence: the events of a session are numbered without gaps, in the order of the journal, whatever happens at the same time.
func TestSequence(t *testing.T) {
	const each = 200
	j := journal.NewMemory(journal.MemoryConfig{})
	n, r := newNode(t, j, msrp.Config{}), read(t, j)
	calls := []*call{newCall(t, n), newCall(t, n)}
	var all sync.WaitGroup
	for _, c := range calls {
		all.Go(func() { // messages in
			for i := range each {
				c.conn.Put(c.session.Send(fmt.Sprint(i)).Bytes())
			}
		})
		all.Go(func() { // messages out, answered by nobody but read
			for range each {
				if _, err := n.Send(control.Send{SessionID: c.id, ContentType: "text/plain", Body: []byte("x"), FailureReport: msrp.FailureNo}); err != nil {
					t.Error(err)
				}
			}
		})
		all.Go(func() {
			for range 2 * each {
				if _, err := c.conn.Read(limit); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	for _, c := range calls {
		c.Bye(t, limit)
	}
	last, next := map[string]uint64{}, map[string]int{}
	for range len(calls) * (3*each + 2) {
		e := r.next(t)
		if e.Sequence != last[e.SessionID]+1 {
			t.Fatalf("%s has number %d after %d", e.Name, e.Sequence, last[e.SessionID])
		}
		last[e.SessionID] = e.Sequence
		if body, ok := e.Param("body").([]byte); ok && e.Name == event.MsgReceived {
			if string(body) != fmt.Sprint(next[e.SessionID]) {
				t.Fatalf("message %s came where %d was due", body, next[e.SessionID])
			}
			next[e.SessionID]++
		}
	}
	nothing(t, j, r)
}

// TestUnfinished: that a message will never be whole of which chunks were answered is told of small ones, too, and before the end of its session.
func TestUnfinished(t *testing.T) {
	j := journal.NewMemory(journal.MemoryConfig{})
	n, r := newNode(t, j, msrp.Config{StreamFrom: 100}), read(t, j)
	call := newCall(t, n)
	r.skip(t, event.SessionNew)
	chunk := func(id, byteRange, body string, flag byte) {
		f := call.session.Chunk(id, byteRange, body, flag)
		call.conn.Put(f.Bytes())
		if code := call.conn.Response(t, limit, f.ID).Code; code != 200 {
			t.Fatalf("%s was answered %d", id, code)
		}
	}
	chunk("given-up", "1-4/10", "half", '+')
	chunk("given-up", "5-6/10", "an", '#')
	chunk("cut-off", "1-4/10", "half", '+')
	call.Bye(t, limit)
	for _, want := range []string{
		"MSG_INCOMPLETE 2 message_id=given-up octets=6 reason=its rest did not come",
		"MSG_INCOMPLETE 3 message_id=cut-off octets=4 reason=its rest did not come",
		"SESSION_END 4 message_id=<nil> octets=<nil> reason=BYE",
	} {
		if got := short(r.next(t), "message_id", "octets", "reason"); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	nothing(t, j, r)
}
