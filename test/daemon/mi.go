package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// Session is what the tests read of a listed session.
type Session struct {
	SessionID string `json:"session_id"`
	Type      string `json:"type"`
	State     int    `json:"dlg_state"`
	PeerPath  string `json:"peer_path"`
	CallID    string `json:"call_id"`
}

// Established is the State of a session after its ACK.
const Established = 2

// Sessions asks for msrp_ua_list_sessions.
func (d *Daemon) Sessions(ctx context.Context) ([]Session, error) {
	var sessions []Session
	err := d.Call(ctx, "msrp_ua_list_sessions", nil, &sessions)
	return sessions, err
}

// Call makes one JSON-RPC call of the management interface and stores its result. A JSON-RPC error is an error that holds the error object.
func (d *Daemon) Call(ctx context.Context, method string, params, result any) error {
	request := map[string]any{"jsonrpc": "2.0", "id": 1, "method": method}
	if params != nil {
		request["params"] = params
	}
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.URL("/mi"), bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var answer struct {
		Result, Error json.RawMessage
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return fmt.Errorf("%s: HTTP status %s: %w", method, resp.Status, err)
	}
	if answer.Error != nil {
		return fmt.Errorf("%s: %s", method, answer.Error)
	}
	return json.Unmarshal(answer.Result, result)
}
