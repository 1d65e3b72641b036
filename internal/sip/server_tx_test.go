package sip

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func udpAddr(s string) net.Addr { return net.UDPAddrFromAddrPort(netip.MustParseAddrPort(s)) }

func reply(code int) func(*ServerTx, *Message) {
	return func(tx *ServerTx, _ *Message) { _ = tx.Reply(code, "", nil, nil) }
}

func TestServerTransaction(t *testing.T) {
	inWorld(t, "S-001/INVITE without answer for 200 ms gets 100 with its Timestamp", func(w *world) {
		p := w.udp("10.0.0.2:5060")
		p.send(request("INVITE", "1", "Timestamp: 54"))
		w.at(199 * time.Millisecond)
		w.want(p.received(), "")
		w.at(200 * time.Millisecond)
		m := p.one()
		w.want(startLine(string(m.AppendTo(nil)))+" "+m.Get("Timestamp")+" "+m.Get("To"), "100 Trying 54 <sip:bob@10.0.0.1>")
	})
	inWorld(t, "S-001/no 100 behind another response, none to OPTIONS", func(w *world) {
		p := w.udp("10.0.0.2:5060")
		w.user.onRequest = func(tx *ServerTx, m *Message) {
			if m.Method == "INVITE" {
				_ = tx.Reply(180, "", nil, nil)
			}
		}
		p.send(request("INVITE", "1"))
		p.send(request("OPTIONS", "2", "Call-ID: other"))
		w.at(10 * time.Second)
		w.want(p.received(), "0:180 Ringing")
	})
	inWorld(t, "S-003/INVITE again: last 1xx in Proceeding, final in Completed", func(w *world) {
		p := w.udp("10.0.0.2:5060")
		p.send(request("INVITE", "1"))
		p.send(request("INVITE", "1"))
		w.want(p.received(), "")
		_ = w.user.tx(0).Reply(183, "", nil, nil)
		p.send(request("INVITE", "1"))
		w.want(p.received(), "0:183 Session Progress, 0:183 Session Progress")
		_ = w.user.tx(0).Reply(486, "", nil, nil)
		p.send(request("INVITE", "1"))
		w.want(p.received(), "0:486 Busy Here, 0:486 Busy Here")
		p.send(request("ACK", "1"))
		p.send(request("INVITE", "1"))
		w.want(p.received(), "")
		w.want(w.user.seen(), "INVITE")
	})
	inWorld(t, "S-003/INVITE again after 2xx: nothing for 64*T1, then a new transaction", func(w *world) {
		p := w.udp("10.0.0.2:5060")
		w.user.onRequest = reply(200)
		p.send(request("INVITE", "1"))
		p.received()
		p.send(request("ACK", "ack1"))
		w.at(31900 * time.Millisecond)
		p.send(request("INVITE", "1"))
		w.want(p.received(), "")
		w.at(32100 * time.Millisecond)
		p.send(request("INVITE", "1"))
		w.want(p.received(), "32.1:200 OK")
		w.want(w.user.seen(), "INVITE ACK INVITE")
	})
	inWorld(t, "S-003/same request on another branch while open gets 482", func(w *world) {
		p := w.udp("10.0.0.2:5060")
		p.send(request("INVITE", "1"))
		p.send(request("INVITE", "2"))
		w.want(p.received(), "0:482 Loop Detected")
		p.send(request("INVITE", "3", "CSeq: 2 INVITE"))
		p.send(request("INVITE", "4", "Call-ID: other"))
		p.send(request("INVITE", "5", "From: <sip:alice@10.0.0.2>;tag=a2"))
		p.send(request("INVITE", "6", "To: <sip:bob@10.0.0.1>;tag=b"))
		w.want(p.received(), "")
		w.want(w.user.seen(), "INVITE INVITE INVITE INVITE INVITE")
	})
	inWorld(t, "S-036/300 to 699 resent by UDP until the ACK", func(w *world) {
		p := w.udp("10.0.0.2:5060")
		w.user.onRequest = reply(486)
		p.send(request("INVITE", "1"))
		w.at(12 * time.Second)
		w.want(p.received(), "0:486 Busy Here, 0.5:486 Busy Here, 1.5:486 Busy Here, 3.5:486 Busy Here, 7.5:486 Busy Here, 11.5:486 Busy Here")
		p.send(request("ACK", "1"))
		w.at(16900 * time.Millisecond)
		p.send(request("ACK", "1"))
		w.want(p.received(), "")
		w.want(w.user.seen(), "INVITE")
		w.at(17100 * time.Millisecond) // Timer I
		w.gone()
	})
	inWorld(t, "S-036/300 to 699 resent for 64*T1 without ACK", func(w *world) {
		p := w.udp("10.0.0.2:5060")
		w.user.onRequest = reply(603)
		p.send(request("INVITE", "1"))
		w.at(2 * time.Minute)
		if got := strings.Count(p.received(), "603"); got != 11 {
			w.t.Errorf("%d answers, want 11", got)
		}
		w.gone()
	})
	inWorld(t, "S-036/300 to 699 sent once by TCP", func(w *world) {
		p := w.tcp("10.0.0.2")
		w.user.onRequest = reply(486)
		p.send(request("INVITE", "1"))
		w.at(31 * time.Second)
		w.want(p.received(), "486 Busy Here")
		w.at(33 * time.Second)
		w.gone()
	})
	inWorld(t, "S-034/an ACK of a 2xx goes to the user, and leaves no transaction", func(w *world) {
		p := w.udp("10.0.0.2:5060")
		w.user.onRequest = reply(200)
		p.send(request("INVITE", "1"))
		for _, branch := range []string{"x", "y", "1"} { // the last one is a peer's mistake
			p.send(request("ACK", branch, "To: <sip:bob@10.0.0.1>;tag=b"))
		}
		w.want(w.user.seen(), "INVITE ACK ACK ACK")
		w.want(p.received(), "0:200 OK")
		w.want(fmt.Sprint(w.stack.server.count()), "1")
	})
	inWorld(t, "S-034/no ACK is ever answered", func(w *world) {
		p := w.udp("10.0.0.2:5060")
		p.send(request("ACK", "1"))
		p.send(request("ACK", "2", "CSeq: 1 INVITE"))
		p.send(request("ACK", "3", "From: -"))
		p.send(request("ACK", "4", "Content-Length: 99"))
		w.at(time.Second)
		w.want(p.received(), "")
	})
	inWorld(t, "S-002/Resend repeats the 2xx octet for octet until Forget", func(w *world) {
		p := w.udp("10.0.0.2:5060")
		p.send(request("INVITE", "1"))
		tx := w.user.tx(0)
		if err := tx.Resend(); !errors.Is(err, ErrTerminated) {
			w.t.Errorf("Resend before the 2xx: %v", err)
		}
		if err := tx.Reply(200, "Fine", []Header{{"c", "text/plain"}}, []byte("hello")); err != nil {
			w.t.Fatal(err)
		}
		if err := tx.Resend(); err != nil {
			w.t.Fatal(err)
		}
		got := p.take()
		if len(got) != 2 || string(got[0].octets) != string(got[1].octets) {
			w.t.Fatalf("not the same twice: %v", got)
		}
		if m := parse(w.t, string(got[0].octets)); m.Get("Content-Type") != "text/plain" || string(m.Body) != "hello" || m.Reason != "Fine" {
			w.t.Errorf("wrong answer %q", got[0].octets)
		}
		tx.Forget()
		if err := tx.Resend(); !errors.Is(err, ErrTerminated) {
			w.t.Errorf("Resend after Forget: %v", err)
		}
		p.send(request("INVITE", "1"))
		w.want(p.received(), "")
	})
	inWorld(t, "S-003/an acknowledged INVITE is known for 64*T1 after its 200: repeats, other ways, CANCEL", func(w *world) {
		p := w.udp("10.0.0.2:5060")
		p.send(request("INVITE", "1"))
		tx := w.user.tx(0)
		_ = tx.Reply(200, "", nil, nil)
		tag := p.one().To().Tag()
		w.at(20 * time.Second)
		tx.Forget()
		w.at(31 * time.Second)
		p.send(request("INVITE", "1"))
		w.want(p.received(), "")
		p.send(request("INVITE", "2"))
		w.want(p.received(), "31:482 Loop Detected")
		p.send(request("ACK", "1"))
		p.send(request("CANCEL", "1"))
		if m := p.one(); m.Status != 200 || m.To().Tag() != tag {
			w.t.Errorf("CANCEL: %d with tag %q, want 200 with %q", m.Status, m.To().Tag(), tag)
		}
		w.want(w.user.seen(), "INVITE ACK")
		w.at(32100 * time.Millisecond)
		p.send(request("CANCEL", "1"))
		p.send(request("INVITE", "2"))
		_ = w.user.tx(1).Reply(486, "", nil, nil)
		w.want(p.received(), "32.1:481 Call/Transaction Does Not Exist, 32.1:486 Busy Here")
		p.send(request("ACK", "2"))
		w.at(time.Minute)
		w.gone()
	})
	inWorld(t, "S-011/one To tag in all responses but 100", func(w *world) {
		p := w.udp("10.0.0.2:5060")
		w.user.onRequest = func(tx *ServerTx, _ *Message) { tx.SetLocalTag("mine") }
		p.send(request("INVITE", "1"))
		w.at(time.Second)
		tx := w.user.tx(0)
		for _, code := range []int{180, 183, 486} {
			_ = tx.Reply(code, "", nil, nil)
		}
		p.send(request("CANCEL", "1"))
		var tags []string
		for _, d := range p.take() {
			m := parse(w.t, string(d.octets))
			tags = append(tags, m.To().Tag())
		}
		w.want(strings.Join(tags, ","), ",mine,mine,mine,mine")
	})
	inWorld(t, "S-011/a To tag of the request stays", func(w *world) {
		p := w.udp("10.0.0.2:5060")
		w.user.onRequest = func(tx *ServerTx, _ *Message) { tx.SetLocalTag("mine"); _ = tx.Reply(200, "", nil, nil) }
		p.send(request("BYE", "1", "To: sip:bob@10.0.0.1 ;TAG=b9"))
		w.want(p.one().Get("To"), "sip:bob@10.0.0.1 ;TAG=b9")
	})
	inWorld(t, "reply/only one final response, and nothing behind the end", func(w *world) {
		p := w.udp("10.0.0.2:5060")
		p.send(request("INVITE", "1"))
		tx := w.user.tx(0)
		if err := tx.Reply(99, "", nil, nil); err == nil {
			w.t.Error("99 was taken")
		}
		_ = tx.Reply(487, "", nil, nil)
		if err := tx.Reply(200, "", nil, nil); !errors.Is(err, ErrAnswered) {
			w.t.Errorf("late 200: %v", err)
		}
		p.send(request("INVITE", "1"))
		w.want(p.received(), "0:487 Request Terminated, 0:487 Request Terminated")
		w.at(time.Minute)
		if err := tx.Reply(200, "", nil, nil); !errors.Is(err, ErrTerminated) {
			w.t.Errorf("200 after the end: %v", err)
		}
	})
	inWorld(t, "reply/a write error does not stick and leaks nothing", func(w *world) {
		p := w.udp("10.0.0.2:5060")
		p.send(request("INVITE", "1"))
		w.failWrites(errors.New("no buffer space"))
		if err := w.user.tx(0).Reply(200, "", nil, nil); err == nil {
			w.t.Error("no error")
		}
		w.failWrites(nil)
		if err := w.user.tx(0).Resend(); err != nil {
			w.t.Error(err)
		}
		w.want(p.received(), "0:200 OK")
		w.at(33 * time.Second)
		w.gone()
	})
	inWorld(t, "S-036/non-INVITE: the answer again for 64*T1 by UDP", func(w *world) {
		p := w.udp("10.0.0.2:5060")
		w.user.onRequest = reply(200)
		p.send(request("BYE", "1"))
		w.at(31 * time.Second)
		p.send(request("BYE", "1"))
		w.want(p.received(), "0:200 OK, 31:200 OK")
		w.at(33 * time.Second)
		w.gone()
		w.want(w.user.seen(), "BYE")
	})
	inWorld(t, "S-036/non-INVITE by TCP is over with its answer", func(w *world) {
		p := w.tcp("10.0.0.2")
		w.user.onRequest = reply(200)
		p.send(request("BYE", "1"))
		w.want(p.received(), "200 OK")
		w.gone()
	})
	inWorld(t, "reply/an INVITE waits for its answer as long as it takes, from any goroutine", func(w *world) {
		p := w.udp("10.0.0.2:5060")
		p.send(request("INVITE", "1"))
		w.at(10 * time.Minute)
		go func() { _ = w.user.tx(0).Reply(200, "", nil, nil) }()
		w.want(p.received(), "0.2:100 Trying, 600:200 OK")
	})
	inWorld(t, "order/nothing leaves behind the final answer, whoever sends", func(w *world) {
		p := w.udp("10.0.0.2:5060")
		for i := range 50 {
			p.send(request("INVITE", fmt.Sprint(i), fmt.Sprint("Call-ID: ", i)))
			for code := range 10 {
				go func() { _ = w.user.tx(i).Reply(180+code, "", nil, nil) }()
			}
			go func() { _ = w.user.tx(i).Reply(200, "", nil, nil) }()
			if got := p.received(); !strings.HasSuffix(got, "200 OK") || strings.Count(got, "200") != 1 {
				w.t.Fatal(got)
			}
		}
	})
	inWorld(t, "bounded/a request that nobody answers is forgotten", func(w *world) {
		w.udp("10.0.0.2:5060").send(request("OPTIONS", "1"))
		w.at(33 * time.Second)
		w.gone()
	})
	inWorld(t, "bounded/503 above the limit of transactions", func(w *world) {
		p := w.udp("10.0.0.2:5060")
		for _, b := range []string{"1", "2", "3"} {
			p.send(request("OPTIONS", b, "Call-ID: "+b))
		}
		m := p.one()
		w.want(m.Get("Call-ID")+" "+m.Get("Retry-After")+" "+w.user.seen(), "3 5 OPTIONS OPTIONS")
	}, func(c *Config) { c.MaxServerTx = 2 })
	inWorld(t, "bounded/503 above the limit of open octets, until an answer gives some back", func(w *world) {
		p := w.udp("10.0.0.2:5060")
		p.send(request("OPTIONS", "1", "Call-ID: 1", "X: "+strings.Repeat("x", 600)))
		p.send(request("OPTIONS", "2", "Call-ID: 2", "X: "+strings.Repeat("x", 600)))
		w.want(p.received(), "0:503 Service Unavailable")
		_ = w.user.tx(0).Reply(200, "", nil, nil)
		p.send(request("OPTIONS", "3", "Call-ID: 3", "X: "+strings.Repeat("x", 600)))
		w.want(p.received(), "0:200 OK")
		w.want(w.user.seen(), "OPTIONS OPTIONS")
	}, func(c *Config) { c.MaxOpenOctets = 1500 })
	inWorld(t, "matching/branches without the magic cookie match by everything else", func(w *world) {
		p := w.udp("10.0.0.2:5060")
		old := func(method, call string) string {
			return request(method, "", "Via: SIP/2.0/UDP 10.0.0.2:5060;branch=1", "Call-ID: "+call)
		}
		w.user.onRequest = reply(486)
		p.send(old("INVITE", "x"))
		p.send(old("INVITE", "y"))
		p.send(old("INVITE", "x"))
		p.send(old("ACK", "x"))
		p.send(old("ACK", "y"))
		w.want(w.user.seen(), "INVITE INVITE")
		w.at(20 * time.Second)
		w.want(p.received(), "0:486 Busy Here, 0:486 Busy Here, 0:486 Busy Here")
	})
}

// gone fails the test where a transaction is left.
func (w *world) gone() {
	w.t.Helper()
	synctest.Wait()
	s := w.stack
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.client.mu.Lock()
	defer s.client.mu.Unlock()
	if a, b, c, o := len(s.server.byKey)+s.server.finished.count(), len(s.server.merged)+s.server.finished.numbers.count(), len(s.client.byKey), s.server.open; a+b+c != 0 || o != 0 {
		w.t.Errorf("left: %d server transactions, %d merge keys, %d client transactions, %d octets", a, b, c, o)
	}
}

func TestCancel(t *testing.T) {
	inWorld(t, "S-004/before the final answer: 200, and the user is told once", func(w *world) {
		p := w.udp("10.0.0.2:5060")
		w.user.onCancel = func(tx *ServerTx, _ *Message) { _ = tx.Reply(487, "", nil, nil) }
		p.send(request("INVITE", "1"))
		p.send(request("CANCEL", "1", "Require: x"))
		p.send(request("CANCEL", "1", "Require: x"))
		var got, tags []string
		for _, d := range p.take() {
			m := parse(w.t, string(d.octets))
			got, tags = append(got, startLine(string(d.octets))+"/"+m.Get("CSeq")), append(tags, m.To().Tag())
		}
		w.want(strings.Join(got, ", "), "200 OK/1 CANCEL, 487 Request Terminated/1 INVITE, 200 OK/1 CANCEL")
		if tags[0] == "" || tags[0] != tags[1] || tags[0] != tags[2] {
			w.t.Errorf("To tags differ: %v", tags)
		}
		w.want(w.user.seen(), "INVITE CANCEL")
	})
	inWorld(t, "S-004/after the 200: 200, and no other effect for 64*T1", func(w *world) {
		p := w.udp("10.0.0.2:5060")
		w.user.onRequest = reply(200)
		p.send(request("INVITE", "1"))
		p.send(request("ACK", "9"))
		w.at(30 * time.Second)
		p.send(request("CANCEL", "1"))
		w.want(p.received(), "0:200 OK, 30:200 OK")
		w.want(w.user.seen(), "INVITE ACK")
	})
	inWorld(t, "S-004/without transaction: 481, the same each time", func(w *world) {
		p := w.udp("10.0.0.2:5060")
		p.send(request("INVITE", "1"))
		p.send(request("CANCEL", "2"))
		a := p.one()
		p.send(request("CANCEL", "2"))
		b := p.one()
		if a.Status != 481 || string(a.AppendTo(nil)) != string(b.AppendTo(nil)) || a.To().Tag() == "" {
			w.t.Errorf("answers %q and %q", a.AppendTo(nil), b.AppendTo(nil))
		}
		p.send(request("CANCEL", "1", "Via: SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bK1"))
		if m := p.one(); m.Status != 481 {
			w.t.Errorf("other sent-by: %d", m.Status)
		}
		w.want(w.user.seen(), "INVITE")
	})
	inWorld(t, "S-004/over TCP after 486 and ACK: 481", func(w *world) {
		p := w.tcp("10.0.0.2")
		w.user.onRequest = reply(486)
		p.send(request("INVITE", "1"))
		p.send(request("CANCEL", "1"))
		p.send(request("ACK", "1"))
		p.send(request("CANCEL", "1"))
		w.want(p.received(), "486 Busy Here, 200 OK, 481 Call/Transaction Does Not Exist")
		w.want(w.user.seen(), "INVITE")
	})
}
