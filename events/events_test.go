package events_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/parley-msrp/parley/events"
	"github.com/parley-msrp/parley/internal/event"
	"github.com/parley-msrp/parley/internal/journal"
)

// node is a NATS server with the journal of a node.
func node(dir string) (url string, j *journal.Durable, stop func()) {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: dir, NoSigs: true, NoLog: true})
	if err != nil {
		log.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(time.Minute) {
		log.Fatal("no server")
	}
	j, err = journal.Open(context.Background(), journal.Config{Node: "n1", URL: s.ClientURL()})
	if err != nil {
		log.Fatal(err)
	}
	return s.ClientURL(), j, func() { j.Close(); s.Shutdown(); s.WaitForShutdown() }
}

func connect(url string) jetstream.JetStream {
	c, err := nats.Connect(url)
	if err != nil {
		log.Fatal(err)
	}
	js, err := jetstream.New(c)
	if err != nil {
		log.Fatal(err)
	}
	return js
}

func Example() {
	dir, err := os.MkdirTemp("", "events-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	url, j, stop := node(dir)
	defer stop()
	j.Append(event.NewMessage("9fbf08c1a3d24e7d", "text/plain", []byte("hello"), event.MessageID("ndgh33bdwnil")), nil)

	js := connect(url) // to the servers of nats.url
	ctx, cancel := context.WithCancel(context.Background())
	c := events.Consumer{Node: "n1", Name: "archive"}
	err = c.Run(ctx, js, func(_ context.Context, e events.Event) error {
		fmt.Println(e.Type, e.Subject, string(e.Data))
		cancel() // this one is enough
		return nil
	})
	fmt.Println(err)
	// Output:
	// E_MSRP_MSG_RECEIVED 9fbf08c1a3d24e7d {"session_id":"9fbf08c1a3d24e7d","content_type":"text/plain","body":"hello","message_id":"ndgh33bdwnil"}
	// <nil>
}

// TestRun: a consumer that fails at any event, and is run again, gets every event at least once and those of a session in order; IDs are cursors.
func TestRun(t *testing.T) {
	const sessions, each = 5, 200
	url, j, stop := node(t.TempDir())
	t.Cleanup(stop)
	counters := [sessions]event.Counter{}
	j.Append(event.NewOver("nobody is told"), nil)
	for n := range sessions * each {
		e := event.NewEnd(fmt.Sprint("s", n%sessions))
		e.Counter, e.Time = &counters[n%sessions], time.Now()
		j.Append(e, nil)
	}
	c := events.Consumer{Node: "n1", Name: "archive", Retry: time.Second}
	done, failed := 0, errors.New("failed")
	last := map[string]uint64{}
	var some string
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for done < sessions*each {
		err := c.Run(ctx, connect(url), func(_ context.Context, e events.Event) error {
			if rand.IntN(100) == 0 {
				return failed
			}
			switch {
			case e.Sequence == last[e.Subject]+1:
				last[e.Subject]++
				if done++; done == sessions*each {
					cancel()
				}
			case e.Sequence > last[e.Subject]:
				t.Errorf("%s: %d after %d", e.Subject, e.Sequence, last[e.Subject])
			}
			some = e.ID
			return nil
		})
		if err != nil && !errors.Is(err, failed) {
			t.Fatal(err)
		}
		if ctx.Err() != nil && done < sessions*each {
			t.Fatalf("%d of %d in time", done, sessions*each)
		}
	}
	if _, err := j.Subscribe(some); err != nil {
		t.Error(err)
	}
}
