package ua

import (
	"log/slog"
	"strings"
)

// logger is for lines about the whole call: each bears the session_id, of several sessions all of them with blanks between, and the call_id.
func (c *Call) logger() *slog.Logger {
	return c.agent.log.With("session_id", c.sessionIDs(), "call_id", c.CallID())
}

func (c *Call) sessionIDs() string {
	ids := make([]string, len(c.sessions))
	for i, s := range c.sessions {
		ids[i] = s.ID()
	}
	return strings.Join(ids, " ")
}
