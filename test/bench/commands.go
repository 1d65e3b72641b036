package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-msrp/parley/internal/event"
	"github.com/parley-msrp/parley/internal/journal"
	"github.com/parley-msrp/parley/test/daemon"
)

// commandConns are the connections over which commands are given.
var commandConns = []int{1, 16}

func commandRow(journal string, conns int) string {
	return fmt.Sprintf("%s/send_message/conns=%d", journal, conns)
}

// measureCommands shows how many messages a second can be sent by the management interface, each kept before it is answered and delivered to the peer,
// beside a bare net/http handler, a process of its own too, that does nothing but keep an event.
func (p plan) measureCommands(ctx context.Context, d *daemon.Daemon, name, dir, durability string, conns []int, encoder *json.Encoder) (err error) {
	opener, err := newCaller(d.SIP().String())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opener.end()) }()
	s, err := openSession(opener, row{Window: 1, Body: 100})
	if err != nil {
		return err
	}
	if err := s.conn.SetDeadline(time.Time{}); err != nil { // it was set for the call
		return err
	}
	var peer echo
	go peer.serve(s.conn) // ends with the connection
	defer s.conn.Close()
	bare, err := startServer(ctx, "bare handler", bareMode, dir, durability)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bare.stop()) }()
	sessions, err := d.Sessions(ctx)
	if err != nil || len(sessions) != 1 {
		return fmt.Errorf("%d sessions: %w", len(sessions), err)
	}
	body := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"msrp_ua:send_message","params":{"session_id":%q,"mime":"text/plain","body":"%s"}}`, sessions[0].SessionID, strings.Repeat("x", 100))
	for _, conns := range conns {
		if err := p.measureConns(ctx, d, commandRow(name, conns), conns, bare, &peer, body, encoder); err != nil {
			return err
		}
	}
	return nil
}

// measureConns measures commands over a number of connections, each with one request at a time.
func (p plan) measureConns(ctx context.Context, d *daemon.Daemon, name string, conns int, bare server, peer *echo, body string, encoder *json.Encoder) (err error) {
	if conns == 1 {
		sleep, err := p.keepAwake(ctx)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, sleep()) }()
	}
	r := row{Work: "commands", Sessions: conns, Window: 1, Body: 100}
	var sent, handled []outcome
	for range p.runs { // in turn, so that what disturbs the machine disturbs both alike
		before := peer.answered.Load()
		found, err := load(ctx, order{Row: r, HTTP: d.URL("")[len("http://"):], Request: body, PID: d.PID(), Duration: p.duration})
		if err != nil {
			return err
		}
		// An accepted message may still be on its way.
		for start := time.Now(); peer.answered.Load()-before < found.Count; time.Sleep(time.Millisecond) {
			if time.Since(start) > stallTime {
				return fmt.Errorf("%d messages were accepted, %d came", found.Count, peer.answered.Load()-before)
			}
		}
		sent = append(sent, found)
		if found, err = load(ctx, order{Row: r, HTTP: bare.http, Request: body, PID: bare.pid, Duration: p.duration}); err != nil {
			return err
		}
		handled = append(handled, found)
	}
	f, b := summary(sent), summary(handled)
	f.Name, f.Unit, f.RatioToEcho = name, works[r.Work].unit, f.Value/b.Value
	fmt.Printf("  send_message over HTTP, %2d connections: %7.0f a second (%.0f to %.0f), %.1f µs CPU each, kept and delivered\n", conns, f.Value, f.Least, f.Most, f.CPUMicrosPerMessage)
	fmt.Printf("    a bare handler that keeps an event:    %7.0f          (%.0f to %.0f), %.1f µs CPU each; so %.2f of it\n", b.Value, b.Least, b.Most, b.CPUMicrosPerMessage, f.RatioToEcho)
	return encoder.Encode(f)
}

// serveBare is the process that is compared with: each request is an event in a journal in dir. It serves until in ends.
func serveBare(ctx context.Context, dir, durability string, in io.Reader, out io.Writer) (err error) {
	j, err := journal.Open(ctx, journal.Config{Dir: dir, Node: "bare", Fsync: durability == "fsync"})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		e := event.NewMessage("9fbf724ab10d2f50b5d05646629761cb", "application/json", b)
		e.Time = time.Now()
		kept := make(chan error, 1)
		j.Append(e, func(err error) { kept <- err })
		if <-kept == nil {
			_, _ = io.WriteString(w, `{"jsonrpc":"2.0","result":"OK","id":1}`)
		}
	})}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }() // ends with s
	ballast := make([]byte, ballastSize) // as the daemon has it
	err = json.NewEncoder(out).Encode(addresses{HTTP: l.Addr().String()})
	if err == nil {
		_, err = io.Copy(io.Discard, in)
	}
	runtime.KeepAlive(ballast)
	err = errors.Join(err, s.Close())
	if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

// postCommands posts the same over and over, one request after the other on each connection.
func postCommands(o order) (out outcome, err error) {
	request := fmt.Appendf(nil, "POST /mi HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", o.HTTP, len(o.Request), o.Request)
	used, err := cpuTime(o.PID)
	if err != nil {
		return out, err
	}
	var count atomic.Int64
	var posting sync.WaitGroup
	failed := make(chan error, o.Row.Sessions)
	begin := time.Now()
	for range o.Row.Sessions {
		posting.Go(func() { // ends after o.Duration
			if err := postOver(o.HTTP, request, begin.Add(o.Duration), &count); err != nil {
				failed <- err
			}
		})
	}
	posting.Wait()
	out.Elapsed, out.Count = time.Since(begin), count.Load()
	close(failed)
	if err := <-failed; err != nil {
		return out, err
	}
	after, err := cpuTime(o.PID)
	if err != nil {
		return out, err
	}
	out.CPU = after - used
	out.Generator, err = ownCPUTime()
	return out, err
}

// postOver posts over one connection until end. Of an answer it reads what it must: what the generator takes of the processors the daemon does not have.
func postOver(addr string, request []byte, end time.Time, count *atomic.Int64) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	buf := make([]byte, 4<<10)
	for time.Now().Before(end) {
		if _, err := c.Write(request); err != nil {
			return err
		}
		answer := buf[:0]
		for whole := false; !whole; {
			n, err := c.Read(buf[len(answer):])
			if err != nil {
				return fmt.Errorf("behind %.200q: %w", answer, err)
			}
			answer = buf[:len(answer)+n]
			if whole, err = wholeAnswer(answer); err != nil {
				return err
			}
		}
		if !bytes.Contains(answer, []byte(`"result":"OK"`)) {
			return fmt.Errorf("answered %.200q", answer)
		}
		count.Add(1)
	}
	return nil
}

// wholeAnswer says whether an answer is there to its end.
func wholeAnswer(b []byte) (bool, error) {
	head, body, found := bytes.Cut(b, []byte("\r\n\r\n"))
	if !found {
		return false, nil
	}
	_, length, found := bytes.Cut(head, []byte("\r\nContent-Length: "))
	if !found || !bytes.HasPrefix(head, []byte("HTTP/1.1 200 ")) {
		return false, fmt.Errorf("answered %.200q", b)
	}
	length, _, _ = bytes.Cut(length, []byte("\r\n"))
	n, err := strconv.Atoi(string(length))
	return len(body) >= n, err
}
