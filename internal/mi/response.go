package mi

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
)

// rpcError is the error member of an answer.
type rpcError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Data    string `json:"data,omitempty"`
}

func (e *rpcError) Error() string {
	if e.Data != "" {
		return e.Message + ": " + e.Data
	}
	return e.Message
}

func invalidRequest(data string) error {
	return &rpcError{Code: -32600, Message: "Invalid Request", Data: data}
}

func invalidParams(data string) error {
	return &rpcError{Code: -32602, Message: "Invalid params", Data: data}
}

// succeeded writes jsonrpc, result, id: the order in which OpenSIPS writes them.
func succeeded(result any, id rawJSON) []byte {
	encoded, err := encode(result)
	if err != nil {
		return failed(&rpcError{Code: -32603, Message: "Internal error"}, id)
	}
	return envelope("result", encoded, id)
}

func failed(err error, id rawJSON) []byte {
	var e *rpcError
	if !errors.As(err, &e) {
		e = &rpcError{Code: -32603, Message: "Internal error", Data: err.Error()}
	}
	encoded, err := encode(e)
	if err != nil {
		encoded = []byte(`{"code":-32603,"message":"Internal error"}`)
	}
	return envelope("error", encoded, id)
}

// envelope echoes the id as it came, a string as a string and a number with the digits that it had.
func envelope(member string, value []byte, id rawJSON) []byte {
	if id == nil {
		id = rawJSON("null")
	}
	b := make([]byte, 0, len(value)+len(id)+40)
	b = append(b, `{"jsonrpc":"2.0","`...)
	b = append(b, member...)
	b = append(b, `":`...)
	b = append(b, value...)
	b = append(b, `,"id":`...)
	b = append(b, id...)
	return append(b, '}')
}

// encode leaves <, > and & as they are, as OpenSIPS does: encoding/json would escape them.
func encode(v any) ([]byte, error) {
	if s, ok := v.(string); ok && plain(s) {
		return slices.Concat([]byte{'"'}, []byte(s), []byte{'"'}), nil
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// plain says that a string is itself as JSON.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f || s[i] == '"' || s[i] == '\\' {
			return false
		}
	}
	return true
}
