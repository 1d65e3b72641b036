package control_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-msrp/parley/internal/control"
	"github.com/parley-msrp/parley/internal/event"
	"github.com/parley-msrp/parley/internal/journal"
	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/test/peer"
)

// TestEvents looks at what is told of a call from its beginning to whatever ends it.
func TestEvents(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(t *testing.T, n *node, c *call)
		want []string
	}{
		{
			name: "BYE",
			end:  func(t *testing.T, _ *node, c *call) { c.Bye(t, limit) },
			want: []string{"SESSION_END 3 reason=BYE"},
		},
		{
			name: "BYE with a Reason",
			end: func(t *testing.T, _ *node, c *call) {
				c.Agent.Ask(t, limit, c.Request("BYE").Del("Contact").Add("Reason", `SIP;cause=200;text="had enough"`))
			},
			want: []string{"SESSION_END 3 reason=had enough"},
		},
		{
			name: "connection lost",
			end: func(t *testing.T, _ *node, c *call) {
				c.conn.Reset()
				c.Answer(t, c.Agent.Request(t, limit, "INVITE"), 488, "Not Acceptable Here")
			},
			want: []string{
				"CONNECTION_LOST 3 reason=MSRP connection lost",
				"SESSION_END 4 reason=MSRP connection lost, and the peer refused the offer of another one with 488",
			},
		},
		{
			name: "shutting down",
			end:  func(t *testing.T, n *node, _ *call) { _ = n.agent.Close(expired(t)) },
			want: []string{"SESSION_END 3 reason=shutting down"},
		},
		{
			name: "the application itself: nothing is told",
			end: func(t *testing.T, n *node, c *call) {
				for range 2 { // the second time is no error
					if err := n.End(c.id); err != nil {
						t.Error(err)
					}
				}
				c.Answer(t, c.Agent.Request(t, limit, "BYE"), 200, "OK")
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := journal.NewMemory(journal.MemoryConfig{})
			n, r := newNode(t, j, msrp.Config{}), read(t, j)
			call := newCall(t, n)
			e := r.next(t)
			if got := short(e, "session_id", "content_types", "to_uri", "ruri", "call_id"); got != strings.Join([]string{
				"SESSION_NEW 1 session_id=" + call.id, "content_types=text/plain", "to_uri=" + call.Remote, "ruri=" + call.Remote, "call_id=" + call.CallID,
			}, " ") {
				t.Error(got)
			}
			send := call.session.Send("hello")
			call.conn.Put(send.Bytes())
			if f := call.conn.Response(t, limit, send.ID); f.Code != 200 {
				t.Errorf("the SEND was answered %d", f.Code)
			}
			e = r.next(t)
			if got := short(e, "content_type", "body", "message_id"); got != "MSG_RECEIVED 2 content_type=text/plain body=hello message_id="+send.Get("Message-ID") {
				t.Error(got)
			}
			c.end(t, n, call)
			if c.want == nil {
				waitForgotten(t, n)
			}
			for _, want := range c.want {
				if got := short(r.next(t), "reason"); got != want {
					t.Errorf("told %s, want %s", got, want)
				}
			}
			nothing(t, j, r)
		})
	}
	t.Run("set-up that fails", func(t *testing.T) {
		j := journal.NewMemory(journal.MemoryConfig{})
		n, r := newNode(t, j, msrp.Config{}), read(t, j)
		p := peer.NewAgent(t, "udp", "127.0.0.1:9")
		to := "sip:bob@" + p.Addr.String()
		id, err := n.Start(control.Start{ContentTypes: "text/plain *", FromURI: "sip:alice@127.0.0.1", ToURI: to, RequestURI: to})
		if err != nil {
			t.Fatal(err)
		}
		invite := p.Request(t, limit, "INVITE")
		if l := n.List(); len(l) != 1 || l[0].SessionID != id || l[0].Type != "UAC" || l[0].State != 0 || l[0].PeerPath != "" || l[0].Lifetime != 60 {
			t.Errorf("listed: %+v", l)
		}
		p.Answering(invite).Answer(t, invite, 486, "Busy Here")
		want := "SESSION_FAILED 1 session_id=" + id + " code=486 reason=Busy Here from_uri=sip:alice@127.0.0.1 to_uri=" + to + " ruri=" + to
		if got := short(r.next(t), "session_id", "code", "reason", "from_uri", "to_uri", "ruri"); got != want {
			t.Errorf("told %s, want %s", got, want)
		}
		waitForgotten(t, n)
		nothing(t, j, r)
	})
}

// nothing closes the journal and fails the test if there was something left in it.
func nothing(t *testing.T, j journal.Journal, r reader) {
	t.Helper()
	j.Close()
	if e, err := r.Next(t.Context()); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("then came %s, %v", short(e), err)
	}
}

// TestFates has the peer do something with a message, and looks at what is told of it.
func TestFates(t *testing.T) {
	answer := func(code int, comment string) func(*testing.T, *call, *peer.Frame) {
		return func(_ *testing.T, c *call, f *peer.Frame) { c.conn.Answer(f, code, comment) }
	}
	report := func(byteRange, status string) func(*testing.T, *call, *peer.Frame) {
		return func(_ *testing.T, c *call, f *peer.Frame) {
			c.conn.Answer(f, 200, "OK")
			c.conn.Put(c.session.Report(f.Get("Message-ID"), byteRange, status).Bytes())
		}
	}
	for _, c := range []struct {
		name string
		send control.Send
		do   func(*testing.T, *call, *peer.Frame)
		want []string      // without their numbers
		late time.Duration // when a response is late; 0: as usual
	}{
		{name: "200", do: answer(200, "OK"), want: []string{"MSG_SENT fate=delivered code=<nil>"}},
		{name: "negative response", do: answer(413, "Too large"), want: []string{"REPORT_RECEIVED status=413 byte_range=1-5/5 comment=Too large"}},
		{name: "success REPORT", send: control.Send{SuccessReport: true}, do: report("1-5/5", "000 200 OK"), want: []string{"REPORT_RECEIVED status=200 OK byte_range=1-5/5 comment=<nil>"}},
		{name: "failure REPORT", send: control.Send{SuccessReport: true}, do: report("1-5/5", "000 413 Stop"), want: []string{"REPORT_RECEIVED status=413 Stop byte_range=1-5/5 comment=<nil>"}},
		{name: "no response", do: func(*testing.T, *call, *peer.Frame) {}, want: []string{"REPORT_RECEIVED status=408 byte_range=1-5/5 comment="}, late: 300 * time.Millisecond},
		{name: "Failure-Report no", send: control.Send{FailureReport: msrp.FailureNo}, do: func(*testing.T, *call, *peer.Frame) {}, want: []string{"MSG_SENT fate=written code=<nil>"}},
		{
			// Whether it was written first is for the peer to say, who may be very fast.
			name: "Failure-Report partial, refused", send: control.Send{FailureReport: msrp.FailurePartial}, do: answer(400, "no"),
			want: []string{"REPORT_RECEIVED status=400 byte_range=1-5/5 comment=no"},
		},
		{
			name: "BYE before the answer", do: func(t *testing.T, c *call, _ *peer.Frame) { c.Bye(t, limit) },
			want: []string{"MSG_SENT fate=failed code=<nil>", "SESSION_END reason=BYE"},
		},
		{
			name: "BYE before the success REPORT", send: control.Send{SuccessReport: true},
			do:   func(t *testing.T, c *call, f *peer.Frame) { c.conn.Answer(f, 200, "OK"); c.Bye(t, limit) },
			want: []string{"MSG_SENT fate=unconfirmed code=<nil>", "SESSION_END reason=BYE"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := journal.NewMemory(journal.MemoryConfig{})
			n, r := newNode(t, j, msrp.Config{ResponseTimeout: c.late}), read(t, j)
			call := newCall(t, n)
			r.skip(t, event.SessionNew)
			send := c.send
			send.SessionID, send.ContentType, send.Body = call.id, "text/plain", []byte("hello")
			id, err := n.Send(send)
			if err != nil {
				t.Fatal(err)
			}
			c.do(t, call, call.conn.Request(t, limit, "SEND"))
			number := uint64(2)
			if e := r.next(t); e.Name != event.MsgQueued || e.Param("message_id") != id || e.Sequence != number {
				t.Errorf("told %+v", e)
			}
			for _, want := range c.want {
				e := r.next(t)
				number++
				if e.Name == event.MsgSent && send.FailureReport == msrp.FailurePartial {
					e = r.next(t)
					number++
				}
				members := map[event.Name][]string{
					event.MsgSent: {"fate", "code"}, event.ReportReceived: {"status", "byte_range", "comment"}, event.SessionEnd: {"reason"},
				}[e.Name]
				if e.Sequence != number {
					t.Errorf("sequence %d, want %d", e.Sequence, number)
				}
				e.Sequence = 0
				if got := strings.Replace(short(e, members...), " 0", "", 1); got != want {
					t.Errorf("told %s, want %s", got, want)
				}
				if e.Name != event.SessionEnd && e.Param("message_id") != id {
					t.Errorf("message_id %v, want %s", e.Param("message_id"), id)
				}
			}
		})
	}
}

func TestInput(t *testing.T) {
	j := journal.NewMemory(journal.MemoryConfig{})
	n := newNode(t, j, msrp.Config{QueuedMessages: 1, Window: 1})
	for _, c := range []struct {
		start control.Start
		want  string
	}{
		{control.Start{ContentTypes: "", FromURI: "sip:a@b", ToURI: "sip:b@127.0.0.1", RequestURI: "sip:b@127.0.0.1"}, "content_types: "},
		{control.Start{ContentTypes: "*", FromURI: "a", ToURI: "sip:b@127.0.0.1", RequestURI: "sip:b@127.0.0.1"}, "from_uri: "},
		{control.Start{ContentTypes: "*", FromURI: "sip:a@b", ToURI: "", RequestURI: "sip:b@127.0.0.1"}, "to_uri: "},
		{control.Start{ContentTypes: "*", FromURI: "sip:a@b", ToURI: "sip:b@127.0.0.1", RequestURI: ""}, "ruri: "},
		{control.Start{ContentTypes: "*", FromURI: "sip:a@b", ToURI: "sip:b@127.0.0.1", RequestURI: "tel:1"}, "ruri: "},
	} {
		if id, err := n.Start(c.start); err == nil || id != "" || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%+v: %q, %v; want %s…", c.start, id, err, c.want)
		}
	}
	if err := n.End("nobody"); !errors.Is(err, control.ErrUnknownSession) {
		t.Error(err)
	}
	if _, err := n.Send(control.Send{SessionID: "nobody"}); !errors.Is(err, control.ErrUnknownSession) {
		t.Error(err)
	}
	call := newCall(t, n)
	if _, err := n.Send(control.Send{SessionID: call.id, ContentType: "image/png", Body: []byte("x")}); err == nil {
		t.Error("a type that the peer does not take was sent")
	}
	// A full queue refuses at once: a command must not wait.
	eventually(t, func() bool {
		_, err := n.Send(control.Send{SessionID: call.id, ContentType: "text/plain", Body: []byte("x")})
		return errors.Is(err, msrp.ErrQueueFull)
	})
}

func TestList(t *testing.T) {
	n := newNode(t, journal.NewMemory(journal.MemoryConfig{}), msrp.Config{})
	if l := n.List(); l == nil || len(l) != 0 {
		t.Errorf("nothing is listed as %#v", l)
	}
	first, second := newCall(t, n), newCall(t, n)
	eventually(t, func() bool { l := n.List(); return l[0].State == 2 && l[1].State == 2 })
	l := n.List()
	want := []control.Session{
		{
			SessionID: first.id, Type: "UAS", Handler: "msrp_ua", State: 2, PeerPath: first.session.Own, CallID: first.CallID, FromURI: first.Local, ToURI: first.Remote,
			PeerTypes: msrp.Types{"text/plain"},
		},
		{
			SessionID: second.id, Type: "UAS", Handler: "msrp_ua", State: 2, PeerPath: second.session.Own, CallID: second.CallID, FromURI: second.Local, ToURI: second.Remote,
			PeerTypes: msrp.Types{"text/plain"},
		},
	}
	for i := range l {
		if l[i].B2BKey == "" {
			t.Error("no b2b_key")
		}
		if ago := time.Since(l[i].Started); ago < 0 || ago > time.Minute {
			t.Errorf("started %v ago", ago)
		}
		l[i].B2BKey, l[i].Started = "", time.Time{}
	}
	if diff := cmp.Diff(want, l); diff != "" {
		t.Error(diff)
	}
}

// TestLabel: what the request route said of a call is in the list and in each of its events, but for OpenSIPS' parameters.
func TestLabel(t *testing.T) {
	j := journal.NewMemory(journal.MemoryConfig{})
	label := control.Label{Handler: "support", Tags: map[string]string{"customer": "acme", "tier": "1"}}
	n := newLabellingNode(t, j, msrp.Config{}, label)
	r := read(t, j)
	call := newCall(t, n)
	if l := n.List(); len(l) != 1 || l[0].Handler != "support" || !maps.Equal(l[0].Tags, label.Tags) {
		t.Errorf("listed: %+v", l)
	}
	call.conn.Put(call.session.Send("hello").Bytes())
	if _, err := n.Send(control.Send{SessionID: call.id, ContentType: "text/plain", Body: []byte("hi"), FailureReport: msrp.FailureNo}); err != nil {
		t.Fatal(err)
	}
	told := map[event.Name]bool{}
	tell := func(until ...event.Name) {
		for slices.ContainsFunc(until, func(n event.Name) bool { return !told[n] }) {
			e := r.next(t)
			told[e.Name] = true
			if got := short(e, "handler", "tags"); !strings.HasSuffix(got, "handler=support tags=[{customer acme} {tier 1}]") {
				t.Errorf("told %s", got)
			}
		}
	}
	tell(event.SessionNew, event.MsgReceived, event.MsgSent)
	call.Bye(t, limit)
	tell(event.SessionEnd)
}
