package control

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/parley-msrp/parley/internal/event"
	"github.com/parley-msrp/parley/ua"
)

// storedLabel is a Label as it is stored with a call. Its fields are never renamed.
type storedLabel struct {
	Handler string            `json:"handler,omitempty"`
	Tags    map[string]string `json:"tags,omitempty"`
}

// Label is what the call is to be known by in a later process, too.
func (t *teller) Label() []byte {
	if t.label.Handler == "" && len(t.label.Tags) == 0 {
		return nil
	}
	b, err := json.Marshal(storedLabel(t.label))
	if err != nil {
		return nil // strings can be written
	}
	return b
}

// Restore takes up a call of an earlier process (ua.Agent.Restore): its sessions have their label, and their events are numbered on. A call that cannot be
// taken up has its end told; the error says why.
func (c *Control) Restore(state []byte) error {
	ids, wrong := ua.StateSessions(state)
	for _, id := range ids {
		c.memory.know(id)
	}
	t := c.newTeller(Label{})
	_, err := c.agent.Restore(state, func(label []byte) ua.Handler {
		var stored storedLabel
		if len(label) > 0 && json.Unmarshal(label, &stored) != nil {
			c.log.Error("label of a call not read", "session_id", strings.Join(ids, " "))
		}
		t = c.newTeller(Label(stored))
		return t
	})
	if err == nil {
		return nil
	}
	for _, id := range ids {
		t.tell(event.NewEnd(id, event.Reason(restarted)), nil)
	}
	return errors.Join(err, wrong)
}
