package daemon

import (
	"path/filepath"
	"slices"
	"time"

	"github.com/parley-msrp/parley/internal/registry"
	"github.com/parley-msrp/parley/ua"
)

// calls are the established calls that outlive the process.
type calls struct {
	registry *registry.Registry // nil: none do
	earlier  []earlier          // of the process before this one
	sessions map[string]bool    // IDs of their sessions
}

type earlier struct {
	key      string
	state    []byte
	sessions []string // their IDs
}

// openCalls opens the registry in the data directory, and reads what the process before this one left.
func (n *node) openCalls(fsync bool) error {
	if n.data.path == "" {
		return nil
	}
	r, err := registry.Open(filepath.Join(n.data.path, "calls"), fsync, n.log)
	if err != nil {
		return err
	}
	n.calls = calls{registry: r, sessions: map[string]bool{}}
	for key, state := range r.Records() {
		ids, err := ua.StateSessions(state)
		if err != nil {
			n.log.Error("a call of the process before cannot be taken up", "session_id", key, "err", err)
			r.Forget(key)
			continue
		}
		n.calls.earlier = append(n.calls.earlier, earlier{key, state, ids})
		for _, id := range ids {
			n.calls.sessions[id] = true
		}
	}
	return nil
}

// keeper is where the agent has its calls kept; nil: nowhere.
func (c *calls) keeper() ua.Keeper {
	if c.registry == nil {
		return nil
	}
	return c.registry
}

// leaveOut takes out the calls whose sessions have had their end: the process was killed before their records were deleted.
func (c *calls) leaveOut(ended map[string]time.Time) {
	c.earlier = slices.DeleteFunc(c.earlier, func(e earlier) bool {
		over := !slices.ContainsFunc(e.sessions, func(id string) bool { return ended[id].IsZero() })
		if over {
			c.registry.Forget(e.key)
		}
		return over
	})
	for id := range ended {
		delete(c.sessions, id)
	}
}

// goesOn says whether a session of the process before is taken up.
func (c *calls) goesOn(sessionID string) bool { return c.sessions[sessionID] }

// takeUp restores the calls of the process before. The agent does not listen for SIP yet.
func (n *node) takeUp(a *ua.Agent) {
	n.control.Attach(a)
	for _, e := range n.calls.earlier {
		if err := n.control.Restore(e.state); err != nil {
			n.log.Error("a call of the process before cannot be taken up", "session_id", e.key, "err", err)
			n.calls.registry.Forget(e.key)
		}
	}
	if len(n.calls.earlier) > 0 {
		n.log.Info("calls of the process before taken up", "calls", len(n.calls.earlier))
	}
	n.calls.earlier = nil
}

// err says why no call can be kept at the moment; nil: it can.
func (c *calls) err() error {
	if c.registry == nil {
		return nil
	}
	return c.registry.Err()
}

func (c *calls) close() error {
	if c.registry == nil {
		return nil
	}
	return c.registry.Close()
}
