package peer

import (
	"strings"
	"testing"
	"time"
)

func (a *Agent) arrived(m *Message, err error, proto string, from origin) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		a.bad = append(a.bad, err.Error())
	} else {
		m.Proto, m.from = proto, from
		a.inbox = append(a.inbox, m)
	}
	a.signal()
}

// signal wakes those who wait; the lock is held.
func (a *Agent) signal() {
	close(a.wake)
	a.wake = make(chan struct{})
}

// Await returns the first message for which match says yes and takes it out of the inbox; what stands before it stays there.
// It fails the test when none comes in time, or when something unreadable came.
func (a *Agent) Await(t testing.TB, within time.Duration, what string, match func(*Message) bool) *Message {
	t.Helper()
	if m := a.poll(t, within, match); m != nil {
		return m
	}
	t.Fatalf("SIP: no %s within %v; waiting: %s", what, within, a.Waiting())
	return nil
}

func (a *Agent) poll(t testing.TB, within time.Duration, match func(*Message) bool) *Message {
	t.Helper()
	end := time.NewTimer(within)
	defer end.Stop()
	for {
		a.mu.Lock()
		if len(a.bad) > 0 {
			bad := a.bad
			a.bad = nil
			a.mu.Unlock()
			t.Fatalf("SIP: unreadable: %s", strings.Join(bad, "; "))
		}
		for i, m := range a.inbox {
			if match(m) {
				a.inbox = append(a.inbox[:i:i], a.inbox[i+1:]...)
				a.mu.Unlock()
				return m
			}
		}
		wake := a.wake
		a.mu.Unlock()
		select {
		case <-wake:
		case <-end.C:
			return nil
		}
	}
}

// AwaitBlank waits until n lone CRLF came on streams since the start.
func (a *Agent) AwaitBlank(t testing.TB, within time.Duration, n int) {
	t.Helper()
	a.awaitCount(t, within, "lone CRLF", &a.ctrl, n)
}

// awaitCount waits until a counter, which a.mu guards, has come to n.
func (a *Agent) awaitCount(t testing.TB, within time.Duration, what string, counter *int, n int) {
	t.Helper()
	end := time.NewTimer(within)
	defer end.Stop()
	for {
		a.mu.Lock()
		got, wake := *counter, a.wake
		a.mu.Unlock()
		if got >= n {
			return
		}
		select {
		case <-wake:
		case <-end.C:
			t.Fatalf("SIP: %d %s within %v, want %d; waiting: %s", got, what, within, n, a.Waiting())
		}
	}
}

// Blanks counts the lone CRLF that came on streams since the start.
func (a *Agent) Blanks() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.ctrl
}

// Drop takes all waiting messages for which match says yes out of the inbox and returns them.
func (a *Agent) Drop(match func(*Message) bool) []*Message {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out, stay []*Message
	for _, m := range a.inbox {
		if match(m) {
			out = append(out, m)
		} else {
			stay = append(stay, m)
		}
	}
	a.inbox = stay
	return out
}

// Waiting lists the start lines in the inbox.
func (a *Agent) Waiting() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.inbox) == 0 {
		return "nothing"
	}
	var s []string
	for _, m := range a.inbox {
		s = append(s, m.Start+" ("+m.Get("CSeq")+")")
	}
	return strings.Join(s, ", ")
}

// Request waits for a request of that method.
func (a *Agent) Request(t testing.TB, within time.Duration, method string) *Message {
	t.Helper()
	return a.Await(t, within, method, func(m *Message) bool { return m.IsRequest() && m.Method() == method })
}
