package mi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/parley-msrp/parley/internal/access"
	"github.com/parley-msrp/parley/internal/control"
	"github.com/parley-msrp/parley/internal/mi"
	"github.com/parley-msrp/parley/internal/statistics"
	"github.com/parley-msrp/parley/msrp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// node knows one session, s1, and notes what it is asked for.
type node struct {
	asked         []any
	registrations []control.Registration
	sessions      []control.Session
	err           error // of every call
}

func (n *node) Start(s control.Start) (string, error) {
	n.asked = append(n.asked, s)
	return "new1", n.err
}

func (n *node) Send(s control.Send) (string, error) {
	n.asked = append(n.asked, s)
	if s.SessionID != "s1" {
		return "", fmt.Errorf("looked up: %w", control.ErrUnknownSession)
	}
	return "m1", n.err
}

func (n *node) EndOnce(sessionID, _ string) error {
	n.asked = append(n.asked, sessionID)
	if sessionID != "s1" {
		return control.ErrUnknownSession
	}
	return n.err
}

func (n *node) List() []control.Session { return n.sessions }

func (n *node) Registrations() []control.Registration { return n.registrations }

func server(t testing.TB, n mi.Node) *mi.Server {
	t.Helper()
	started := time.Date(2026, 11, 3, 10, 0, 0, 0, time.FixedZone("", 3600))
	s, err := mi.New(mi.Config{
		Node: n, Product: "Parley", Version: "0.1.0", Started: started,
		Now: func() time.Time { return started.Add(177*time.Second + 999*time.Millisecond) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const ok = `{"jsonrpc":"2.0","result":"OK","id":1}`

func fault(code int, message, data string) string {
	if data != "" {
		data = fmt.Sprintf(`,"data":%q`, data)
	}
	return fmt.Sprintf(`{"jsonrpc":"2.0","error":{"code":%d,"message":%q%s},"id":1}`, code, message, data)
}

func call(method, params string) string {
	if params != "" {
		params = `,"params":` + params
	}
	return fmt.Sprintf(`{"jsonrpc":"2.0","method":%q,"id":1%s}`, method, params)
}

func TestEnvelope(t *testing.T) {
	parseError := `{"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error"},"id":null}`
	invalid := func(data, id string) string {
		if data != "" {
			data = fmt.Sprintf(`,"data":%q`, data)
		}
		return `{"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid Request"` + data + `},"id":` + id + `}`
	}
	const end = `"method":"msrp_ua:end_session","params":["s1"]`
	for _, c := range []struct{ name, request, want string }{
		{"id is a number", `{"jsonrpc":"2.0",` + end + `,"id":7}`, `{"jsonrpc":"2.0","result":"OK","id":7}`},
		{"id keeps its digits", `{"jsonrpc":"2.0",` + end + `,"id":12345678901234567890.50}`, `{"jsonrpc":"2.0","result":"OK","id":12345678901234567890.50}`},
		{"id is negative", `{"jsonrpc":"2.0",` + end + `,"id":-1}`, `{"jsonrpc":"2.0","result":"OK","id":-1}`},
		{"id is a string", `{"jsonrpc":"2.0",` + end + `,"id":"7"}`, `{"jsonrpc":"2.0","result":"OK","id":"7"}`},
		{"id is an odd string", `{"jsonrpc":"2.0",` + end + `,"id":"\u00e9\"<é"}`, `{"jsonrpc":"2.0","result":"OK","id":"\u00e9\"<é"}`},
		{"id is empty", `{"jsonrpc":"2.0",` + end + `,"id":""}`, `{"jsonrpc":"2.0","result":"OK","id":""}`},
		{"id is null", `{"jsonrpc":"2.0",` + end + `,"id":null}`, `{"jsonrpc":"2.0","result":"OK","id":null}`},
		{"id is an object", `{"jsonrpc":"2.0",` + end + `,"id":{}}`, invalid("id is a string, a number or null", "null")},
		{"id is a list", `{"jsonrpc":"2.0",` + end + `,"id":[1]}`, invalid("id is a string, a number or null", "null")},
		{"id is true", `{"jsonrpc":"2.0",` + end + `,"id":true}`, invalid("id is a string, a number or null", "null")},
		{"blanks around", " \r\n\t{\"jsonrpc\":\"2.0\"," + end + ",\"id\":1}\n", ok},
		{"further members", `{"jsonrpc":"2.0","x":{"y":[]},` + end + `,"id":1}`, ok},
		{"params is null", `{"jsonrpc":"2.0","method":"msrp_ua_list_sessions","params":null,"id":1}`, `{"jsonrpc":"2.0","result":[],"id":1}`},

		{"notification", `{"jsonrpc":"2.0",` + end + `}`, ""},
		{"notification of an unknown method", `{"jsonrpc":"2.0","method":"nosuch"}`, ""},
		{"notification with wrong params", `{"jsonrpc":"2.0","method":"msrp_ua:end_session"}`, ""},

		{"nothing", ``, parseError},
		{"blanks", ` `, parseError},
		{"cut short", `{"jsonrpc":"2.0"`, parseError},
		{"cut in a string", `{"jsonrpc":"2.0`, parseError},
		{"cut in an escape", `{"jsonrpc":"\`, parseError},
		{"two documents", `{}{}`, parseError},
		{"a NUL at the end", "{}\x00", parseError},
		{"not UTF-8", "{\"jsonrpc\":\"2.0\",\"method\":\"msrp_ua:send_message\",\"params\":[\"s1\",\"text/plain\",\"\xff\",\"no\",\"no\"],\"id\":1}", parseError},
		{"half a surrogate pair", `{"jsonrpc":"2.0","method":"x\ud83d","id":1}`, parseError},
		{"the other half", `{"jsonrpc":"2.0","method":"x\uDE00\ud83d","id":1}`, parseError},
		{"half a pair and another escape", `{"jsonrpc":"2.0","method":"x\ud83d\u0041","id":1}`, parseError},
		{"half a pair and the end", `{"jsonrpc":"2.0","method":"x\ud83d`, parseError},
		{"a whole pair", `{"jsonrpc":"2.0","method":"x\uD83D\uDE00","id":1}`, fault(-32601, "Method not found", "")},
		{"an escaped backslash before ud83d", `{"jsonrpc":"2.0","method":"x\\ud83d","id":1}`, fault(-32601, "Method not found", "")},
		{"too deep", strings.Repeat("[", 33) + strings.Repeat("]", 33), parseError},
		{"far too deep", strings.Repeat("[", 1<<20), parseError},
		{"brackets in a string", `{"jsonrpc":"2.0","method":"` + strings.Repeat("[", 1000) + `","id":1}`, fault(-32601, "Method not found", "")},

		{"a number", `1`, invalid("", "null")},
		{"a string", `"x"`, invalid("", "null")},
		{"null", `null`, invalid("", "null")},
		{"empty object", `{}`, invalid("", "null")},
		{"no version", `{"method":"which","id":1}`, invalid("", "1")},
		{"version 1.0", `{"jsonrpc":"1.0","method":"which","id":1}`, invalid("", "1")},
		{"version is a number", `{"jsonrpc":2.0,"method":"which","id":1}`, invalid("", "1")},
		{"names in another case", `{"jsonrpc":"2.0","Method":"which","id":1}`, invalid("", "1")},
		{"no method, no id", `{"jsonrpc":"2.0"}`, invalid("", "null")},
		{"method is a number", `{"jsonrpc":"2.0","method":5,"id":1}`, invalid("", "1")},
		{"params is a string", `{"jsonrpc":"2.0","method":"which","params":"x","id":1}`, invalid("params is an object or an array", "1")},
		{"params is a number", `{"jsonrpc":"2.0","method":"which","params":1,"id":1}`, invalid("params is an object or an array", "1")},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := server(t, &node{}).Serve(t.Context(), access.All, []byte(c.request))
			if string(got) != c.want {
				t.Errorf("answer %s\nwant   %s", got, c.want)
			}
			if c.want == "" && got != nil {
				t.Error("an answer of no octets is not nil")
			}
		})
	}
}

func TestRequestTooLong(t *testing.T) {
	got := server(t, &node{}).Serve(t.Context(), access.All, make([]byte, mi.MaxRequest+1))
	if !strings.Contains(string(got), `"code":-32600`) {
		t.Errorf("answer %s", got)
	}
}

func TestCalls(t *testing.T) {
	start := control.Start{ContentTypes: "text/plain *", FromURI: "sip:a@h", ToURI: "sip:b@h", RequestURI: "sip:b@h:5070"}
	startByName := `{"content_types":"text/plain *","from_uri":"sip:a@h","to_uri":"sip:b@h","ruri":"sip:b@h:5070"`
	send := func(s control.Send) []any { return []any{s} }
	for _, c := range []struct {
		name, method, params, want string
		asked                      []any
	}{
		{"start by name", "start_session", startByName + `}`, ok, []any{start}},
		{"start by position", "start_session", `["text/plain *","sip:a@h","sip:b@h","sip:b@h:5070"]`, ok, []any{start}},
		{"start, return the id", "start_session", startByName + `,"return":"id"}`, `{"jsonrpc":"2.0","result":{"session_id":"new1"},"id":1}`, []any{start}},
		{"start, return something else", "start_session", startByName + `,"return":"ID"}`, fault(-32602, "Invalid params", `return takes "id" only`), nil},
		{"start, return a number", "start_session", startByName + `,"return":1}`, fault(-32602, "Invalid params", `return takes "id" only`), nil},
		{"return by position", "start_session", `["text/plain *","sip:a@h","sip:b@h","sip:b@h:5070","id"]`, fault(-32602, "Invalid params", "Too few or too many parameters"), nil},
		{"return alone", "start_session", `{"return":"id"}`, fault(-32602, "Invalid params", "Too few or too many parameters"), nil},
		{"start, one name wrong", "start_session", `{"content_types":"*","from_uri":"sip:a@h","to_uri":"sip:b@h","uri":"x"}`, fault(-32602, "Invalid params", "Named parameters do not match"), nil},
		{"start, a name in another case", "start_session", `{"content_types":"*","from_uri":"sip:a@h","to_uri":"sip:b@h","RURI":"x"}`, fault(-32602, "Invalid params", "Named parameters do not match"), nil},
		{"start, one null", "start_session", `["*",null,"sip:b@h","sip:b@h"]`, fault(-32602, "Invalid params", "from_uri is not a string"), nil},

		{"send without body", "send_message", `{"session_id":"s1"}`, ok, send(control.Send{SessionID: "s1"})},
		{"send without body, by position", "send_message", `["s1"]`, ok, send(control.Send{SessionID: "s1"})},
		{"send", "send_message", `{"session_id":"s1","mime":"text/plain","body":"hello"}`, ok, send(control.Send{SessionID: "s1", ContentType: "text/plain", Body: []byte("hello")})},
		{"send an empty body", "send_message", `{"session_id":"s1","mime":"text/plain","body":""}`, ok, send(control.Send{SessionID: "s1", ContentType: "text/plain", Body: []byte{}})},
		{"send what JSON escapes", "send_message", `{"session_id":"s1","mime":"text/plain","body":"\u0000\r\n\ud83d\ude00é/\/"}`, ok, send(control.Send{SessionID: "s1", ContentType: "text/plain", Body: []byte("\x00\r\n😀é//")})},
		{"send a number", "send_message", `{"session_id":"s1","mime":"text/plain","body":1.50}`, ok, send(control.Send{SessionID: "s1", ContentType: "text/plain", Body: []byte("1.50")})},
		{"send by position", "send_message", `["s1","text/plain","hello","partial","yes"]`, ok, send(control.Send{SessionID: "s1", ContentType: "text/plain", Body: []byte("hello"), FailureReport: msrp.FailurePartial, SuccessReport: true})},
		{"reports, no", "send_message", `{"session_id":"s1","failure_report":"no","success_report":"no"}`, ok, send(control.Send{SessionID: "s1", FailureReport: msrp.FailureNo})},
		{"reports, yes", "send_message", `{"session_id":"s1","failure_report":"yes","success_report":"yes"}`, ok, send(control.Send{SessionID: "s1", SuccessReport: true})},
		{"failure report alone", "send_message", `{"session_id":"s1","failure_report":"partial"}`, ok, send(control.Send{SessionID: "s1", FailureReport: msrp.FailurePartial})},
		{"success report with body", "send_message", `{"session_id":"s1","mime":"a/b","body":"x","success_report":"yes"}`, ok, send(control.Send{SessionID: "s1", ContentType: "a/b", Body: []byte("x"), SuccessReport: true})},
		{"send, return the id", "send_message", `{"session_id":"s1","return":"id"}`, `{"jsonrpc":"2.0","result":{"message_id":"m1"},"id":1}`, send(control.Send{SessionID: "s1"})},
		{"send, return the id beside the longest recipe", "send_message", `{"session_id":"s1","mime":"a/b","body":"x","failure_report":"no","success_report":"no","return":"id"}`, `{"jsonrpc":"2.0","result":{"message_id":"m1"},"id":1}`, send(control.Send{SessionID: "s1", ContentType: "a/b", Body: []byte("x"), FailureReport: msrp.FailureNo})},
		{"two by position", "send_message", `["s1","no"]`, fault(-32602, "Invalid params", "Ambiguous call, use named parameters instead"), nil},
		{"three by position", "send_message", `["s1","no","no"]`, fault(-32602, "Invalid params", "Ambiguous call, use named parameters instead"), nil},
		{"four by position", "send_message", `["s1","a/b","x","no"]`, fault(-32602, "Invalid params", "Ambiguous call, use named parameters instead"), nil},
		{"six by position", "send_message", `["s1","a/b","x","no","no","id"]`, fault(-32602, "Invalid params", "Too few or too many parameters"), nil},
		{"none by position", "send_message", `[]`, fault(-32602, "Invalid params", "Too few or too many parameters"), nil},
		{"mime without body", "send_message", `{"session_id":"s1","mime":"a/b"}`, fault(-32602, "Invalid params", "Named parameters do not match"), nil},
		{"body without mime", "send_message", `{"session_id":"s1","body":"x","failure_report":"no"}`, fault(-32602, "Invalid params", "Named parameters do not match"), nil},
		{"six by name", "send_message", `{"session_id":"s1","mime":"a/b","body":"x","failure_report":"no","success_report":"no","x":"y"}`, fault(-32602, "Invalid params", "Too few or too many parameters"), nil},
		{"an empty mime would lose the body", "send_message", `{"session_id":"s1","mime":"","body":"x"}`, fault(500, "Failed to send message", "mime is empty; leave out mime and body for a SEND without body"), nil},
		{"body is an object", "send_message", `{"session_id":"s1","mime":"a/b","body":{}}`, fault(-32602, "Invalid params", "body is not a string"), nil},
		{"session_id is true", "send_message", `[true]`, fault(-32602, "Invalid params", "session_id is not a string"), nil},
		{"failure report first, then the session", "send_message", `{"session_id":"none","failure_report":"Yes"}`, fault(500, "Unacceptable value for Failure-Report", ""), nil},
		{"success report first, then the session", "send_message", `{"session_id":"none","success_report":"partial"}`, fault(500, "Unacceptable value for Success-Report", ""), nil},
		{"an empty report value", "send_message", `{"session_id":"s1","success_report":""}`, fault(500, "Unacceptable value for Success-Report", ""), nil},
		{"unknown session", "send_message", `{"session_id":"none"}`, fault(404, "Unknown session", ""), send(control.Send{SessionID: "none"})},
		{"session_id is a number", "send_message", `{"session_id":5}`, fault(404, "Unknown session", ""), send(control.Send{SessionID: "5"})},

		{"end by name", "end_session", `{"session_id":"s1"}`, ok, []any{"s1"}},
		{"end by position", "end_session", `["s1"]`, ok, []any{"s1"}},
		{"end an unknown session", "end_session", `["none"]`, fault(404, "Unknown session", ""), []any{"none"}},
		{"end has no return", "end_session", `{"session_id":"s1","return":"id"}`, fault(-32602, "Invalid params", "Too few or too many parameters"), nil},
		{"end without a session", "end_session", ``, fault(-32602, "Invalid params", "Too few or too many parameters"), nil},

		{"list with params", "list_sessions", `["x"]`, fault(-32602, "Invalid params", "Too few or too many parameters"), nil},
		{"list with none, by name", "list_sessions", `{}`, `{"jsonrpc":"2.0","result":[],"id":1}`, nil},
		{"list with none, by position", "list_sessions", `[]`, `{"jsonrpc":"2.0","result":[],"id":1}`, nil},
	} {
		for _, spelling := range []string{"msrp_ua:", "msrp_ua_"} {
			t.Run(c.name+"/"+spelling, func(t *testing.T) {
				n := &node{}
				got := server(t, n).Serve(t.Context(), access.All, []byte(call(spelling+c.method, c.params)))
				if string(got) != c.want {
					t.Errorf("answer %s\nwant   %s", got, c.want)
				}
				if diff := cmp.Diff(c.asked, n.asked); diff != "" {
					t.Errorf("the node was asked for something else: %s", diff)
				}
			})
		}
	}
}

func TestNodeRefuses(t *testing.T) {
	n := &node{err: errors.New("the reason: <x> & \"y\"")}
	data := `,"data":"the reason: <x> & \"y\""`
	for _, c := range []struct{ name, request, want string }{
		{"start", call("msrp_ua:start_session", `["*","sip:a@h","sip:b@h","sip:b@h"]`), `{"jsonrpc":"2.0","error":{"code":500,"message":"Failed to start session"` + data + `},"id":1}`},
		{"send", call("msrp_ua:send_message", `["s1"]`), `{"jsonrpc":"2.0","error":{"code":500,"message":"Failed to send message"` + data + `},"id":1}`},
		{"end", call("msrp_ua:end_session", `["s1"]`), `{"jsonrpc":"2.0","error":{"code":500,"message":"Unable to end session"},"id":1}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := server(t, n).Serve(t.Context(), access.All, []byte(c.request)); string(got) != c.want {
				t.Errorf("answer %s\nwant   %s", got, c.want)
			}
		})
	}
}

func TestListSessions(t *testing.T) {
	n := &node{sessions: []control.Session{{
		SessionID: "9fbf", B2BKey: "B2B.1", Type: "UAS", Handler: "msrp_ua", State: 2,
		PeerPath: "msrp://127.0.0.1:12000/ea09;tcp", Lifetime: 43200, CallID: "c", FromURI: "sip:a@h", ToURI: "sip:b@h",
	}}}
	// The first seven members keep OpenSIPS' names, types and order; what follows them may grow.
	want := `{"jsonrpc":"2.0","result":[{"session_id":"9fbf","b2b_key":"B2B.1","type":"UAS","handler":"msrp_ua","dlg_state":2,` +
		`"peer_path":"msrp://127.0.0.1:12000/ea09;tcp","lifetime":43200,`
	got := string(server(t, n).Serve(t.Context(), access.All, []byte(call("msrp_ua_list_sessions", ""))))
	if !strings.HasPrefix(got, want) || !strings.HasSuffix(got, `}],"id":1}`) {
		t.Errorf("answer %s\nwant   %s…", got, want)
	}
}

func TestListRegistrations(t *testing.T) {
	for want, n := range map[string]*node{
		`[]`: {},
		`[{"aor":"sip:a@h","registered":true,"expires":59,"code":200,"reason":"OK"}]`: {registrations: []control.Registration{{AOR: "sip:a@h", Registered: true, Expires: 59, Code: 200, Reason: "OK"}}},
	} {
		want = `{"jsonrpc":"2.0","result":` + want + `,"id":1}`
		for _, name := range []string{"msrp_ua:list_registrations", "msrp_ua_list_registrations"} {
			if got := string(server(t, n).Serve(t.Context(), access.All, []byte(call(name, "")))); got != want {
				t.Errorf("answer %s\nwant   %s", got, want)
			}
		}
	}
}

func TestCore(t *testing.T) {
	s := server(t, &node{})
	for _, c := range []struct{ name, request, want string }{
		{"version", call("version", ""), `"result":{"Server":"Parley (0.1.0 (`},
		{"version, core spelling", call("core:version", ""), `"result":{"Server":"Parley (0.1.0 (`},
		{"uptime", call("uptime", ""), `"result":{"Now":"2026-11-03T09:02:57Z","Up since":"2026-11-03T09:00:00Z","Up time":"177 [sec]"}`},
		{"uptime, core spelling", call("core:uptime", "{}"), `"Up time":"177 [sec]"`},
		{"which, no parameters", call("which", `["uptime"]`), `"result":[[]]`},
		{"which, one and more", call("core:which", `{"command":"which"}`), `"result":[[],["command"]]`},
		{"which of something unknown", call("which", `["msrp_ua:nosuch"]`), `"error":{"code":404,"message":"unknown MI command"}`},
		{"which of a module", call("which", `["msrp_ua:end"]`), `"error":{"code":404,"message":"unknown MI command"}`},
		{"which of a module's name", call("which", `["core:"]`), `"result":["core:which","core:version","core:uptime",`},
		{"which of a module that is not there", call("which", `["sip_trace:"]`), `"error":{"code":404,"message":"unknown MI command"}`},
		{"help", call("help", ""), `"result":{"Help":"help mi_cmd - returns information about 'mi_cmd'"}`},
		{"help, of a command", call("core:help", `["msrp_ua_end_session"]`), `"result":{"Help":"ends an MSRP session","Exported by":"msrp_ua"}`},
		{"help, of the core", call("help", `{"mi_cmd":"uptime"}`), `"Exported by":"core"}`},
		{"help, of something unknown", call("help", `["nosuch"]`), `"error":{"code":404,"message":"unknown MI command"}`},
		{"ps", call("ps", ""), fmt.Sprintf(`"result":{"Processes":[{"ID":0,"PID":%d,"Type":"daemon"}]}`, os.Getpid())},
		{"pwd", call("core:pwd", ""), fmt.Sprintf(`"result":{"WD":%q}`, wd(t))},
		{"arg", call("arg", ""), fmt.Sprintf(`"result":[%q`, os.Args[0])},
		{"log_level", call("log_level", ""), fmt.Sprintf(`"result":{"Processes":[{"PID":%d,"Log level":3,"Type":"daemon"}]}`, os.Getpid())},
		{"which lists no return", call("which", `["msrp_ua_start_session"]`), `"result":[["content_types","from_uri","to_uri","ruri"]]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := s.Serve(t.Context(), access.All, []byte(c.request)); !strings.Contains(string(got), c.want) {
				t.Errorf("answer %s\nwant   …%s…", got, c.want)
			}
		})
	}
}

func wd(t *testing.T) string {
	t.Helper()
	directory, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return directory
}

func TestLogLevel(t *testing.T) {
	pid := fmt.Sprint(os.Getpid())
	for _, c := range []struct {
		params, want string
		level        slog.Level
	}{
		{`[4]`, `"result":{"New global log level":4}`, slog.LevelDebug},
		{`["3"]`, `"result":{"New global log level":3}`, slog.LevelInfo},
		{`{"level":2}`, `"result":{"New global log level":1}`, slog.LevelWarn},
		{`[1]`, `"result":{"New global log level":1}`, slog.LevelWarn},
		{`[0]`, `"result":{"New global log level":-1}`, slog.LevelError},
		{`["-3"]`, `"result":{"New global log level":-1}`, slog.LevelError},
		{`["debug"]`, `"result":{"New global log level":4}`, slog.LevelDebug},
		{`["ERROR"]`, `"result":{"New global log level":-1}`, slog.LevelError},
		{`[4,` + pid + `]`, `"result":{"Log level":4}`, slog.LevelDebug},
		{`{"level":"warn","pid":"` + pid + `"}`, `"result":{"Log level":1}`, slog.LevelWarn},
		{`[4,1]`, `"data":"Bad PID"`, slog.LevelInfo},
		{`[4,"x"]`, `"data":"pid is not a whole number"`, slog.LevelInfo},
		{`[5]`, `"data":"level is none of -3 to 4, debug, info, warn and error"`, slog.LevelInfo},
		{`["loud"]`, `"code":-32602`, slog.LevelInfo},
	} {
		level := new(slog.LevelVar)
		s, err := mi.New(mi.Config{Node: &node{}, Level: level})
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Serve(t.Context(), access.All, []byte(call("log_level", c.params))); !strings.Contains(string(got), c.want) {
			t.Errorf("%s: answer %s\nwant   …%s…", c.params, got, c.want)
		}
		if level.Level() != c.level {
			t.Errorf("%s: the level is now %v", c.params, level)
		}
	}
}

func TestGetStatistics(t *testing.T) {
	var set statistics.Set
	for i, path := range []string{"calls:in_200", "msrp:chunks", "msrp:octets_in", "sessions:live"} {
		group, name, _ := strings.Cut(path, ":")
		c := &statistics.Counter{}
		c.Add(uint64(i) + 1)
		set.Counter(statistics.Metric{Group: group, Name: name}, c)
	}
	s, err := mi.New(mi.Config{Node: &node{}, Statistics: &set})
	if err != nil {
		t.Fatal(err)
	}
	for params, want := range map[string]string{
		`{"statistics":["all"]}`:                  `"result":{"calls:in_200":1,"msrp:chunks":2,"msrp:octets_in":3,"sessions:live":4}`,
		`[["msrp:"]]`:                             `"result":{"msrp:chunks":2,"msrp:octets_in":3}`,
		`[["chunks","nothing","msrp:","calls:"]]`: `"result":{"calls:in_200":1,"msrp:chunks":2,"msrp:octets_in":3}`,
		`[["sessions:live"]]`:                     `"result":{"sessions:live":4}`,
		`["LIVE"]`:                                `"result":{"sessions:live":4}`,
		`[["msrp"]]`:                              `"error":{"code":404,"message":"Statistics Not Found"}`,
		`[[]]`:                                    `"code":404`,
		`[[1]]`:                                   `"code":-32602,"message":"Invalid params","data":"statistics is not a list of strings"`,
		`[1]`:                                     `"code":-32602`,
		``:                                        `"data":"Too few or too many parameters"`,
		`[[` + strings.Repeat(`"x",`, 100) + `"x"]]`: `"data":"statistics is a list of at most 100 strings"`,
	} {
		if got := string(s.Serve(t.Context(), access.Read, []byte(call("get_statistics", params)))); !strings.Contains(got, want) {
			t.Errorf("%s: answer %s\nwant   …%s…", params, got, want)
		}
	}
}

// TestRights: each method takes what the table of package access says, and nothing is done without it.
func TestRights(t *testing.T) {
	for request, needed := range map[string]access.Rights{
		call("msrp_ua_start_session", `["*","sip:a@h","sip:b@h","sip:b@h"]`): access.Start,
		call("msrp_ua:end_session", `["s1"]`):                                access.Start,
		call("msrp_ua_send_message", `["s1"]`):                               access.Send,
		call("msrp_ua_list_sessions", ""):                                    access.Read,
		call("core:which", ""):                                               access.Read,
		call("log_level", ""):                                                access.Read,
		call("log_level", "[4]"):                                             access.Read | access.Admin,
	} {
		for rights := access.None; rights <= access.All; rights++ {
			n := &node{}
			got := string(server(t, n).Serve(t.Context(), rights, []byte(request)))
			switch refused := strings.Contains(got, `"code":403,"message":"Forbidden"`); {
			case refused == rights.Has(needed):
				t.Errorf("%s with %s: %s", request, rights, got)
			case refused && len(n.asked) > 0:
				t.Errorf("%s with %s: refused and done", request, rights)
			}
		}
	}
}

func TestTooLong(t *testing.T) {
	for request, id := range map[string]string{
		call("x", ""):             "1",
		`[` + call("x", "") + `]`: "null",
		`{`:                       "null",
	} {
		want := `{"jsonrpc":"2.0","error":{"code":-32000,"message":"Server error","data":"why"},"id":` + id + `}`
		if got := string(mi.TooLong([]byte(request), "why")); got != want {
			t.Errorf("%s: %s", request, got)
		}
	}
}

// opensips-cli refuses what which does not list: so it must list all that works, and nothing else.
func TestWhichListsWhatWorks(t *testing.T) {
	s := server(t, &node{})
	var answer struct{ Result []string }
	if err := json.Unmarshal(s.Serve(t.Context(), access.All, []byte(call("which", ""))), &answer); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, name := range answer.Result {
		if seen[name] {
			t.Errorf("%s is listed twice", name)
		}
		seen[name] = true
		if got := s.Serve(t.Context(), access.All, []byte(call(name, ""))); strings.Contains(string(got), "Method not found") {
			t.Errorf("%s is listed, but is not there", name)
		}
	}
	for _, name := range []string{
		"msrp_ua:start_session", "msrp_ua_start_session", "msrp_ua:send_message", "msrp_ua_send_message",
		"msrp_ua:end_session", "msrp_ua_end_session", "msrp_ua:list_sessions", "msrp_ua_list_sessions",
		"which", "core:which", "version", "core:version", "uptime", "core:uptime", "help", "core:help",
		"get_statistics", "core:get_statistics", "ps", "core:ps", "pwd", "core:pwd", "arg", "core:arg", "log_level", "core:log_level",
	} {
		if !seen[name] {
			t.Errorf("%s is not listed", name)
		}
	}
}

func TestBatch(t *testing.T) {
	end := `{"jsonrpc":"2.0","method":"msrp_ua:end_session","params":["s1"],"id":%s}`
	notification := `{"jsonrpc":"2.0","method":"msrp_ua:end_session","params":["s1"]}`
	invalid := `{"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid Request"},"id":null}`
	for _, c := range []struct {
		name, request, want string
		asked               int
	}{
		{"two", `[` + fmt.Sprintf(end, "1") + `, ` + fmt.Sprintf(end, `"b"`) + `]`, `[{"jsonrpc":"2.0","result":"OK","id":1},{"jsonrpc":"2.0","result":"OK","id":"b"}]`, 2},
		{"one", `[` + fmt.Sprintf(end, "1") + `]`, `[` + ok + `]`, 1},
		{"notifications among them", `[` + notification + `,` + fmt.Sprintf(end, "1") + `,` + notification + `]`, `[` + ok + `]`, 3},
		{"notifications only", `[` + notification + `,` + notification + `]`, "", 2},
		{"empty", `[]`, invalid, 0},
		{"of what is no request", `[1,"x",null,[],{}]`, `[` + strings.Repeat(invalid+",", 4) + invalid + `]`, 0},
		{"good and bad", `[1,` + fmt.Sprintf(end, "1") + `]`, `[` + invalid + `,` + ok + `]`, 1},
		{"too many", `[` + strings.Repeat(notification+",", mi.MaxBatch) + notification + `]`, strings.Replace(invalid, `Request"`, `Request","data":"a batch holds at most 100 requests"`, 1), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := &node{}
			if got := server(t, n).Serve(t.Context(), access.All, []byte(c.request)); string(got) != c.want {
				t.Errorf("answer %s\nwant   %s", got, c.want)
			}
			if len(n.asked) != c.asked {
				t.Errorf("the node was asked %d times, want %d", len(n.asked), c.asked)
			}
		})
	}
}

func TestBatchEndsWithItsContext(t *testing.T) {
	n := &node{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := server(t, n).Serve(ctx, access.All, []byte(`[`+call("msrp_ua:end_session", `["s1"]`)+`]`)); got != nil || len(n.asked) > 0 {
		t.Errorf("answer %s, asked %v", got, n.asked)
	}
}

func TestAnswersOfABatchAreBounded(t *testing.T) {
	n := &node{sessions: make([]control.Session, 20_000)} // about 4 MB
	list := call("msrp_ua:list_sessions", "")
	request := `[` + strings.Repeat(list+",", 49) + call("msrp_ua:end_session", `["s1"]`) + `]`
	got := server(t, n).Serve(t.Context(), access.All, []byte(request))
	if len(got) > 32<<20 {
		t.Errorf("an answer of %d octets", len(got))
	}
	if !strings.HasSuffix(string(got), `"data":"the answers of this batch are too long; nothing was done"},"id":1}]`) || len(n.asked) > 0 {
		t.Errorf("the end is …%s, asked %v", got[max(0, len(got)-200):], n.asked)
	}
}
