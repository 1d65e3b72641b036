package mi_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-msrp/parley/internal/access"
	"github.com/parley-msrp/parley/internal/event"
	"github.com/parley-msrp/parley/internal/journal"
	"github.com/parley-msrp/parley/internal/mi"
	"github.com/parley-msrp/parley/internal/sink"
)

// subscribing is a Server whose events go to sockets; the journal is theirs.
func subscribing(t *testing.T) (*mi.Server, *journal.Memory) {
	t.Helper()
	j := journal.NewMemory(journal.MemoryConfig{})
	all := sink.NewSubscribers(sink.SubscribersConfig{
		Journal: j, Append: j.Append, MaxSockets: 3,
		Policy: func(a netip.AddrPort) bool { return a.Addr().IsLoopback() },
	})
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = all.Close(ctx)
	})
	s, err := mi.New(mi.Config{Node: &node{}, Subscribers: all, Product: "Parley", Version: "0.1.0", Started: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	return s, j
}

func ask(s *mi.Server, method, params string) string {
	return string(s.Serve(context.Background(), access.All, []byte(call(method, params))))
}

func result(v string) string { return `{"jsonrpc":"2.0","result":` + v + `,"id":1}` }

// The ids of events are places in a list, and OpenSIPS' list is another one.
var eventID = regexp.MustCompile(`"id":\d+,"Subscriber`)

// TestRecordedSubscribersList makes the subscriptions of the recorded exchanges, and asks for the lists that stand in opensips-wire.txt.
func TestRecordedSubscribersList(t *testing.T) {
	s, _ := subscribing(t)
	subscribe := func(event, socket, expire string) {
		if got := ask(s, "event_subscribe", fmt.Sprintf(`{"event":%q,"socket":%q,"expire":%s}`, event, socket, expire)); got != ok {
			t.Fatal(got)
		}
	}
	for _, socket := range []string{"udp:127.0.0.1:9091", "tcp:127.0.0.1:9092"} {
		for _, name := range []string{"E_MSRP_MSG_RECEIVED", "E_MSRP_SESSION_NEW", "E_MSRP_SESSION_END", "E_MSRP_REPORT_RECEIVED"} {
			subscribe(name, socket, `"3600"`)
		}
	}
	subscribe("E_MSRP_REPORT_RECEIVED", "udp:127.0.0.1:9091", "120")
	recorded, err := os.Open("testdata/opensips-wire.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer recorded.Close()
	request, compared := "", 0
	for lines := bufio.NewScanner(recorded); lines.Scan(); {
		line := lines.Text()
		want, answer := strings.CutPrefix(line, "  -> ")
		if !answer {
			request = line
			continue
		}
		compared++
		got := string(s.Serve(t.Context(), access.All, []byte(request)))
		if eventID.ReplaceAllString(got, "") != eventID.ReplaceAllString(want, "") {
			t.Errorf("%s\ngot  %s\nwant %s", request, got, want)
		}
	}
	if compared != 4 {
		t.Errorf("%d lists were compared", compared)
	}
}

func TestEventsList(t *testing.T) {
	s, _ := subscribing(t)
	want := result(`{"Events":[{"name":"E_MSRP_SESSION_NEW","id":0},{"name":"E_MSRP_SESSION_END","id":1},{"name":"E_MSRP_MSG_RECEIVED","id":2},` +
		`{"name":"E_MSRP_REPORT_RECEIVED","id":3},{"name":"E_MSRP_SESSION_FAILED","id":4},{"name":"E_MSRP_MSG_SENT","id":5},` +
		`{"name":"E_MSRP_SESSION_WARNING","id":6},{"name":"E_MSRP_CONNECTION_LOST","id":7},{"name":"E_MSRP_SESSION_RECOVERED","id":8},` +
		`{"name":"E_MSRP_MSG_QUEUED","id":9},{"name":"E_MSRP_MSG_INCOMPLETE","id":10}]}`)
	for _, method := range []string{"events_list", "core:events_list", "evi:list"} {
		if got := ask(s, method, ""); got != want {
			t.Errorf("%s: %s", method, got)
		}
	}
}

func TestSubscribeSpellingsAndErrors(t *testing.T) {
	bad := fault(400, "Bad parameter value", "")
	for _, c := range []struct{ name, method, params, want string }{
		{"by name", "event_subscribe", `{"event":"E_MSRP_MSG_SENT","socket":"udp:127.0.0.1:9"}`, ok},
		{"core", "core:event_subscribe", `["E_MSRP_SESSION_FAILED","unix:/run/events"]`, ok},
		{"evi", "evi:subscribe", `["E_MSRP_SESSION_FAILED","tcp:localhost:9","60"]`, ok},
		{"unknown event", "event_subscribe", `["E_NOPE","udp:127.0.0.1:9"]`, bad},
		{"unknown kind of socket", "event_subscribe", `["E_MSRP_MSG_SENT","xmpp:foo"]`, bad},
		{"no port", "event_subscribe", `["E_MSRP_MSG_SENT","udp:127.0.0.1"]`, bad},
		{"not permitted", "event_subscribe", `["E_MSRP_MSG_SENT","udp:192.0.2.1:9"]`, fault(400, "Bad parameter value", "events may not go there: 192.0.2.1:9")},
		{"one socket too many", "event_subscribe", `["E_MSRP_MSG_SENT","udp:127.0.0.1:10"]`, fault(500, "Failed to subscribe", "too many sockets get events already: 3")},
		{"negative", "event_subscribe", `["E_MSRP_MSG_SENT","udp:127.0.0.1:9",-1]`, fault(-32602, "Invalid params", "Negative expire value")},
		{"negative text", "event_subscribe", `["E_MSRP_MSG_SENT","udp:127.0.0.1:9","-1"]`, fault(-32602, "Invalid params", "Negative expire value")},
		{"no number", "event_subscribe", `["E_MSRP_MSG_SENT","udp:127.0.0.1:9","soon"]`, fault(-32602, "Invalid params", "expire is not a whole number")},
		{"too large", "event_subscribe", `["E_MSRP_MSG_SENT","udp:127.0.0.1:9",99999999999]`, fault(-32602, "Invalid params", "expire is not a whole number")},
		{"no socket", "event_subscribe", `["E_MSRP_MSG_SENT"]`, fault(-32602, "Invalid params", "Too few or too many parameters")},
		{"ended, though there is none", "event_subscribe", `["E_MSRP_MSG_SENT","udp:127.0.0.1:11","0"]`, ok},
	} {
		s, _ := subscribing(t)
		if c.name == "one socket too many" {
			for _, socket := range []string{"udp:127.0.0.1:1", "udp:127.0.0.1:2", "udp:127.0.0.1:3"} {
				ask(s, "event_subscribe", `["E_MSRP_MSG_SENT","`+socket+`"]`)
			}
		}
		if got := ask(s, c.method, c.params); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
	}
}

// TestTTL watches a subscription from its beginning to its end.
func TestTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := subscribing(t)
		list := func() string { return ask(s, "evi:subscribers", `["E_MSRP_MSG_SENT","udp:127.0.0.1:9"]`) }
		entry := func(v string) string {
			return result(`{"Event":{"name":"E_MSRP_MSG_SENT","id":5,"Subscriber":` + v + `}}`)
		}
		gone := fault(404, "Subscriber does not exist", "")
		if got := list(); got != gone {
			t.Error(got)
		}
		ask(s, "event_subscribe", `["E_MSRP_MSG_SENT","udp:127.0.0.1:9"]`)
		time.Sleep(81 * time.Second)
		if got := list(); got != entry(`{"socket":"udp:127.0.0.1:9","expire":3600,"ttl":3519}`) {
			t.Error(got)
		}
		ask(s, "event_subscribe", `["E_MSRP_MSG_SENT","udp:127.0.0.1:9",5]`)
		time.Sleep(5 * time.Second)
		if got := list(); got != entry(`{"socket":"udp:127.0.0.1:9","expire":5,"ttl":"expired"}`) {
			t.Error(got)
		}
		time.Sleep(time.Minute)
		if got := list(); got != gone {
			t.Error(got)
		}
		if got := ask(s, "subscribers_list", `{"event":"E_MSRP_MSG_SENT"}`); got != result(`{"Event":{}}`) {
			t.Error(got)
		}
		if got := ask(s, "subscribers_list", ""); got != result(`{"Events":[]}`) {
			t.Error(got)
		}
	})
}

// always has one subscription without end, which only a configuration can make.
type always struct{}

func (always) Subscribe(event.Name, string, time.Duration) error { return errors.New("journal away") }

func (always) Raise(event.Name, []event.Param) error { return errors.New("journal away") }

func (always) List() []sink.Subscription {
	return []sink.Subscription{{Event: event.MsgSent, Socket: "unix:/run/events", Expire: sink.Never}}
}

func TestNeverAndFailures(t *testing.T) {
	s, err := mi.New(mi.Config{Node: &node{}, Subscribers: always{}})
	if err != nil {
		t.Fatal(err)
	}
	want := result(`{"Events":[{"name":"E_MSRP_MSG_SENT","id":5,"Subscribers":[{"socket":"unix:/run/events","expire":"never"}]}]}`)
	if got := ask(s, "subscribers_list", ""); got != want {
		t.Error(got)
	}
	if got := ask(s, "event_subscribe", `["E_MSRP_MSG_SENT","udp:127.0.0.1:9"]`); got != fault(500, "Failed to subscribe", "journal away") {
		t.Error(got)
	}
	if got := ask(s, "raise_event", `["E_MSRP_MSG_SENT"]`); got != fault(500, "Cannot Raise Event", "journal away") {
		t.Error(got)
	}
}

func TestRaiseEvent(t *testing.T) {
	s, j := subscribing(t)
	if got := ask(s, "raise_event", `["E_NOPE"]`); got != fault(404, "Event not registered", "") {
		t.Error(got)
	}
	if got := ask(s, "raise_event", `["E_MSRP_MSG_RECEIVED"]`); got != fault(480, "Temporarily Unavailable", "") {
		t.Error(got)
	}
	ask(s, "event_subscribe", `["E_MSRP_MSG_RECEIVED","udp:127.0.0.1:9"]`)
	reader, err := j.Subscribe(journal.Newest)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	notification := func(params string) string {
		return `{"jsonrpc":"2.0","method":"E_MSRP_MSG_RECEIVED","params":{` + params + `}}`
	}
	all := notification(`"session_id":"s","content_type":"text/plain","body":"hello"`)
	for _, c := range []struct{ method, params, want string }{
		{"raise_event", `{"event":"E_MSRP_MSG_RECEIVED"}`, notification("")},
		{"core:raise_event", `["E_MSRP_MSG_RECEIVED",["s","text/plain","hello"]]`, all},
		{"evi:raise", `{"event":"E_MSRP_MSG_RECEIVED","params":{"session_id":"s","content_type":"text/plain","body":"hello"}}`, all},
		{"raise_event", `{"event":"E_MSRP_MSG_RECEIVED","params":"{\"session_id\":\"s\",\"content_type\":\"text/plain\",\"body\":\"hello\"}"}`, all},
		{"raise_event", `["E_MSRP_MSG_RECEIVED",{"b":5,"a":[1]}]`, notification(`"b":5,"a":"[1]"`)},
		{"raise_event", `["E_MSRP_MSG_RECEIVED",{"body_base64":"/wA="}]`, notification(`"body_base64":"/wA="`)},
	} {
		if got := ask(s, c.method, c.params); got != ok {
			t.Errorf("%s: %s", c.params, got)
			continue
		}
		e, err := reader.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := string(e.AppendNotification(nil)); got != c.want {
			t.Errorf("%s\ngot  %s\nwant %s", c.params, got, c.want)
		}
		if cloud := string(e.AppendCloudEvent(nil)); !strings.Contains(cloud, `"raised":true`) || strings.Contains(cloud, `"subject"`) {
			t.Errorf("not marked as raised: %s", cloud)
		} else if _, err := event.ParseCloudEvent([]byte(cloud)); err != nil {
			t.Errorf("a journal could not read it: %v", err)
		}
	}
	for _, params := range []string{`"no object"`, `""`, `5`, `["a","b","c","d"]`, `{"body_base64":"no base64"}`} {
		if got := ask(s, "raise_event", `["E_MSRP_MSG_RECEIVED",`+params+`]`); got != fault(400, "Bad Params", "") {
			t.Errorf("%s: %s", params, got)
		}
	}
}
