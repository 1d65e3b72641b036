package ua

import "encoding/json"

// WriteState makes the state of a call with that of its dialog.
func WriteState(c *Call, dialog []byte) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return json.Marshal(c.stateOf(dialog))
}
