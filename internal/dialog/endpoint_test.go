package dialog

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-msrp/parley/internal/sip"
)

// called counts calls that came.
type called struct{ calls, limited atomic.Int32 }

func (c *called) Called(int)  { c.calls.Add(1) }
func (c *called) Calling(int) {}
func (c *called) Limited()    { c.limited.Add(1) }

func TestEndpoint(t *testing.T) {
	overSockets(t, "S-022/draining: 503 with Retry-After, live dialogs go on", Config{}, func(t *testing.T, r *rig) {
		c := r.newCall()
		c.setUp()
		r.expect("established")
		r.e.Drain()
		other := r.newCall()
		inv := other.invite()
		other.send(inv)
		no := other.want("503 INVITE")
		if no.get("Retry-After") == "" {
			t.Errorf("got\n%s", no.raw)
		}
		other.ackFinal(inv, no)
		re := c.request("INVITE").sdp(offerSDP)
		c.send(re)
		c.want("200 INVITE")
		c.ack(re)
		c.bye(r)
	})

	var down atomic.Bool
	counts := &called{}
	unavailable := func() string {
		if down.Load() {
			return "Nothing Works"
		}
		return ""
	}
	overSockets(t, "S-022/unavailable: 503 with Retry-After until it is over, live dialogs go on", Config{Unavailable: unavailable, Counter: counts}, func(t *testing.T, r *rig) {
		c := r.newCall()
		c.setUp()
		r.expect("established")
		counts.calls.Store(0)
		down.Store(true)
		other := r.newCall()
		inv := other.invite()
		other.send(inv)
		no := other.want("503 INVITE")
		if no.get("Retry-After") == "" || !strings.Contains(no.start, "Nothing Works") {
			t.Errorf("got\n%s", no.raw)
		}
		other.ackFinal(inv, no)
		if counts.calls.Load() != 1 || counts.limited.Load() != 0 {
			t.Errorf("%d calls counted, %d of them as above a limit", counts.calls.Load(), counts.limited.Load())
		}
		asked := r.newCall()
		asked.send(asked.request("OPTIONS"))
		if m := asked.want("503 OPTIONS"); m.get("Retry-After") == "" {
			t.Errorf("S-020: got\n%s", m.raw)
		}
		re := c.request("INVITE").sdp(offerSDP)
		c.send(re)
		c.want("200 INVITE")
		c.ack(re)
		c.bye(r)
		down.Store(false)
		again := r.newCall()
		again.setUp()
		r.expect("established")
		again.bye(r)
	})

	overSockets(t, "S-022/too many dialogs: 503, existing ones unharmed", Config{Limits: Limits{Dialogs: 2}}, func(t *testing.T, r *rig) {
		var calls []*call
		for range 2 {
			c := r.newCall()
			c.setUp()
			r.expect("established")
			calls = append(calls, c)
		}
		over := r.newCall()
		inv := over.invite()
		over.send(inv)
		over.ackFinal(inv, over.want("503 INVITE"))
		for _, c := range calls {
			c.send(c.request("BYE"))
			c.want("200 BYE")
			r.expect("ended remote 200 established=true")
		}
		r.quiet()
	})

	overSockets(t, "S-040/more headers than a dialog may keep: 513", Config{}, func(t *testing.T, r *rig) {
		c := r.newCall()
		inv := c.invite("Record-Route: <sip:192.0.2.1;lr;x=" + strings.Repeat("y", maxKept) + ">")
		c.send(inv)
		c.ackFinal(inv, c.want("513 INVITE"))
		r.quiet()
	})

	overSockets(t, "S-006/Close: BYE, CANCEL and 480", Config{}, func(t *testing.T, r *rig) {
		live := r.newCall()
		live.setUp()
		r.expect("established")
		r.invite()
		out := r.want("INVITE")
		r.answer(out, 180, "callee", []string{r.contactRow()}, "")
		r.expect("progress 180")
		incoming := r.keepIncoming()
		c := r.newCall()
		inv := c.invite()
		c.send(inv)
		(<-incoming).OnOver(func(e End) { r.tell("over %s %d", causes[e.Cause], e.Code) })
		done := make(chan error)
		go func() { done <- r.e.Close(t.Context()) }()
		for n := 0; n < 3; n++ {
			switch m := r.next(); m.what() {
			case "ACK":
				n-- // of the 487
			case "BYE":
				if !strings.Contains(m.get("Reason"), "shutting down") {
					t.Errorf("got\n%s", m.raw)
				}
				r.answer(m, 200, "", nil, "")
			case "CANCEL":
				r.answer(m, 200, "callee", nil, "")
				r.answer(out, 487, "callee", nil, "")
			case "480 INVITE":
				c.ackFinal(inv, m)
			default:
				t.Errorf("got %s", m.what())
			}
		}
		check0(t, <-done)
		told := map[string]bool{}
		for range 3 {
			told[<-r.events] = true
		}
		for _, want := range []string{"ended local 200 established=true", "ended local 487 established=false", "over local 480"} {
			if !told[want] {
				t.Errorf("not told %q but %v", want, told)
			}
		}
	})

	underFakeTime(t, "S-006/Close gives up when its context ends, and every owner hears the end", sip.UDP, Config{}, func(t *testing.T, r *rig, _ *memNet) {
		c := r.newCall()
		c.setUp()
		r.expect("established")
		r.invite()
		incoming := r.keepIncoming()
		late := r.newCall()
		late.send(late.invite())
		in := <-incoming
		in.OnOver(func(e End) { r.tell("over") })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.e.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		told := map[string]bool{}
		for range 3 {
			told[<-r.events] = true
		}
		if len(told) != 3 || !told["over"] {
			t.Errorf("told %v", told)
		}
		r.quiet()
		for len(r.in) > 0 {
			r.next()
		}
		for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Second) {
			if len(r.in) > 0 {
				if m := r.next(); m.what() != "480 INVITE" { // of the server transaction
					t.Errorf("still sent: %s", m.what())
				}
			}
		}
	})

	t.Run("S-011/the configured Contact is used", func(t *testing.T) {
		r := &rig{}
		at := r.start(t, Config{Contact: func(p sip.Proto, peer netip.Addr) (sip.URI, error) {
			return sip.URI{Scheme: "sip", User: "chat", Host: "203.0.113.5", Port: 5070}, nil
		}}, sip.Config{}, "127.0.0.1:0")
		r.peer = socketPeer(t, sip.UDP, at)
		t.Cleanup(r.close)
		c := r.newCall()
		inv := c.invite()
		c.send(inv)
		ok := c.want("200 INVITE")
		if got := ok.get("Contact"); got != "<sip:chat@203.0.113.5:5070>" {
			t.Errorf("Contact %q", got)
		}
		c.other = ok.tag("To")
		c.ack(inv)
		r.expect("established")
		c.bye(r)
		r.invite()
		out := r.want("INVITE")
		if got := out.get("Contact"); got != "<sip:chat@203.0.113.5:5070>" {
			t.Errorf("Contact %q", got)
		}
		r.answer(out, 486, "x", nil, "")
		r.want("ACK")
		r.expect("ended refused 486 established=false")
	})
}

func TestOwnContact(t *testing.T) {
	own := sip.URI{Scheme: "sip", User: "bot", Host: "203.0.113.6"}
	const want = "<sip:bot@203.0.113.6>"

	overSockets(t, "S-011/the Contact of one dialog, in all that it sends: called", Config{}, func(t *testing.T, r *rig) {
		incoming := r.keepIncoming()
		c := r.newCall()
		inv := c.invite()
		c.send(inv)
		in := <-incoming
		if in.CallID() != c.id || string(in.Offer()) != offerSDP || in.Message().Method != "INVITE" || in.Flow().Proto.String() != c.proto {
			t.Error("not the INVITE that was sent")
		}
		in.UseContact(own)
		check0(t, in.Ring(180, ""))
		ringing := c.want("180 INVITE")
		back := c.target
		c.learn(ringing)
		c.target = back
		_, err := in.Accept([]byte(answerSDP), r)
		check0(t, err)
		in.UseContact(sip.URI{})
		ok := c.want("200 INVITE")
		c.ack(inv)
		r.expect("established")
		c.send(c.request("UPDATE"))
		for _, m := range []received{ringing, ok, c.want("200 UPDATE")} {
			if m.get("Contact") != want {
				t.Errorf("got\n%s", m.raw)
			}
		}
		c.bye(r)
	})

	overSockets(t, "S-011/the Contact of one dialog, in all that it sends: caller", Config{}, func(t *testing.T, r *rig) {
		_, err := r.e.Invite(Invite{
			RequestURI: (&call{peer: r.peer}).uri(), From: "sip:a@b", To: "sip:c@d", CallID: "given", Contact: own, Offer: []byte(offerSDP), Owner: r,
		})
		check0(t, err)
		inv := r.want("INVITE")
		r.accepted(inv, "callee")
		c := r.answering(inv, "callee")
		if inv.get("Contact") != want || inv.get("Call-ID") != "given" {
			t.Errorf("got\n%s", inv.raw)
		}
		c.target = "sip:parley@192.0.2.1"
		c.send(c.request("UPDATE"))
		if m := c.want("200 UPDATE"); m.get("Contact") != want {
			t.Errorf("got\n%s", m.raw)
		}
		c.bye(r)
	})
}

func TestDecisions(t *testing.T) {
	overSockets(t, "S-022/what cannot be sent is an error, and the INVITE can still be decided", Config{}, func(t *testing.T, r *rig) {
		incoming := r.keepIncoming()
		c := r.newCall()
		late := c.request("INVITE") // without a description
		c.send(late)
		in := <-incoming
		for _, err := range []error{
			in.Ring(100, ""), in.Ring(200, ""), in.Reject(Refusal{Code: 200}), in.Reject(Refusal{Code: 700}),
			second(in.Accept(nil, r)), second(in.Accept([]byte("v=0"), nil)),
		} {
			var input *InputError
			if !errors.As(err, &input) || input.Error() == "" || errors.Unwrap(input) == nil {
				t.Errorf("got %v", err)
			}
		}
		if in.Offer() != nil {
			t.Errorf("an offer: %q", in.Offer())
		}
		check0(t, in.Reject(Refusal{Code: 488}))
		c.ackFinal(late, c.want("488 INVITE"))
		r.quiet()
	})

	underFakeTime(t, "S-006/BYE between Accept and its 200: the INVITE gets 487, the owner hears one end", sip.UDP, Config{}, func(t *testing.T, r *rig, _ *memNet) {
		incoming := r.keepIncoming()
		c := r.newCall()
		inv := c.invite()
		c.send(inv)
		in := <-incoming
		check0(t, in.Ring(180, ""))
		c.learn(c.want("180 INVITE"))
		busy, free := make(chan bool), make(chan bool)
		go in.d.tasks.run(func() { close(busy); <-free })
		<-busy
		c.send(c.request("BYE"))
		time.Sleep(time.Second)
		_, err := in.Accept([]byte(answerSDP), r)
		check0(t, err)
		close(free)
		c.want("200 BYE")
		c.ackFinal(inv, c.want("487 INVITE"))
		r.expect("ended remote 487 established=false")
		r.quiet()
	})

	overSockets(t, "S-004/CANCEL races with Accept and Reject: one of them wins, and there is one end", Config{}, func(t *testing.T, r *rig) {
		var wg sync.WaitGroup
		defer wg.Wait()
		r.set(func(do *hooks) {
			n := 0
			do.invite = func(in *Incoming) {
				n++
				reject, end := n%3 == 0, n%2 == 0
				wg.Go(func() {
					if reject {
						_ = in.Reject(Refusal{Code: 486})
					} else if d, err := in.Accept([]byte(answerSDP), r); err == nil && end {
						d.End("")
					}
				})
			}
		})
		for range 300 {
			c := r.newCall()
			inv := c.invite()
			c.send(inv)
			cancel := *inv
			cancel.method, cancel.body, cancel.head = "CANCEL", "", nil
			c.send(&cancel)
			for settled := false; !settled; {
				switch m := c.next(); m.what() {
				case "200 CANCEL", "100 INVITE":
				case "487 INVITE", "486 INVITE":
					c.ackFinal(inv, m)
					settled = true
				case "200 INVITE":
					c.learn(m)
					c.ack(inv)
					c.send(c.request("BYE"))
				case "200 BYE", "481 BYE": // our BYE may have ended the dialog first
					settled = true
				case "BYE":
					c.answer(m, 200, "", nil, "")
				default:
					t.Fatalf("got %s", m.what())
				}
			}
			// What crossed is read with the next call: each call has an end, as the number of dialogs shows.
			for len(c.in) > 0 {
				if m := c.next(); m.what() == "BYE" {
					c.answer(m, 200, "", nil, "")
				}
			}
		}
		for end := time.Now().Add(10 * time.Second); r.e.Len() > 0 && time.Now().Before(end); {
			select {
			case m := <-r.in:
				if m.what() == "BYE" {
					r.answer(m, 200, "", nil, "")
				}
			case <-time.After(10 * time.Millisecond):
			}
		}
		wg.Wait()
		established, ended := 0, 0
		for len(r.events) > 0 {
			switch got := <-r.events; {
			case got == "established":
				established++
			case strings.HasSuffix(got, "established=true"):
				ended++
			}
		}
		if r.e.Len() != 0 || established != ended {
			t.Errorf("%d dialogs left, %d established, %d of them ended", r.e.Len(), established, ended)
		}
	})

	t.Run("S-006/the text of a Reason header", func(t *testing.T) {
		for value, want := range map[string]string{
			"": "BYE", "SIP;cause=200": "BYE", `SIP;cause=200;text="done"`: "done", `Q.850;text="a`: "a",
		} {
			if got := reasonText(value, "BYE"); got != want {
				t.Errorf("%q: %q", value, got)
			}
		}
	})
}

func second(_ *Dialog, err error) error { return err }

// TestIdleDialog measures what an established dialog holds once its set-up is forgotten.
func TestIdleDialog(t *testing.T) {
	underFakeTime(t, "an idle dialog keeps less than 1 KiB", sip.UDP, Config{}, func(t *testing.T, r *rig, _ *memNet) {
		const n = 2000
		heap := func() uint64 {
			time.Sleep(time.Minute) // transactions end
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		before := heap()
		for i := range n {
			c := r.newCall()
			c.setUp(fmt.Sprintf("Record-Route: <sip:192.0.2.9;lr;ftag=%d>", i), "X-Long: "+strings.Repeat("x", 4000))
			r.expect("established")
		}
		each := float64(heap()-before) / n
		t.Logf("%.0f octets", each)
		if each > 1024 {
			t.Errorf("%.0f octets", each)
		}
		runtime.KeepAlive(r)
	})
}
