package sink_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/parley-msrp/parley/internal/event"
	"github.com/parley-msrp/parley/internal/journal"
	"github.com/parley-msrp/parley/internal/sink"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// limit is how long anything may take that is due at once.
const limit = 20 * time.Second

func subscribers(t *testing.T, c sink.SubscribersConfig) (*sink.Subscribers, *journal.Memory) {
	t.Helper()
	j := journal.NewMemory(journal.MemoryConfig{})
	c.Journal = j
	s := sink.NewSubscribers(c)
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = s.Close(ctx)
	})
	return s, j
}

func subscribe(t *testing.T, s *sink.Subscribers, socket string, names ...event.Name) {
	t.Helper()
	for _, name := range names {
		if err := s.Subscribe(name, socket, time.Hour); err != nil {
			t.Fatal(err)
		}
	}
}

// datagrams listens and gives the next datagram.
func datagrams(t *testing.T, network, address string) (net.PacketConn, func() string) {
	t.Helper()
	c, err := (&net.ListenConfig{}).ListenPacket(t.Context(), network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	b := make([]byte, 1<<17)
	return c, func() string {
		t.Helper()
		_ = c.SetReadDeadline(time.Now().Add(limit))
		n, _, err := c.ReadFrom(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
}

const hello = `{"jsonrpc":"2.0","method":"E_MSRP_MSG_RECEIVED","params":{"session_id":"s","content_type":"text/plain","body":"hello"}}`

func message(body string) event.Event {
	return event.NewMessage("s", "text/plain", []byte(body), event.MessageID("m"))
}

func TestDatagrams(t *testing.T) {
	for _, network := range []string{"udp", "unix"} {
		t.Run(network, func(t *testing.T) {
			s, j := subscribers(t, sink.SubscribersConfig{})
			listening, address := "unixgram", filepath.Join(t.TempDir(), "events")
			if network == "udp" {
				listening, address = "udp", "127.0.0.1:0"
			}
			c, next := datagrams(t, listening, address)
			subscribe(t, s, network+":"+c.LocalAddr().String(), event.MsgReceived, event.SessionEnd)

			j.Append(message("hello"), nil)
			if got := next(); got != hello {
				t.Errorf("got  %s\nwant %s", got, hello)
			}
			j.Append(event.NewReport("s", "m", "200 OK", "1-5/5"), nil) // not subscribed
			j.Append(message("\xff\x00"), nil)
			if got, want := next(), strings.Replace(hello, `"body":"hello"`, `"body_base64":"/wA="`, 1); got != want {
				t.Errorf("octets that are no text: %s", got)
			}

			// The longest datagram goes whole; one octet more is not sent and not cut.
			rest := len(strings.Replace(hello, "hello", "", 1))
			j.Append(message(strings.Repeat("x", sink.MaxDatagram-rest+1)), nil)
			j.Append(message(strings.Repeat("x", sink.MaxDatagram-rest)), nil)
			j.Append(event.NewEnd("s"), nil)
			if got := next(); len(got) != sink.MaxDatagram {
				t.Errorf("%d octets, want %d", len(got), sink.MaxDatagram)
			}
			if got := next(); got != `{"jsonrpc":"2.0","method":"E_MSRP_SESSION_END","params":{"session_id":"s"}}` {
				t.Errorf("end: %s", got)
			}
			if diff := cmp.Diff(sink.SubscriberCounts{Sockets: 1, Sent: 4, TooLong: 1}, settled(s, 4)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// settled are the counts once so many were sent.
func settled(s *sink.Subscribers, sent uint64) sink.SubscriberCounts {
	for end := time.Now().Add(limit); s.Counts().Sent < sent && time.Now().Before(end); time.Sleep(time.Millisecond) {
	}
	return s.Counts()
}

func TestUnixReceiverThatStartsAnew(t *testing.T) {
	s, j := subscribers(t, sink.SubscribersConfig{})
	path := filepath.Join(t.TempDir(), "events")
	c, next := datagrams(t, "unixgram", path)
	subscribe(t, s, "unix:"+path, event.MsgReceived)
	j.Append(message("hello"), nil)
	next()
	c.Close()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	_, next = datagrams(t, "unixgram", path)
	j.Append(message("hello"), nil)
	if got := next(); got != hello {
		t.Errorf("after its restart: %s", got)
	}
}

func TestNobodyListensToDatagrams(t *testing.T) {
	s, j := subscribers(t, sink.SubscribersConfig{})
	c, _ := datagrams(t, "udp", "127.0.0.1:0")
	address := c.LocalAddr().String()
	c.Close()
	subscribe(t, s, "udp:"+address, event.MsgReceived)
	j.Append(message("lost"), nil)
	settled(s, 1)
	_, next := datagrams(t, "udp", address)
	j.Append(message("hello"), nil)
	if got := next(); got != hello {
		t.Errorf("once somebody listens: %s", got)
	}
}

func TestStream(t *testing.T) {
	s, j := subscribers(t, sink.SubscribersConfig{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	subscribe(t, s, "tcp:"+l.Addr().String(), event.MsgReceived, event.SessionEnd)
	large := message(strings.Repeat("x", 1<<20))
	j.Append(message("hello"), nil)
	j.Append(large, nil)
	j.Append(event.NewEnd("s"), nil)
	want := hello + string(large.AppendNotification(nil)) + `{"jsonrpc":"2.0","method":"E_MSRP_SESSION_END","params":{"session_id":"s"}}`
	first := accept(t, l)
	if got := read(t, first, len(want)); got != want {
		t.Errorf("%d octets that are not what was written one after another", len(got))
	}
	// A receiver that closes gets the next one over a new connection.
	first.Close()
	accepted := make(chan net.Conn, 1)
	go func() { accepted <- accept(t, l) }()
	var second net.Conn
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for second == nil {
		j.Append(message("hello"), nil) // one that is written before the close arrives is lost with the connection
		select {
		case second = <-accepted:
		case <-tick.C:
		}
	}
	if got := read(t, second, len(hello)); got != hello {
		t.Errorf("after it closed: %s", got)
	}
}

func accept(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	_ = l.(*net.TCPListener).SetDeadline(time.Now().Add(limit))
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func read(t *testing.T, c net.Conn, n int) string {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(limit))
	b := make([]byte, n)
	if _, err := io.ReadFull(c, b); err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// phone answers dials with one end of a pipe, or refuses.
type phone struct {
	mu      sync.Mutex
	refuse  bool
	dials   []time.Time
	answers chan net.Conn
}

func (p *phone) dial(context.Context, string, string) (net.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dials = append(p.dials, time.Now())
	if p.refuse {
		return nil, errors.New("refused")
	}
	ours, theirs := net.Pipe()
	p.answers <- theirs
	return ours, nil
}

func TestStreamBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &phone{refuse: true, answers: make(chan net.Conn, 8)}
		s, j := subscribers(t, sink.SubscribersConfig{Dial: p.dial})
		subscribe(t, s, "tcp:192.0.2.1:9092", event.MsgReceived)
		started := time.Now()
		for i := range 5 {
			j.Append(message(fmt.Sprint(i)), nil)
		}
		time.Sleep(2 * time.Minute)
		p.mu.Lock()
		var at []string
		for _, d := range p.dials {
			at = append(at, d.Sub(started).String())
		}
		p.refuse = false
		p.mu.Unlock()
		if want := []string{"0s", "100ms", "300ms", "700ms", "1.5s", "3.1s", "6.3s", "12.7s", "25.5s", "51.1s", "1m21.1s", "1m51.1s"}; !slices.Equal(at, want) {
			t.Errorf("attempts at %v, want %v", at, want)
		}
		// What the receiver missed comes now, in order: the journal had it.
		c := <-p.answers
		defer c.Close()
		for i := range 5 {
			want := strings.Replace(hello, "hello", fmt.Sprint(i), 1)
			b := make([]byte, len(want))
			if _, err := io.ReadFull(c, b); err != nil || string(b) != want {
				t.Fatalf("%s, %v; want %s", b, err, want)
			}
		}
	})
}

// A receiver that takes nothing costs its own place and nothing else; what the connection cut off goes out whole over the next one.
func TestStreamThatTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &phone{answers: make(chan net.Conn, 8)}
		s, j := subscribers(t, sink.SubscribersConfig{Dial: p.dial})
		subscribe(t, s, "tcp:192.0.2.1:9092", event.MsgReceived)
		j.Append(message("hello"), nil)
		first := <-p.answers
		if _, err := io.ReadFull(first, make([]byte, 20)); err != nil {
			t.Fatal(err)
		}
		started := time.Now()
		second := <-p.answers
		if d := time.Since(started); d != 10*time.Second+100*time.Millisecond {
			t.Errorf("given up after %v", d)
		}
		b := make([]byte, len(hello))
		if _, err := io.ReadFull(second, b); err != nil || string(b) != hello {
			t.Errorf("%s, %v", b, err)
		}
		first.Close()
		second.Close()
	})
}

func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &phone{answers: make(chan net.Conn, 8)}
		s, j := subscribers(t, sink.SubscribersConfig{Dial: p.dial})
		const socket = "tcp:192.0.2.1:9092"
		for name, expire := range map[event.Name]time.Duration{event.MsgReceived: time.Minute, event.SessionEnd: 2 * time.Minute} {
			if err := s.Subscribe(name, socket, expire); err != nil {
				t.Fatal(err)
			}
		}
		listed := func() string {
			var all []string
			for _, sub := range s.List() {
				all = append(all, fmt.Sprintf("%s %v %v", strings.TrimPrefix(string(sub.Event), "E_MSRP_"), sub.Expire, sub.Left))
			}
			return strings.Join(all, ", ")
		}
		time.Sleep(10 * time.Second)
		if got := listed(); got != "SESSION_END 2m0s 1m50s, MSG_RECEIVED 1m0s 50s" {
			t.Error(got)
		}
		time.Sleep(51 * time.Second)
		j.Append(message("too late"), nil)
		j.Append(event.NewEnd("s"), nil)
		c := <-p.answers
		b := make([]byte, 100)
		if n, err := c.Read(b); err != nil || !strings.Contains(string(b[:n]), "SESSION_END") {
			t.Errorf("%s, %v", b[:n], err)
		}
		if got := listed(); got != "SESSION_END 2m0s 59s, MSG_RECEIVED 1m0s 0s" {
			t.Error(got)
		}
		// With the last subscription its connection ends, and a minute later nothing is listed any more.
		if _, err := c.Read(b); err != io.EOF {
			t.Errorf("%v, want the end", err)
		}
		if got := listed(); got != "SESSION_END 2m0s 0s" || s.Counts().Sockets != 0 {
			t.Error(got, s.Counts())
		}
		time.Sleep(time.Minute)
		if got := listed(); got != "" {
			t.Error(got)
		}
	})
}

func TestSubscribeAgainAndEnd(t *testing.T) {
	s, _ := subscribers(t, sink.SubscribersConfig{})
	for _, step := range []struct {
		socket string
		expire time.Duration
		want   string
	}{
		{"udp:127.0.0.1:9", time.Hour, "udp:127.0.0.1:9 1h0m0s"},
		{"tcp:127.0.0.1:9", time.Hour, "tcp:127.0.0.1:9 1h0m0s, udp:127.0.0.1:9 1h0m0s"},
		{"udp:127.0.0.1:9", time.Minute, "tcp:127.0.0.1:9 1h0m0s, udp:127.0.0.1:9 1m0s"},
		{"udp:127.0.0.1:9", 0, "tcp:127.0.0.1:9 1h0m0s"},
		{"udp:127.0.0.1:9", 0, "tcp:127.0.0.1:9 1h0m0s"},
		{"tcp:127.0.0.1:9", sink.Never, "tcp:127.0.0.1:9 -1ns"},
		{"tcp:127.0.0.1:9", 0, ""},
	} {
		if err := s.Subscribe(event.MsgReceived, step.socket, step.expire); err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, sub := range s.List() {
			all = append(all, fmt.Sprint(sub.Socket, " ", sub.Expire))
		}
		if got := strings.Join(all, ", "); got != step.want {
			t.Errorf("after %s %v: %s, want %s", step.socket, step.expire, got, step.want)
		}
	}
	if n := s.Counts().Sockets; n != 0 {
		t.Errorf("%d sockets", n)
	}
}

func TestSubscriptionsThatAreRefused(t *testing.T) {
	s, j := subscribers(t, sink.SubscribersConfig{
		MaxSockets: 1, NoUnix: true,
		Policy: func(a netip.AddrPort) bool { return a.Addr().IsLoopback() },
	})
	refused := func(name event.Name, socket string, want error) {
		t.Helper()
		if err := s.Subscribe(name, socket, time.Hour); !errors.Is(err, want) {
			t.Errorf("%s %s: %v, want %v", name, socket, err, want)
		}
	}
	refused("E_NOPE", "udp:127.0.0.1:9", sink.ErrUnknownEvent)
	for _, socket := range []string{
		"", "udp", "udp:", "udp:127.0.0.1", "udp:127.0.0.1:0", "udp:127.0.0.1:65536", "udp:127.0.0.1:http", "udp::9", "udp:::1:9", "udp:[fe80::1%lo]:9", "udp:a b:9",
		"xmpp:foo", "tcp:", "unix:", "unix:relative", "unix:/" + strings.Repeat("x", 107), "unix:/a\x00b", "UDP:127.0.0.1:9",
	} {
		refused(event.SessionNew, socket, sink.ErrSocket)
	}
	for _, socket := range []string{"udp:192.0.2.1:9", "tcp:[2001:db8::1]:9", "udp:0.0.0.0:9", "unix:/run/events"} {
		refused(event.SessionNew, socket, sink.ErrForbidden)
	}
	subscribe(t, s, "udp:127.0.0.1:9", event.SessionNew, event.SessionEnd)
	refused(event.SessionNew, "udp:127.0.0.1:10", sink.ErrTooMany)
	if len(s.List()) != 2 {
		t.Error(s.List())
	}
	// A name that leads to an address that is forbidden is found out when it is looked up.
	forbidden, k := subscribers(t, sink.SubscribersConfig{Policy: func(netip.AddrPort) bool { return false }})
	c, _ := datagrams(t, "udp", "127.0.0.1:0")
	_, port, _ := net.SplitHostPort(c.LocalAddr().String())
	subscribe(t, forbidden, "udp:localhost:"+port, event.MsgReceived)
	k.Append(message("hello"), nil)
	for end := time.Now().Add(limit); forbidden.Counts().Failed == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it was not refused")
		}
	}
	_ = j.Close()
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	refused(event.SessionFailed, "udp:127.0.0.1:10", sink.ErrClosed)
}

func TestCloseSendsTheRest(t *testing.T) {
	s, j := subscribers(t, sink.SubscribersConfig{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	subscribe(t, s, "tcp:"+l.Addr().String(), event.MsgReceived)
	for range 1000 {
		j.Append(message("hello"), nil)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	c := accept(t, l)
	_ = c.SetReadDeadline(time.Now().Add(limit))
	if all, err := io.ReadAll(c); err != nil || string(all) != strings.Repeat(hello, 1000) {
		t.Errorf("%d octets, %v", len(all), err)
	}
}

// A receiver that takes nothing neither holds up the others nor is waited for beyond the time there is.
func TestSlowReceiver(t *testing.T) {
	s, j := subscribers(t, sink.SubscribersConfig{})
	l, err := net.Listen("tcp", "127.0.0.1:0") // nobody accepts, nobody reads
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, next := datagrams(t, "udp", "127.0.0.1:0")
	subscribe(t, s, "tcp:"+l.Addr().String(), event.MsgReceived)
	subscribe(t, s, "udp:"+c.LocalAddr().String(), event.SessionEnd)
	for range 16 {
		j.Append(message(strings.Repeat("x", 1<<20)), nil)
	}
	j.Append(event.NewEnd("s"), nil)
	next()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := s.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}
