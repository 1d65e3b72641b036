package trace

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
)

// watch joins a tap and gives what it sees, once all has passed.
func watch(t *testing.T, tap *Tap) func() []Passed {
	t.Helper()
	var mu sync.Mutex
	var seen []Passed
	leave := tap.Join(func(p *Passed) {
		mu.Lock()
		defer mu.Unlock()
		kept := *p
		kept.Octets = []byte(string(p.Octets))
		seen = append(seen, kept)
	})
	t.Cleanup(leave)
	return func() []Passed {
		tap.Settle()
		mu.Lock()
		defer mu.Unlock()
		return seen
	}
}

func newTap(t *testing.T) *Tap {
	tap := NewTap()
	t.Cleanup(tap.Close)
	return tap
}

// TestEachMessageOnce: all who joined see each message, with its call, also that of a session whose URI was renewed.
func TestEachMessageOnce(t *testing.T) {
	tap := newTap(t)
	tap.Calls(func(id string) string { return map[string]string{"s1": "a@h"}[id] })
	first, second := watch(t, tap), watch(t, tap)
	tap.SIP("UDP", here, there, true, sipMessage("a@h", ""))
	both := frame("t1", "s1", "x") + frame("t2", "s1.renewed", "y") + frame("t3", "unknown", "z")
	for i := range both { // an octet at a time
		tap.MSRP(net.TCPAddrFromAddrPort(here), net.TCPAddrFromAddrPort(there), true, []byte(both[i:i+1]))
	}
	for _, seen := range [][]Passed{first(), second()} {
		if len(seen) != 4 {
			t.Fatalf("%d messages", len(seen))
		}
		for i, want := range []string{"SIP a@h ", "MSRP a@h s1", "MSRP a@h s1", "MSRP  unknown"} {
			p := &seen[i]
			if got := fmt.Sprintf("%s %s %s", p.Protocol, p.CallID, p.SessionID); got != want || p.Time.IsZero() || p.Local != here || p.Remote != there || !p.Sent {
				t.Errorf("message %d: %q, want %q: %+v", i, got, want, p)
			}
		}
	}
}

// TestNobodyLooks: while nobody has joined nothing is copied, and who joins later begins with the next whole frame.
func TestNobodyLooks(t *testing.T) {
	tap := newTap(t)
	local, remote, octets := net.TCPAddrFromAddrPort(here), net.TCPAddrFromAddrPort(there), []byte(frame("t1", "s1", "x"))
	if n := testing.AllocsPerRun(100, func() { tap.MSRP(local, remote, true, octets) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
	leave := tap.Join(func(*Passed) {})
	tap.MSRP(local, remote, true, octets[:len(octets)/2])
	tap.Settle()
	leave()
	tap.MSRP(local, remote, true, octets[len(octets)/2:])
	seen := watch(t, tap)
	tap.MSRP(local, remote, true, []byte(frame("t2", "s1", "y")))
	if all := seen(); len(all) != 1 || string(all[0].Octets) != frame("t2", "s1", "y") {
		t.Errorf("%+v", all)
	}
}

// TestSlowObserver: whoever holds the tap up loses messages, which are counted; the agent does not wait, and what comes after a gap is read from a start line on.
func TestSlowObserver(t *testing.T) {
	tap := newTap(t)
	seen := watch(t, tap)
	hold, held := make(chan struct{}), make(chan struct{}, 1)
	leave := tap.Join(func(*Passed) {
		select {
		case held <- struct{}{}:
		default:
		}
		<-hold
	})
	local, remote := net.TCPAddrFromAddrPort(here), net.TCPAddrFromAddrPort(there)
	tap.MSRP(local, remote, true, []byte(frame("t0", "s1", "x")))
	<-held
	part := []byte(strings.Repeat("x", 64<<10))
	tap.MSRP(local, remote, true, []byte("MSRP t1 SEND\r\n"))
	for range 2 * maxQueueOctets / len(part) {
		tap.MSRP(local, remote, true, part)
	}
	if tap.Dropped() < uint64(maxQueueOctets/len(part)) {
		t.Errorf("%d were dropped", tap.Dropped())
	}
	if n := tap.waiting.Load(); n > maxQueueOctets {
		t.Errorf("%d octets wait", n)
	}
	leave()
	close(hold)
	tap.Settle()
	tap.MSRP(local, remote, true, []byte(frame("t2", "s1", "y")))
	all := seen()
	if len(all) != 2 || !strings.HasPrefix(string(all[1].Octets), "MSRP t2 ") {
		t.Errorf("%d messages", len(all))
	}
}

// TestHead: what a message says is left out, its end-line not.
func TestHead(t *testing.T) {
	tap := newTap(t)
	seen := watch(t, tap)
	for _, body := range []string{"secret", strings.Repeat("secret\r\n\r\n", 10_000)} {
		tap.MSRP(net.TCPAddrFromAddrPort(here), net.TCPAddrFromAddrPort(there), true, []byte(frame("t1", "s1", body)))
	}
	bodiless := "MSRP t2 200 OK\r\nTo-Path: msrp://a/b;tcp\r\nFrom-Path: msrp://c/d;tcp\r\n-------t2$\r\n"
	tap.MSRP(net.TCPAddrFromAddrPort(here), net.TCPAddrFromAddrPort(there), true, []byte(bodiless))
	all := seen()
	want := strings.Replace(frame("t1", "s1", ""), "\r\n\r\n\r\n", "\r\n", 1)
	for i, want := range []string{want, want, bodiless} {
		if got := string(all[i].Head()); got != want {
			t.Errorf("head %d: %q, want %q", i, got, want)
		}
	}
}

// TestUnfinishedMessages: however many connections stop in the middle of a message, what is held of them is bounded, and others are still seen.
func TestUnfinishedMessages(t *testing.T) {
	tap := newTap(t)
	seen := watch(t, tap)
	begun := []byte(strings.TrimSuffix(frame("t1", "s1", strings.Repeat("x", maxText)), "$\r\n"))
	local := net.TCPAddrFromAddrPort(here)
	for n := range maxStreams {
		tap.MSRP(local, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1 + n}, false, begun)
		if n%100 == 0 {
			tap.Settle()
		}
	}
	tap.Settle()
	held := 0
	for _, s := range tap.streams {
		held += s.held()
	}
	if held > maxHeld || held != tap.held || held < maxHeld/2 {
		t.Errorf("%d octets are held, %d are counted", held, tap.held)
	}
	tap.MSRP(local, net.TCPAddrFromAddrPort(there), false, []byte(frame("t2", "s1", "y")))
	if all := seen(); len(all) != 1 || tap.held != held {
		t.Errorf("%d messages seen, %d octets held", len(all), tap.held)
	}
}
