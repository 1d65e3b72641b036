package journal_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/parley-msrp/parley/internal/event"
	"github.com/parley-msrp/parley/internal/journal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// numbered is the event that add appends as number n.
func numbered(n int) event.Event { return event.NewReport("sid", "m", fmt.Sprint(n), "1-1/1") }

func add(t testing.TB, m *journal.Memory, from, to int) {
	t.Helper()
	for n := from; n <= to; n++ {
		calls := 0
		m.Append(numbered(n), func(err error) {
			calls++
			if err != nil {
				t.Errorf("event %d: %v", n, err)
			}
		})
		if calls != 1 {
			t.Fatalf("event %d: kept called %d times by the end of Append", n, calls)
		}
	}
}

func subscribe(t testing.TB, m *journal.Memory, cursor string) journal.Reader {
	t.Helper()
	r, err := m.Subscribe(cursor)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// expect reads the events from … to, and returns the cursor of the last one.
func expect(t testing.TB, r journal.Reader, from, to int) (cursor string) {
	t.Helper()
	for n := from; n <= to; n++ {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		e, err := r.Next(ctx)
		cancel()
		if err != nil {
			t.Fatalf("event %d: %v", n, err)
		}
		if got := e.Param("status"); got != fmt.Sprint(n) {
			t.Fatalf("event %v in place of %d", got, n)
		}
		if e.Cursor == "" || e.Cursor == cursor {
			t.Fatalf("event %d: cursor %q after %q", n, e.Cursor, cursor)
		}
		cursor = e.Cursor
	}
	return cursor
}

// silent holds that there is nothing to read now.
func silent(t testing.TB, r journal.Reader) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if e, err := r.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("%v, %v", e, err)
	}
}

func TestSubscribe(t *testing.T) {
	m := journal.NewMemory(journal.MemoryConfig{})
	early := subscribe(t, m, journal.Newest)
	add(t, m, 1, 5)
	t.Run("from now on", func(t *testing.T) {
		r := subscribe(t, m, journal.Newest)
		silent(t, r)
		expect(t, early, 1, 5)
		silent(t, early)
	})
	t.Run("from the oldest", func(t *testing.T) { expect(t, subscribe(t, m, journal.Oldest), 1, 5) })
	t.Run("from after a cursor", func(t *testing.T) {
		cursor := expect(t, subscribe(t, m, journal.Oldest), 1, 3)
		expect(t, subscribe(t, m, cursor), 4, 5)
		expect(t, subscribe(t, m, cursor), 4, 5)
	})
	t.Run("from after the last event", func(t *testing.T) {
		cursor := expect(t, subscribe(t, m, journal.Oldest), 1, 5)
		r := subscribe(t, m, cursor)
		silent(t, r)
		add(t, m, 6, 6)
		expect(t, r, 6, 6)
	})
}

func TestCursorErrors(t *testing.T) {
	m := journal.NewMemory(journal.MemoryConfig{Events: 3, Instance: "now"})
	add(t, m, 1, 10)
	for cursor, want := range map[string]error{
		"now-6":  journal.ErrCursorLost, // 7 is gone
		"now-1":  journal.ErrCursorLost,
		"old-9":  journal.ErrCursorLost, // of an earlier run
		"now-11": journal.ErrCursorUnknown,
		"now-0":  journal.ErrCursorUnknown, "now-": journal.ErrCursorUnknown, "now--1": journal.ErrCursorUnknown, "-9": journal.ErrCursorUnknown,
		"9": journal.ErrCursorUnknown, "x": journal.ErrCursorUnknown, "now-99999999999999999999": journal.ErrCursorUnknown,
		strings.Repeat("x", 1<<16): journal.ErrCursorUnknown,
	} {
		r, err := m.Subscribe(cursor)
		if !errors.Is(err, want) || r != nil || len(err.Error()) > 300 {
			t.Errorf("%.20q: %v, want %v", cursor, err, want)
		}
	}
	expect(t, subscribe(t, m, "now-7"), 8, 10)
	t.Run("a cursor of an earlier run says so", func(t *testing.T) {
		first, second := journal.NewMemory(journal.MemoryConfig{}), journal.NewMemory(journal.MemoryConfig{})
		add(t, first, 1, 1)
		add(t, second, 1, 1)
		cursor := expect(t, subscribe(t, first, journal.Oldest), 1, 1)
		if _, err := second.Subscribe(cursor); !errors.Is(err, journal.ErrCursorLost) || !strings.Contains(err.Error(), "before the node was started") {
			t.Error(err)
		}
	})
}

func TestBounds(t *testing.T) {
	lost := func(t *testing.T, r journal.Reader, dropped uint64) {
		t.Helper()
		_, err := r.Next(context.Background())
		le, ok := errors.AsType[*journal.LostError](err)
		if !ok || le.Dropped != dropped || !errors.Is(err, journal.ErrLost) {
			t.Fatalf("%v, want %d lost", err, dropped)
		}
	}
	t.Run("a slow reader is told how many it lost, and goes on", func(t *testing.T) {
		m := journal.NewMemory(journal.MemoryConfig{Events: 1000})
		r := subscribe(t, m, journal.Newest)
		add(t, m, 1, 2500)
		lost(t, r, 1500)
		expect(t, r, 1501, 2000)
		add(t, m, 2501, 3100)
		lost(t, r, 100)
		expect(t, r, 2101, 3100)
		silent(t, r)
		expect(t, subscribe(t, m, journal.Oldest), 2101, 3100)
	})
	t.Run("octets", func(t *testing.T) {
		m := journal.NewMemory(journal.MemoryConfig{Octets: 1 << 20})
		r := subscribe(t, m, journal.Newest)
		for range 100 {
			m.Append(event.NewMessage("sid", "x/y", make([]byte, 100_000)), nil)
		}
		lost(t, r, 90)
		for range 10 {
			if _, err := r.Next(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		silent(t, r)
	})
	t.Run("an event larger than everything is kept alone", func(t *testing.T) {
		m := journal.NewMemory(journal.MemoryConfig{Octets: 1000})
		add(t, m, 1, 2)
		m.Append(event.NewMessage("sid", "x/y", make([]byte, 5000)), nil)
		r := subscribe(t, m, journal.Oldest)
		if e, err := r.Next(context.Background()); err != nil || e.Name != event.MsgReceived {
			t.Errorf("%v, %v", e.Name, err)
		}
		silent(t, r)
		add(t, m, 3, 4)
		expect(t, subscribe(t, m, journal.Oldest), 3, 4)
	})
	t.Run("any bound, any pace", func(t *testing.T) {
		rapid.Check(t, func(rt *rapid.T) {
			limit := rapid.IntRange(1, 700).Draw(rt, "limit")
			m := journal.NewMemory(journal.MemoryConfig{Events: limit})
			r, err := m.Subscribe(journal.Newest)
			if err != nil {
				rt.Fatal(err)
			}
			written, read := 0, 0
			for range rapid.IntRange(1, 30).Draw(rt, "rounds") {
				n := rapid.IntRange(0, 500).Draw(rt, "write")
				add(t, m, written+1, written+n)
				written += n
				for range rapid.IntRange(0, 500).Draw(rt, "read") {
					if read == written {
						break
					}
					e, err := r.Next(context.Background())
					if le, ok := errors.AsType[*journal.LostError](err); ok {
						read += int(le.Dropped)
						if written-read != limit {
							rt.Fatalf("%d events are left of %d", written-read, limit)
						}
						continue
					}
					read++
					if e.Param("status") != fmt.Sprint(read) {
						rt.Fatalf("event %v in place of %d", e.Param("status"), read)
					}
				}
			}
		})
	})
}

// TestWaiting shows under fake time that readers wake at once and poll nothing.
func TestWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := journal.NewMemory(journal.MemoryConfig{})
		began := time.Now()
		var woken sync.WaitGroup
		for range 20 {
			r := subscribe(t, m, journal.Newest)
			woken.Go(func() { expect(t, r, 1, 3) })
		}
		for n := 1; n <= 3; n++ {
			time.Sleep(7 * time.Second)
			synctest.Wait()
			add(t, m, n, n)
		}
		woken.Wait()
		if waited := time.Since(began); waited != 21*time.Second {
			t.Errorf("woken after %v", waited)
		}
	})
}

func TestEnds(t *testing.T) {
	t.Run("the context ends a wait", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := subscribe(t, journal.NewMemory(journal.MemoryConfig{}), journal.Newest)
			ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
			defer cancel()
			if _, err := r.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		})
	})
	t.Run("a closed journal is read to its end", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := journal.NewMemory(journal.MemoryConfig{})
			behind, waiting := subscribe(t, m, journal.Newest), subscribe(t, m, journal.Newest)
			add(t, m, 1, 2)
			expect(t, waiting, 1, 2)
			ended := make(chan error)
			go func() {
				_, err := waiting.Next(t.Context())
				ended <- err
			}()
			synctest.Wait()
			if err := m.Close(); err != nil {
				t.Error(err)
			}
			if err := <-ended; !errors.Is(err, journal.ErrClosed) {
				t.Error(err)
			}
			expect(t, behind, 1, 2)
			if _, err := behind.Next(t.Context()); !errors.Is(err, journal.ErrClosed) {
				t.Error(err)
			}
			var refused error
			m.Append(numbered(3), func(err error) { refused = err })
			if !errors.Is(refused, journal.ErrClosed) {
				t.Error(refused)
			}
			if _, err := m.Subscribe(journal.Oldest); !errors.Is(err, journal.ErrClosed) {
				t.Error(err)
			}
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		})
	})
	t.Run("a closed reader", func(t *testing.T) {
		m := journal.NewMemory(journal.MemoryConfig{})
		r := subscribe(t, m, journal.Newest)
		add(t, m, 1, 1)
		r.Close()
		r.Close()
		if _, err := r.Next(context.Background()); !errors.Is(err, journal.ErrClosed) {
			t.Error(err)
		}
	})
}

// TestConcurrent holds that every reader sees what each writer wrote, once and in its order.
func TestConcurrent(t *testing.T) {
	const writers, each, readers = 4, 2000, 4
	m := journal.NewMemory(journal.MemoryConfig{})
	var wg sync.WaitGroup
	for range readers {
		r := subscribe(t, m, journal.Newest)
		wg.Go(func() {
			next := make(map[any]int)
			for range writers * each {
				e, err := r.Next(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				w := e.Param("message_id")
				next[w]++
				if e.Param("status") != fmt.Sprint(next[w]) {
					t.Errorf("writer %v: event %v in place of %d", w, e.Param("status"), next[w])
					return
				}
			}
		})
	}
	for w := range writers {
		wg.Go(func() {
			for n := 1; n <= each; n++ {
				m.Append(event.NewReport("sid", fmt.Sprint(w), fmt.Sprint(n), ""), nil)
			}
		})
	}
	wg.Wait()
}

func BenchmarkAppend(b *testing.B) {
	m := journal.NewMemory(journal.MemoryConfig{})
	e := event.NewMessage("9fbf724ab10d2f50b5d05646629761cb", "text/plain", make([]byte, 100), event.MessageID("ndgh33bdwnil"))
	kept := func(error) {}
	b.ReportAllocs()
	for b.Loop() {
		m.Append(e, kept)
	}
}
