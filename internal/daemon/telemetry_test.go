package daemon

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/parley-msrp/parley/test/peer"
)

// span is what a collector reads of one (OTLP, trace.proto, in JSON).
type span struct {
	TraceID, SpanID, ParentSpanID, Name string
	Kind                                int
	Start                               string `json:"startTimeUnixNano"`
	End                                 string `json:"endTimeUnixNano"`
	Attributes                          []attribute
	Events                              []struct{ Name string }
	Status                              struct{ Code int }
}

type attribute struct {
	Key   string
	Value struct{ StringValue string }
}

func (s *span) attribute(key string) string {
	for _, a := range s.Attributes {
		if a.Key == key {
			return a.Value.StringValue
		}
	}
	return ""
}

// collector receives OTLP over HTTP. It refuses the first request, as one that is overloaded does.
type collector struct {
	*httptest.Server
	mu       sync.Mutex
	spans    []span
	services []string
	requests int
}

func collect(t *testing.T) *collector {
	c := &collector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			ResourceSpans []struct {
				Resource   struct{ Attributes []attribute }
				ScopeSpans []struct{ Spans []span }
			}
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || r.Method != http.MethodPost || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s of %s: %v", r.Method, r.URL.Path, r.Header.Get("Content-Type"), err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.requests++; c.requests == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		for _, resource := range body.ResourceSpans {
			s := span{Attributes: resource.Resource.Attributes}
			c.services = append(c.services, s.attribute("service.name"))
			for _, scope := range resource.ScopeSpans {
				c.spans = append(c.spans, scope.Spans...)
			}
		}
		w.Write([]byte("{}"))
	}))
	t.Cleanup(c.Close)
	return c
}

// tree is a trace as text: the spans below a parent, each with those below it, the names sorted by their beginnings.
func (c *collector) tree(trace, parent string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var below func(parent string) string
	below = func(parent string) string {
		var all []string
		for _, name := range []string{"receive", "send", "journal append", "SEND", "webhook", "socket", "event stream"} {
			for i := range c.spans {
				if s := &c.spans[i]; s.TraceID == trace && s.ParentSpanID == parent && s.Name == name {
					all = append(all, name+below(s.SpanID))
				}
			}
		}
		if len(all) == 0 {
			return ""
		}
		return "(" + strings.Join(all, ", ") + ")"
	}
	return below(parent)
}

// find gives the first span with that name in which is that message.
func (c *collector) find(name, messageID string) (span, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.spans {
		if s.Name == name && s.attribute("messaging.message.id") == messageID {
			return s, true
		}
	}
	return span{}, false
}

// command posts JSON that comes with a trace context.
func (r *running) command(t *testing.T, path, body, trace string) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+r.http+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Content-Type", "application/json")
	q.Header.Set("traceparent", trace)
	q.Close = true
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		t.Fatalf("%s was answered %s", path, answer.Status)
	}
}

// TestTelemetry: a message is one trace, from its SEND to whoever gets its event, or from the command to its fate.
func TestTelemetry(t *testing.T) {
	otlp := collect(t)
	var mu sync.Mutex
	posted := map[string]string{} // traceparent by body
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var e struct{ Type, Traceparent string }
		if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		posted[e.Type+" "+e.Traceparent] = r.Header.Get("traceparent")
	}))
	t.Cleanup(hook.Close)
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	c := free(t)
	c.OTel.Endpoint = otlp.URL
	c.Webhooks = []string{hook.URL + " secret=0123456789abcdef type=E_MSRP_MSG_RECEIVED type=E_MSRP_MSG_SENT type=E_MSRP_SESSION_NEW"}
	c.Events.Subscribe = []string{"E_MSRP_MSG_RECEIVED udp:" + socket.LocalAddr().String()}
	n := serve(t, c)
	_, events := n.get(t, "/v1/events?type=E_MSRP_MSG_RECEIVED")

	d := peer.NewAgent(t, "udp", n.sip).NewDialog("bob")
	own := "msrp://127.0.0.1:9/" + peer.Ident() + ";tcp"
	_, a := d.Call(t, limit, peer.Offer("text/plain", own))
	if a.Code() != 200 {
		t.Fatalf("the INVITE was answered %s", a.Start)
	}
	d.Ack(t)
	s := peer.Session{Own: own, Remote: peer.ParseSDP(a.Body).Media[0].Path()}
	conn := peer.DialMSRP(t, strings.Split(strings.TrimPrefix(s.Remote, "msrp://"), "/")[0])
	in := s.Send("hello")
	conn.Put(in.Bytes())
	if r := conn.Response(t, limit, in.ID); r.Code != 200 {
		t.Fatalf("answered %d", r.Code)
	}
	var event struct{ Subject, Traceparent string }
	for lines := bufio.NewScanner(events); lines.Scan(); {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			if err := json.Unmarshal([]byte(data), &event); err != nil {
				t.Fatal(err)
			}
			break
		}
	}

	const trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	n.command(t, "/v1/sessions/"+event.Subject+"/messages", `{"body":"back","success_report":true}`, "00-"+trace+"-"+parent+"-01")
	out := conn.Request(t, limit, "SEND")
	conn.Put(out.Reply(200, "OK").Bytes())
	conn.Put(s.Report(out.Get("Message-ID"), "1-4/4", "000 200 OK").Bytes())

	const second = "1af7651916cd43dd8448eb211c80319c"
	call := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"msrp_ua:send_message","params":{"session_id":%q,"mime":"text/plain","body":"more"}}`, event.Subject)
	n.command(t, "/mi", call, "00-"+second+"-"+parent+"-01")
	conn.Put(conn.Request(t, limit, "SEND").Reply(403, "No").Bytes())

	const wantIn = "(receive(journal append, webhook, socket, event stream))"
	var incoming span
	eventually(t, "the spans of the message that came", func() bool {
		var ok bool
		incoming, ok = otlp.find("receive", in.Get("Message-ID"))
		return ok && otlp.tree(incoming.TraceID, "") == wantIn
	})
	if want := fmt.Sprintf("00-%s-%s-01", incoming.TraceID, incoming.SpanID); event.Traceparent != want {
		t.Errorf("the event has the trace context %q, want %q", event.Traceparent, want)
	}
	if incoming.attribute("parley.session_id") != event.Subject || incoming.attribute("sip.call_id") == "" || incoming.Kind != 5 || incoming.Start == "" || incoming.End < incoming.Start {
		t.Errorf("%+v", incoming)
	}
	const wantOut = "(send(journal append, SEND))"
	var sent span
	eventually(t, "the spans of the message that was sent", func() bool {
		sent, _ = otlp.find("send", out.Get("Message-ID"))
		return otlp.tree(trace, parent) == wantOut
	})
	if sent.attribute("msrp.fate") != "reported" || len(sent.Events) != 1 || sent.Events[0].Name != "REPORT" || sent.Status.Code != 0 {
		t.Errorf("%+v", sent)
	}
	eventually(t, "the spans of the message that the peer refuses", func() bool {
		return otlp.tree(second, parent) == wantOut
	})
	mu.Lock()
	defer mu.Unlock()
	header := posted["E_MSRP_MSG_RECEIVED "+event.Traceparent]
	if !strings.HasPrefix(header, "00-"+incoming.TraceID+"-") || header == event.Traceparent {
		t.Errorf("the webhook got the trace context %q of the event's %q", header, event.Traceparent)
	}
	if header, came := posted["E_MSRP_SESSION_NEW "]; !came || header != "" {
		t.Errorf("the event without a trace came to the webhook: %v, with the trace context %q", came, header)
	}
	if err := n.stop(); err != nil {
		t.Error(err)
	}
	if otlp.services[0] != "parley" {
		t.Errorf("services %q", otlp.services)
	}
}
