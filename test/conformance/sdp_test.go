package conformance

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-msrp/parley/test/conformance/node"
	"github.com/parley-msrp/parley/test/peer"
)

// offered sends an offer and returns the final response and, of a 200, its description. The call is ended again.
func offered(t *testing.T, n *node.Node, sdp string) (*peer.Message, peer.SDP) {
	t.Helper()
	d := peer.NewAgent(t, "udp", n.SIP).NewDialog("bob")
	_, r := d.Call(t, patience(), sdp)
	if r.Code() != 200 {
		return r, peer.SDP{}
	}
	d.Ack(t)
	d.Bye(t, patience())
	return r, peer.ParseSDP(r.Body)
}

func refused488(t *testing.T, n *node.Node, sdp string) {
	t.Helper()
	if r, _ := offered(t, n, sdp); r.Code() != 488 {
		t.Errorf("%s, want 488, for\n%s", r.Start, sdp)
	}
}

const (
	deadPath  = "msrp://127.0.0.1:9/peer0001;tcp"
	otherPath = "msrp://127.0.0.1:9/peer0002;tcp"
	goodLine  = "m=message 9 TCP/MSRP *\r\na=accept-types:*\r\na=path:" + otherPath + "\r\n"
)

func TestSDP(t *testing.T) {
	t.Parallel()
	n := start(t, node.Config{})
	plain := start(t, node.Config{Route: plainRoute})

	row(t, "D-001/m-line of answer and offer", func(t *testing.T) {
		c := answered(t, n, setup{})
		if want := "message 2855 TCP/MSRP *"; c.sdp.Media[0].Line != want {
			t.Errorf("m=%s, want %s", c.sdp.Media[0].Line, want)
		}
		c = started(t, n, setup{})
		if want := "message 2855 TCP/MSRP *"; c.sdp.Media[0].Line != want {
			t.Errorf("m=%s, want %s", c.sdp.Media[0].Line, want)
		}
	})
	row(t, "D-001/unknown proto", func(t *testing.T) {
		odd := "m=message 9 TCP/FOO *\r\na=accept-types:*\r\na=path:" + deadPath + "\r\n"
		refused488(t, n, peer.SDPHead("127.0.0.1")+odd)
		_, d := offered(t, n, peer.SDPHead("127.0.0.1")+odd+goodLine)
		if len(d.Media) != 2 || !strings.HasPrefix(d.Media[0].Line, "message 0 TCP/FOO ") || d.Media[1].Port() != "2855" {
			t.Errorf("%+v", d.Media)
		}
	})

	row(t, "D-002/c= and m= repeat the path", func(t *testing.T) {
		for name, c := range map[string]*call{"answer": answered(t, n, setup{}), "offer": started(t, n, setup{})} {
			host, port, _ := strings.Cut(hostPort(c.s.Remote), ":")
			if got := c.sdp.Line("c="); got != "IN IP4 "+host || c.sdp.Media[0].Port() != port {
				t.Errorf("%s: c=%s, port %s, path %s", name, got, c.sdp.Media[0].Port(), c.s.Remote)
			}
		}
	})
	row(t, "D-002/IPv6", func(t *testing.T) {
		n := start(t, node.Config{IPv6: true})
		c := answered(t, n, setup{})
		if got := c.sdp.Line("c="); got != "IN IP6 ::1" || !strings.Contains(c.sdp.Line("o="), " IN IP6 ::1") {
			t.Errorf("c=%s o=%s", got, c.sdp.Line("o="))
		}
	})

	row(t, "D-003/no path", func(t *testing.T) {
		bare := "m=message 9 TCP/MSRP *\r\na=accept-types:*\r\n"
		refused488(t, n, peer.SDPHead("127.0.0.1")+bare)
		_, d := offered(t, n, peer.SDPHead("127.0.0.1")+bare+goodLine)
		if len(d.Media) != 2 || d.Media[0].Port() != "0" || d.Media[1].Port() != "2855" {
			t.Errorf("%+v", d.Media)
		}
	})
	row(t, "D-003/two paths", func(t *testing.T) {
		refused488(t, n, peer.Offer("*", deadPath)+"a=path:"+otherPath+"\r\n")
	})
	row(t, "D-003/one path of our own", func(t *testing.T) {
		c := answered(t, n, setup{})
		var paths int
		for _, a := range c.sdp.Media[0].Attrs {
			if strings.HasPrefix(a, "path:") {
				paths++
			}
		}
		if _, atSession := strings.CutPrefix(c.sdp.Line("a=path"), ":"); paths != 1 || atSession {
			t.Errorf("%+v", c.sdp)
		}
	})

	row(t, "D-004/offer without accept-types", func(t *testing.T) {
		bare := "m=message 9 TCP/MSRP *\r\na=path:" + deadPath + "\r\n"
		refused488(t, n, peer.SDPHead("127.0.0.1")+bare)
		_, d := offered(t, n, peer.SDPHead("127.0.0.1")+goodLine+bare)
		if len(d.Media) != 2 || d.Media[0].Port() != "2855" || d.Media[1].Port() != "0" {
			t.Errorf("%+v", d.Media)
		}
	})
	row(t, "D-004/own offer has both", func(t *testing.T) {
		c := started(t, n, setup{own: "text/plain image/*"})
		if types, _ := c.sdp.Media[0].Attr("accept-types"); types != "text/plain image/*" {
			t.Errorf("accept-types %q", types)
		}
	})
	for name, attrs := range map[string]string{
		"accept-types": "a=path:PATH\r\n", "path": "a=accept-types:*\r\n", "usable path": "a=accept-types:*\r\na=path:msrp://127.0.0.1/x;tcp\r\n",
	} {
		row(t, "D-004/answer without "+name, func(t *testing.T) {
			l := peer.ListenMSRP(t)
			c, invite := invited(t, n, setup{})
			attrs := strings.ReplaceAll(attrs, "PATH", l.Path(peer.Ident()))
			c.accept(t, invite, peer.SDPHead("127.0.0.1")+"m=message "+peer.PathPort(l.Path("x"))+" TCP/MSRP *\r\n"+attrs)
			c.byeCame(t)
			n.Await(t, c.id, "E_MSRP_SESSION_FAILED", 1)
			l.None(t, moment)
			if e := n.Events(c.id, "E_MSRP_SESSION_END"); len(e) != 0 {
				t.Errorf("%v", e)
			}
		})
	}
	row(t, "D-004/answer that refuses the only line", func(t *testing.T) {
		c, invite := invited(t, n, setup{})
		c.accept(t, invite, peer.SDPHead("127.0.0.1")+"m=message 0 TCP/MSRP *\r\n")
		c.byeCame(t)
		n.Await(t, c.id, "E_MSRP_SESSION_FAILED", 1)
	})

	row(t, "D-005/path of two URIs", func(t *testing.T) {
		l := peer.ListenMSRP(t)
		path := l.Path("relay") + " msrp://far.example.invalid:2855/" + peer.Ident() + ";tcp"
		c := started(t, n, setup{listen: l, path: path})
		n.SendMessage(t, c.id, "text/plain", "hello")
		for _, f := range []*peer.Frame{c.bind, c.c.Request(t, patience(), "SEND")} {
			if f.Get("To-Path") != path {
				t.Errorf("To-Path %q", f.Get("To-Path"))
			}
		}
		c.want(t, c.s.Send("x").Set("From-Path", l.Path("relay")), 403) // the right-most is the peer
		c.ok(t, c.s.Send("x"))
	})

	row(t, "D-006/wildcards, case, parameters", func(t *testing.T) {
		for _, types := range []string{"text/*", "*", "image/png text/*", "Text/Plain;charset=utf-8", "TEXT/*", "text/plain"} {
			if r, _ := offered(t, plain, peer.Offer(types, deadPath)); r.Code() != 200 {
				t.Errorf("%s for %s", r.Start, types)
			}
		}
		for _, types := range []string{"image/*", "text/plainly", "textual/*", "application/x-none"} {
			refused488(t, plain, peer.Offer(types, deadPath))
		}
	})
	row(t, "D-006/when sending", func(t *testing.T) {
		c := answered(t, n, setup{types: "Text/Plain;charset=utf-8 IMAGE/*"})
		n.SendMessage(t, c.id, "text/plain", "x")
		c.c.Request(t, patience(), "SEND")
		n.SendMessage(t, c.id, "image/png", "x")
		c.c.Request(t, patience(), "SEND")
		n.SendRefused(t, c.id, "text/html", "x")
	})

	row(t, "D-007/no common type", func(t *testing.T) {
		refused488(t, plain, peer.Offer("application/x-none", deadPath))
		refused488(t, plain, peer.Offer("application/x-none", deadPath, otherPath))
		_, d := offered(t, plain, peer.Offer("application/x-none", deadPath)+goodLine)
		if len(d.Media) != 2 || d.Media[0].Port() != "0" || d.Media[1].Port() == "0" {
			t.Errorf("%+v", d.Media)
		}
	})

	row(t, "D-011/default types", func(t *testing.T) {
		c := answered(t, n, setup{})
		types, _ := c.sdp.Media[0].Attr("accept-types")
		for _, ct := range []string{"message/cpim", "multipart/mixed", "multipart/alternative", "multipart/signed"} {
			if list := strings.Fields(types); !slices.Contains(list, "*") && !slices.Contains(list, ct) {
				t.Errorf("accept-types %q do not cover %s", types, ct)
			}
			c.ok(t, c.s.Send(cpimText("x")).Set("Content-Type", ct))
		}
		c.received(t, cpimText("x"), cpimText("x"), cpimText("x"), cpimText("x"))
	})
	row(t, "D-011/explicit types go out verbatim", func(t *testing.T) {
		c := answered(t, plain, setup{})
		if types, _ := c.sdp.Media[0].Attr("accept-types"); types != "text/plain" {
			t.Errorf("accept-types %q", types)
		}
	})

	row(t, "D-012/received one is applied", func(t *testing.T) {
		c := answered(t, n, setup{attrs: "a=max-size:10\r\n"})
		n.SendRefused(t, c.id, "text/plain", numbered(11))
		n.SendMessage(t, c.id, "text/plain", numbered(10))
		c.c.Request(t, patience(), "SEND")
	})
	for _, value := range []string{"0", "-1", "abc", "99999999999999999999999999"} {
		row(t, "D-012/"+value+" is no limit", func(t *testing.T) {
			c := answered(t, n, setup{attrs: "a=max-size:" + value + "\r\n"})
			n.SendMessage(t, c.id, "text/plain", numbered(100))
			c.c.Request(t, patience(), "SEND")
		})
	}
	row(t, "D-012/a limit that is said is kept", func(t *testing.T) {
		c := answered(t, n, setup{})
		if v, has := c.sdp.Media[0].Attr("max-size"); has && strings.Trim(v, "0123456789") != "" {
			t.Errorf("max-size %q", v)
		}
		c.received(t)
	})

	row(t, "D-013/audio, message, video", func(t *testing.T) {
		r, d := offered(t, n, peer.SDPHead("127.0.0.1")+"m=audio 4000 RTP/AVP 0 8\r\n"+goodLine+"m=video 4002 RTP/AVP 31\r\n")
		if r.Code() != 200 || len(d.Media) != 3 {
			t.Fatalf("%s\n%s", r.Start, r.Body)
		}
		for i, want := range []string{"audio 0 RTP/AVP ", "message 2855 TCP/MSRP *", "video 0 RTP/AVP "} {
			if !strings.HasPrefix(d.Media[i].Line, want) {
				t.Errorf("m=%s, want %s", d.Media[i].Line, want)
			}
		}
		if len(strings.Fields(d.Media[0].Line)) < 4 || d.Media[0].Path() != "" {
			t.Errorf("%+v", d.Media[0])
		}
	})

	row(t, "D-014/two message lines on one port", func(t *testing.T) {
		a := peer.NewAgent(t, "udp", n.SIP)
		d := a.NewDialog("bob")
		one := peer.Session{Own: "msrp://127.0.0.1:9/" + peer.Ident() + ";tcp"}
		two := peer.Session{Own: "msrp://127.0.0.1:9/" + peer.Ident() + ";tcp"}
		_, r := d.Call(t, patience(), peer.Offer("*", one.Own, two.Own))
		d.Ack(t)
		sdp := peer.ParseSDP(r.Body)
		if len(sdp.Media) != 2 {
			t.Fatalf("%s\n%s", r.Start, r.Body)
		}
		one.Remote, two.Remote = sdp.Media[0].Path(), sdp.Media[1].Path()
		if one.Remote == two.Remote || sdp.Media[0].Port() != sdp.Media[1].Port() {
			t.Fatalf("%s", r.Body)
		}
		conn := peer.DialMSRP(t, n.MSRP)
		for i, s := range []peer.Session{one, two} {
			c := &call{n: n, a: a, d: d, id: sessionID(s.Remote), s: s, c: conn}
			n.Await(t, c.id, "E_MSRP_SESSION_NEW", 1)
			c.ok(t, s.Send(fmt.Sprint("for ", i)))
			c.received(t, fmt.Sprint("for ", i))
		}
		d.Bye(t, patience())
		n.Await(t, sessionID(one.Remote), "E_MSRP_SESSION_END", 1)
		n.Await(t, sessionID(two.Remote), "E_MSRP_SESSION_END", 1)
	})

	row(t, "D-015/re-INVITE that changes nothing", func(t *testing.T) {
		c := answered(t, n, setup{})
		offer := peer.Offer("*", c.s.Own)
		first := c.sdp
		for range 2 {
			_, r := c.d.Call(t, patience(), offer)
			if r.Code() != 200 {
				t.Fatal(r.Start)
			}
			c.d.Ack(t)
			again := peer.ParseSDP(r.Body)
			if !slices.Equal(again.Session, first.Session) || len(again.Media) != 1 || again.Media[0].Path() != c.s.Remote {
				t.Errorf("%+v, want %+v", again, first)
			}
		}
		c.ok(t, c.s.Send("still here"))
		c.received(t, "still here")
	})

	for offer, answers := range map[string][]string{
		"sendonly": {"recvonly", "inactive"}, "recvonly": {"sendonly", "inactive"}, "inactive": {"inactive"}, "sendrecv": {"", "sendrecv"},
	} {
		row(t, "D-018/"+offer, func(t *testing.T) {
			for level, sdp := range map[string]string{
				"media":   peer.Offer("*", deadPath) + "a=" + offer + "\r\n",
				"session": peer.SDPHead("127.0.0.1") + "a=" + offer + "\r\n" + goodLine,
			} {
				_, d := offered(t, n, sdp)
				if len(d.Media) != 1 {
					t.Fatalf("%+v", d)
				}
				got := ""
				for _, name := range []string{"sendrecv", "sendonly", "recvonly", "inactive"} {
					if _, has := d.Media[0].Attr(name); has {
						got += name
					}
				}
				if !slices.Contains(answers, got) {
					t.Errorf("at %s level: answer %q, want %v", level, got, answers)
				}
			}
			if offer != "sendrecv" {
				return
			}
			c := answered(t, n, setup{attrs: "a=sendrecv\r\n"}) // and it is so in both directions
			n.SendMessage(t, c.id, "text/plain", "x")
			c.c.Request(t, patience(), "SEND")
			c.received(t)
		})
	}

	row(t, "D-019/t= is repeated, o= is own", func(t *testing.T) {
		for _, times := range []string{"0 0", "2873397496 2873404696"} {
			offer := strings.Replace(peer.Offer("*", deadPath), "t=0 0", "t="+times, 1)
			_, d := offered(t, n, offer)
			if got := d.Line("t="); got != times {
				t.Errorf("t=%s, want %s", got, times)
			}
			if o := strings.Fields(d.Line("o=")); len(o) != 6 || o[1] == "4021711377" {
				t.Errorf("o=%s", d.Line("o="))
			}
		}
	})

	row(t, "D-020/accepted without asking", func(t *testing.T) {
		began := time.Now()
		c := answered(t, n, setup{})
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%v", took)
		}
		c.ok(t, c.s.Send("first text"))
		c.received(t, "first text")
	})

	row(t, "D-021/blanks are tolerated, not produced", func(t *testing.T) {
		c := answered(t, n, setup{types: " text/plain  ", path: " msrp://127.0.0.1:9/blank001;tcp"})
		for _, a := range c.sdp.Media[0].Attrs {
			if _, v, _ := strings.Cut(a, ":"); v != strings.TrimSpace(v) {
				t.Errorf("a=%s", a)
			}
		}
		n.SendMessage(t, c.id, "text/plain", "x")
		if f := c.c.Request(t, patience(), "SEND"); f.Get("To-Path") != "msrp://127.0.0.1:9/blank001;tcp" {
			t.Errorf("To-Path %q", f.Get("To-Path"))
		}
		n.SendRefused(t, c.id, "text/html", "x")
	})

	row(t, "D-022/attributes at session level", func(t *testing.T) {
		refused488(t, n, peer.SDPHead("127.0.0.1")+"a=path:"+deadPath+"\r\nm=message 9 TCP/MSRP *\r\na=accept-types:*\r\n")
		refused488(t, n, peer.SDPHead("127.0.0.1")+"a=accept-types:*\r\nm=message 9 TCP/MSRP *\r\na=path:"+deadPath+"\r\n")
		a := peer.NewAgent(t, "udp", n.SIP)
		d := a.NewDialog("bob")
		own := "msrp://127.0.0.1:9/" + peer.Ident() + ";tcp"
		_, r := d.Call(t, patience(), peer.SDPHead("127.0.0.1")+"a=max-size:5\r\na=path:"+otherPath+"\r\n"+peer.MessageLine("9", "*", own))
		if r.Code() != 200 {
			t.Fatal(r.Start)
		}
		d.Ack(t)
		c := &call{n: n, a: a, d: d, c: peer.DialMSRP(t, n.MSRP)}
		c.take(t, r)
		c.s.Own = own
		c.ok(t, c.s.Bodiless())
		n.SendMessage(t, c.id, "text/plain", "longer than five")
		if f := c.c.Request(t, patience(), "SEND"); f.Get("To-Path") != own {
			t.Errorf("To-Path %q", f.Get("To-Path"))
		}
		d.Bye(t, patience())
	})

	row(t, "D-023/after BYE", func(t *testing.T) {
		c := answered(t, n, setup{})
		c.bye(t)
		n.Await(t, c.id, "E_MSRP_SESSION_END", 1)
		f := c.s.Send("too late")
		c.c.Put(f.Bytes())
		if r, err := c.c.Read(patience()); err == nil && r.Code != 481 || err != nil && !peer.IsClosed(err) {
			t.Errorf("%v %v", r, err)
		}
		again := peer.DialMSRP(t, n.MSRP)
		f = c.s.Send("too late")
		again.Put(f.Bytes())
		if r := again.Response(t, patience(), f.ID); r.Code != 481 {
			t.Errorf("%d", r.Code)
		}
		if e := n.Events(c.id, "E_MSRP_MSG_RECEIVED"); len(e) != 0 {
			t.Errorf("%v", e)
		}
	})
	row(t, "D-023/after our own BYE", func(t *testing.T) {
		first, second := bound(t, n)
		n.EndSession(t, first.id)
		first.byeCame(t)
		first.gone(t)
		second.want(t, first.s.Send("too late"), 481)
		second.received(t)
	})
}
