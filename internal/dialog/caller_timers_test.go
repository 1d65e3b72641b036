package dialog

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/parley-msrp/parley/internal/sip"
)

func TestCallerTimers(t *testing.T) {
	underFakeTime(t, "S-036/silent peer: INVITE 7 times, failure at 32 s", sip.UDP, Config{}, func(t *testing.T, r *rig, _ *memNet) {
		start := time.Now()
		r.invite()
		r.expect("ended timeout 408 established=false")
		if got := time.Since(start); got != 32*time.Second {
			t.Errorf("after %v", got)
		}
		var at []string
		for len(r.in) > 0 {
			at = append(at, r.want("INVITE").at.Sub(start).String())
		}
		if want := "0s 500ms 1.5s 3.5s 7.5s 15.5s 31.5s"; strings.Join(at, " ") != want {
			t.Errorf("INVITE at %v", at)
		}
		r.quiet()
	})

	underFakeTime(t, "S-004/End before any response: CANCEL waits for a 1xx", sip.UDP, Config{}, func(t *testing.T, r *rig, _ *memNet) {
		d := r.invite()
		inv := r.want("INVITE")
		d.End("")
		r.want("INVITE") // again, and no CANCEL
		r.answer(inv, 100, "", nil, "")
		r.answer(r.want("CANCEL"), 200, "", nil, "")
		r.answer(inv, 487, "callee", nil, "")
		r.want("ACK")
		r.expect("ended local 487 established=false")
	})

	underFakeTime(t, "S-004/no final response after CANCEL: over after 64*T1", sip.UDP, Config{}, func(t *testing.T, r *rig, _ *memNet) {
		d := r.invite()
		inv := r.want("INVITE")
		r.answer(inv, 180, "callee", nil, "")
		r.expect("progress 180")
		start := time.Now()
		d.End("")
		r.answer(r.want("CANCEL"), 200, "callee", nil, "")
		r.expect("ended local 487 established=false")
		if got := time.Since(start); got != 32*time.Second {
			t.Errorf("after %v", got)
		}
		r.quiet()
	})

	for _, x := range []struct {
		name string
		head []sip.Header
		want time.Duration
	}{
		{"S-037/set-up time over: CANCEL", nil, time.Minute},
		{"S-037/own Expires over: CANCEL", []sip.Header{{Name: "Expires", Value: "20"}}, 20 * time.Second},
	} {
		underFakeTime(t, x.name, sip.UDP, Config{}, func(t *testing.T, r *rig, _ *memNet) {
			start := time.Now()
			r.invite(x.head...)
			inv := r.want("INVITE")
			r.answer(inv, 180, "callee", nil, "")
			r.expect("progress 180")
			cancel := r.want("CANCEL")
			if got := cancel.at.Sub(start); got != x.want {
				t.Errorf("CANCEL after %v", got)
			}
			r.answer(cancel, 200, "callee", nil, "")
			r.answer(inv, 487, "callee", nil, "")
			r.want("ACK")
			r.expect("ended timeout 408 established=false")
			r.quiet()
		})
	}

	underFakeTime(t, "S-036/a target that fails gives way to the next, with a new branch", sip.UDP, Config{}, func(t *testing.T, r *rig, n *memNet) {
		second := memPeer(t, n, sip.UDP, "192.0.2.8:5999", "192.0.2.1:5060")
		defer second.close()
		for _, code := range []int{503, 0} {
			_, err := r.e.Invite(Invite{
				RequestURI: "sip:peer@peers.example.com:5999", From: "sip:parley@example.com", To: "sip:peer@example.org",
				Offer: []byte(offerSDP), Owner: r,
			})
			check0(t, err)
			first := second.want("INVITE")
			third := memPeer(t, n, sip.UDP, "192.0.2.9:5999", "192.0.2.1:5060")
			if code != 0 {
				second.answer(first, code, "callee", nil, "")
				second.want("ACK")
			} // else silence, until Timer B
			inv := third.want("INVITE")
			if inv.get("Via") == first.get("Via") || inv.get("Call-ID") != first.get("Call-ID") || inv.get("From") != first.get("From") {
				t.Errorf("got\n%s", inv.raw)
			}
			third.answer(inv, 486, "callee", nil, "")
			third.want("ACK")
			r.expect("ended refused 486 established=false")
			third.close()
			for len(second.in) > 0 {
				<-second.in
			}
		}
		r.quiet()
	})

	underFakeTime(t, "S-036/no other target once it rang", sip.UDP, Config{}, func(t *testing.T, r *rig, n *memNet) {
		first := memPeer(t, n, sip.UDP, "192.0.2.8:5999", "192.0.2.1:5060")
		defer first.close()
		_, err := r.e.Invite(Invite{
			RequestURI: "sip:peer@peers.example.com:5999", From: "sip:parley@example.com", To: "sip:peer@example.org",
			Offer: []byte(offerSDP), Owner: r,
		})
		check0(t, err)
		inv := first.want("INVITE")
		first.answer(inv, 180, "callee", nil, "")
		r.expect("progress 180")
		first.answer(inv, 503, "callee", nil, "")
		r.expect("ended refused 503 established=false")
	})

	underFakeTime(t, "S-036/the last target's 503 is the answer", sip.UDP, Config{}, func(t *testing.T, r *rig, _ *memNet) {
		r.invite()
		r.answer(r.want("INVITE"), 503, "callee", nil, "")
		r.want("ACK")
		r.expect("ended refused 503 established=false")
	})

	underFakeTime(t, "S-036/connection refused: failure at once", sip.UDP, Config{}, func(t *testing.T, r *rig, _ *memNet) {
		start := time.Now()
		_, err := r.e.Invite(Invite{
			RequestURI: "sip:peer@192.0.2.9:1;transport=tcp", From: "sip:a@b", To: "sip:c@d", Offer: []byte(offerSDP), Owner: r,
		})
		check0(t, err)
		r.expect("ended transport 503 established=false")
		if time.Since(start) > time.Second {
			t.Error("not at once")
		}
		r.quiet()
	})

	underFakeTime(t, "S-036/an address that cannot be looked up or reached ends the attempt through the owner", sip.UDP, Config{}, func(t *testing.T, r *rig, _ *memNet) {
		_, err := r.e.Invite(Invite{
			RequestURI: "sip:peer@[2001:db8::1]", From: "sip:a@b", To: "sip:c@d", Offer: []byte(offerSDP), Owner: r,
		})
		check0(t, err)
		r.expect("ended transport 503 established=false")
		r.quiet()
	})

	underFakeTime(t, "S-033/a 2xx 40 s late is not acknowledged", sip.UDP, Config{}, func(t *testing.T, r *rig, _ *memNet) {
		r.invite()
		inv := r.want("INVITE")
		r.accepted(inv, "callee")
		time.Sleep(31 * time.Second)
		r.answer(inv, 200, "callee", []string{r.contactRow()}, answerSDP)
		r.want("ACK")
		time.Sleep(9 * time.Second)
		r.answer(inv, 200, "callee", []string{r.contactRow()}, answerSDP)
		r.silent(time.Minute)
	})

	underFakeTime(t, "S-005/forks are bounded", sip.UDP, Config{}, func(t *testing.T, r *rig, _ *memNet) {
		r.invite()
		inv := r.want("INVITE")
		r.accepted(inv, "callee")
		for i := range 50 {
			r.answer(inv, 200, fmt.Sprint("fork", i), []string{r.contactRow()}, answerSDP)
		}
		time.Sleep(time.Second)
		tags := map[string]bool{}
		for len(r.in) > 0 {
			m := r.next()
			tags[m.tag("To")] = true
		}
		if len(tags) != maxForks-1 {
			t.Errorf("%d further dialogs answered", len(tags))
		}
	})
}
