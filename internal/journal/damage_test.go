package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/parley-msrp/parley/internal/event"
)

// stored is a message for the stream: a pack of lines, or anything else.
type stored struct {
	headers nats.Header
	data    string
}

func packOf(format string, first int, lines ...string) stored {
	return stored{nats.Header{event.HeaderFormat: {format}, event.HeaderFirst: {strconv.Itoa(first)}, event.HeaderPack: {"p"}}, strings.Join(lines, "")}
}

// line is an event of the session s.
func line(number int) string {
	e := event.NewMessage("s", "text/plain", fmt.Append(nil, number), event.MessageID(fmt.Sprint("m", number)))
	e.Sequence, e.Time = uint64(number), time.Now()
	return string(e.AppendLine(nil))
}

// store puts messages into the stream of a journal that is closed.
func (c Config) store(t *testing.T, messages ...stored) {
	t.Helper()
	c = c.withDefaults()
	st, err := makeStore(t.Context(), &c)
	if err != nil {
		t.Fatal(err)
	}
	defer st.close()
	for _, m := range messages {
		if _, err := st.js.PublishMsg(t.Context(), &nats.Msg{Subject: subject(c.Node, "0"), Header: m.headers, Data: []byte(m.data)}); err != nil {
			t.Fatal(err)
		}
	}
}

// told reads what a reader is told, up to the event of that number.
func told(t *testing.T, r Reader, last string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var all []string
	for {
		e, err := r.Next(ctx)
		var lost *LostError
		switch {
		case errors.As(err, &lost):
			all = append(all, fmt.Sprint("lost ", lost.Dropped))
		case err != nil:
			t.Fatalf("%v after %q", err, all)
		default:
			body, _ := e.Param("body").([]byte)
			all = append(all, string(body))
			if string(body) == last {
				return strings.Join(all, ", ")
			}
		}
	}
}

// TestDamage: a journal of which something cannot be read goes on. What is damaged is logged and counted, each pack once, and readers are told how many
// events they lost.
func TestDamage(t *testing.T) {
	var log bytes.Buffer
	c := Config{Dir: t.TempDir(), Node: "n", Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))}
	c.store(t,
		stored{data: "somebody has tried something out"},            // 1, no pack
		packOf("1", 1, line(1), line(2)),                            // 2
		packOf("1", 3, line(3), "{\x00garbage\n", "\n", line(6)),    // 3, two events of it
		packOf("x", 7, line(7), line(8), line(9)),                   // 4, whose header says nothing
		packOf("1", 10, line(10), line(11), line(12)[:40]),          // 5, cut off
		packOf("1", 13, line(13)),                                   // 6
		stored{nats.Header{event.HeaderFormat: {"1"}}, line(14)},    // 7, has no number
		stored{data: strings.Repeat("\xff", 1000) + "\n{}\n[]\n\n"}, // 8
	)
	const all = "1, 2, 3, lost 2, 6, lost 3, 10, 11, lost 1, 13"
	for range 2 {
		log.Reset()
		j, err := Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		r, err := j.Recall(t.Context(), []string{"s"})
		if err != nil {
			t.Fatal(err)
		}
		if s := r.Sessions["s"]; s == nil || s.Sequence < 13 || len(s.Received) < 7 || !r.Damaged || r.Whole {
			t.Errorf("%+v of %+v", s, r)
		}
		if n := strings.Count(log.String(), "level=ERROR"); n != 6 || strings.Contains(log.String(), "garbage") {
			t.Errorf("%d lines:\n%s", n, log.String())
		}
		for _, n := range []int{1, 3, 4, 5, 7, 8} {
			if strings.Count(log.String(), fmt.Sprintf(" pack=%d ", n)) != 1 {
				t.Errorf("pack %d:\n%s", n, log.String())
			}
		}
		follow, err := j.Subscribe(Oldest)
		if err != nil {
			t.Fatal(err)
		}
		if got := told(t, follow, "13"); got != all {
			t.Errorf("told %s, want %s", got, all)
		}
		for cursor, want := range map[string]string{"3-0": "lost 2, 6", "3-1": "lost 1, 6", "5-1": "lost 1, 13", "2-1": "3, lost 2, 6"} {
			r, err := j.Subscribe(j.instance + "-" + cursor)
			if err != nil {
				t.Errorf("after %s: %v", cursor, err)
				continue
			}
			last := want[strings.LastIndex(want, " ")+1:]
			if got := told(t, r, last); got != want {
				t.Errorf("after %s: %s, want %s", cursor, got, want)
			}
		}
		if _, err := j.Subscribe(j.instance + "-4-0"); !errors.Is(err, ErrCursorLost) {
			t.Error(err)
		}
		if s := j.Stats(t.Context()); s.Damaged != 6 || s.Events < 13 || s.Oldest.IsZero() || s.Problem != nil {
			t.Errorf("%+v", s)
		}
		kept := make(chan error, 1)
		j.Append(event.NewMessage("s", "text/plain", []byte("goes on")), func(err error) { kept <- err })
		if err := <-kept; err != nil {
			t.Fatal(err)
		}
		if got := told(t, follow, "goes on"); got != "goes on" {
			t.Errorf("told %s", got)
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestDamageAndRetention: what is too old is dropped, damaged or not, and no more than that.
func TestDamageAndRetention(t *testing.T) {
	c := Config{Dir: t.TempDir(), Node: "n", MaxEvents: 4}.withDefaults()
	alien := stored{data: "x"}
	c.store(t, alien, packOf("1", 1, line(1)), packOf("1", 2, line(2)), alien, alien, packOf("1", 3, line(3), line(4)), alien, packOf("1", 5, line(5), "{\n", line(7)), alien)
	j, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if err := j.purge(t.Context(), j.store, 7); err != nil {
		t.Fatal(err)
	}
	r, err := j.Subscribe(Oldest)
	if err != nil {
		t.Fatal(err)
	}
	if got := told(t, r, "7"); got != "3, 4, 5, lost 1, 7" {
		t.Error(got)
	}
}

// TestNewerPack: one of a newer format is not damage, and is not passed over.
func TestNewerPack(t *testing.T) {
	c := Config{Dir: t.TempDir(), Node: "n"}.withDefaults()
	c.store(t, packOf("1", 1, line(1)), packOf("2", 2, "what is to come"), packOf("1", 3, line(3)))
	j, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if _, err := j.Recall(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "pack 2 has format 2, and this version of Parley reads 1: a newer Parley wrote it") {
		t.Error(err)
	}
}
