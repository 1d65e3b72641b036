package load

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-msrp/parley/ua"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// peer answers every call with a handler.
func peer(t *testing.T, h ua.Handler, listen string) string {
	t.Helper()
	a, err := ua.New(ua.Config{
		SIPListen: []string{"udp:127.0.0.1:0"}, MSRPListen: []string{listen},
		OnInvite: func(inv *ua.Invitation) {
			if h == nil {
				_ = inv.Reject(486, "")
				return
			}
			_, _ = inv.Answer(h)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close(context.Background()) })
	return "sip:peer@" + strings.TrimPrefix(a.SIPAddrs()[0], "udp:")
}

func base(to string) Config {
	return Config{To: to, From: "sip:bench@127.0.0.1", Host: "127.0.0.1", Duration: 300 * time.Millisecond}
}

func TestSessions(t *testing.T) {
	for _, test := range []struct {
		name   string
		listen string
		change func(*Config)
	}{
		{"as fast as they are answered", "tcp:127.0.0.1:0", func(c *Config) { c.Window, c.Size = 4, 5000 }},
		{"with reports", "tcp:127.0.0.1:0", func(c *Config) { c.Report = true }},
		{"over TLS", "tls:127.0.0.1:0", func(c *Config) { c.TLS = true }},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := base(peer(t, ua.Quiet{}, test.listen))
			c.Sessions = 3
			test.change(&c)
			var told atomic.Int64
			c.Progress = func(Result) { told.Add(1) }
			r, err := Run(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			m := r.Messages
			if r.Calls.Established != 3 || r.Calls.Failed+r.Calls.Lost != 0 || m.Sent == 0 || m.Delivered != m.Sent || m.Failed != 0 || r.Latency.Count != int64(m.Sent) ||
				r.Setup.Count != 3 || r.Latency.P50 <= 0 || r.Latency.P50 > r.Latency.Max || m.Octets != int64(m.Sent*max(c.Size, 100)) || m.Rate <= 0 {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestCalls(t *testing.T) {
	c := base(peer(t, ua.Quiet{}, "tcp:127.0.0.1:0"))
	c.Calls, c.Messages = 50, 2
	r, err := Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if n := r.Calls.Started; n < 2 || n > 16 || r.Calls.Established != n || r.Calls.Failed+r.Calls.Lost != 0 || r.Messages.Delivered != 2*n {
		t.Errorf("%+v", r)
	}
}

// refusing answers messages with 413.
type refusing struct{ ua.Quiet }

func (refusing) Message(_ *ua.Session, m *ua.Message) {
	if m.Bodiless {
		m.Accept()
		return
	}
	m.Reject(413, "too much")
}

func TestWhatFails(t *testing.T) {
	c := base(peer(t, refusing{}, "tcp:127.0.0.1:0"))
	c.Sessions, c.Rate = 1, 100
	r, err := Run(t.Context(), c)
	if err != nil || r.Messages.Delivered != 0 || r.Messages.Failed == 0 || r.Messages.Failed > 31 || r.Messages.Why["413 too much"] != r.Messages.Failed {
		t.Errorf("%v %+v", err, r)
	}
	c = base(peer(t, nil, "tcp:127.0.0.1:0"))
	if _, err := Run(t.Context(), c); err == nil || !strings.Contains(err.Error(), "no session could be set up: 486 Busy Here") {
		t.Errorf("refused: %v", err)
	}
	c.Calls = 20
	if r, err := Run(t.Context(), c); err != nil || r.Calls.Failed != r.Calls.Started || r.Calls.Why["486 Busy Here"] != r.Calls.Started {
		t.Errorf("%v %+v", err, r)
	}
	c.Size = maxSize + 1
	if _, err := Run(t.Context(), c); err == nil || !strings.Contains(err.Error(), "at most of") {
		t.Errorf("too large: %v", err)
	}
}

// TestAnswer has the two ends measure each other.
func TestAnswer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	at := make(chan string, 1)
	type end struct {
		t   Taken
		err error
	}
	done := make(chan end, 1)
	go func() {
		taken, err := Answer(ctx, Answering{Listen: "127.0.0.1:0", Echo: true, Ready: func(sip string) { at <- sip }})
		done <- end{taken, err}
	}()
	first, _, _ := strings.Cut(<-at, " ")
	c := base("sip:peer@" + strings.TrimPrefix(first, "udp:"))
	c.Sessions = 2
	r, err := Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if e := <-done; e.err != nil || e.t.Calls != 2 || e.t.Messages != r.Messages.Delivered || e.t.Octets != r.Messages.Octets || e.t.Rate <= 0 {
		t.Errorf("%+v, and the other end has %+v", e, r.Messages)
	}
	if _, err := Answer(t.Context(), Answering{Listen: "nonsense"}); err == nil {
		t.Error("nonsense was listened on")
	}
}

func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, p := time.Now(), newPace(10)
		for range 10 {
			p.wait(t.Context())
		}
		time.Sleep(time.Second)
		for range 11 {
			p.wait(t.Context()) // those of the second in which nothing was asked for are made up for
		}
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("%v", took)
		}
	})
}

func TestReasonsAreBounded(t *testing.T) {
	var c Calls
	for i := range 100 {
		c.fail(strings.Repeat("x", i))
	}
	if len(c.Why) != maxWhy+1 || c.Why["others"] != 100-maxWhy {
		t.Errorf("%d %v", len(c.Why), c.Why)
	}
}
