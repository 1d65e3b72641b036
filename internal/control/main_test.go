package control_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-msrp/parley/internal/control"
	"github.com/parley-msrp/parley/internal/event"
	"github.com/parley-msrp/parley/internal/journal"
	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/test/peer"
	"github.com/parley-msrp/parley/ua"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// limit is how long anything may take that is due at once.
const limit = 30 * time.Second

// node is an agent under a Control that answers every call.
type node struct {
	*control.Control
	agent *ua.Agent
	label control.Label // of every call
}

func newNode(t testing.TB, j journal.Journal, c msrp.Config) *node {
	t.Helper()
	return newLabellingNode(t, j, c, control.Label{})
}

func newLabellingNode(t testing.TB, j journal.Journal, c msrp.Config, l control.Label) *node {
	t.Helper()
	c.RefuseWhenFull = true // as in the daemon
	n := &node{Control: control.New(j, "/node/test", slog.New(slog.DiscardHandler)), label: l}
	var err error
	n.agent, err = ua.New(ua.Config{
		SIPListen: []string{"udp:127.0.0.1:0"}, MSRPListen: []string{"tcp:127.0.0.1:0"}, MSRP: c,
		OnInvite: func(inv *ua.Invitation) {
			if err := n.Answer(inv, n.label, "text/plain"); err != nil {
				t.Error(err)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	n.Attach(n.agent)
	t.Cleanup(func() {
		// Peers that a test has left alone do not answer the BYE.
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer cancel()
		if err := n.agent.Close(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		n.Control.Close()
	})
	return n
}

// call is a raw peer that called a node, with the one session of the call.
type call struct {
	*peer.Dialog
	conn    *peer.Conn
	session peer.Session
	id      string // session_id at the node
}

func newCall(t testing.TB, n *node) *call {
	t.Helper()
	c := &call{Dialog: peer.NewAgent(t, "udp", strings.TrimPrefix(n.agent.SIPAddrs()[0], "udp:")).NewDialog("bob")}
	own := "msrp://127.0.0.1:9/" + peer.Ident() + ";tcp"
	_, r := c.Call(t, limit, peer.Offer("text/plain", own))
	if r.Code() != 200 {
		t.Fatalf("the INVITE was answered %s", r.Start)
	}
	c.Ack(t)
	l := peer.ParseSDP(r.Body).Media[0]
	c.session = peer.Session{Own: own, Remote: l.Path()}
	_, id, _ := strings.Cut(strings.TrimPrefix(l.Path(), "msrp://"), "/")
	c.id = strings.TrimSuffix(id, ";tcp")
	c.conn = peer.DialMSRP(t, "127.0.0.1:"+l.Port())
	bind := c.session.Bodiless()
	c.conn.Put(bind.Bytes())
	if f := c.conn.Response(t, limit, bind.ID); f.Code != 200 {
		t.Fatalf("the binding SEND was answered %d", f.Code)
	}
	return c
}

// reader follows a journal from its beginning.
type reader struct{ journal.Reader }

func read(t testing.TB, j journal.Journal) reader {
	t.Helper()
	r, err := j.Subscribe(journal.Oldest)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return reader{r}
}

func (r reader) next(t testing.TB) event.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	e, err := r.Next(ctx)
	if err != nil {
		t.Fatalf("no event: %v", err)
	}
	if e.Source != "/node/test" || e.Time.Location() != time.UTC || e.Time.IsZero() {
		t.Errorf("source %q, time %v", e.Source, e.Time)
	}
	return e
}

// skip reads up to the first event of that name.
func (r reader) skip(t testing.TB, name event.Name) event.Event {
	t.Helper()
	for {
		if e := r.next(t); e.Name == name {
			return e
		}
	}
}

// short sums up an event: its name without prefix, its number, and the values of these members.
func short(e event.Event, members ...string) string {
	s := fmt.Sprintf("%s %d", strings.TrimPrefix(string(e.Name), "E_MSRP_"), e.Sequence)
	for _, m := range members {
		v := e.Param(m)
		if b, ok := v.([]byte); ok {
			v = string(b)
		}
		s += fmt.Sprintf(" %s=%v", m, v)
	}
	return s
}
