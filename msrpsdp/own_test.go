package msrpsdp_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/msrpsdp"
)

// TestLayout compares with what OpenSIPS writes, octet for octet.
func TestLayout(t *testing.T) {
	const golden = "v=0\r\no=- N N IN IP4 127.0.0.1\r\ns= -\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n" +
		"m=message 2855 TCP/MSRP *\r\na=accept-types:text/plain\r\n" +
		"a=path:msrp://127.0.0.1:2855/9fbf724ab10d2f50b5d05646629761cb;tcp\r\n"
	answer := func(l msrpsdp.Local) []byte {
		return msrpsdp.Answer(parse(t, head+message()), []*msrpsdp.Local{&l}).Bytes()
	}
	full := own(t)
	full.Accept = msrp.Types{"message/cpim", "text/*"}
	full.Wrapped = msrp.Types{"text/plain", "*"}
	full.MaxSize = 1 << 40
	full.Direction = "sendonly"
	for _, c := range []struct {
		name string
		got  []byte
		want string
	}{
		{"offer", msrpsdp.Offer(own(t)).Bytes(), golden},
		{"answer", answer(own(t)), golden},
		{
			"D-002/IPv6", msrpsdp.Offer(local(t, "msrp://[2001:db8::1]:12855/ab;tcp")).Bytes(),
			"v=0\r\no=- N N IN IP6 2001:db8::1\r\ns= -\r\nc=IN IP6 2001:db8::1\r\nt=0 0\r\n" +
				"m=message 12855 TCP/MSRP *\r\na=accept-types:text/plain\r\na=path:msrp://[2001:db8::1]:12855/ab;tcp\r\n",
		},
		{
			"D-002/name, behind a relay", msrpsdp.Offer(local(t, "msrps://relay.example:2855/r;tcp", "msrp://me.example:12855/ab;tcp")).Bytes(),
			"v=0\r\no=- N N IN IP4 me.example\r\ns= -\r\nc=IN IP4 me.example\r\nt=0 0\r\n" +
				"m=message 12855 TCP/TLS/MSRP *\r\na=accept-types:text/plain\r\na=path:msrps://relay.example:2855/r;tcp msrp://me.example:12855/ab;tcp\r\n",
		},
		{
			"D-002/two hosts", msrpsdp.Offer(own(t), local(t, "msrp://[::1]:7/cd;tcp")).Bytes(),
			golden + "m=message 7 TCP/MSRP *\r\nc=IN IP6 ::1\r\na=accept-types:text/plain\r\na=path:msrp://[::1]:7/cd;tcp\r\n",
		},
		{
			"D-012/everything said", msrpsdp.Offer(full).Bytes(),
			"v=0\r\no=- N N IN IP4 127.0.0.1\r\ns= -\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n" +
				"m=message 2855 TCP/MSRP *\r\na=accept-types:message/cpim text/*\r\na=accept-wrapped-types:text/plain *\r\n" +
				"a=path:msrp://127.0.0.1:2855/9fbf724ab10d2f50b5d05646629761cb;tcp\r\na=max-size:1099511627776\r\na=sendonly\r\n",
		},
		{
			"S-020/capabilities", msrpsdp.Capabilities("::1", msrp.Types{"text/plain", "*"}),
			"v=0\r\no=- N N IN IP6 ::1\r\ns= -\r\nc=IN IP6 ::1\r\nt=0 0\r\nm=message 0 TCP/MSRP *\r\na=accept-types:text/plain *\r\n",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, stable(t, c.got)); diff != "" {
				t.Error(diff)
			}
			parse(t, string(c.got))
		})
	}
}

func TestAnswer(t *testing.T) {
	t.Run("D-013/refused lines keep their place", func(t *testing.T) {
		offer := parse(t, head+"m=audio 9 RTP/AVP 0 8\r\n"+message()+"m=message 9000 TCP/FOO x\r\nm=video 9 RTP/AVP 31\r\n")
		got := mlines(msrpsdp.Answer(offer, []*msrpsdp.Local{nil, ptr(own(t)), nil, nil}).Bytes())
		want := []string{"m=audio 0 RTP/AVP 0 8", "m=message 2855 TCP/MSRP *", "m=message 0 TCP/FOO x", "m=video 0 RTP/AVP 31"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("D-013/lines without a local are refused", func(t *testing.T) {
		offer := parse(t, head+message()+message())
		got := mlines(msrpsdp.Answer(offer, []*msrpsdp.Local{ptr(own(t))}).Bytes())
		if diff := cmp.Diff([]string{"m=message 2855 TCP/MSRP *", "m=message 0 TCP/MSRP *"}, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("D-004/a line that cannot be used is refused whatever the local", func(t *testing.T) {
		offer := parse(t, head+"m=message 9000 TCP/MSRP *\r\na=accept-types:*\r\n")
		got := mlines(msrpsdp.Answer(offer, []*msrpsdp.Local{ptr(own(t))}).Bytes())
		if diff := cmp.Diff([]string{"m=message 0 TCP/MSRP *"}, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("M-067/an msrp path never answers a TLS line", func(t *testing.T) {
		offer := parse(t, head+mline("m=message 9000 TCP/TLS/MSRP *", "a=accept-types:*", "a=path:msrps://a.example:1/x;tcp"))
		got := mlines(msrpsdp.Answer(offer, []*msrpsdp.Local{ptr(own(t))}).Bytes())
		if diff := cmp.Diff([]string{"m=message 0 TCP/TLS/MSRP *"}, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("D-014/two sessions on one port", func(t *testing.T) {
		offer := parse(t, head+message()+message())
		a, b := local(t, "msrp://127.0.0.1:2855/aaaa;tcp"), local(t, "msrp://127.0.0.1:2855/bbbb;tcp")
		got := parse(t, string(msrpsdp.Answer(offer, []*msrpsdp.Local{&a, &b}).Bytes()))
		if got.Lines[0].Port != 2855 || got.Lines[1].Port != 2855 || got.Lines[0].Path[0].Equal(got.Lines[1].Path[0]) {
			t.Errorf("%+v", got.Lines)
		}
	})
	t.Run("D-001/TCP offered, own relay by TLS", func(t *testing.T) {
		l := local(t, "msrps://relay.example:2855/r;tcp", "msrp://127.0.0.1:2855/ab;tcp")
		got := mlines(msrpsdp.Answer(parse(t, head+message()), []*msrpsdp.Local{&l}).Bytes())
		if diff := cmp.Diff([]string{"m=message 2855 TCP/TLS/MSRP *"}, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("D-001/TLS repeated", func(t *testing.T) {
		offer := parse(t, head+mline("m=message 9000 TCP/TLS/MSRP *", "a=accept-types:*", "a=path:msrps://a.example:1/x;tcp"))
		l := local(t, "msrps://127.0.0.1:2855/ab;tcp")
		got := mlines(msrpsdp.Answer(offer, []*msrpsdp.Local{&l}).Bytes())
		if diff := cmp.Diff([]string{"m=message 2855 TCP/TLS/MSRP *"}, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("D-019/t= of the offer, o= of our own", func(t *testing.T) {
		offer := strings.Replace(head, "t=0 0", "t=3034423619 3042462419\r\nt=5 6", 1) + message()
		o := msrpsdp.Answer(parse(t, offer), []*msrpsdp.Local{ptr(own(t))})
		if !strings.Contains(string(o.Bytes()), "\r\nt=3034423619 3042462419\r\nt=5 6\r\nm=") {
			t.Errorf("%s", o.Bytes())
		}
		if id, version := numbers(t, o); id == "7" || id != version {
			t.Errorf("o= %s %s", id, version)
		}
	})
	t.Run("an answer that refuses everything is well formed", func(t *testing.T) {
		parse(t, string(msrpsdp.Answer(parse(t, head+message()), nil).Bytes()))
		parse(t, string(msrpsdp.Answer(parse(t, head+message()), []*msrpsdp.Local{{}}).Bytes()))
	})
}

// TestDirection walks every combination of what was offered and what the answerer would like to do.
func TestDirection(t *testing.T) {
	for _, c := range []struct {
		offered, want string
		written       string // in the answer; "": nothing
		ours          msrp.Direction
	}{
		{"", "", "", msrp.SendRecv},
		{"sendrecv", "", "", msrp.SendRecv},
		{"sendrecv", "sendrecv", "sendrecv", msrp.SendRecv},
		{"sendrecv", "sendonly", "sendonly", msrp.SendOnly},
		{"sendrecv", "recvonly", "recvonly", msrp.RecvOnly},
		{"sendrecv", "inactive", "inactive", msrp.Inactive},
		{"sendonly", "", "recvonly", msrp.RecvOnly},
		{"sendonly", "recvonly", "recvonly", msrp.RecvOnly},
		{"sendonly", "sendonly", "inactive", msrp.Inactive},
		{"sendonly", "inactive", "inactive", msrp.Inactive},
		{"recvonly", "", "sendonly", msrp.SendOnly},
		{"recvonly", "sendonly", "sendonly", msrp.SendOnly},
		{"recvonly", "recvonly", "inactive", msrp.Inactive},
		{"inactive", "", "inactive", msrp.Inactive},
		{"inactive", "sendrecv", "inactive", msrp.Inactive},
	} {
		t.Run("D-018/offered "+c.offered+", wanted "+c.want, func(t *testing.T) {
			var attributes []string
			if c.offered != "" {
				attributes = []string{"a=" + c.offered}
			}
			offer := parse(t, head+message(attributes...))
			l := own(t)
			l.Direction = c.want
			o := msrpsdp.Answer(offer, []*msrpsdp.Local{&l})
			want := ";tcp\r\n"
			if c.written != "" {
				want += "a=" + c.written + "\r\n"
			}
			if !strings.HasSuffix(string(o.Bytes()), want) {
				t.Errorf("ends not with %q\n%s", want, o.Bytes())
			}
			if got := o.Direction(0, &offer.Lines[0]); got != c.ours {
				t.Errorf("we may do %v, want %v", got, c.ours)
			}
		})
	}
	t.Run("D-018/offerer", func(t *testing.T) {
		l := own(t)
		l.Direction = "sendonly"
		o := msrpsdp.Offer(l)
		for answer, want := range map[string]msrp.Direction{"recvonly": msrp.SendOnly, "inactive": msrp.Inactive, "sendonly": msrp.Inactive} {
			peer := o.Peer(0, first(t, head+message("a="+answer, "a=max-size:77")))
			if peer.Direction != want || peer.MaxSize != 77 || len(peer.Path) != 1 || len(peer.Accept) != 1 {
				t.Errorf("%s: %+v, want %v", answer, peer, want)
			}
		}
	})
}

// TestVersion follows o= through a call.
func TestVersion(t *testing.T) {
	offer := parse(t, head+message()+message())
	a, b := local(t, "msrp://127.0.0.1:2855/aaaa;tcp"), local(t, "msrp://127.0.0.1:2855/bbbb;tcp")
	began := msrpsdp.Offer(a)
	id, v := numbers(t, began)
	rises := func(t *testing.T, o *msrpsdp.Own, by int) {
		t.Helper()
		was, _ := strconv.Atoi(v)
		i, now := numbers(t, o)
		if n, _ := strconv.Atoi(now); i != id || n != was+by {
			t.Errorf("o= %s %s after %s %s, want the version to rise by %d", i, now, id, v, by)
		}
	}
	t.Run("D-015/an unchanged description keeps its o=", func(t *testing.T) {
		if n := began.Next(&a); n != began {
			t.Errorf("%s", n.Bytes())
		}
		answered := msrpsdp.Answer(offer, []*msrpsdp.Local{&a, &b})
		if n := answered.Answer(offer, []*msrpsdp.Local{&a, &b}); n != answered {
			t.Errorf("%s", n.Bytes())
		}
	})
	t.Run("D-017/the version rises, lines stay", func(t *testing.T) {
		two := began.Next(&a, &b)
		rises(t, two, 1)
		one := two.Next(&a)
		rises(t, one, 2)
		if diff := cmp.Diff([]string{"m=message 2855 TCP/MSRP *", "m=message 0 TCP/MSRP *"}, mlines(one.Bytes())); diff != "" {
			t.Error(diff)
		}
		again := one.Answer(offer, []*msrpsdp.Local{&a, &b})
		rises(t, again, 3)
		if n := len(mlines(again.Bytes())); n != 2 {
			t.Errorf("%d lines", n)
		}
		none := again.Next()
		rises(t, none, 4)
		if diff := cmp.Diff([]string{"m=message 0 TCP/MSRP *", "m=message 0 TCP/MSRP *"}, mlines(none.Bytes())); diff != "" {
			t.Error(diff)
		}
		if !strings.Contains(string(none.Bytes()), "c=IN IP4 127.0.0.1\r\n") {
			t.Errorf("the host went away\n%s", none.Bytes())
		}
		rises(t, none.Next(nil, nil, &a), 5)
	})
	t.Run("D-017/descriptions of earlier versions do not change", func(t *testing.T) {
		before := string(began.Bytes())
		began.Next(nil, &b)
		if string(began.Bytes()) != before {
			t.Error("it changed")
		}
	})
}

func TestCheckAnswer(t *testing.T) {
	both := msrpsdp.Offer(own(t), own(t))
	ended := msrpsdp.Offer(own(t), own(t)).Next(ptr(own(t)))
	refused := "m=message 0 TCP/MSRP *\r\n"
	tls := mline("m=message 9000 TCP/TLS/MSRP *", "a=accept-types:*", "a=path:msrps://a.example:1/x;tcp")
	for _, c := range []struct {
		name   string
		offer  *msrpsdp.Own
		answer string
		line   int
		want   error // nil: fits
	}{
		{"D-004/both taken", both, message() + message(), 0, nil},
		{"D-004/one taken, one refused", both, refused + message(), 0, nil},
		{"D-004/every line refused", both, refused + refused, -1, msrpsdp.ErrEveryRefused},
		{"D-013/too few lines", both, message(), -1, msrpsdp.ErrLineCount},
		{"D-013/too many lines", both, message() + message() + refused, -1, msrpsdp.ErrLineCount},
		{"D-004/no path", both, message() + "m=message 1 TCP/MSRP *\r\na=accept-types:*\r\n", 1, &msrpsdp.LineError{Warn: 399, Text: "a=path is missing"}},
		{"D-004/no accept-types", both, message() + "m=message 1 TCP/MSRP *\r\na=path:msrp://a.example:1/x;tcp\r\n", 1, &msrpsdp.LineError{Warn: 305, Text: "a=accept-types is missing"}},
		{"D-013/another medium", both, "m=audio 9 RTP/AVP 0\r\n" + message(), 0, msrpsdp.ErrMedia},
		{"D-001/TLS for TCP", both, tls + message(), 0, nil},
		{"D-001/TCP for TLS", msrpsdp.Offer(local(t, "msrps://127.0.0.1:1/x;tcp")), message(), 0, msrpsdp.ErrMedia},
		{"D-017/a line that we had ended", ended, message() + message(), 1, msrpsdp.ErrNotOffered},
		{"D-017/a line that we had ended stays so", ended, message() + refused, 0, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := msrpsdp.CheckAnswer(c.offer, parse(t, head+c.answer))
			if c.want == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			ae, ok := errors.AsType[*msrpsdp.AnswerError](err)
			if !ok || ae.Line != c.line || ae.Err.Error() != c.want.Error() {
				t.Errorf("%v, want line %d: %v", err, c.line, c.want)
			}
		})
	}
}

func BenchmarkAnswer(b *testing.B) {
	offer := []byte(head + message())
	l := own(b)
	b.ReportAllocs()
	for b.Loop() {
		d, err := msrpsdp.Parse(offer)
		if err != nil {
			b.Fatal(err)
		}
		msrpsdp.Answer(d, []*msrpsdp.Local{&l})
	}
}
