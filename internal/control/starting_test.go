package control_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/parley-msrp/parley/internal/control"
	"github.com/parley-msrp/parley/internal/event"
	"github.com/parley-msrp/parley/internal/journal"
	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/test/peer"
)

// beginnings is a journal that asks the test about the beginning of each session that is started.
type beginnings struct {
	journal.Journal
	begun chan func(error)
}

func (j *beginnings) Append(e event.Event, kept func(error)) {
	if e.Name == event.SessionBegun {
		j.begun <- kept
		return
	}
	j.Journal.Append(e, kept)
}

func startAt(a *peer.Agent, key string) control.Start {
	return control.Start{ContentTypes: "text/plain", FromURI: "sip:parley@127.0.0.1", ToURI: a.ContactURI(), RequestURI: a.ContactURI(), Key: key}
}

func target(t testing.TB, n *node) *peer.Agent {
	t.Helper()
	return peer.NewAgent(t, "udp", strings.TrimPrefix(n.agent.SIPAddrs()[0], "udp:"))
}

// TestStartIsKeptFirst: an INVITE leaves when the journal has that it will, and not at all where that cannot be kept.
func TestStartIsKeptFirst(t *testing.T) {
	j := &beginnings{journal.NewMemory(journal.MemoryConfig{}), make(chan func(error), 1)}
	n := newNode(t, j, msrp.Config{})
	a := target(t, n)
	for _, key := range []string{"", "k"} {
		var started sync.WaitGroup
		var err error
		begin := func() func(error) {
			started.Go(func() { _, err = n.Start(startAt(a, key)) })
			return <-j.begun
		}
		kept := begin()
		kept(journal.ErrUnavailable)
		if started.Wait(); !errors.Is(err, journal.ErrUnavailable) {
			t.Errorf("key %q: %v", key, err)
		}
		if sent := a.Drop(func(*peer.Message) bool { return true }); len(sent) != 0 {
			t.Errorf("key %q: %s was sent", key, sent[0].Start)
		}
		kept = begin() // what failed may be tried again
		kept(nil)
		if started.Wait(); err != nil {
			t.Errorf("key %q: %v", key, err)
		}
		a.Request(t, limit, "INVITE")
	}
}

// dying is a journal of a process that is killed when the beginning of a session is kept: of what comes then nothing is.
type dying struct {
	journal.Journal
	mu   sync.Mutex
	dead bool
	gone []func(error) // who waits in vain
}

func (j *dying) Append(e event.Event, kept func(error)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case !j.dead:
		j.dead = e.Name == event.SessionBegun
		j.Journal.Append(e, kept)
	case kept != nil:
		j.gone = append(j.gone, kept)
	}
}

func (j *dying) buried() {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, kept := range j.gone {
		kept(journal.ErrClosed)
	}
}

// TestStartCutOff: a process is killed when the INVITE has left and nothing says so yet. The same command with the same key calls nobody a second time, in no
// later process.
func TestStartCutOff(t *testing.T) {
	disk, err := journal.Open(t.Context(), journal.Config{Dir: t.TempDir(), Node: "n"})
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	living := newNode(t, disk, msrp.Config{})
	failing := startAt(target(t, living), "not sent")
	failing.FromURI = "nobody"
	if _, err := living.Start(failing); err == nil {
		t.Fatal("it started")
	}
	dead := &dying{Journal: disk}
	killed := newNode(t, dead, msrp.Config{})
	a := target(t, killed)
	command := startAt(a, "k")
	var started sync.WaitGroup
	started.Go(func() { _, _ = killed.Start(command) })
	invite := a.Request(t, limit, "INVITE")
	defer func() { dead.buried(); started.Wait() }()
	a.Respond(t, invite, a.Answering(invite).Response(invite, 486, "Busy Here"))
	id := killed.List()

	recalled := func(goesOn func(string) bool) *node {
		r, err := disk.Recall(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		n := newNode(t, disk, msrp.Config{})
		n.Recall(r, goesOn)
		return n
	}
	for i := range 3 {
		n := recalled(nil)
		for range 2 {
			_, err := n.Start(command)
			var wrong *control.FieldError
			if !errors.As(err, &wrong) || wrong.Field != control.KeyField || !strings.Contains(err.Error(), "was used to start the session ") || len(id) == 1 && !strings.Contains(err.Error(), id[0].SessionID) {
				t.Errorf("process %d: %v", i, err)
			}
		}
		other := command
		other.ContentTypes = "*"
		if _, err := n.Start(other); !errors.Is(err, control.ErrKeyReused) {
			t.Errorf("process %d: %v", i, err)
		}
		if _, err := n.Start(failing); err == nil || strings.Contains(err.Error(), "was used to start") {
			t.Errorf("process %d: what was never sent: %v", i, err)
		}
	}
	if sent := a.Drop(func(m *peer.Message) bool { return m.Method() == "INVITE" && m.Get("Call-ID") != invite.Get("Call-ID") }); len(sent) != 0 {
		t.Error("the peer was called again")
	}
	failed := read(t, disk).skip(t, event.SessionFailed)
	if got := short(failed, "code", "reason", "from_uri", "to_uri", "ruri"); got != "SESSION_FAILED 1 code=503 reason=the node was restarted from_uri=sip:parley@127.0.0.1 to_uri="+a.ContactURI()+" ruri="+a.ContactURI() {
		t.Error(got)
	}
	t.Run("the session goes on", func(t *testing.T) {
		n := recalled(func(id string) bool { return id == failed.SessionID })
		if id, err := n.Start(command); id != failed.SessionID || err != nil {
			t.Errorf("%q, %v; want %s", id, err, failed.SessionID)
		}
	})
}
