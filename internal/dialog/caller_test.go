package dialog

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parley-msrp/parley/internal/sip"
)

var answered = fmt.Sprintf("answered %d", len(answerSDP))

// accepted answers an INVITE of the unit under test and takes its ACK.
func (r *rig) accepted(inv received, tag string, head ...string) received {
	r.t.Helper()
	r.answer(inv, 200, tag, append(head, r.contactRow()), answerSDP)
	r.expect(answered)
	ack := r.want("ACK")
	r.expect("established")
	return ack
}

func TestCaller(t *testing.T) {
	overSockets(t, "S-043/INVITE carries what it must, Allow and Supported, CSeq below 2^31", Config{}, func(t *testing.T, r *rig) {
		d := r.invite(sip.Header{Name: "Subject", Value: "hello"})
		inv := r.want("INVITE")
		for name, want := range map[string]string{
			"Allow": allow, "Supported": spokenAsCaller, "User-Agent": "Parley-Test/1", "Max-Forwards": "70", "Content-Type": "application/sdp",
			"Subject": "hello", "To": "<sip:peer@example.org>", "Call-ID": d.CallID(),
		} {
			if !slices.Equal(inv.all(name), []string{want}) {
				t.Errorf("%s %q, want %q", name, inv.all(name), want)
			}
		}
		if want := `"Parley" <sip:parley@example.com>;tag=` + d.LocalTag(); strings.ReplaceAll(inv.get("From"), `"`, "") != strings.ReplaceAll(want, `"`, "") {
			t.Errorf("From %q", inv.get("From"))
		}
		c := call{peer: r.peer}
		if want := "INVITE " + c.uri() + " SIP/2.0"; inv.start != want || inv.body != offerSDP {
			t.Errorf("got\n%s", inv.raw)
		}
		if n := inv.seq(); n <= 0 || n >= 1<<31 {
			t.Errorf("CSeq %d", n)
		}
		if d.RemoteTag() != "" || !d.Caller() || d.Key() == "" {
			t.Error("a dialog with a remote tag already")
		}
		ack := r.accepted(inv, "callee")
		if d.RemoteTag() != "callee" {
			t.Errorf("remote tag %q", d.RemoteTag())
		}
		if ack.seq() != inv.seq() || ack.method() != "ACK" || ack.tag("To") != "callee" || ack.get("Via") == inv.get("Via") || ack.body != "" {
			t.Errorf("S-034: ACK\n%s", ack.raw)
		}
		d.End("")
		bye := r.want("BYE")
		if bye.seq() != inv.seq()+1 || bye.tag("To") != "callee" || bye.get("Via") == ack.get("Via") || bye.has("Reason") || bye.has("Contact") {
			t.Errorf("BYE\n%s", bye.raw)
		}
		r.answer(bye, 200, "", nil, "")
		r.expect("ended local 200 established=true")
		r.quiet()
	})

	overSockets(t, "S-006/BYE from the called side", Config{}, func(t *testing.T, r *rig) {
		r.invite()
		inv := r.want("INVITE")
		r.answer(inv, 100, "", nil, "")
		r.answer(inv, 180, "callee", []string{r.contactRow()}, "")
		r.expect("progress 180")
		r.accepted(inv, "callee")
		r.answering(inv, "callee").bye(r)
	})

	overSockets(t, "S-038/a refusal of any code ends the attempt with that code", Config{}, func(t *testing.T, r *rig) {
		for _, code := range []int{302, 401, 407, 486, 499, 503, 603} {
			r.invite()
			inv := r.want("INVITE")
			r.answer(inv, 199, "callee", nil, "")
			r.expect("progress 199")
			r.answer(inv, code, "callee", []string{"Contact: <sip:peer@" + r.addr + ">"}, "")
			ack := r.want("ACK")
			if ack.get("Via") != inv.get("Via") || ack.tag("To") != "callee" {
				t.Errorf("S-034: ACK\n%s", ack.raw)
			}
			r.expect(fmt.Sprintf("ended refused %d established=false", code))
			r.quiet()
		}
	})

	overSockets(t, "S-033/each repeat of the 2xx gets the same ACK at once", Config{}, func(t *testing.T, r *rig) {
		r.invite()
		inv := r.want("INVITE")
		first := r.accepted(inv, "callee")
		for range 4 {
			r.answer(inv, 200, "callee", []string{r.contactRow()}, answerSDP)
			if again := r.want("ACK"); again.raw != first.raw {
				t.Errorf("another ACK\n%s\n%s", first.raw, again.raw)
			}
		}
		r.answering(inv, "callee").bye(r)
		r.answer(inv, 200, "callee", []string{r.contactRow()}, answerSDP)
		if again := r.want("ACK"); again.raw != first.raw {
			t.Errorf("after BYE another ACK\n%s\n%s", first.raw, again.raw)
		}
	})

	overSockets(t, "S-005/two 2xx: two ACKs with own tags, BYE for the second", Config{}, func(t *testing.T, r *rig) {
		r.invite()
		inv := r.want("INVITE")
		r.accepted(inv, "one")
		r.answer(inv, 200, "two", []string{r.contactRow(), "Record-Route: <sip:" + r.addr + ";lr;transport=" + r.proto + ">"}, answerSDP)
		ack, bye := r.want("ACK"), r.want("BYE")
		if ack.tag("To") != "two" || bye.tag("To") != "two" || !ack.has("Route") || !bye.has("Route") || bye.seq() != inv.seq()+1 {
			t.Errorf("got\n%s\n%s", ack.raw, bye.raw)
		}
		r.answer(bye, 200, "", nil, "")
		r.answer(inv, 200, "two", []string{r.contactRow()}, answerSDP)
		if again := r.want("ACK"); again.raw != ack.raw {
			t.Errorf("another ACK\n%s", again.raw)
		}
		r.answering(inv, "one").bye(r)
	})

	overSockets(t, "S-010/the route set is Record-Route reversed; a strict first hop is handled", Config{}, func(t *testing.T, r *rig) {
		hop := r.addr + ";transport=" + strings.ToLower(r.proto)
		for _, x := range []struct{ rows, start, route string }{
			{
				"<sip:far.example.com;lr;x=1>, <sip:" + hop + ";lr>", "sip:peer@192.0.2.66",
				"<sip:" + hop + ";lr>, <sip:far.example.com;lr;x=1>",
			},
			{
				"<sip:far.example.com;lr>, <sip:" + hop + ";method=INVITE>", "sip:" + hop,
				"<sip:far.example.com;lr>, <sip:peer@192.0.2.66>",
			},
		} {
			d := r.invite()
			inv := r.want("INVITE")
			r.answer(inv, 200, "callee", []string{"Contact: <sip:peer@192.0.2.66>", "Record-Route: " + x.rows}, answerSDP)
			r.expect(answered)
			ack := r.want("ACK")
			r.expect("established")
			d.End("")
			bye := r.want("BYE")
			for _, m := range []received{ack, bye} {
				method, _, _ := strings.Cut(m.start, " ")
				if want := method + " " + x.start + " SIP/2.0"; m.start != want || strings.Join(m.all("Route"), ", ") != x.route {
					t.Errorf("want %s and Route %s\n%s", want, x.route, m.raw)
				}
			}
			r.answer(bye, 200, "", nil, "")
			r.expect("ended local 200 established=true")
		}
	})

	overSockets(t, "S-018/an answer that is refused: ACK, BYE, failed", Config{}, func(t *testing.T, r *rig) {
		r.set(func(do *hooks) {
			do.answered = func(d *Dialog) *Refusal { return &Refusal{Code: 488, Reason: "no"} }
		})
		r.invite()
		inv := r.want("INVITE")
		r.answer(inv, 200, "callee", []string{r.contactRow()}, answerSDP)
		r.expect(answered)
		r.want("ACK")
		r.answer(r.want("BYE"), 200, "", nil, "")
		r.expect("ended bad answer 488 established=false")
		r.quiet()
	})

	overSockets(t, "S-004/End while it rings: CANCEL of the same transaction, with the reason", Config{}, func(t *testing.T, r *rig) {
		d := r.invite()
		inv := r.want("INVITE")
		r.answer(inv, 180, "callee", []string{r.contactRow()}, "")
		r.expect("progress 180")
		d.End(`SIP;cause=200;text="later"`)
		d.End("")
		cancel := r.want("CANCEL")
		if cancel.get("Via") != inv.get("Via") || cancel.seq() != inv.seq() || cancel.get("Reason") != `SIP;cause=200;text="later"` {
			t.Errorf("got\n%s", cancel.raw)
		}
		r.answer(cancel, 200, "callee", nil, "")
		r.answer(inv, 487, "callee", nil, "")
		r.want("ACK")
		r.expect("ended local 487 established=false")
		r.quiet()
	})

	overSockets(t, "S-005/CANCEL crosses a 200: ACK, then BYE", Config{}, func(t *testing.T, r *rig) {
		d := r.invite()
		inv := r.want("INVITE")
		r.answer(inv, 180, "callee", []string{r.contactRow()}, "")
		r.expect("progress 180")
		d.End("")
		cancel := r.want("CANCEL")
		r.answer(inv, 200, "callee", []string{r.contactRow()}, answerSDP)
		r.answer(cancel, 200, "callee", nil, "")
		r.want("ACK")
		r.answer(r.want("BYE"), 200, "", nil, "")
		r.expect("ended local 487 established=false")
		r.quiet()
	})

	overSockets(t, "S-006/methods of the dialog may be called from within the owner's", Config{}, func(t *testing.T, r *rig) {
		r.set(func(do *hooks) {
			do.answered = func(d *Dialog) *Refusal { d.End(""); return nil }
		})
		r.invite()
		inv := r.want("INVITE")
		r.answer(inv, 200, "callee", []string{r.contactRow()}, answerSDP)
		r.expect(answered)
		r.want("ACK")
		r.answer(r.want("BYE"), 200, "", nil, "")
		r.expect("established")
		r.expect("ended local 200 established=true")
		r.quiet()
	})

	overSockets(t, "S-016/the answer is found in a multipart body; without one the owner decides", Config{}, func(t *testing.T, r *rig) {
		r.set(func(do *hooks) {
			do.answered = func(d *Dialog) *Refusal { return &Refusal{Code: 488} }
		})
		for _, x := range []struct {
			mediaType, body string
			want            int
		}{
			{"multipart/mixed;boundary=b", multi("b", "Content-Type: application/sdp\r\n\r\nv=0"), 3},
			{"text/plain", "hello", 0},
			{"", "", 0},
		} {
			r.invite()
			inv := r.want("INVITE")
			head := []string{r.contactRow()}
			if x.mediaType != "" {
				head = append(head, "Content-Type: "+x.mediaType)
			}
			r.respond(inv, 200, "callee", head, x.body)
			r.expect("answered " + strconv.Itoa(x.want))
			r.want("ACK")
			r.answer(r.want("BYE"), 200, "", nil, "")
			r.expect("ended bad answer 488 established=false")
		}
	})

	overSockets(t, "S-006/BYE from the called side on the early dialog ends the attempt", Config{}, func(t *testing.T, r *rig) {
		r.invite()
		inv := r.want("INVITE")
		r.answer(inv, 180, "callee", []string{r.contactRow()}, "")
		r.expect("progress 180")
		c := r.answering(inv, "callee")
		c.send(c.request("BYE"))
		for range 2 { // 200 and CANCEL may come on two connections
			m := c.next()
			switch m.what() {
			case "200 BYE":
			case "CANCEL":
				r.answer(m, 200, "callee", nil, "")
			default:
				t.Fatalf("got %s", m.what())
			}
		}
		r.answer(inv, 487, "callee", nil, "")
		r.want("ACK")
		r.expect("ended remote 487 established=false")
		r.quiet()
	})
}

func TestInviteInput(t *testing.T) {
	r := &rig{}
	r.start(t, Config{Limits: Limits{Dialogs: 1}}, sip.Config{}, "127.0.0.1:0")
	r.peer = &peer{t: t}
	defer r.close()
	silent, err := net.ListenPacket("udp4", "127.0.0.1:0") // a refused datagram would end the call
	check0(t, err)
	defer silent.Close()
	good := Invite{RequestURI: "sip:a@" + silent.LocalAddr().String(), From: "sip:a@b", To: "<tel:+15550100>", Offer: []byte("v=0"), Owner: r}
	for _, x := range []struct {
		field  string
		change func(*Invite)
	}{
		{"RequestURI", func(i *Invite) { i.RequestURI = "" }},
		{"RequestURI", func(i *Invite) { i.RequestURI = "tel:1" }},
		{"RequestURI", func(i *Invite) { i.RequestURI = "sips:a@b" }},
		{"RequestURI", func(i *Invite) { i.RequestURI = "sip:a@b?Subject=x" }},
		{"From", func(i *Invite) { i.From = "" }},
		{"From", func(i *Invite) { i.From = "<sip:a@b>;tag=x" }},
		{"To", func(i *Invite) { i.To = "a b" }},
		{"To", func(i *Invite) { i.To = "\"x\r\nY: z\" <sip:a@b>" }},
		{"CallID", func(i *Invite) { i.CallID = "a b" }},
		{"CallID", func(i *Invite) { i.CallID = "a\r\nX: y" }},
		{"Offer", func(i *Invite) { i.Offer = nil }},
		{"Owner", func(i *Invite) { i.Owner = nil }},
		{"Headers", func(i *Invite) { i.Headers = []sip.Header{{Name: "via", Value: "x"}} }},
		{"Headers", func(i *Invite) { i.Headers = []sip.Header{{Name: "m", Value: "x"}} }},
		{"Headers", func(i *Invite) { i.Headers = []sip.Header{{Name: "X Y", Value: "x"}} }},
		{"Headers", func(i *Invite) { i.Headers = []sip.Header{{Name: "X", Value: "a\nb"}} }},
		{"Headers", func(i *Invite) { i.Headers = []sip.Header{{Name: "Route", Value: "<sips:a>"}} }},
	} {
		i := good
		x.change(&i)
		_, err := r.e.Invite(i)
		if e, ok := err.(*InputError); !ok || e.Field != x.field {
			t.Errorf("%s: %v", x.field, err)
		}
	}
	if _, err := r.e.Invite(good); err != nil {
		t.Error(err)
	}
	if _, err := r.e.Invite(good); err != ErrLimit {
		t.Errorf("over the limit: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_ = r.e.Close(ctx)
	if _, err := r.e.Invite(good); err != ErrClosed {
		t.Errorf("after Close: %v", err)
	}
}
