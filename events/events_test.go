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

// TestDamage: what cannot be read stops a consumer, unless it wants to be told of it; a newer format stops it in any case.
func TestDamage(t *testing.T) {
	url, j, stop := node(t.TempDir())
	t.Cleanup(stop)
	kept := make(chan error, 1)
	j.Append(event.NewEnd("s1"), func(err error) { kept <- err })
	if err := <-kept; err != nil {
		t.Fatal(err)
	}
	js := connect(url)
	publish := func(format, data string) {
		m := &nats.Msg{Subject: "parley.event.n1.0", Header: nats.Header{}, Data: []byte(data)}
		if format != "" {
			m.Header.Set(event.HeaderFormat, format)
		}
		if _, err := js.PublishMsg(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	end := func(id string) string {
		e := event.NewEnd(id)
		return string(e.AppendLine(nil))
	}
	publish("", "garbage")
	publish("1", end("s2")+"{\"garbage\n{}\n"+end("s3"))
	publish("2", "what is to come")
	var got []string
	handle := func(_ context.Context, e events.Event) error {
		got = append(got, e.Subject)
		return nil
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := events.Consumer{Node: "n1", Name: "archive", Retry: time.Second}
	for range 2 {
		var damaged *events.DamagedError
		if err := c.Run(ctx, js, handle); !errors.As(err, &damaged) || damaged.Sequence != 2 || damaged.Lost != 0 {
			t.Fatal(err)
		}
	}
	c.Damaged = func(d *events.DamagedError) { got = append(got, fmt.Sprintf("%d of %d", d.Lost, d.Sequence)) }
	var newer *events.FormatError
	if err := c.Run(ctx, js, handle); !errors.As(err, &newer) || newer.Found != "2" {
		t.Fatal(err)
	}
	if want := "[s1 0 of 2 2 of 3 s2 s3]"; fmt.Sprint(got) != want {
		t.Errorf("%v, want %s", got, want)
	}
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
