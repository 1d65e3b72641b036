package dialog

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/parley-msrp/parley/internal/auth"
	"github.com/parley-msrp/parley/internal/sip"
)

// register keeps an address registered at the peer.
func (r *rig) register(change func(*Register)) {
	r.t.Helper()
	c := call{peer: r.peer}
	reg := Register{AOR: "sip:parley@example.com", Registrar: strings.Replace(c.uri(), "peer@", "", 1), Told: func(told RegistrationTold) {
		r.tell("registered=%t %d, for %v, again=%t", told.Registered, told.Code, told.Expires, told.Retry > 0)
	}}
	if change != nil {
		change(&reg)
	}
	check0(r.t, r.e.Register(reg))
}

// grants answers a REGISTER with the bindings that it asks for, some others, and what is said in head.
func (r *rig) grants(m received, expires int, head ...string) {
	uri := strings.TrimPrefix(strings.SplitN(m.get("Contact"), ">", 2)[0], "<")
	head = append(head, "Contact: <sip:other@192.0.2.77>;expires=7, <"+uri+";ob>;q=0.5;expires="+fmt.Sprint(expires))
	r.answer(m, 200, "reg", head, "")
}

func (r *rig) closing() chan error {
	done := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		done <- r.e.Close(ctx)
	}()
	return done
}

func TestRegister(t *testing.T) {
	within := func(t *testing.T, d, low, high time.Duration) {
		t.Helper()
		if d < low || d > high {
			t.Errorf("after %v, want %v to %v", d, low, high)
		}
	}
	underFakeTime(t, "S-031/refreshed before the expiry granted for the own Contact, and taken back at the end", sip.UDP, Config{Features: ";+sip.message"}, func(t *testing.T, r *rig, _ *memNet) {
		r.register(nil)
		first := r.want("REGISTER")
		if first.start != "REGISTER sip:"+r.addr+" SIP/2.0" || !strings.HasPrefix(first.get("From"), "<sip:parley@example.com>;tag=") || first.get("To") != "<sip:parley@example.com>" ||
			first.get("Contact") != "<sip:192.0.2.1:5060>;+sip.message;expires=3600" || first.get("Supported") != "timer" {
			t.Errorf("%s", first.raw)
		}
		r.grants(first, 60)
		r.expect("registered=true 200, for 1m0s, again=false")
		last := first
		for range 3 {
			next := r.want("REGISTER")
			within(t, next.at.Sub(last.at), 20*time.Second, 55*time.Second)
			if next.seq() != last.seq()+1 || next.get("Call-ID") != first.get("Call-ID") || next.get("From") != first.get("From") {
				t.Errorf("%s\nthen\n%s", last.raw, next.raw)
			}
			r.grants(next, 60)
			r.expect("registered=true 200, for 1m0s, again=false")
			last = next
		}
		closed := r.closing()
		bye := r.want("REGISTER")
		if bye.get("Contact") != "<sip:192.0.2.1:5060>;+sip.message;expires=0" || bye.seq() != last.seq()+1 || bye.get("Call-ID") != first.get("Call-ID") {
			t.Errorf("%s", bye.raw)
		}
		r.answer(bye, 200, "reg", nil, "")
		check0(t, <-closed)
	})
	underFakeTime(t, "S-031/a long registration has time for a second attempt", sip.UDP, Config{}, func(t *testing.T, r *rig, _ *memNet) {
		r.register(func(c *Register) { c.Contact = sip.URI{Scheme: "sip", User: "bot", Host: "Bot.example.com"} })
		first := r.want("REGISTER")
		r.answer(first, 200, "reg", []string{"Expires: 600", "Contact: <sip:bot@bot.EXAMPLE.com:5060>"}, "")
		r.expect("registered=true 200, for 10m0s, again=false")
		within(t, r.want("REGISTER").at.Sub(first.at), 500*time.Second, 520*time.Second)
	})
	underFakeTime(t, "S-031/one at a time", sip.UDP, Config{}, func(t *testing.T, r *rig, _ *memNet) {
		r.register(nil)
		first := r.want("REGISTER")
		if err := r.e.Register(Register{AOR: "<sip:parley@example.com>"}); err != ErrRegistered {
			t.Errorf("the same address again: %v", err)
		}
		closed := r.closing()
		for range 2 { // repeats
			if again := r.want("REGISTER"); again.raw != first.raw {
				t.Errorf("%s", again.raw)
			}
		}
		r.grants(first, 60)
		r.expect("registered=true 200, for 1m0s, again=false")
		bye := r.want("REGISTER")
		if !strings.HasSuffix(bye.get("Contact"), ";expires=0") || bye.seq() != first.seq()+1 {
			t.Errorf("%s", bye.raw)
		}
		r.answer(bye, 200, "reg", nil, "")
		check0(t, <-closed)
	})
	underFakeTime(t, "S-031/423", sip.UDP, Config{}, func(t *testing.T, r *rig, _ *memNet) {
		r.register(func(c *Register) { c.Expires = time.Minute })
		first := r.want("REGISTER")
		r.answer(first, 423, "reg", []string{"Min-Expires: 1800"}, "")
		second := r.want("REGISTER")
		if !strings.HasSuffix(second.get("Contact"), ";expires=1800") || second.seq() != first.seq()+1 || second.at.Sub(first.at) > time.Second {
			t.Errorf("%s", second.raw)
		}
		r.answer(second, 423, "reg", []string{"Min-Expires: 7200"}, "")
		r.expect("registered=false 423, for 0s, again=true")
		within(t, r.want("REGISTER").at.Sub(second.at), 15*time.Second, 31*time.Second)
	})
	underFakeTime(t, "S-031/401", sip.UDP, Config{Credentials: []auth.Credential{{Username: "parley", Realm: "example.org", Password: "secret"}}}, func(t *testing.T, r *rig, _ *memNet) {
		r.register(nil)
		first := r.want("REGISTER")
		r.answer(first, 401, "reg", []string{"WWW-Authenticate: " + challenge("example.org", "SHA-256", "n")}, "")
		second := r.want("REGISTER")
		proves(t, "REGISTER", second.get("Authorization"), "secret")
		if second.seq() != first.seq()+1 || second.get("Call-ID") != first.get("Call-ID") {
			t.Errorf("%s", second.raw)
		}
		r.grants(second, 100)
		r.expect("registered=true 200, for 1m40s, again=false")
		third := r.want("REGISTER")
		if nc := parameter(third.get("Authorization"), "nc"); nc != "00000002" {
			t.Errorf("%s", third.raw)
		}
		r.answer(third, 401, "reg", []string{"WWW-Authenticate: " + challenge("example.org", "SHA-256", "m") + ", stale=true"}, "")
		r.grants(r.want("REGISTER"), 100)
		r.expect("registered=true 200, for 1m40s, again=false")
	})
	underFakeTime(t, "S-031/no immediate retry after a time-out, and longer each time", sip.TCP, Config{}, func(t *testing.T, r *rig, _ *memNet) {
		r.register(nil)
		last := r.want("REGISTER")
		for n, limit := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute} {
			r.expect("registered=false 408, for 0s, again=true")
			next := r.want("REGISTER")
			within(t, next.at.Sub(last.at)-32*time.Second, limit/2, limit+time.Second)
			if next.seq() != last.seq()+1 {
				t.Errorf("attempt %d: CSeq %d after %d", n, next.seq(), last.seq())
			}
			last = next
		}
		r.grants(last, 60)
		r.expect("registered=true 200, for 1m0s, again=false")
	})
	underFakeTime(t, "S-031/Retry-After, and nothing to take back", sip.UDP, Config{}, func(t *testing.T, r *rig, _ *memNet) {
		r.register(nil)
		first := r.want("REGISTER")
		r.answer(first, 480, "reg", []string{"Retry-After: 120 (tired)"}, "")
		r.expect("registered=false 480, for 0s, again=true")
		second := r.want("REGISTER")
		within(t, second.at.Sub(first.at), 120*time.Second, 121*time.Second)
		r.answer(second, 403, "reg", nil, "")
		r.expect("registered=false 403, for 0s, again=true")
		check0(t, <-r.closing())
		r.silent(time.Minute)
	})
	underFakeTime(t, "S-031/a registrar that keeps no binding", sip.UDP, Config{}, func(t *testing.T, r *rig, _ *memNet) {
		r.register(nil)
		r.grants(r.want("REGISTER"), 0)
		r.expect("registered=false 200, for 0s, again=true")
		r.grants(r.want("REGISTER"), 1)
		r.expect("registered=true 200, for 1s, again=false")
	})
	underFakeTime(t, "S-031/503 goes to the next target", sip.UDP, Config{}, func(t *testing.T, r *rig, n *memNet) {
		other := memPeer(t, n, sip.UDP, "192.0.2.8:5060", "192.0.2.1:5060")
		mine := memPeer(t, n, sip.UDP, "192.0.2.9:5060", "192.0.2.1:5060")
		defer other.close()
		defer mine.close()
		r.register(func(c *Register) { c.Registrar = "sip:registrar.example.com" })
		first := other.want("REGISTER")
		other.answer(first, 503, "reg", nil, "")
		second := mine.want("REGISTER")
		if second.get("Via") == first.get("Via") || second.start != "REGISTER sip:registrar.example.com SIP/2.0" {
			t.Errorf("%s", second.raw)
		}
		(&rig{peer: mine}).grants(second, 60)
		r.expect("registered=true 200, for 1m0s, again=false")
	})
	underFakeTime(t, "S-031/first to the outbound proxy", sip.UDP, Config{Proxy: sip.URI{Scheme: "sip", Host: "192.0.2.8", Params: ";lr"}}, func(t *testing.T, r *rig, n *memNet) {
		proxy := memPeer(t, n, sip.UDP, "192.0.2.8:5060", "192.0.2.1:5060")
		defer proxy.close()
		r.register(func(c *Register) { c.Registrar = "" })
		first := proxy.want("REGISTER")
		if first.start != "REGISTER sip:example.com SIP/2.0" || first.get("Route") != "<sip:192.0.2.8;lr>" {
			t.Errorf("%s", first.raw)
		}
		(&rig{peer: proxy}).grants(first, 60)
		r.expect("registered=true 200, for 1m0s, again=false")
		closed := r.closing()
		bye := proxy.want("REGISTER")
		if bye.get("Route") != first.get("Route") || !strings.HasSuffix(bye.get("Contact"), ";expires=0") {
			t.Errorf("%s", bye.raw)
		}
		proxy.answer(bye, 200, "reg", nil, "")
		check0(t, <-closed)
	})
	t.Run("input", func(t *testing.T) {
		r := &rig{}
		r.start(t, Config{}, sip.Config{}, "127.0.0.1:0")
		r.peer = &peer{t: t}
		defer r.close()
		for _, c := range []Register{
			{},
			{AOR: "tel:1"},
			{AOR: "sip:a@b;x"},
			{AOR: "<sip:a@b>;tag=1"},
			{AOR: "sip:a@b", Registrar: "sip:x@b"},
			{AOR: "sip:a@b", Registrar: "tel:1"},
			{AOR: "sip:a@b\r\nX: y"},
			{AOR: "sips:a@b"},
			{AOR: "sip:a@b", Registrar: "sips:b"},
		} {
			if err := r.e.Register(c); err == nil && c.AOR != "sip:a@b;x" {
				t.Errorf("%+v is taken", c)
			}
		}
	})
}
