package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-msrp/parley/internal/event"
	"github.com/parley-msrp/parley/internal/journal"
	"github.com/parley-msrp/parley/test/daemon"
)

// measureCommands shows how many messages a second can be sent by the management interface, each kept before it is answered and delivered to the peer,
// beside a bare net/http handler that does nothing but keep an event.
func (p plan) measureCommands(ctx context.Context, d *daemon.Daemon, name, dir string, encoder *json.Encoder) (err error) {
	opener, err := newCaller(d.SIP().String())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opener.end()) }()
	s, err := openSession(opener, row{Window: 1, Body: 100})
	if err != nil {
		return err
	}
	var peer echo
	go peer.serve(s.conn) // ends with the connection
	defer s.conn.Close()
	j, err := journal.Open(ctx, journal.Config{Dir: dir, Node: "bare"})
	if err != nil {
		return err
	}
	defer j.Close()
	bare, stop, err := serveBare(j)
	if err != nil {
		return err
	}
	defer stop()
	sessions, err := d.Sessions(ctx)
	if err != nil || len(sessions) != 1 {
		return fmt.Errorf("%d sessions: %w", len(sessions), err)
	}
	body := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"msrp_ua:send_message","params":{"session_id":%q,"mime":"text/plain","body":"%s"}}`, sessions[0].SessionID, strings.Repeat("x", 100))
	for _, conns := range []int{1, 16} {
		before := peer.answered.Load()
		sent, took, err := post(d.URL("")[len("http://"):], body, conns, p.duration)
		if err != nil {
			return err
		}
		for start := time.Now(); peer.answered.Load()-before < sent; time.Sleep(time.Millisecond) {
			if time.Since(start) > stallTime {
				return fmt.Errorf("%d messages were accepted, %d came", sent, peer.answered.Load()-before)
			}
		}
		handled, tookBare, err := post(bare, body, conns, p.duration)
		if err != nil {
			return err
		}
		rate, bareRate := float64(sent)/took.Seconds(), float64(handled)/tookBare.Seconds()
		fmt.Printf("  send_message over HTTP, %2d connections: %7.0f a second, kept and delivered; a bare handler that keeps an event: %7.0f, so %.2f of it\n", conns, rate, bareRate, rate/bareRate)
		if err := encoder.Encode(figure{Name: fmt.Sprintf("%s/send_message/conns=%d", name, conns), Value: rate, Unit: "messages/s", Least: rate, Most: rate, Runs: 1, RatioToEcho: rate / bareRate}); err != nil {
			return err
		}
	}
	return nil
}

// serveBare is the handler that is compared with.
func serveBare(j journal.Journal) (addr string, stop func() error, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
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
	go func() { _ = s.Serve(l) }() // ends with stop
	return l.Addr().String(), s.Close, nil
}

// post posts the same over and over, one request after the other on each connection.
func post(addr, body string, conns int, d time.Duration) (n int64, took time.Duration, err error) {
	request := fmt.Appendf(nil, "POST /mi HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", addr, len(body), body)
	var count atomic.Int64
	var posting sync.WaitGroup
	failed := make(chan error, conns)
	begin := time.Now()
	for range conns {
		posting.Go(func() { // ends after d
			c, err := net.Dial("tcp", addr)
			if err != nil {
				failed <- err
				return
			}
			defer c.Close()
			r := bufio.NewReader(c)
			for time.Since(begin) < d {
				if _, err := c.Write(request); err != nil {
					failed <- err
					return
				}
				a, err := http.ReadResponse(r, nil)
				if err != nil {
					failed <- err
					return
				}
				text, err := io.ReadAll(a.Body)
				if err != nil || !strings.Contains(string(text), `"result":"OK"`) {
					failed <- fmt.Errorf("answered %s: %s (%w)", a.Status, text, err)
					return
				}
				count.Add(1)
			}
		})
	}
	posting.Wait()
	close(failed)
	return count.Load(), time.Since(begin), <-failed
}
