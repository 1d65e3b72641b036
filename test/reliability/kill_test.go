package reliability

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-msrp/parley/test/daemon"
)

// ledger is what a peer, and a caller of the management interface, were promised. It lives outside of the process that is killed.
type ledger struct {
	mu       sync.Mutex
	answered map[key]string   // bodies of messages that were answered 200 throughout
	accepted map[key]struct{} // messages that send_message was answered for
	refused  int              // messages that were answered otherwise
	latest   time.Time        // when the last one was answered 200
	longest  time.Duration    // between two of them
}

type key struct{ session, message string }

func (l *ledger) answer(k key, body string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answered[k] = body
	now := time.Now()
	if !l.latest.IsZero() {
		l.longest = max(l.longest, now.Sub(l.latest))
	}
	l.latest = now
}

func (l *ledger) refuse() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refused++
}

// pause is the longest time between two messages that were answered 200, since the last call with begin.
func (l *ledger) pause(begin bool) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if begin {
		l.longest = 0
	}
	return l.longest.Round(100 * time.Millisecond)
}

// counts are how many messages were answered, and how many sends accepted.
func (l *ledger) counts() (answered, accepted int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.answered), len(l.accepted)
}

func (l *ledger) accept(k key) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.accepted[k] = struct{}{}
}

// rounds is how often the daemon is killed.
func rounds() int {
	if os.Getenv("PARLEY_SOAK") != "" {
		return 200
	}
	return 10
}

// TestKilled: the daemon is killed at random moments under load. Of all messages that were answered 200 none is missing from the journal and none is
// there twice; of all sends that were accepted none is without a fate; the events of each session are numbered without gaps, and each has its end; and
// a consumer that is killed as well, and goes on from the last event that it wrote down, gets each event.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	addr, err := daemon.Address()
	if err != nil {
		t.Fatal(err)
	}
	l := &ledger{answered: map[key]string{}, accepted: map[key]struct{}{}}
	follower := newFollower()
	config := daemon.Config(addr, "log: {level: error}\n")
	for n := range rounds() {
		d := start(t, dir, addr, config)
		ctx, cancel := context.WithCancel(t.Context())
		var loading sync.WaitGroup
		loading.Go(func() { follower.follow(ctx, d) })
		calls := make([]*call, 4)
		for i := range calls {
			calls[i] = place(t, d)
		}
		for i, c := range calls {
			loading.Go(func() { c.load(l, fmt.Sprintf("%d-%d", n, i), i%2 == 1) }) // ends with the connection
			if i == 0 {
				loading.Go(func() { c.command(ctx, l, d) })
			}
		}
		time.Sleep(time.Duration(20+rand.IntN(400)) * time.Millisecond) // when it is killed must not depend on anything
		d.Kill()
		cancel()
		loading.Wait()
	}
	// Up to here the sessions of the processes before were being recovered, in vain, whenever one was killed. This one ends them.
	d := start(t, dir, addr, config+"msrp: {recovery_after_restart: false}\n")
	defer func() {
		if err := d.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	ended(t, d)
	last := place(t, d)
	all := read(t, d, last.id)
	check(t, l, all, last.id)
	if answered, accepted := l.counts(); answered < 10*rounds() || accepted < rounds() {
		t.Errorf("only %d messages were answered, and %d sends accepted", answered, accepted)
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	follower.until = last.id
	follower.follow(ctx, d)
	follower.check(t, all)
	t.Logf("killed %d times: %d messages answered 200, all there, none twice; %d sends accepted, each with a fate; %d events, read by a consumer that was stopped %d times",
		rounds(), len(l.answered), len(l.accepted), len(all), follower.stopped)
}

// ended waits until no session lives.
func ended(t *testing.T, d *daemon.Daemon) {
	t.Helper()
	for end := time.Now().Add(limit); ; time.Sleep(10 * time.Millisecond) {
		all, err := d.Sessions(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(all, func(s daemon.Session) bool { return s.State <= daemon.Established }) {
			return
		}
		if time.Now().After(end) {
			t.Fatal("sessions of killed processes still live")
		}
	}
}

func start(t *testing.T, dir string, addr netip.Addr, config string) *daemon.Daemon {
	t.Helper()
	d, err := daemon.Start(t.Context(), program(t), dir, addr, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Kill)
	return d
}

// load sends messages, eight at a time, of one chunk or of three, until the connection breaks. It also answers what comes.
func (c *call) load(l *ledger, name string, chunked bool) {
	type sent struct {
		key  key
		body string
	}
	waiting := map[string]sent{} // by the transaction whose 200 completes the message
	for n := 0; ; n++ {
		time.Sleep(c.pace) // none, unless the servers share the processors with the load and need some themselves
		body := fmt.Sprintf("%s-%d %s", name, n, strings.Repeat("x", 90))
		if !chunked {
			f := c.session.Send(body)
			waiting[f.ID] = sent{key{c.id, f.Get("Message-ID")}, body}
			c.conn.Put(f.Bytes())
		} else {
			id := c.session.Send("").Get("Message-ID")
			third := len(body) / 3
			for i, part := range []string{body[:third], body[third : 2*third], body[2*third:]} {
				flag := byte('+')
				if i == 2 {
					flag = '$'
				}
				f := c.session.Chunk(id, fmt.Sprintf("%d-%d/%d", i*third+1, i*third+len(part), len(body)), part, flag)
				if i == 2 {
					waiting[f.ID] = sent{key{c.id, id}, body}
				}
				c.conn.Put(f.Bytes())
			}
		}
		for len(waiting) >= 8 {
			f, err := c.conn.Read(limit)
			if err != nil {
				return
			}
			if f.Method == "SEND" {
				c.conn.Answer(f, 200, "OK")
				continue
			}
			if m, ok := waiting[f.ID]; ok {
				delete(waiting, f.ID)
				if f.Code == 200 {
					l.answer(m.key, m.body)
				} else {
					l.refuse()
					time.Sleep(10 * time.Millisecond) // as a peer does, which does not insist
				}
			}
		}
	}
}

// command sends messages by the management interface.
func (c *call) command(ctx context.Context, l *ledger, d *daemon.Daemon) {
	for n := 0; ctx.Err() == nil; n++ {
		var result struct {
			MessageID string `json:"message_id"`
		}
		params := map[string]any{"session_id": c.id, "mime": "text/plain", "body": fmt.Sprint(n), "return": "id"}
		if err := d.Call(ctx, "msrp_ua:send_message", params, &result); err != nil {
			if !strings.Contains(err.Error(), "too many") && ctx.Err() == nil {
				time.Sleep(time.Millisecond)
			}
			continue
		}
		l.accept(key{c.id, result.MessageID})
	}
}

// read reads all events up to the first one of a session.
func read(t *testing.T, d *daemon.Daemon, until string) []told {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	var all []told
	err := events(ctx, d, "0", func(e told) bool {
		all = append(all, e)
		return e.Subject != until
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// check compares the journal with the ledger. Sessions have their ends, but for those that live.
func check(t *testing.T, l *ledger, all []told, live ...string) {
	t.Helper()
	there, fates, numbers, ends, began := map[key]int{}, map[key]bool{}, map[string]int{}, map[string]int{}, map[string]bool{}
	queued := map[key]bool{}
	for _, e := range all {
		k := key{e.Subject, e.text("message_id")}
		if numbers[e.Subject]++; e.Sequence != fmt.Sprintf("%010d", numbers[e.Subject]) {
			t.Fatalf("session %s: %s has number %s in place of %d", e.Subject, e.Type, e.Sequence, numbers[e.Subject])
		}
		switch e.Type {
		case "E_MSRP_SESSION_NEW":
			began[e.Subject] = true
		case "E_MSRP_SESSION_END":
			ends[e.Subject]++
		case "E_MSRP_MSG_RECEIVED":
			there[k]++
			if want, ok := l.answered[k]; ok && e.text("body") != want {
				t.Errorf("%v says %q, want %q", k, e.text("body"), want)
			}
		case "E_MSRP_MSG_QUEUED":
			queued[k] = true
		case "E_MSRP_MSG_SENT", "E_MSRP_REPORT_RECEIVED":
			fates[k] = true
		}
	}
	for k := range l.answered {
		if there[k] == 0 {
			t.Errorf("%v was answered 200 and is missing", k)
		}
	}
	for k, n := range there {
		if n > 1 {
			t.Errorf("%v is there %d times", k, n)
		}
	}
	for k := range l.accepted {
		queued[k] = true
	}
	for k := range queued {
		if !fates[k] {
			t.Errorf("%v was accepted and has no fate", k)
		}
	}
	for id := range began {
		if !slices.Contains(live, id) && ends[id] != 1 {
			t.Errorf("session %s has %d ends", id, ends[id])
		}
	}
}

// follower is a consumer that is stopped at any moment, together with the daemon or by itself, and goes on from the last cursor that it wrote down.
type follower struct {
	cursor  string
	seen    map[string]bool // IDs of events
	order   []string
	until   string // session whose first event is the last one that is wanted
	stopped int
}

func newFollower() *follower { return &follower{cursor: "0", seen: map[string]bool{}} }

func (f *follower) follow(ctx context.Context, d *daemon.Daemon) {
	for ctx.Err() == nil {
		some := 1 + rand.IntN(3000)
		done := false
		err := events(ctx, d, f.cursor, func(e told) bool {
			if !f.seen[e.ID] {
				f.seen[e.ID] = true
				f.order = append(f.order, e.ID)
			}
			if rand.IntN(10) > 0 { // it may be stopped between seeing an event and writing down that it did
				f.cursor = e.ID
			}
			done = f.until != "" && e.Subject == f.until
			some--
			return !done && some > 0
		})
		if f.stopped++; done {
			return
		}
		if err != nil {
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// check compares what it got with what there is: everything, in this order.
func (f *follower) check(t *testing.T, all []told) {
	t.Helper()
	if len(f.order) != len(all) {
		t.Errorf("the consumer got %d events of %d", len(f.order), len(all))
	}
	for i := range min(len(all), len(f.order)) {
		if f.order[i] != all[i].ID {
			t.Fatalf("the consumer got %s in place of %s as number %d", f.order[i], all[i].ID, i)
		}
	}
}
