package node

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"
)

// MIError is the error object of an answer.
type MIError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Data    any    `json:"data"`
}

// MI calls a method of the management interface and returns its result or its error.
func (n *Node) MI(t testing.TB, method string, params any) (json.RawMessage, *MIError) {
	t.Helper()
	q := map[string]any{"jsonrpc": "2.0", "id": 1, "method": method}
	if params != nil {
		q["params"] = params
	}
	b, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.Post(n.HTTP+"/mi", "application/json", bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	var a struct {
		Result json.RawMessage `json:"result"`
		Error  *MIError        `json:"error"`
	}
	if err := json.Unmarshal(body, &a); err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s: %s", method, r.Status, body)
	}
	return a.Result, a.Error
}

// Listed is one session of list_sessions.
type Listed struct {
	SessionID string `json:"session_id"`
	Type      string `json:"type"`
	State     int    `json:"dlg_state"`
	PeerPath  string `json:"peer_path"`
	Lifetime  int    `json:"lifetime"`
}

// Sessions lists the sessions.
func (n *Node) Sessions(t testing.TB) []Listed {
	t.Helper()
	result, e := n.MI(t, "msrp_ua_list_sessions", nil)
	if e != nil {
		t.Fatalf("list_sessions: %+v", e)
	}
	var list []Listed
	if err := json.Unmarshal(result, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// Session returns one listed session; nil if it is not in the list.
func (n *Node) Session(t testing.TB, sessionID string) *Listed {
	t.Helper()
	for _, l := range n.Sessions(t) {
		if l.SessionID == sessionID {
			return &l
		}
	}
	return nil
}

// StartSession starts a session towards a SIP URI and returns its id.
func (n *Node) StartSession(t testing.TB, contentTypes, to string) string {
	t.Helper()
	return n.StartAs(t, "sip:parley@"+n.SIP, contentTypes, to)
}

// StartAs is StartSession as somebody.
func (n *Node) StartAs(t testing.TB, from, contentTypes, to string) string {
	t.Helper()
	return n.id(t, "session_id", "msrp_ua_start_session", map[string]any{
		"content_types": contentTypes, "from_uri": from, "to_uri": to, "ruri": to, "return": "id",
	})
}

// SendMessage sends a message and returns its Message-ID. More parameters come as name, value pairs.
func (n *Node) SendMessage(t testing.TB, sessionID, mime, body string, more ...string) string {
	t.Helper()
	return n.id(t, "message_id", "msrp_ua_send_message", sendParams(sessionID, mime, body, more))
}

// SendRefused asks for a message that must be refused with "Failed to send message".
func (n *Node) SendRefused(t testing.TB, sessionID, mime, body string, more ...string) {
	t.Helper()
	result, e := n.MI(t, "msrp_ua_send_message", sendParams(sessionID, mime, body, more))
	if e == nil || e.Code != 500 || e.Message != "Failed to send message" {
		t.Fatalf("send_message of %s: %s %+v, want error 500 Failed to send message", mime, result, e)
	}
}

func sendParams(sessionID, mime, body string, more []string) map[string]any {
	p := map[string]any{"session_id": sessionID, "return": "id"}
	if mime != "" {
		p["mime"], p["body"] = mime, body
	}
	for i := 0; i < len(more); i += 2 {
		p[more[i]] = more[i+1]
	}
	return p
}

func (n *Node) id(t testing.TB, name, method string, params any) string {
	t.Helper()
	result, e := n.MI(t, method, params)
	var ids map[string]string
	if e != nil || json.Unmarshal(result, &ids) != nil || ids[name] == "" {
		t.Fatalf("%s: %s %+v, want %s", method, result, e, name)
	}
	return ids[name]
}

// EndSession ends a session.
func (n *Node) EndSession(t testing.TB, sessionID string) {
	t.Helper()
	if _, e := n.MI(t, "msrp_ua_end_session", map[string]any{"session_id": sessionID}); e != nil {
		t.Fatalf("end_session: %+v", e)
	}
}
