package ua_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-msrp/parley/test/peer"
	"github.com/parley-msrp/parley/ua"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// limit is how long anything may take that is due at once.
const limit = 30 * time.Second

// recorder is a Handler that writes down what it is told.
type recorder struct {
	events   chan string
	began    chan *ua.Session
	messages chan *ua.Message // to be completed by the test
	onBegin  func(*ua.Session)
}

func newRecorder() *recorder {
	return &recorder{events: make(chan string, 1000), began: make(chan *ua.Session, 1000), messages: make(chan *ua.Message, 1000)}
}

func (r *recorder) Name() string { return "recorder" }

func (r *recorder) Established(s *ua.Session, m *ua.SIPMessage) {
	r.events <- "established " + m.Method()
	r.began <- s
	if r.onBegin != nil {
		r.onBegin(s)
	}
}

func (r *recorder) Failed(_ *ua.Session, e ua.End) { r.events <- ended("failed", e) }
func (r *recorder) Ended(_ *ua.Session, e ua.End)  { r.events <- ended("ended", e) }

func ended(what string, e ua.End) string {
	return fmt.Sprintf("%s: %s, %d %s", what, e.Cause, e.Code, e.Reason)
}

func (r *recorder) Message(_ *ua.Session, m *ua.Message) {
	if !m.Bodiless {
		r.messages <- m
	}
}

func (r *recorder) Report(_ *ua.Session, p ua.Report) { r.events <- fmt.Sprintf("report %d", p.Code) }
func (r *recorder) Fate(_ *ua.Session, f ua.Fate)     { r.events <- "fate " + f.Kind.String() }

// next is the next event; what that is is the test's to say.
func (r *recorder) next(t testing.TB) string {
	t.Helper()
	select {
	case e := <-r.events:
		return e
	case <-time.After(limit):
		t.Fatal("the Handler was told nothing")
		return ""
	}
}

// want fails the test unless exactly these events come next.
func (r *recorder) want(t testing.TB, events ...string) {
	t.Helper()
	for _, want := range events {
		if got := r.next(t); got != want {
			t.Fatalf("the Handler was told %q, want %q", got, want)
		}
	}
}

// nothing fails the test if an event waits.
func (r *recorder) nothing(t testing.TB) {
	t.Helper()
	select {
	case e := <-r.events:
		t.Errorf("the Handler was told %q", e)
	default:
	}
}

func (r *recorder) session(t testing.TB) *ua.Session {
	t.Helper()
	select {
	case s := <-r.began:
		return s
	case <-time.After(limit):
		t.Fatal("no session was established")
		return nil
	}
}

func (r *recorder) message(t testing.TB) *ua.Message {
	t.Helper()
	select {
	case m := <-r.messages:
		return m
	case <-time.After(limit):
		t.Fatal("no message came")
		return nil
	}
}

// newAgent makes an agent on loopback, closed when the test ends.
func newAgent(t testing.TB, c ua.Config) *ua.Agent {
	t.Helper()
	if c.SIPListen == nil {
		c.SIPListen = []string{"udp:127.0.0.1:0"}
	}
	c.MSRPListen = []string{"tcp:127.0.0.1:0"}
	a, err := ua.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// Peers that a test has left alone do not answer the BYE.
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer cancel()
		if err := a.Close(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
	return a
}

// address is host and port of the agent's SIP listener.
func address(a *ua.Agent) string { return strings.TrimPrefix(a.SIPAddrs()[0], "udp:") }

// answering is the configuration of an agent that answers every call with these types for h.
func answering(h ua.Handler, types ...string) ua.Config {
	return ua.Config{OnInvite: func(inv *ua.Invitation) { _, _ = inv.Answer(h, types...) }}
}

// eventually polls until done says yes.
func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	end := time.After(limit)
	for !done() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("not in time: %s", what)
		}
	}
}

// forgotten waits until the agent has no session any more.
func forgotten(t testing.TB, a *ua.Agent) {
	t.Helper()
	eventually(t, "no session is left", func() bool { return len(a.Sessions()) == 0 })
}

// rawCaller is a raw peer that calls an agent: its SIP side, and its MSRP listener.
type rawCaller struct {
	*peer.Dialog
	offer string
	paths []string
}

// newCaller prepares a call that offers n sessions.
func newCaller(t testing.TB, a *ua.Agent, types string, n int) *rawCaller {
	t.Helper()
	c := &rawCaller{Dialog: peer.NewAgent(t, "udp", address(a)).NewDialog("bob")}
	for range n {
		c.paths = append(c.paths, "msrp://127.0.0.1:9/"+peer.Ident()+";tcp")
	}
	c.offer = peer.Offer(types, c.paths...)
	return c
}

// call makes the call stand, and connects each session with an MSRP connection of its own. What the last Response is, is the answer.
func (c *rawCaller) call(t testing.TB) (answer peer.SDP, conns []*peer.Conn, sessions []peer.Session) {
	t.Helper()
	_, r := c.Call(t, limit, c.offer)
	if r.Code() != 200 {
		t.Fatalf("the INVITE was answered %s", r.Start)
	}
	c.Ack(t)
	answer = peer.ParseSDP(r.Body)
	for i, l := range answer.Media {
		s := peer.Session{Own: c.paths[i], Remote: l.Path()}
		conn := peer.DialMSRP(t, "127.0.0.1:"+l.Port())
		bind := s.Bodiless()
		conn.Put(bind.Bytes())
		if f := conn.Response(t, limit, bind.ID); f.Code != 200 {
			t.Fatalf("the binding SEND was answered %d", f.Code)
		}
		conns, sessions = append(conns, conn), append(sessions, s)
	}
	return answer, conns, sessions
}

// rawCalled is a raw peer that an agent calls.
type rawCalled struct {
	sip  *peer.Agent
	msrp *peer.Listener
}

func newCalled(t testing.TB) *rawCalled {
	t.Helper()
	return &rawCalled{sip: peer.NewAgent(t, "udp", "127.0.0.1:9"), msrp: peer.ListenMSRP(t)}
}

func (c *rawCalled) uri() string { return "sip:bob@" + c.sip.Addr.String() }

// start has the agent call, and returns the INVITE.
func (c *rawCalled) start(t testing.TB, a *ua.Agent, h ua.Handler) (*ua.Session, *peer.Message, *peer.Dialog) {
	t.Helper()
	s, err := a.Start(ua.StartConfig{From: "sip:alice@127.0.0.1", To: c.uri(), Handler: h})
	if err != nil {
		t.Fatal(err)
	}
	invite := c.sip.Request(t, limit, "INVITE")
	return s, invite, c.sip.Answering(invite)
}

// accept answers the INVITE with the peer's path, and takes the ACK.
func (c *rawCalled) accept(t testing.TB, invite *peer.Message, d *peer.Dialog) peer.Session {
	t.Helper()
	own := c.msrp.Path(peer.Ident())
	c.sip.Respond(t, invite, d.Response(invite, 200, "OK").WithSDP(peer.Offer("text/plain", own)))
	c.sip.Request(t, limit, "ACK")
	return peer.Session{Own: own, Remote: peer.ParseSDP(invite.Body).Media[0].Path()}
}

// bye waits for the BYE, answers it, and returns its Reason.
func bye(t testing.TB, a *peer.Agent, d *peer.Dialog) string {
	t.Helper()
	m := a.Request(t, limit, "BYE")
	d.Answer(t, m, 200, "OK")
	return m.Get("Reason")
}
