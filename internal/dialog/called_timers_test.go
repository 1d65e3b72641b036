package dialog

import (
	"slices"
	"testing"
	"time"

	"github.com/parley-msrp/parley/internal/sip"
)

func TestCalledTimers(t *testing.T) {
	for _, proto := range []sip.Proto{sip.UDP, sip.TCP} {
		underFakeTime(t, "S-002/200 is resent until the ACK, BYE at 64*T1, over "+proto.String(), proto, Config{}, func(t *testing.T, r *rig, _ *memNet) {
			c := r.newCall()
			start := time.Now()
			c.send(c.invite())
			var at []time.Duration
			var first string
			for {
				m := c.next()
				if m.what() == "BYE" {
					if got := m.at.Sub(start); got != 32*time.Second {
						t.Errorf("BYE after %v", got)
					}
					c.answer(m, 200, "", nil, "")
					break
				}
				if first == "" {
					first = m.raw
				}
				if m.raw != first {
					t.Errorf("another 200:\n%s", m.raw)
				}
				at = append(at, m.at.Sub(start))
			}
			want := []time.Duration{0, 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500}
			for i := range want {
				want[i] *= time.Millisecond
			}
			if !slices.Equal(at, want) {
				t.Errorf("200 at %v, want %v", at, want)
			}
			r.expect("ended timeout 408 established=false")
			r.quiet()
		})
	}

	underFakeTime(t, "S-002/the owner hears of the missing ACK at once, though the BYE stays unanswered", sip.UDP, Config{}, func(t *testing.T, r *rig, _ *memNet) {
		c := r.newCall()
		start := time.Now()
		c.send(c.invite())
		r.expect("ended timeout 408 established=false")
		if got := time.Since(start); got != 32*time.Second {
			t.Errorf("after %v", got)
		}
		time.Sleep(33 * time.Second)
		r.quiet()
	})

	underFakeTime(t, "S-034/ACK with another CSeq or tag does not stop the 200", sip.UDP, Config{}, func(t *testing.T, r *rig, _ *memNet) {
		c := r.newCall()
		inv := c.invite()
		c.send(inv)
		c.learn(c.want("200 INVITE"))
		other := *inv
		other.seq++
		c.ack(&other)
		c.want("200 INVITE")
		own := c.own
		c.own = "somebody"
		c.ack(inv)
		c.want("200 INVITE")
		c.own = own
		c.ack(inv)
		r.expect("established")
		c.silent(time.Minute)
	})

	underFakeTime(t, "S-034/ACK of an unknown dialog is never answered", sip.UDP, Config{}, func(t *testing.T, r *rig, _ *memNet) {
		c := r.newCall()
		inv := c.invite()
		c.other = "unknown"
		c.ack(inv)
		inv.with("Content-Type: text/foo")
		c.ack(inv)
		c.silent(time.Minute)
	})

	underFakeTime(t, "S-003/INVITE again: same 1xx, nothing after the ACK, one session", sip.UDP, Config{}, func(t *testing.T, r *rig, _ *memNet) {
		incoming := r.keepIncoming()
		c := r.newCall()
		inv := c.invite()
		c.send(inv)
		in := <-incoming
		check0(t, in.Ring(180, "Alerting"))
		first := c.want("180 INVITE")
		c.send(inv)
		if again := c.want("180 INVITE"); again.raw != first.raw {
			t.Errorf("another 180:\n%s", again.raw)
		}
		_, err := in.Accept([]byte(answerSDP), r)
		check0(t, err)
		c.learn(c.want("200 INVITE"))
		c.ack(inv)
		r.expect("established")
		c.send(inv)
		c.silent(time.Second)
		if len(incoming) != 0 || r.e.Len() != 1 {
			t.Error("more than one session")
		}
	})

	underFakeTime(t, "S-006/end before the ACK: BYE only after it", sip.UDP, Config{}, func(t *testing.T, r *rig, _ *memNet) {
		c := r.newCall()
		inv := c.invite()
		c.send(inv)
		c.learn(c.want("200 INVITE"))
		r.e.table.find(c.id, c.other).End("")
		c.want("200 INVITE")
		c.ack(inv)
		c.answer(c.want("BYE"), 200, "", nil, "")
		r.expect("ended local 200 established=false")
		r.quiet()
	})

	underFakeTime(t, "S-006/end before an ACK that never comes: BYE at 64*T1", sip.UDP, Config{}, func(t *testing.T, r *rig, n *memNet) {
		c := r.newCall()
		start := time.Now()
		c.send(c.invite())
		c.learn(c.want("200 INVITE"))
		n.mu.Lock()
		n.copies = dropping("SIP/2.0 200")
		n.mu.Unlock()
		r.e.table.find(c.id, c.other).End("")
		bye := c.want("BYE")
		if got := bye.at.Sub(start); got != 32*time.Second {
			t.Errorf("BYE after %v", got)
		}
		c.answer(bye, 200, "", nil, "")
		r.expect("ended local 200 established=false")
	})

	underFakeTime(t, "S-036/BYE unanswered: 11 times, then ended", sip.UDP, Config{}, func(t *testing.T, r *rig, _ *memNet) {
		c := r.newCall()
		c.setUp()
		r.expect("established")
		start := time.Now()
		r.e.table.find(c.id, c.other).End("")
		r.expect("ended local 200 established=true")
		if got := time.Since(start); got != 32*time.Second {
			t.Errorf("ended after %v", got)
		}
		n := 0
		for len(c.in) > 0 {
			c.want("BYE")
			n++
		}
		if n != 11 {
			t.Errorf("%d BYEs", n)
		}
		r.quiet()
	})

	underFakeTime(t, "S-001/100 after 200 ms where the user takes its time", sip.UDP, Config{}, func(t *testing.T, r *rig, _ *memNet) {
		incoming := r.keepIncoming()
		c := r.newCall()
		start := time.Now()
		c.send(c.invite("Timestamp: 54"))
		in := <-incoming
		trying := c.want("100 INVITE")
		if got := trying.at.Sub(start); got > 200*time.Millisecond || trying.get("Timestamp") != "54" {
			t.Errorf("after %v\n%s", got, trying.raw)
		}
		check0(t, in.Reject(Refusal{Code: 603}))
		c.want("603 INVITE")
	})

	underFakeTime(t, "S-037/undecided: a 1xx at least each minute, 480 when the set-up time is over", sip.UDP, Config{SetupTimeout: 3 * time.Minute}, func(t *testing.T, r *rig, _ *memNet) {
		incoming := r.keepIncoming()
		c := r.newCall()
		last := time.Now()
		c.send(c.invite())
		(<-incoming).OnOver(func(e End) { r.tell("over %s %d", causes[e.Cause], e.Code) })
		n := 0
		for {
			m := c.next()
			if m.what() == "480 INVITE" {
				break
			}
			if m.what() == "100 INVITE" {
				continue
			}
			if got := m.at.Sub(last); got > time.Minute || m.what() != "183 INVITE" {
				t.Errorf("%s after %v", m.what(), got)
			}
			last = m.at
			n++
		}
		if n != 3 {
			t.Errorf("%d provisional responses", n)
		}
		r.expect("over timeout 480")
		r.quiet()
	})

	underFakeTime(t, "S-037/a repeated 1xx is the one that was sent last", sip.UDP, Config{SetupTimeout: 3 * time.Minute}, func(t *testing.T, r *rig, _ *memNet) {
		incoming := r.keepIncoming()
		c := r.newCall()
		c.send(c.invite())
		check0(t, (<-incoming).Ring(180, "Alerting"))
		first := c.want("180 INVITE")
		if again := c.want("180 INVITE"); again.raw != first.raw || again.at.Sub(first.at) > time.Minute {
			t.Errorf("after %v\n%s", again.at.Sub(first.at), again.raw)
		}
	})

	underFakeTime(t, "S-037/Expires passed: 487", sip.UDP, Config{}, func(t *testing.T, r *rig, _ *memNet) {
		incoming := r.keepIncoming()
		c := r.newCall()
		start := time.Now()
		c.send(c.invite("Expires: 5"))
		(<-incoming).OnOver(func(e End) { r.tell("over %s %d", causes[e.Cause], e.Code) })
		c.want("100 INVITE")
		if m := c.want("487 INVITE"); m.at.Sub(start) != 5*time.Second {
			t.Errorf("after %v", m.at.Sub(start))
		}
		r.expect("over timeout 487")
	})

	underFakeTime(t, "S-002/doubled and lost datagrams make one session with one end", sip.UDP, Config{}, func(t *testing.T, r *rig, n *memNet) {
		i := 0
		n.copies = func([]byte) int { i++; return []int{2, 1, 0, 2, 3, 0}[i%6] }
		c := r.newCall()
		inv := c.invite()
		for c.other == "" {
			c.send(inv)
			select {
			case m := <-c.in:
				c.learn(m)
			case <-time.After(time.Second):
			}
		}
		established := false
		for !established {
			c.ack(inv)
			select {
			case got := <-r.events:
				established = got == "established"
			case <-time.After(time.Second):
			}
		}
		bye := c.request("BYE")
		for ended := false; !ended; {
			c.send(bye)
			select {
			case got := <-r.events:
				ended = got == "ended remote 200 established=true"
			case <-time.After(time.Second):
			}
		}
		r.quiet()
	})
}
