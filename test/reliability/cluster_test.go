package reliability

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	parley "github.com/parley-msrp/parley/events"
	"github.com/parley-msrp/parley/internal/journal"
	"github.com/parley-msrp/parley/test/daemon"
	"github.com/parley-msrp/parley/test/peer"
)

// TestClusterWithoutQuorum: two of three servers of an outside NATS cluster are killed, and started again. The third one may believe for a while that it
// leads the stream.
func TestClusterWithoutQuorum(t *testing.T) {
	t.Parallel() // it waits most of the time
	c := newCluster(t)
	lost := c.servers[:2]
	outage(t, t.TempDir(), c.config("n"), func() {
		for _, s := range lost {
			s.kill()
		}
	}, func() {
		for _, s := range lost {
			s.start(t)
		}
	})
}

// config makes the cluster the journal of a node.
func (c *cluster) config(node string) string {
	return fmt.Sprintf("node: %s\nnats: {url: %q, replicas: 3}\n", node, c.url())
}

// TestClusterKilled: the journal is in an outside NATS cluster of three servers, each of which has all of it. Under load, the server that leads the stream is
// killed, the one that the daemon is connected to, and the leader and the daemon at once. Everything goes on by itself; nothing that was answered 200 is
// missing, nothing is there twice, no send is without a fate, and a consumer that reads along from the cluster gets every event. Large messages that are
// under way meanwhile are kept, or refused, and those that are kept can be got.
func TestClusterKilled(t *testing.T) {
	t.Parallel() // it waits most of the time
	const node = "n"
	c := newCluster(t)
	events, bodies := parley.Stream(node), "OBJ_"+journal.Bodies(node)
	dir := t.TempDir()
	addr, err := daemon.Address()
	if err != nil {
		t.Fatal(err)
	}
	config := daemon.Config(addr, "log: {level: warn}\nmsrp: {recovery: false, recovery_after_restart: false}\n"+c.config(node))
	d := start(t, dir, addr, config)
	c.whole(t, events, bodies)
	reading := c.consume(t, node, c.serving(t, node))

	l := &ledger{answered: map[key]string{}, accepted: map[key]struct{}{}}
	large := map[key]string{} // hashes of large messages that were answered 200
	goesOn := func() {
		before, accepted := l.counts()
		eventually(t, "messages are answered, and sends accepted", func() bool {
			n, m := l.counts()
			return n > before+300 && m > accepted+3
		})
	}
	load := newTraffic(t, d, l, "first")
	goesOn()
	refused := 0
	for _, victim := range []string{"the leader", "the server of the daemon"} {
		s := c.whole(t, events, bodies)
		if victim != "the leader" {
			s = c.serving(t, node)
		}
		m := beginLarge(t, place(t, d))
		l.pause(true)
		s.kill()
		code := m.end(t)
		goesOn()
		if code == 200 {
			large[m.key] = m.sum
		} else if refused++; code != 413 {
			t.Errorf("a large message was answered %d", code)
		}
		t.Logf("%s is killed: nothing is answered for %s; a large message that is under way gets %d", victim, l.pause(false), code)
		s.start(t)
	}
	s := c.whole(t, events, bodies)
	s.kill()
	d.Kill()
	load.end()
	began := time.Now()
	d = startUntilUp(t, dir, addr, config)
	load = newTraffic(t, d, l, "second")
	goesOn()
	t.Logf("the leader and the daemon are killed: it is there again after %s", time.Since(began).Round(100*time.Millisecond))
	s.start(t)
	load.end()
	ended(t, d)

	m := beginLarge(t, place(t, d))
	if code := m.end(t); code != 200 {
		t.Errorf("a large message was answered %d when all was well", code)
	}
	large[m.key] = m.sum
	last := place(t, d)
	all := read(t, d, last.id)
	check(t, l, all, m.key.session, last.id)
	checkLarge(t, d, large, all)
	reading.check(t, all)
	answered, accepted := l.counts()
	if answered < 1000 || accepted < 10 {
		t.Errorf("only %d messages were answered, and %d sends accepted", answered, accepted)
	}
	t.Logf("%d messages answered 200, all there, none twice, %d refused; %d sends accepted, each with a fate; %d large messages kept, %d refused; %d events, of which a consumer got each, %d of them again",
		answered, l.refused, accepted, len(large), refused, len(all), reading.again)
	if err := d.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

// startUntilUp starts a daemon as a supervisor does: again, where the cluster has no leader for so long that it gives up.
func startUntilUp(t *testing.T, dir string, addr netip.Addr, config string) *daemon.Daemon {
	t.Helper()
	var err error
	for range 4 {
		var d *daemon.Daemon
		if d, err = daemon.Start(t.Context(), program(t), dir, addr, config); err == nil {
			t.Cleanup(d.Kill)
			return d
		}
	}
	t.Fatal(err)
	return nil
}

// traffic is load on a daemon: messages in four sessions, and sends in one of them.
type traffic struct {
	calls   []*call
	stop    context.CancelFunc
	loading sync.WaitGroup
}

func newTraffic(t *testing.T, d *daemon.Daemon, l *ledger, name string) *traffic {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	f := &traffic{stop: cancel}
	t.Cleanup(f.end)
	for i := range 4 {
		c := place(t, d)
		c.pace = 2 * time.Millisecond // the servers run on the same machine, and have to hear each other
		f.calls = append(f.calls, c)
		f.loading.Go(func() { c.load(l, fmt.Sprint(name, i), i%2 == 1) })
		if i == 0 {
			f.loading.Go(func() { c.command(ctx, l, d) })
		}
	}
	return f
}

func (f *traffic) end() {
	f.stop()
	for _, c := range f.calls {
		c.conn.Close()
	}
	f.loading.Wait()
}

// largeMessage is one whose body is kept beside the events, half of which is sent.
type largeMessage struct {
	key  key
	sum  string
	call *call
	id   string // of the transaction
	rest []byte
}

// beginLarge begins to send a large message.
func beginLarge(t *testing.T, c *call) *largeMessage {
	t.Helper()
	body := make([]byte, 4<<20)
	_, _ = rand.NewChaCha8([32]byte{byte(rand.Int())}).Read(body)
	sum := sha256.Sum256(body)
	m := &largeMessage{key: key{c.id, peer.Ident()}, sum: hex.EncodeToString(sum[:]), call: c, id: peer.Ident()}
	head := fmt.Sprintf("MSRP %s SEND\r\nTo-Path: %s\r\nFrom-Path: %s\r\nMessage-ID: %s\r\nByte-Range: 1-*/%d\r\nContent-Type: application/octet-stream\r\n\r\n",
		m.id, c.session.Remote, c.session.Own, m.key.message, len(body))
	whole := slices.Concat([]byte(head), body, []byte("\r\n-------"+m.id+"$\r\n"))
	half := len(whole) / 2
	m.rest = whole[half:]
	c.conn.Put(whole[:half])
	return m
}

// end sends its rest, and returns the code that it was answered with.
func (m *largeMessage) end(t *testing.T) int {
	t.Helper()
	m.call.conn.Put(m.rest)
	return m.call.conn.Response(t, limit, m.id).Code
}

// checkLarge checks that large messages that were answered 200 can be got.
func checkLarge(t *testing.T, d *daemon.Daemon, large map[key]string, all []told) {
	t.Helper()
	for k, sum := range large {
		i := slices.IndexFunc(all, func(e told) bool {
			return e.Type == "E_MSRP_MSG_RECEIVED" && e.Subject == k.session && e.text("message_id") == k.message
		})
		if i < 0 {
			t.Errorf("the large message %v was answered 200 and is missing", k)
			continue
		}
		ref, _ := all[i].Data["body_ref"].(map[string]any)
		got := sha256.New()
		r := get(t, d.URL(fmt.Sprint("/v1/bodies/", ref["id"])), "")
		if _, err := io.Copy(got, r.Body); err != nil || hex.EncodeToString(got.Sum(nil)) != sum {
			t.Errorf("the large message %v is another one: %s, %v", k, r.Status, err)
		}
	}
}

// clusterReader reads events from the cluster, without the daemon.
type clusterReader struct {
	mu    sync.Mutex
	ids   map[string]bool
	last  map[string]uint64 // number of the last event of each session
	again int               // events that came again
	wrong []string
}

// consume reads a node's events, from a server that is not serving.
func (c *cluster) consume(t *testing.T, node string, serving *natsServer) *clusterReader {
	t.Helper()
	urls := strings.Split(c.url(), ",")
	for urls[0] == serving.url() {
		urls = append(urls[1:], urls[0])
	}
	conn, err := nats.Connect(strings.Join(urls, ","), nats.DontRandomize(), nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	r := &clusterReader{ids: map[string]bool{}, last: map[string]uint64{}}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := (parley.Consumer{Node: node, Name: "along", Retry: time.Second}).Run(ctx, js, r.take); err != nil {
			t.Errorf("the consumer ended: %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
		conn.Close()
	})
	return r
}

func (r *clusterReader) take(_ context.Context, e parley.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.ids[e.ID]:
		r.again++
	case e.Sequence != r.last[e.Subject]+1:
		r.wrong = append(r.wrong, fmt.Sprintf("session %s: number %d after %d", e.Subject, e.Sequence, r.last[e.Subject]))
	default:
		r.last[e.Subject] = e.Sequence
	}
	r.ids[e.ID] = true
	return nil
}

// check waits for the last of all events, and checks that each came, those of a session in order.
func (r *clusterReader) check(t *testing.T, all []told) {
	t.Helper()
	eventually(t, "the consumer has the last event", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.ids[all[len(all)-1].ID]
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range all {
		if !r.ids[e.ID] {
			t.Errorf("the consumer did not get %s of session %s, number %s", e.Type, e.Subject, e.Sequence)
		}
	}
	for _, w := range r.wrong {
		t.Error(w)
	}
}
