package journal_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-msrp/parley/internal/event"
	"github.com/parley-msrp/parley/internal/journal"
)

// open opens a journal in dir, which the test closes.
func open(t testing.TB, c journal.Config) *journal.Durable {
	t.Helper()
	c.Node = "n"
	if c.Dir == "" {
		c.Dir = t.TempDir()
	}
	j, err := journal.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

// keep appends events of a session and waits until they are kept.
func keep(t testing.TB, j journal.Journal, from, to int) {
	t.Helper()
	var waiting sync.WaitGroup
	for n := from; n <= to; n++ {
		waiting.Add(1)
		j.Append(numbered(n), func(err error) {
			if err != nil {
				t.Errorf("event %d: %v", n, err)
			}
			waiting.Done()
		})
	}
	waiting.Wait()
}

func follow(t testing.TB, j journal.Journal, cursor string) journal.Reader {
	t.Helper()
	r, err := j.Subscribe(cursor)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// TestDurable: what was kept is there again, and cursors outlive the process.
func TestDurable(t *testing.T) {
	dir := t.TempDir()
	first := open(t, journal.Config{Dir: dir})
	now := follow(t, first, journal.Newest)
	keep(t, first, 1, 5000)
	cursor := expect(t, now, 1, 2500)
	expect(t, follow(t, first, journal.Oldest), 1, 5000)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	expect(t, now, 2501, 5000)
	if _, err := now.Next(t.Context()); !errors.Is(err, journal.ErrClosed) {
		t.Error(err)
	}
	first.Append(numbered(1), func(err error) {
		if !errors.Is(err, journal.ErrClosed) {
			t.Error(err)
		}
	})
	second := open(t, journal.Config{Dir: dir})
	keep(t, second, 5001, 6000)
	expect(t, follow(t, second, journal.Oldest), 1, 6000)
	r := follow(t, second, cursor)
	expect(t, r, 2501, 6000)
	silent(t, r)
	s := second.Stats(t.Context())
	if s.Events != 6000 || s.Appended != 6000 || s.Octets < 6000*50 || s.Waiting != 0 || s.Problem != nil {
		t.Errorf("%+v", s)
	}
	for c, want := range map[string]error{
		"":                                    nil,
		"x":                                   journal.ErrCursorUnknown,
		strings.Replace(cursor, "-", "x-", 1): journal.ErrCursorLost,
		cursor[:8] + "-99999999-0":            journal.ErrCursorUnknown,
		cursor + "99999":                      journal.ErrCursorUnknown,
	} {
		if _, err := second.Subscribe(c); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", c, err, want)
		}
	}
}

// TestTold: an event is told in the same words from memory and from the stream.
func TestTold(t *testing.T) {
	dir := t.TempDir()
	j := open(t, journal.Config{Dir: dir})
	events := []event.Event{
		event.NewSession("sip:a@b", "sip:c@d", "sip:c@d", "s1", "text/plain", event.CallID("c1")),
		event.NewMessage("s1", "text/plain", []byte("a \"line\"\r\nand \x01 another"), event.MessageID("m1")),
		event.NewMessage("s1", "image/png", []byte{0xff, 0, '\n'}),
		event.NewEnd("s1"),
	}
	r, counter := follow(t, j, journal.Newest), &event.Counter{}
	var kept sync.WaitGroup
	for i := range events {
		events[i].Counter, events[i].Time, events[i].Source = counter, time.Date(2026, 11, 3, 9, 0, i, 1000*i*i*i, time.UTC), "parley/n"
		kept.Add(1)
		j.Append(events[i], func(error) { kept.Done() })
	}
	kept.Wait()
	told := func(r journal.Reader) (all string) {
		for range events {
			e, err := r.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			all += string(e.AppendCloudEvent(nil)) + "\n"
		}
		return all
	}
	want := told(r)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, told(follow(t, open(t, journal.Config{Dir: dir}), journal.Oldest))); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(want, `"time":"2026-11-03T09:00:03.000027Z"`) {
		t.Error(want)
	}
}

// TestNumbering: the numbers of a session are in the order of the journal and without gaps, whoever appends.
func TestNumbering(t *testing.T) {
	j := open(t, journal.Config{})
	r := follow(t, j, journal.Newest)
	counters := [3]event.Counter{}
	var adding sync.WaitGroup
	for g := range 6 {
		adding.Go(func() {
			for range 500 {
				e := numbered(0)
				e.SessionID, e.Counter = fmt.Sprint("s", g%3), &counters[g%3]
				j.Append(e, nil)
			}
		})
	}
	adding.Wait()
	last := map[string]uint64{}
	for range 3000 {
		e, err := r.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if last[e.SessionID]++; e.Sequence != last[e.SessionID] {
			t.Fatalf("%s: number %d in place of %d", e.SessionID, e.Sequence, last[e.SessionID])
		}
	}
}

// TestBehind: a reader that is far behind loses nothing, and one that retention passed by is told how much it lost.
func TestBehind(t *testing.T) {
	j := open(t, journal.Config{MaxOctets: 30 << 20})
	big := func(from, to int) {
		for n := from; n <= to; n++ {
			j.Append(event.NewReport("sid", strings.Repeat("m", 50_000), fmt.Sprint(n), "1-1/1"), nil)
		}
	}
	r := follow(t, j, journal.Newest)
	big(1, 400) // more than the tail
	keep(t, j, 401, 401)
	expect(t, r, 1, 200)
	big(402, 1500) // more than retention
	keep(t, j, 1501, 1501)
	read := 200
	for read < 1501 {
		e, err := r.Next(t.Context())
		if lost, ok := errors.AsType[*journal.LostError](err); ok {
			if read > 280 { // what was read ahead at most
				t.Fatalf("%d lost after %d", lost.Dropped, read)
			}
			read += int(lost.Dropped)
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		read++
		if e.Param("status") != fmt.Sprint(read) {
			t.Fatalf("event %v in place of %d", e.Param("status"), read)
		}
	}
	silent(t, r)
}

func TestTooLarge(t *testing.T) {
	j := open(t, journal.Config{})
	r := follow(t, j, journal.Newest)
	refused := make(chan error, 1)
	j.Append(event.NewMessage("sid", "x/y", make([]byte, 9<<20)), func(err error) { refused <- err })
	if err := <-refused; !errors.Is(err, journal.ErrTooLarge) {
		t.Error(err)
	}
	keep(t, j, 1, 10)
	expect(t, r, 1, 10)
}

// TestNobodyWaits: an event that nobody waits for is kept all the same, soon and without another one that takes it along.
func TestNobodyWaits(t *testing.T) {
	j := open(t, journal.Config{})
	r := follow(t, j, journal.Newest)
	n := 0
	for round := range 100 {
		for range round % 25 { // each is taken along, while the timer of the first runs on
			j.Append(numbered(n), nil)
			keep(t, j, n+1, n+1)
			expect(t, r, n, n+1)
			n += 2
		}
		j.Append(numbered(n), nil)
		expect(t, r, n, n)
		n++
	}
}

func BenchmarkDurable(b *testing.B) {
	for _, fsync := range []bool{false, true} {
		b.Run(fmt.Sprintf("fsync=%v", fsync), func(b *testing.B) {
			j := open(b, journal.Config{Fsync: fsync})
			var reading sync.WaitGroup
			ctx, cancel := context.WithCancel(b.Context())
			r := follow(b, j, journal.Newest)
			reading.Go(func() {
				for {
					if _, err := r.Next(ctx); err != nil {
						return
					}
				}
			})
			var left sync.WaitGroup
			window := make(chan struct{}, 160)
			body := []byte(strings.Repeat("x", 100))
			b.ReportAllocs()
			for b.Loop() {
				window <- struct{}{}
				left.Add(1)
				e := event.NewMessage("9fbf724ab10d2f50b5d05646629761cb", "text/plain", body, event.MessageID("ndgh33bdwnil"))
				e.Time = time.Now()
				j.Append(e, func(error) { <-window; left.Done() })
			}
			left.Wait()
			cancel()
			reading.Wait()
		})
	}
}

// TestRecallOfOldSessions: what the newest part of the journal does not have of a session that goes on is looked for in what is older.
func TestRecallOfOldSessions(t *testing.T) {
	j := open(t, journal.Config{RecallOctets: 1})
	counters := map[string]*event.Counter{"old": {}, "ended": {}, "new": {}}
	tell := func(id string, e event.Event) {
		e.Counter, e.Time = counters[id], time.Now()
		kept := make(chan error, 1)
		j.Append(e, func(err error) { kept <- err }) // each in a pack of its own
		if err := <-kept; err != nil {
			t.Fatal(err)
		}
	}
	tell("old", event.NewSession("sip:a@b", "sip:c@d", "sip:c@d", "old", "text/plain"))
	tell("old", event.NewMessage("old", "text/plain", []byte("x"), event.MessageID("m1")))
	tell("ended", event.NewEnd("ended"))
	for range 20 {
		tell("new", event.NewMessage("new", "text/plain", []byte("x"), event.MessageID("m2")))
	}
	r, err := j.Recall(t.Context(), nil)
	if err != nil || len(r.Sessions) != 1 || r.Sessions["new"] == nil {
		t.Fatalf("%+v, %v", r, err)
	}
	r, err = j.Recall(t.Context(), []string{"old", "ended", "unknown"})
	if err != nil || len(r.Sessions) != 2 || r.Sessions["new"].Sequence != 20 {
		t.Fatalf("%+v, %v", r, err)
	}
	old := r.Sessions["old"]
	if _, known := old.Received["m1"]; old.Sequence != 2 || !old.Established || !known {
		t.Errorf("%+v", old)
	}
	if _, ended := r.Ended["ended"]; !ended {
		t.Error("that the other one has ended is not known")
	}
}

func BenchmarkRecall(b *testing.B) {
	const events = 100_000
	j := open(b, journal.Config{})
	body := []byte(strings.Repeat("x", 100))
	for n := range events {
		e := event.NewMessage(fmt.Sprint("9fbf724ab10d2f50b5d05646629761c", n%10), "text/plain", body, event.MessageID(fmt.Sprint("ndgh33bdwnil", n)))
		e.Time = time.Now()
		j.Append(e, nil)
	}
	keep(b, j, 1, 1)
	for b.Loop() {
		if r, err := j.Recall(b.Context(), nil); err != nil || len(r.Sessions) != 10 {
			b.Fatal(r, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/events, "ns/event")
}

// TestRecallOfUnfinished: a message that began is unfinished after a restart, unless it was whole, before or since.
func TestRecallOfUnfinished(t *testing.T) {
	j := open(t, journal.Config{})
	counter := &event.Counter{}
	received := func(id string) event.Event {
		return event.NewMessage("s", "text/plain", []byte("x"), event.MessageID(id))
	}
	for _, e := range []event.Event{
		event.NewSession("sip:a@b", "sip:c@d", "sip:c@d", "s", "text/plain"),
		event.NewBegun("s", "whole since"), received("whole since"),
		received("whole before"), event.NewBegun("s", "whole before"),
		event.NewBegun("s", "told"), event.NewIncomplete("s", "told"),
		event.NewBegun("s", "unfinished"),
	} {
		if !e.Name.Internal() {
			e.Counter = counter
		}
		e.Time = time.Now()
		kept := make(chan error, 1)
		j.Append(e, func(err error) { kept <- err })
		if err := <-kept; err != nil {
			t.Fatal(err)
		}
	}
	r, err := j.Recall(t.Context(), nil)
	if err != nil || r.Sessions["s"] == nil || fmt.Sprint(r.Sessions["s"].Incomplete) != "[unfinished]" {
		t.Errorf("%+v, %v", r.Sessions["s"], err)
	}
}
