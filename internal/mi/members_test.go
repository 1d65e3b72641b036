package mi_test

import (
	"testing"

	"github.com/parley-msrp/parley/internal/access"
	"github.com/parley-msrp/parley/internal/control"
)

// TestWritings: however JSON is written, a message arrives as it is meant.
func TestWritings(t *testing.T) {
	for name, request := range map[string]string{
		"white space":         " {\t\"jsonrpc\" :\r\n\"2.0\" , \"id\" : 7\n, \"method\":\"msrp_ua:send_message\" ,\"params\" : { \"session_id\" : \"s1\" , \"mime\":\"x/y\"\t,\"body\" : \"}],{[\\\"\\\\\" } } \n",
		"escapes in names":    `{"\u006asonrpc":"2.0","i\u0064":7,"method":"msrp_ua:send_message","params":{"session\u005fid":"s\u0031","mime":"x\/y","body":"}],{[\"\\"}}`,
		"the last one counts": `{"jsonrpc":"1.0","jsonrpc":"2.0","id":[{}],"id":7,"method":"msrp_ua:send_message","params":{"body":"{\"","session_id":"s1","mime":"x/y","body":"}],{[\"\\"}}`,
		"members unknown":     `{"a":{"b":["}",{"c":"\\\""}],"d":-1.5e3},"e":null,"jsonrpc":"2.0","id":7,"method":"msrp_ua:send_message","f":true,"params":{"session_id":"s1","mime":"x/y","body":"}],{[\"\\"},"g":[]}`,
	} {
		n := &node{}
		got := string(server(t, n).Serve(t.Context(), access.All, []byte(request)))
		if want := `{"jsonrpc":"2.0","result":"OK","id":7}`; got != want {
			t.Errorf("%s: answer %s, want %s", name, got, want)
			continue
		}
		sent, ok := n.asked[0].(control.Send)
		if !ok || sent.ContentType != "x/y" || string(sent.Body) != `}],{["\` {
			t.Errorf("%s: sent %+v", name, n.asked[0])
		}
	}
	for _, object := range []string{`{}`, `{ }`, ` { "params" : { } } `} { // nothing in it
		got := string(server(t, &node{}).Serve(t.Context(), access.All, []byte(object)))
		if want := `{"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid Request"},"id":null}`; got != want {
			t.Errorf("%s: answer %s", object, got)
		}
	}
}
