package ua_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/parley-msrp/parley/test/peer"
	"github.com/parley-msrp/parley/ua"
)

var update = flag.Bool("update", false, "write the fixture anew")

// memory is a Keeper.
type memory struct {
	mu     sync.Mutex
	states map[string][]byte
	kept   int
}

func (m *memory) Keep(key string, state []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.states == nil {
		m.states = map[string][]byte{}
	}
	m.states[key] = state
	m.kept++
}

func (m *memory) Forget(key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.states, key)
}

func (m *memory) only(t testing.TB) (state []byte) {
	t.Helper()
	eventually(t, "a state is kept", func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		for _, state = range m.states {
		}
		return len(m.states) == 1
	})
	return state
}

// labelled is a recorder that has a label, and hears of recoveries.
type labelled struct {
	*recorder
	label string
}

func (l labelled) Label() []byte { return []byte(l.label) }

func (l labelled) ConnectionLost(_ *ua.Session, loss ua.Loss) { l.events <- "lost: " + loss.Reason }
func (l labelled) Recovered(*ua.Session)                      { l.events <- "recovered" }

// dies closes an agent, and gives the state that one which is killed would have left. The peer forgets the BYE that came.
func dies(t testing.TB, k *memory, a *ua.Agent, d *peer.Dialog) (state []byte) {
	t.Helper()
	state = bytes.Clone(k.only(t))
	done := make(chan error, 1)
	go func() { done <- a.Close(context.Background()) }()
	bye(t, d.Agent, d)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return state
}

func TestRestore(t *testing.T) {
	t.Run("a call goes on in another agent, under its session_id", func(t *testing.T) {
		k := &memory{}
		h := labelled{newRecorder(), "whose it is"}
		c := answering(h, "text/plain")
		c.Keeper = k
		a := newAgent(t, c)
		d := newCaller(t, a, "text/plain", 1)
		d.call(t)
		id := h.session(t).ID()
		listen := a.SIPAddrs()
		state := dies(t, k, a, d.Dialog)

		again := labelled{newRecorder(), "whose it is"}
		c.SIPListen, c.Keeper = listen, &memory{}
		c.Ready = func(b *ua.Agent) {
			call, err := b.Restore(state, func(label []byte) ua.Handler {
				if string(label) != "whose it is" {
					t.Errorf("label %q", label)
				}
				return again
			})
			if err != nil {
				t.Fatal(err)
			}
			if call.Sessions()[0].ID() != id || call.CallID() != d.CallID || call.State() != ua.Established {
				t.Errorf("restored: %s, %s", call.Sessions()[0].ID(), call.CallID())
			}
		}
		b := newAgent(t, c)
		if b.Session(id) == nil {
			t.Fatal("the session is not there")
		}
		if _, err := b.Session(id).Send(t.Context(), ua.Outgoing{ContentType: "text/plain", Body: []byte("waits")}); err != nil {
			t.Error(err)
		}
		invite := d.Agent.Request(t, limit, "INVITE")
		path := peer.ParseSDP(invite.Body).Media[0].Path()
		if !strings.Contains(path, id+".") {
			t.Errorf("path %s", path)
		}
		l := peer.ListenMSRP(t)
		s := peer.Session{Own: l.Path(peer.Ident()), Remote: path}
		d.Agent.Respond(t, invite, d.Response(invite, 200, "OK").WithSDP(peer.Offer("text/plain", s.Own)))
		d.Agent.Request(t, limit, "ACK")
		conn := l.Accept(t, limit)
		f := conn.Request(t, limit, "SEND")
		if string(f.Body) != "waits" {
			t.Errorf("got %q", f.Body)
		}
		conn.Answer(f, 200, "OK")
		got := map[string]int{}
		for range 3 {
			got[again.next(t)]++
		}
		if got["lost: the process was restarted"] != 1 || got["recovered"] != 1 || got["fate delivered"] != 1 {
			t.Errorf("told %v", got)
		}
		send := s.Send("to the new one")
		conn.Put(send.Bytes())
		again.message(t).Accept()
		if f := conn.Response(t, limit, send.ID); f.Code != 200 {
			t.Errorf("answered %d", f.Code)
		}
		if r := d.Bye(t, limit); r.Code() != 200 {
			t.Errorf("the BYE was answered %s", r.Start)
		}
		again.want(t, "ended: by peer, 200 BYE")
	})

	t.Run("by configuration it is ended at once", func(t *testing.T) {
		k := &memory{}
		h := labelled{newRecorder(), ""}
		c := answering(h, "text/plain")
		c.Keeper = k
		a := newAgent(t, c)
		d := newCaller(t, a, "text/plain", 1)
		d.call(t)
		state := dies(t, k, a, d.Dialog)
		again := labelled{newRecorder(), ""}
		c.SIPListen, c.Recovery.EndRestored = a.SIPAddrs(), true
		b := newAgent(t, c)
		if _, err := b.Restore(state, func([]byte) ua.Handler { return again }); err != nil {
			t.Fatal(err)
		}
		if reason := bye(t, d.Agent, d.Dialog); !strings.Contains(reason, "the process was restarted") {
			t.Errorf("Reason %q", reason)
		}
		again.want(t, "ended: connection lost, 503 the process was restarted")
		forgotten(t, b)
	})

	t.Run("kept when established and when the descriptions change, forgotten at the end", func(t *testing.T) {
		k := &memory{}
		h := newRecorder()
		c := answering(h, "text/plain")
		c.Keeper = k
		a := newAgent(t, c)
		d := newCaller(t, a, "text/plain", 1)
		d.call(t)
		first := k.only(t)
		r := d.Agent.Ask(t, limit, d.Request("INVITE").WithSDP(peer.Offer("text/plain text/html", d.paths...)))
		d.Ack(t)
		if r.Code() != 200 {
			t.Fatal(r.Start)
		}
		eventually(t, "another state is kept", func() bool { return !bytes.Equal(k.only(t), first) })
		d.Bye(t, limit)
		eventually(t, "none is kept", func() bool {
			k.mu.Lock()
			defer k.mu.Unlock()
			return len(k.states) == 0
		})
	})

	t.Run("what is no state, or one of a newer version", func(t *testing.T) {
		a := newAgent(t, ua.Config{})
		good, err := os.ReadFile("testdata/call-1.json")
		if err != nil {
			t.Fatal(err)
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal(good, &members); err != nil {
			t.Fatal(err)
		}
		bad := []string{"", "{}", `{"format":2}`, `{"format":1}`}
		for name := range members {
			if name == "expires" || name == "identity" || name == "label" || name == "caller" || name == "offerer" || name == "from" || name == "to" ||
				name == "request_uri" || name == "profile" || name == "started" || name == "call_id" || name == "key" {
				continue
			}
			without := map[string]json.RawMessage{}
			for n, v := range members {
				if n != name {
					without[n] = v
				}
			}
			b, err := json.Marshal(without)
			if err != nil {
				t.Fatal(err)
			}
			bad = append(bad, string(b))
		}
		for _, b := range bad {
			if _, err := a.Restore([]byte(b), func([]byte) ua.Handler { return newRecorder() }); !errors.Is(err, ua.ErrState) {
				t.Errorf("%.80s: %v", b, err)
			}
		}
		if n := len(a.Sessions()); n != 0 {
			t.Errorf("%d sessions", n)
		}
	})
}

// TestRestoreFixture restores a call that the first version of the format has written, which every later one has to read.
func TestRestoreFixture(t *testing.T) {
	const name = "testdata/call-1.json"
	if *update {
		k := &memory{}
		h := labelled{newRecorder(), "label"}
		c := answering(h, "text/plain")
		c.Keeper = k
		a := newAgent(t, c)
		newCaller(t, a, "text/plain message/cpim", 1).call(t)
		if err := os.WriteFile(name, k.only(t), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	state, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	k := &memory{}
	a := newAgent(t, ua.Config{Keeper: k})
	c, err := a.Restore(state, func(label []byte) ua.Handler { return labelled{newRecorder(), string(label)} })
	if err != nil {
		t.Fatal(err)
	}
	s := c.Sessions()[0]
	var want struct {
		Sessions []struct{ URI string }
		Peer     []struct{ Path string }
		From     string
	}
	if err := json.Unmarshal(state, &want); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(want.Sessions[0].URI, "/"+s.ID()+";") || s.PeerPath()[0].String() != want.Peer[0].Path || c.From() != want.From || c.Caller() {
		t.Errorf("restored %s, peer %v, from %s", s.ID(), s.PeerPath(), c.From())
	}
	if got := s.PeerTypes().String(); got != "text/plain message/cpim" {
		t.Errorf("types %s", got)
	}
}
