package sink_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-msrp/parley/internal/event"
	"github.com/parley-msrp/parley/internal/journal"
	"github.com/parley-msrp/parley/internal/sink"
)

const secret = "a-secret-of-some-length"

// receiver is an HTTP server at the other end of pipes. answer decides on each event; those that it takes are noted.
type receiver struct {
	t        *testing.T
	server   http.Server
	incoming chan net.Conn
	started  time.Time

	mu     sync.Mutex
	answer func(n int, e cloudEvent) int // n counts the attempts, from 1; nil: 204
	tried  []string                      // attempts: time, session and sequence
	taken  []cloudEvent
}

type cloudEvent struct{ ID, Type, Subject, Sequence string }

func (e cloudEvent) String() string { return e.Subject + strings.TrimLeft(e.Sequence, "0") }

func newReceiver(t *testing.T) *receiver {
	r := &receiver{t: t, incoming: make(chan net.Conn), started: time.Now()}
	r.server.Handler = r
	go r.server.Serve(r)
	t.Cleanup(func() { _ = r.server.Close() })
	return r
}

func (r *receiver) Accept() (net.Conn, error) {
	c, ok := <-r.incoming
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (r *receiver) Close() error   { close(r.incoming); return nil }
func (r *receiver) Addr() net.Addr { return &net.TCPAddr{} }

func (r *receiver) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case r.incoming <- theirs:
		return ours, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// ServeHTTP checks what a receiver would.
func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, _ := io.ReadAll(request.Body)
	seconds, _ := strconv.ParseInt(request.Header.Get("Parley-Timestamp"), 10, 64)
	at := time.Unix(seconds, 0)
	if request.Header.Get("Parley-Signature") != sink.Sign(secret, at, body) || time.Since(at).Abs() > time.Minute {
		r.t.Errorf("not signed, or not now: %v", request.Header)
	}
	if got := request.Header.Get("Content-Type"); got != "application/cloudevents+json; charset=utf-8" {
		r.t.Errorf("content type %s", got)
	}
	var e cloudEvent
	if err := json.Unmarshal(body, &e); err != nil {
		r.t.Errorf("%v: %s", err, body)
	}
	r.mu.Lock()
	r.tried = append(r.tried, e.String())
	n, answer := len(r.tried), r.answer
	r.mu.Unlock()
	status := http.StatusNoContent
	if answer != nil {
		status = answer(n, e)
	}
	if status < 300 {
		r.mu.Lock()
		r.taken = append(r.taken, e)
		r.mu.Unlock()
	}
	w.WriteHeader(status)
}

func (r *receiver) got() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for _, e := range r.taken {
		all = append(all, e.String())
	}
	return all
}

func (r *receiver) attempts() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.tried)
}

func (r *receiver) decide(answer func(n int, e cloudEvent) int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

// webhooks start with a receiver. What they keep is in store.
func webhooks(t *testing.T, r *receiver, j sink.Journal, change func(*sink.WebhooksConfig)) *sink.Webhooks {
	t.Helper()
	c := sink.WebhooksConfig{Journal: j, Dial: r.dial, Product: "Parley/0.1.0"}
	if change != nil {
		change(&c)
	}
	w, err := sink.NewWebhooks(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(w) })
	return w
}

// stop ends webhooks without any time to deliver what is left.
func stop(w *sink.Webhooks) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = w.Close(ctx)
}

func register(t *testing.T, w *sink.Webhooks, r sink.Registration) sink.WebhookStatus {
	t.Helper()
	if r.URL == "" {
		r.URL = "http://192.0.2.1/events"
	}
	r.Secret = secret
	s, _, err := w.Register(r)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// numbered is event n of a session.
func numbered(session string, n int) event.Event {
	e := event.NewMessage(session, "text/plain", []byte("hello"))
	e.Sequence, e.Time, e.Source = uint64(n), time.Now().UTC(), "/node/test"
	return e
}

func fill(j *journal.Memory, session string, from, to int) {
	for n := from; n <= to; n++ {
		j.Append(numbered(session, n), nil)
	}
}

func of(session string, all []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return !strings.HasPrefix(s, session) })
}

func sequence(session string, from, to int) []string {
	var all []string
	for n := from; n <= to; n++ {
		all = append(all, session+strconv.Itoa(n))
	}
	return all
}

func TestWebhookDeliversInOrderWithinSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, j := newReceiver(t), journal.NewMemory(journal.MemoryConfig{})
		fill(j, "old", 1, 3)
		w := webhooks(t, r, j, nil)
		id := register(t, w, sink.Registration{}).ID
		for n := 1; n <= 50; n++ {
			for _, session := range []string{"a", "b", "c"} {
				fill(j, session, n, n)
			}
		}
		synctest.Wait()
		for _, session := range []string{"a", "b", "c"} {
			if diff := cmp.Diff(sequence(session, 1, 50), of(session, r.got())); diff != "" {
				t.Errorf("session %s: %s", session, diff)
			}
		}
		if got := of("old", r.got()); len(got) != 0 {
			t.Errorf("what was before it was told: %v", got)
		}
		s, err := w.Get(id)
		if err != nil || s.State != sink.StateActive || s.Delivered != 150 || s.Waiting != 0 || s.Lag != 0 {
			t.Errorf("%+v, %v", s, err)
		}
	})
}

func TestWebhookFilterAndBeginning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, j := newReceiver(t), journal.NewMemory(journal.MemoryConfig{Instance: "i"})
		fill(j, "a", 1, 3)
		fill(j, "b", 1, 1)
		w := webhooks(t, r, j, nil)
		register(t, w, sink.Registration{From: "i-1", Filter: event.Filter{Sessions: []string{"a"}}})
		synctest.Wait()
		if diff := cmp.Diff(sequence("a", 2, 3), r.got()); diff != "" {
			t.Error(diff)
		}
		if _, _, err := w.Register(sink.Registration{URL: "http://192.0.2.1/", From: "nonsense"}); !errors.Is(err, journal.ErrCursorUnknown) {
			t.Error(err)
		}
	})
}

// A receiver that is down is asked again after longer and longer waits, by one attempt at a time, and then gets everything in order.
func TestWebhookRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, j := newReceiver(t), journal.NewMemory(journal.MemoryConfig{})
		var mu sync.Mutex
		var at []time.Duration
		r.decide(func(n int, _ cloudEvent) int {
			mu.Lock()
			defer mu.Unlock()
			at = append(at, time.Since(r.started))
			if n <= 12 {
				return http.StatusBadGateway
			}
			return http.StatusOK
		})
		w := webhooks(t, r, j, nil)
		id := register(t, w, sink.Registration{}).ID
		fill(j, "a", 1, 1)
		synctest.Wait()
		fill(j, "a", 2, 3)
		fill(j, "b", 1, 3)
		synctest.Wait()
		if s, _ := w.Get(id); s.State != sink.StateRetrying || s.Attempts != 1 || s.LastError != "answered 502 Bad Gateway" || s.Waiting != 6 || s.LastFailure.IsZero() {
			t.Errorf("%+v", s)
		}
		time.Sleep(time.Minute)
		if s, _ := w.Get(id); s.Lag < time.Minute || s.Waiting != 6 {
			t.Errorf("%+v", s)
		}
		time.Sleep(time.Hour)
		mu.Lock()
		defer mu.Unlock()
		for i := 1; i < 12; i++ {
			most := min(time.Second<<(i-1), 5*time.Minute)
			// The event whose turn it is has waited as long as any may, and a little more where it was another one's turn before.
			if wait := at[i] - at[i-1]; wait < most/2 || wait > 5*time.Minute {
				t.Errorf("wait %d took %v, at most %v are due", i, wait, most)
			}
		}
		for _, session := range []string{"a", "b"} {
			if diff := cmp.Diff(sequence(session, 1, 3), of(session, r.got())); diff != "" {
				t.Error(diff)
			}
		}
		if s, _ := w.Get(id); s.State != sink.StateActive || s.Attempts != 0 || s.Waiting != 0 || s.Delivered != 6 {
			t.Errorf("%+v", s)
		}
	})
}

// What a receiver refuses for what it is holds up its own session alone, until it is given up.
func TestWebhookEventThatIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, j := newReceiver(t), journal.NewMemory(journal.MemoryConfig{})
		r.decide(func(_ int, e cloudEvent) int {
			if e.String() == "a1" {
				return http.StatusUnprocessableEntity
			}
			return http.StatusNoContent
		})
		w := webhooks(t, r, j, func(c *sink.WebhooksConfig) { c.RetryFor = time.Hour })
		id := register(t, w, sink.Registration{}).ID
		fill(j, "a", 1, 3)
		fill(j, "b", 1, 100)
		synctest.Wait()
		if diff := cmp.Diff(sequence("b", 1, 100), r.got()); diff != "" {
			t.Error(diff)
		}
		time.Sleep(59 * time.Minute)
		if got := of("a", r.got()); len(got) != 0 {
			t.Errorf("taken: %v", got)
		}
		if n := len(of("a", r.attempts())); n < 15 || n > 40 {
			t.Errorf("%d attempts in an hour", n)
		}
		time.Sleep(10 * time.Minute)
		if diff := cmp.Diff(sequence("a", 2, 3), of("a", r.got())); diff != "" {
			t.Errorf("after it was given up: %s", diff)
		}
		if s, _ := w.Get(id); s.GivenUp != 1 || s.Waiting != 0 || s.State != sink.StateActive {
			t.Errorf("%+v", s)
		}
	})
}

func TestDeadWebhookIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, j := newReceiver(t), journal.NewMemory(journal.MemoryConfig{})
		r.decide(func(int, cloudEvent) int { return http.StatusInternalServerError })
		w := webhooks(t, r, j, func(c *sink.WebhooksConfig) { c.RetryFor = time.Hour })
		id := register(t, w, sink.Registration{}).ID
		fill(j, "a", 1, 2)
		time.Sleep(2 * time.Hour)
		if s, _ := w.Get(id); s.State != sink.StateDead || s.GivenUp != 2 || s.Attempts < 20 {
			t.Errorf("%+v", s)
		}
		r.decide(nil)
		fill(j, "a", 3, 3)
		time.Sleep(10 * time.Minute)
		if s, _ := w.Get(id); s.State != sink.StateActive || s.Delivered != 1 {
			t.Errorf("%+v", s)
		}
	})
}

func TestWebhookThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, j := newReceiver(t), journal.NewMemory(journal.MemoryConfig{})
		r.decide(func(int, cloudEvent) int { return http.StatusGone })
		store := sink.File(filepath.Join(t.TempDir(), "webhooks.json"))
		w := webhooks(t, r, j, func(c *sink.WebhooksConfig) { c.Store = store })
		id := register(t, w, sink.Registration{}).ID
		fill(j, "a", 1, 3)
		time.Sleep(time.Hour)
		if n := len(r.attempts()); n != 1 {
			t.Errorf("%d attempts", n)
		}
		stop(w)
		w = webhooks(t, r, j, func(c *sink.WebhooksConfig) { c.Store = store })
		time.Sleep(time.Hour)
		if s, _ := w.Get(id); s.State != sink.StateGone || len(r.attempts()) != 1 {
			t.Errorf("after a restart: %+v, %v", s, r.attempts())
		}
		if err := w.Unregister(id); err != nil {
			t.Error(err)
		}
		if _, err := w.Get(id); !errors.Is(err, sink.ErrUnknownWebhook) {
			t.Error(err)
		}
	})
}

// TestConfiguredWebhookThatIsGone: it stays gone until a start without it.
func TestConfiguredWebhookThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, j := newReceiver(t), journal.NewMemory(journal.MemoryConfig{})
		store := sink.File(filepath.Join(t.TempDir(), "webhooks.json"))
		r.decide(func(int, cloudEvent) int { return http.StatusGone })
		configured := []sink.Registration{{URL: "http://192.0.2.1/events", Secret: secret}}
		start := func() *sink.Webhooks {
			return webhooks(t, r, j, func(c *sink.WebhooksConfig) { c.Store, c.Configured = store, configured })
		}
		w := start()
		fill(j, "a", 1, 3)
		time.Sleep(time.Minute)
		stop(w)
		w = start()
		time.Sleep(time.Hour)
		if all := w.List(); len(all) != 1 || all[0].State != sink.StateGone || len(r.attempts()) != 1 {
			t.Errorf("after a restart: %+v, %v", all, r.attempts())
		}
		stop(w)
		again := configured
		configured = nil
		stop(start())
		configured = again
		r.decide(nil)
		w = start()
		fill(j, "a", 4, 4)
		time.Sleep(time.Minute)
		if all := w.List(); len(all) != 1 || all[0].State != sink.StateActive || all[0].Delivered != 1 {
			t.Errorf("after a start without it: %+v", all)
		}
	})
}

// A receiver that is slow bounds what is in hand: the rest stays in the journal.
func TestWebhookWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, j := newReceiver(t), journal.NewMemory(journal.MemoryConfig{})
		open := make(chan struct{})
		r.decide(func(int, cloudEvent) int { <-open; return http.StatusOK })
		w := webhooks(t, r, j, nil)
		id := register(t, w, sink.Registration{}).ID
		for n := 1; n <= 100; n++ {
			for session := range 40 {
				fill(j, fmt.Sprintf("s%02d-", session), n, n)
			}
		}
		synctest.Wait()
		if s, _ := w.Get(id); s.Waiting != 1024 || len(r.attempts()) != 16 {
			t.Errorf("%d in hand, %d under way", s.Waiting, len(r.attempts()))
		}
		close(open)
		synctest.Wait()
		for session := range 40 {
			name := fmt.Sprintf("s%02d-", session)
			if diff := cmp.Diff(sequence(name, 1, 100), of(name, r.got())); diff != "" {
				t.Error(diff)
			}
		}
	})
}

// memory is a Store that a crash leaves as it was saved last.
type memory struct {
	mu   sync.Mutex
	b    []byte
	err  error
	from []byte
}

func (m *memory) Load() ([]byte, error) { return m.from, nil }

func (m *memory) Save(b []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err == nil {
		m.b = bytes.Clone(b)
	}
	return m.err
}

func (m *memory) crash() *memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &memory{from: bytes.Clone(m.b)}
}

// Whenever the process dies, each event is delivered by it or by the next one, in order but for what comes a second time.
func TestWebhookAcrossCrashes(t *testing.T) {
	for i, sleep := range []time.Duration{0, 0, 500 * time.Millisecond, 500 * time.Millisecond, 1500 * time.Millisecond, time.Minute, time.Minute} {
		fromConfiguration := i%2 == 1
		t.Run(fmt.Sprint("killed after ", sleep, ", configured ", fromConfiguration), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, j := newReceiver(t), journal.NewMemory(journal.MemoryConfig{})
				fill(j, "old", 1, 5)
				time.Sleep(time.Second)
				store := &memory{}
				var configured []sink.Registration
				if fromConfiguration {
					configured = []sink.Registration{{URL: "http://192.0.2.1/events", Secret: secret}}
				}
				w := webhooks(t, r, j, func(c *sink.WebhooksConfig) { c.Store, c.Configured = store, configured })
				if !fromConfiguration {
					register(t, w, sink.Registration{})
				}
				r.decide(func(_ int, e cloudEvent) int {
					if e.Subject == "b" {
						return http.StatusNotFound
					}
					return http.StatusOK
				})
				fill(j, "a", 1, 20)
				fill(j, "b", 1, 20)
				fill(j, "a", 21, 40)
				time.Sleep(sleep)
				next := store.crash()
				stop(w)
				fill(j, "a", 41, 50)
				r.decide(nil)
				webhooks(t, r, j, func(c *sink.WebhooksConfig) { c.Store, c.Configured = next, configured })
				time.Sleep(10 * time.Second)
				for session, n := range map[string]int{"a": 50, "b": 20} {
					seen := map[string]bool{}
					first := slices.DeleteFunc(of(session, r.got()), func(s string) bool { again := seen[s]; seen[s] = true; return again })
					if diff := cmp.Diff(sequence(session, 1, n), first); diff != "" {
						t.Errorf("session %s: %s", session, diff)
					}
				}
				if got := of("old", r.got()); len(got) != 0 {
					t.Errorf("what was before it was told: %v", got)
				}
			})
		})
	}
}

func TestConfiguredWebhooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, j := newReceiver(t), journal.NewMemory(journal.MemoryConfig{})
		store := sink.File(filepath.Join(t.TempDir(), "webhooks.json"))
		configured := []sink.Registration{{URL: "http://192.0.2.1/configured", Secret: secret}}
		with := func(c *sink.WebhooksConfig) { c.Store, c.Configured = store, configured }
		w := webhooks(t, r, j, with)
		fill(j, "a", 1, 2)
		synctest.Wait()
		id := w.List()[0].ID
		if err := w.Unregister(id); !errors.Is(err, sink.ErrConfigured) {
			t.Error(err)
		}
		if err := w.Close(t.Context()); err != nil {
			t.Error(err)
		}
		fill(j, "a", 3, 4)
		w = webhooks(t, r, j, with)
		synctest.Wait()
		if diff := cmp.Diff(sequence("a", 1, 4), r.got()); diff != "" {
			t.Error(diff)
		}
		if got := w.List(); len(got) != 1 || got[0].ID != id || !got[0].Configured {
			t.Errorf("%+v", got)
		}
		if b, _ := os.ReadFile(string(store)); bytes.Contains(b, []byte(secret)) {
			t.Error("the secret of the configuration is kept in the state")
		}
		stop(w)
		configured = nil
		if got := webhooks(t, r, j, with).List(); len(got) != 0 {
			t.Errorf("not configured any more: %+v", got)
		}
		configured = make([]sink.Registration, 2)
		configured[0] = sink.Registration{URL: "http://192.0.2.1/", Secret: secret}
		configured[1] = configured[0]
		if _, err := sink.NewWebhooks(sink.WebhooksConfig{Journal: j, Configured: configured}); err == nil || !strings.Contains(err.Error(), "twice") {
			t.Error(err)
		}
	})
}

// TestStateOfFormat1 reads what the first version that kept webhooks has written.
func TestStateOfFormat1(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept, err := os.ReadFile("testdata/webhooks-1.json")
		if err != nil {
			t.Fatal(err)
		}
		r, j := newReceiver(t), journal.NewMemory(journal.MemoryConfig{Instance: "i"})
		for n := 1; n <= 4; n++ {
			e := numbered("a", n)
			e.Own = append(e.Own, event.Tags(map[string]string{"customer": "acme"}))
			j.Append(e, nil)
		}
		w := webhooks(t, r, j, func(c *sink.WebhooksConfig) { c.Store = &memory{from: kept} })
		synctest.Wait()
		if diff := cmp.Diff(sequence("a", 3, 4), r.got()); diff != "" {
			t.Errorf("after its cursor: %s", diff)
		}
		var got []string
		for _, s := range w.List() {
			got = append(got, fmt.Sprint(s.ID, " ", s.URL, " ", s.Filter, " ", s.State, " ", s.Created.Format(time.RFC3339)))
		}
		want := []string{
			"k3x7q2m9v4b8c5n1 http://192.0.2.1/events {[E_MSRP_MSG_RECEIVED] [] [customer=acme]} active 2026-11-22T19:45:01Z",
			"z1y2x3w4v5u6t7s8 https://hooks.example.org/parley {[] [s] []} gone 2026-11-22T19:45:02Z",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestStateThatCannotBeRead(t *testing.T) {
	for from, want := range map[string]string{
		`{"format": 2}`: "a newer version wrote them", `{"format": 0}`: "format 0", `{"format"`: "cannot be read",
	} {
		_, err := sink.NewWebhooks(sink.WebhooksConfig{Journal: journal.NewMemory(journal.MemoryConfig{}), Store: &memory{from: []byte(from)}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", from, err)
		}
	}
}

func TestWebhookThatCannotBeKept(t *testing.T) {
	r := newReceiver(t)
	j, full := journal.NewMemory(journal.MemoryConfig{}), errors.New("disk full")
	if _, err := sink.NewWebhooks(sink.WebhooksConfig{Journal: j, Store: &memory{err: full}}); !errors.Is(err, full) {
		t.Errorf("at the start: %v", err)
	}
	store := &memory{}
	w := webhooks(t, r, j, func(c *sink.WebhooksConfig) { c.Store = store })
	store.mu.Lock()
	store.err = full
	store.mu.Unlock()
	if _, _, err := w.Register(sink.Registration{URL: "http://192.0.2.1/"}); !errors.Is(err, full) {
		t.Error(err)
	}
	if got := w.List(); len(got) != 0 {
		t.Errorf("it is there all the same: %+v", got)
	}
}

func TestWebhooksThatAreRefused(t *testing.T) {
	r := newReceiver(t)
	w := webhooks(t, r, journal.NewMemory(journal.MemoryConfig{}), func(c *sink.WebhooksConfig) {
		c.Policy = func(a netip.AddrPort) bool { return !a.Addr().IsPrivate() }
	})
	for _, c := range []struct {
		url, secret string
		filter      event.Filter
		want        string
	}{
		{"ftp://192.0.2.1/", secret, event.Filter{}, "url: it is not a URL"},
		{"192.0.2.1", secret, event.Filter{}, "url: it is not a URL"},
		{"http://user:pass@192.0.2.1/", secret, event.Filter{}, "url: it has a user"},
		{"http://192.0.2.1/#x", secret, event.Filter{}, "url: it has a user or a fragment"},
		{"http://192.0.2.1/" + strings.Repeat("x", 2048), secret, event.Filter{}, "url: it is longer than 2048"},
		{"http://10.0.0.1/", secret, event.Filter{}, "url: events may not go there"},
		{"http://[::]/", secret, event.Filter{}, "url: events may not go there"},
		{"http://192.0.2.1/", "short", event.Filter{}, "secret: it must have 16 to 256"},
		{"http://192.0.2.1/", secret, event.Filter{Types: []event.Name{"E_NOPE"}}, "there is no event"},
	} {
		if _, _, err := w.Register(sink.Registration{URL: c.url, Secret: c.secret, Filter: c.filter}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.url, err, c.want)
		}
	}
	for range sink.MaxWebhooks {
		if _, made, err := w.Register(sink.Registration{URL: "http://192.0.2.1/"}); err != nil || len(made) < 20 {
			t.Fatal(made, err)
		}
	}
	if _, _, err := w.Register(sink.Registration{URL: "http://192.0.2.1/"}); !errors.Is(err, sink.ErrTooManyHooks) {
		t.Error(err)
	}
	if err := w.Unregister("nope"); !errors.Is(err, sink.ErrUnknownWebhook) {
		t.Error(err)
	}
}
