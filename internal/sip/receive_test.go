package sip

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestChecks(t *testing.T) {
	cases := []struct{ name, change, want string }{
		{"no To", "To: -", "400 Missing To"},
		{"broken To", "To: <sip:bob@10.0.0.1", "400 Bad To"},
		{"no From", "From: -", "400 Missing From"},
		{"broken From", `From: "x <sip:a@b>;tag=1`, "400 Bad From"},
		{"no Call-ID", "Call-ID: -", "400 Missing Call-ID"},
		{"broken Call-ID", "Call-ID: a b", "400 Bad Call-ID"},
		{"no CSeq", "CSeq: -", "400 Missing CSeq"},
		{"CSeq without method", "CSeq: 1", "400 Bad CSeq"},
		{"CSeq above 2^31", "CSeq: 2147483648 INVITE", "400 Bad CSeq"},
		{"CSeq of a hundred digits", "CSeq: " + strings.Repeat("9", 100) + " INVITE", "400 Bad CSeq"},
		{"CSeq of another method", "CSeq: 1 BYE", "400 CSeq Method Differs"},
		{"no Via", "Via: -", "400 Missing Via"},
		{"broken Via", "Via: SIP/2.0/UDP", "400 Bad Via"},
		{"Via of another version", "Via: SIP/3.0/UDP 10.0.0.2;branch=z9hG4bK1", "400 Bad Via"},
		{"no Contact", "Contact: -", "400 Missing Contact"},
		{"broken Contact", "Contact: <sip:>", "400 Bad Contact"},
		{"star Contact", "Contact: *", "400 Bad Contact"},
		{"tel Contact", "Contact: <tel:+1>", "400 Bad Contact"},
		{"two To", "to: <sip:x@y>", ""},
		{"datagram shorter than Content-Length", "Content-Length: 10", "400 Body Shorter Than Content-Length"},
		{"broken Content-Length", "Content-Length: ten", "400 Bad Content-Length"},
		{"negative Content-Length", "Content-Length: -1", "400 Bad Content-Length"},
		{"no Content-Length", "Content-Length: -", "200 OK"},
		{"bad Date", "Date: yesterday", "200 OK"},
		{"a line that is no header", "what is this", "200 OK"},
		{"no From tag", "From: <sip:alice@10.0.0.2>", "200 OK"},
		{"To tel:", "To: <tel:+1234>", "200 OK"},
		{"To of an unknown scheme", "To: <foo:bar>", "200 OK"},
	}
	for _, c := range cases {
		row := "S-040/"
		if strings.HasPrefix(c.want, "200") {
			row = "S-039/"
		}
		if strings.Contains(c.name, "From tag") || strings.HasPrefix(c.name, "To ") {
			row = "S-042/"
		}
		if c.want == "" { // the helper would replace the row
			continue
		}
		inWorld(t, row+c.name, func(w *world) {
			w.user.onRequest = reply(200)
			p := w.udp(alice)
			p.send(request("INVITE", "1", c.change))
			w.want(p.received(), "0:"+c.want)
			p.send(request("OPTIONS", "2", "Call-ID: next"))
			w.want(p.received(), "0:200 OK")
			if strings.HasPrefix(c.want, "400") {
				w.want(w.user.seen(), "OPTIONS")
			}
		})
	}
	for name, want := range map[string]string{
		"INVITE sip:bob@10.0.0.1 SIP/3.0":            "0:505 Version Not Supported",
		"INVITE sip:bob@10.0.0.1 sip/2.0":            "0:200 OK",
		"INVITE  sip:bob@10.0.0.1 SIP/2.0":           "0:400 Bad Request-URI",
		"INVITE <sip:bob@10.0.0.1> SIP/2.0":          "0:400 Bad Request-URI",
		"INVITE sip:bob@10.0.0.1;x=a b SIP/2.0":      "0:400 Bad Request-URI",
		"INVITE sip: SIP/2.0":                        "0:400 Bad Request-URI",
		"INVITE sip:bob@10.0.0.1":                    "",
		"INVITE sip:bob@10.0.0.1 HTTP/1.1":           "",
		"IN(VITE sip:bob@10.0.0.1 SIP/2.0":           "",
		"INVITE tel:+1234 SIP/2.0":                   "0:200 OK",
		"INVITE sip:%62ob@10.0.0.1;user=ip SIP/2.0":  "0:200 OK",
		"INVITE sip:bob@[2001:db8::1]:5060 SIP/2.0":  "0:200 OK",
		"INVITE sip:bob@[2001:db8::1 SIP/2.0":        "0:400 Bad Request-URI",
		"INVITE sip:bob@10.0.0.1:65536 SIP/2.0":      "0:400 Bad Request-URI",
		"INVITE sip:a;b?c@10.0.0.1;lr?x=y SIP/2.0":   "0:200 OK",
		"INVITE sip:bob@10.0.0.1 SIP/2.0\r\nV: junk": "0:400 Bad Via",
	} {
		inWorld(t, "S-040/start line "+name, func(w *world) {
			w.user.onRequest = reply(200)
			p := w.udp(alice)
			p.send(strings.Replace(request("INVITE", "1"), "INVITE sip:bob@10.0.0.1 SIP/2.0", name, 1))
			w.want(p.received(), want)
		})
	}
	for _, name := range []string{"To", "From", "Call-ID", "CSeq"} {
		inWorld(t, "S-040/two "+name, func(w *world) {
			p := w.udp(alice)
			m := parse(w.t, request("INVITE", "1"))
			m.Add(name, m.Get(name))
			p.send(string(m.AppendTo(nil)))
			w.want(p.received(), "0:400 Repeated "+name)
		})
	}
	inWorld(t, "S-040/octets behind the body are dropped", func(w *world) {
		p := w.udp(alice)
		p.send(request("MESSAGE", "1", "Content-Length: 3") + "abcdef")
		w.want(string(w.user.tx(0).Request().Body), "abc")
	})
	inWorld(t, "S-040/no empty line behind the head", func(w *world) {
		p := w.udp(alice)
		p.send(strings.TrimSuffix(request("INVITE", "1"), "\r\n"))
		w.want(p.received(), "0:400 Missing Empty Line")
	})
	inWorld(t, "S-040/noise on the socket", func(w *world) {
		p := w.udp(alice)
		for _, s := range []string{"", "\r\n", "\r\n\r\n", "x", "\x00\x01\x02", "GET / HTTP/1.1\r\n\r\n", "SIP/2.0\r\n\r\n", "\n\n", strings.Repeat("a", 65000)} {
			p.send(s)
		}
		w.want(p.received()+w.user.seen(), "")
	})
	inWorld(t, "S-040/513 above the limit of head and of body", func(w *world) {
		p := w.udp(alice)
		p.send(request("OPTIONS", "1", "Subject: "+strings.Repeat("x", 1000)))
		p.send(request("OPTIONS", "2", "Content-Length: 501") + strings.Repeat("x", 501))
		p.send(request("OPTIONS", "3", "Content-Length: 500") + strings.Repeat("x", 500))
		w.want(p.received(), "0:513 Message Too Large, 0:513 Message Too Large")
		w.want(w.user.seen(), "OPTIONS")
	}, func(c *Config) { c.MaxHead, c.MaxBody = 1000, 500 })
	inWorld(t, "S-040/513 above the limit of rows", func(w *world) {
		p := w.udp(alice)
		p.send(request("OPTIONS", "1") + "")
		p.send(strings.Replace(request("OPTIONS", "2", "Call-ID: 2"), "\r\nContent", strings.Repeat("\r\nX: y", 600)+"\r\nContent", 1))
		w.want(p.received(), "0:513 Message Too Large")
	})
	inWorld(t, "S-040/the 400 is the same for each repeat, and has a To tag", func(w *world) {
		p := w.udp(alice)
		p.send(request("INVITE", "1", "Contact: -"))
		a := p.one()
		p.send(request("INVITE", "1", "Contact: -"))
		b := p.one()
		if string(a.AppendTo(nil)) != string(b.AppendTo(nil)) || a.To().Tag() == "" {
			w.t.Errorf("%q and %q", a.AppendTo(nil), b.AppendTo(nil))
		}
	})
}

func TestTolerance(t *testing.T) {
	inWorld(t, "S-039/compact names, folding, blanks, case, UTF-8, any order: as the plain form", func(w *world) {
		w.user.onRequest = func(tx *ServerTx, m *Message) {
			n, method := m.CSeq()
			c, ok := m.Contact()
			w.user.note("%d %q %s %s %q %v %s %q %q %s", n, method, m.CallID(), m.From().Tag(), m.From().Display, ok, c.URI.Host,
				m.List("Supported"), m.Body, m.Get("Content-Type"))
			_ = tx.Reply(200, "", nil, nil)
		}
		p := w.udp(alice)
		p.send("\r\n" + lines(
			"INVITE sip:bob@10.0.0.1 SIP/2.0",
			"l : 5",
			"m:<sip:alice@10.0.0.2>;expires=3",
			"i:call1",
			"k: timer,",
			" 100rel ,",
			"K: replaces",
			"X-Unknown: \x01\xff",
			"Date: not at all",
			"f  : \"J\xc3\xb6rg \\\"x\\\"\" <sip:alice@10.0.0.2> ; x = y ;TAG=a1",
			"t: sip:bob@10.0.0.1",
			"CSEQ: 1   INVITE",
			"c: text/plain",
			"v: SIP / 2.0 / UDP\r\n 10.0.0.2 : 5060 ;Branch=z9hG4bK1 ;\r\n\trport",
		) + "hello")
		m := p.one()
		w.want(fmt.Sprint(m.Status, " ", m.Get("Via")), "200 SIP/2.0/UDP 10.0.0.2:5060;Branch=z9hG4bK1;received=10.0.0.2;rport=5060")
		w.want(w.user.seen(), `INVITE 1 "INVITE" call1 a1 "Jörg \"x\"" true 10.0.0.2 ["timer" "100rel" "replaces"] "hello" text/plain`)
	})
	inWorld(t, "S-039/output has long names, each on one line", func(w *world) {
		p := w.udp(alice)
		p.send(strings.NewReplacer("Via:", "v:", "From:", "f:", "To:", "t:", "Call-ID:", "i:", "CSeq: 1", "CSEQ:\r\n 1").Replace(request("OPTIONS", "1")))
		_ = w.user.tx(0).Reply(200, "", []Header{{"k", "a"}, {"record-route", "<sip:x;lr>"}, {"X-Y", "a\r\nInjected: b"}}, nil)
		got := string(p.take()[0].octets)
		w.want(got, strings.Join([]string{
			"SIP/2.0 200 OK", "Via: SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bK1", "From: <sip:alice@10.0.0.2>;tag=a1",
			"To: <sip:bob@10.0.0.1>;tag=" + parse(w.t, got).To().Tag(), "Call-ID: call1", "CSeq: 1 OPTIONS",
			"Supported: a", "Record-Route: <sip:x;lr>", "X-Y: a  Injected: b", "Content-Length: 0", "", "",
		}, "\r\n"))
	})
	inWorld(t, "S-039/lone line ends in a row make it none", func(w *world) {
		p := w.udp(alice)
		p.send(strings.Replace(request("OPTIONS", "1"), "Max-Forwards: 70", "Max-Forwards: 70\nEvil: 1\r\nGood: 2\rEvil: 1", 1))
		m := w.user.tx(0).Request()
		if m.Has("Evil") || m.Has("Good") || m.Has("Max-Forwards") {
			w.t.Errorf("rows %v", m.Headers())
		}
	})
}

func TestAnswerAddress(t *testing.T) {
	ask := func(via string) string { return request("OPTIONS", "1", "Via: SIP/2.0/UDP "+via) }
	cases := []struct{ name, from, via, wantVia, wantAt string }{
		{
			"S-013/no rport, other source port: to the sent-by port", "10.0.0.2:7777", "10.0.0.2:5060;branch=z9hG4bK1",
			"10.0.0.2:5060;branch=z9hG4bK1", "10.0.0.2:5060",
		},
		{
			"S-013/no port in sent-by: 5060", "10.0.0.2:7777", "10.0.0.2;branch=z9hG4bK1",
			"10.0.0.2;branch=z9hG4bK1", "10.0.0.2:5060",
		},
		{
			"S-013/rport: to the source port, with received", "10.0.0.2:7777", "10.0.0.2:5060;rport;branch=z9hG4bK1",
			"10.0.0.2:5060;branch=z9hG4bK1;received=10.0.0.2;rport=7777", "10.0.0.2:7777",
		},
		{
			"S-013/sent-by a name: received", "10.0.0.2:7777", "pc.example.com:5060;branch=z9hG4bK1",
			"pc.example.com:5060;branch=z9hG4bK1;received=10.0.0.2", "10.0.0.2:5060",
		},
		{
			"S-013/sent-by differs: received", "10.0.0.2:7777", "192.168.1.1:5060;branch=z9hG4bK1;x=y",
			"192.168.1.1:5060;branch=z9hG4bK1;x=y;received=10.0.0.2", "10.0.0.2:5060",
		},
		{
			"S-013/what the client wrote as received is not believed", "10.0.0.2:7777", "10.0.0.2:5060;received=10.0.0.8;rport=9;branch=z9hG4bK1",
			"10.0.0.2:5060;branch=z9hG4bK1;received=10.0.0.2;rport=7777", "10.0.0.2:7777",
		},
		{
			"S-013/maddr", "10.0.0.2:7777", "10.0.0.2:5070;maddr=10.0.0.3;rport;branch=z9hG4bK1",
			"10.0.0.2:5070;maddr=10.0.0.3;branch=z9hG4bK1;received=10.0.0.2;rport=7777", "10.0.0.3:5070",
		},
		{
			"S-039/blanks in the Via", "10.0.0.2:7777", "10.0.0.2 : 5060 ;branch=z9hG4bK1 ; x",
			"10.0.0.2 : 5060 ;branch=z9hG4bK1 ; x", "10.0.0.2:5060",
		},
	}
	for _, c := range cases {
		inWorld(t, c.name, func(w *world) {
			w.user.onRequest = reply(200)
			p := w.udp(c.from)
			at := p
			if c.wantAt != c.from {
				at = w.udp(c.wantAt)
			}
			second := "SIP/2.0/UDP 10.9.9.9;branch=z9hG4bKx;received=1.2.3.4"
			p.send(ask(c.via + ", " + second))
			w.want(at.one().Get("Via"), "SIP/2.0/UDP "+c.wantVia+", "+second)
		})
	}
	inWorld(t, "S-042/IPv6: sent-by in brackets, received without", func(w *world) {
		if _, err := w.stack.Listen(UDP, "[2001:db8::1]:5060"); err != nil {
			w.t.Fatal(err)
		}
		w.user.onRequest = reply(200)
		p := w.udp("[2001:db8::2]:7777")
		p.sendTo("[2001:db8::1]:5060", ask("[2001:db8:0::2]:5060;rport;branch=z9hG4bK1"))
		w.want(p.one().Get("Via"), "SIP/2.0/UDP [2001:db8:0::2]:5060;branch=z9hG4bK1;received=2001:db8::2;rport=7777")
		_, e := w.start(outgoing("OPTIONS"), target(UDP, "[2001:db8::2]:7777"))
		m := p.one()
		if !strings.HasPrefix(m.Get("Via"), "SIP/2.0/UDP [2001:db8::1]:5060;") {
			w.t.Errorf("Via %q", m.Get("Via"))
		}
		p.sendTo("[2001:db8::1]:5060", strings.Replace(answer(m, 200, "x"), ";rport", ";received=[2001:db8::1];rport=5060", 1))
		w.want(e.seen(), "0:200")
	})
	inWorld(t, "S-013/with two listeners the answer leaves from the receiving one", func(w *world) {
		if _, err := w.stack.Listen(UDP, "10.0.0.1:5070"); err != nil {
			w.t.Fatal(err)
		}
		w.user.onRequest = reply(200)
		p := w.udp(alice)
		p.sendTo("10.0.0.1:5070", request("OPTIONS", "1"))
		got := p.take()
		if len(got) != 1 || got[0].from.Port() != 5070 {
			w.t.Errorf("came from %v", got)
		}
	})
	inWorld(t, "S-013/60 kB by UDP are received, and answered with 60 kB", func(w *world) {
		body := strings.Repeat("x", 60000)
		p := w.udp(alice)
		p.send(request("MESSAGE", "1", "Content-Length: 60000") + body)
		if err := w.user.tx(0).Reply(200, "", nil, []byte(body)); err != nil {
			w.t.Fatal(err)
		}
		if m := p.one(); string(m.Body) != body {
			w.t.Error("body differs")
		}
	})
	inWorld(t, "S-012/Max-Forwards 0 or absent is processed", func(w *world) {
		p := w.udp(alice)
		p.send(request("OPTIONS", "1", "Max-Forwards: 0"))
		p.send(request("OPTIONS", "2", "Max-Forwards: -", "Call-ID: 2"))
		w.want(w.user.seen(), "OPTIONS OPTIONS")
	})
	inWorld(t, "order/ACK then BYE, each time", func(w *world) {
		p := w.udp(alice)
		var want []string
		for i := range 200 {
			call := fmt.Sprint("Call-ID: ", i)
			_, _ = p.WriteTo([]byte(request("ACK", fmt.Sprint("a", i), call)), udpAddr("10.0.0.1:5060"))
			_, _ = p.WriteTo([]byte(request("BYE", fmt.Sprint("b", i), call)), udpAddr("10.0.0.1:5060"))
			want = append(want, "ACK BYE")
		}
		synctest.Wait()
		w.want(w.user.seen(), strings.Join(want, " "))
	})
}

func TestTap(t *testing.T) {
	var got []string
	inWorld(t, "tap/each message as it passes", func(w *world) {
		p := w.udp(alice)
		w.user.onRequest = reply(200)
		p.send(request("OPTIONS", "1"))
		q := w.tcp("10.0.0.2")
		q.send("\r\n\r\n" + request("OPTIONS", "2", "Call-ID: 2", "Content-Length: 2") + "ab")
		w.at(time.Second)
		w.want(strings.Join(got, ", "), "UDP false OPTIONS, UDP true 200 OK, TCP false OPTIONS, TCP true 200 OK")
	}, func(c *Config) {
		c.Tap = func(f Flow, sent bool, octets []byte) {
			got = append(got, fmt.Sprint(f.Proto, " ", sent, " ", startLine(string(octets))))
		}
	})
}
