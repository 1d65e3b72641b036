package dialog

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/parley-msrp/parley/internal/sip"
)

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

	overSockets(t, "S-022/too many dialogs: 503, existing ones unharmed", Config{MaxDialogs: 2}, func(t *testing.T, r *rig) {
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
		for range 3 {
			switch m := r.next(); m.what() {
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
		if err := r.e.Close(ctx); err != context.DeadlineExceeded {
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
