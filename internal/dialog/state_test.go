package dialog

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/parley-msrp/parley/internal/sip"
)

var update = flag.Bool("update", false, "write the state of the present format to testdata; those of older formats are never written again")

// stateOf is the state of a dialog.
func stateOf(d *Dialog) []byte {
	written := make(chan []byte, 1)
	d.State(func(state []byte) { written <- state })
	return <-written
}

// restarted is another endpoint in the place of this one, which ends as a process does that dies.
func (r *rig) restarted(t *testing.T, c Config) *rig {
	t.Helper()
	for _, d := range r.e.table.all() {
		forget(r.e, d)
	}
	r.close()
	next := &rig{}
	next.start(t, c, sip.Config{}, r.at)
	next.peer = r.peer
	t.Cleanup(next.close)
	return next
}

// restore makes a dialog of a state.
func (r *rig) restore(state []byte) *Dialog {
	r.t.Helper()
	d, err := r.e.Restore(state, r)
	check0(r.t, err)
	return d
}

func TestRestore(t *testing.T) {
	both := func(name string, test func(t *testing.T, r *rig, c *call, d *Dialog, state []byte)) {
		overSockets(t, name+", as called", Config{}, func(t *testing.T, r *rig) {
			c, d := r.standing("Allow: INVITE, UPDATE", "Supported: timer", "Session-Expires: 1800;refresher=uac")
			state := stateOf(d)
			test(t, r.restarted(t, Config{}), c, d, state)
		})
		overSockets(t, name+", as caller", Config{}, func(t *testing.T, r *rig) {
			c, d := r.calling("Allow: INVITE, UPDATE", "Session-Expires: 1800;refresher=uas", "Require: timer")
			state := stateOf(d)
			test(t, r.restarted(t, Config{}), c, d, state)
		})
	}

	both("S-043/a restored dialog sends re-INVITE and BYE, its CSeq leaps forward", func(t *testing.T, r *rig, c *call, was *Dialog, state []byte) {
		d := r.restore(state)
		r.modify(d, false)
		r.expect("make offer")
		inv := c.want("INVITE")
		if inv.body != thirdSDP || inv.get("Call-ID") != c.id || inv.tag("From") != c.other || inv.tag("To") != c.own || inv.seq() != int(was.seq)+seqLeap+1 {
			t.Errorf("was at %d, got\n%s", was.seq, inv.raw)
		}
		if x := inv.get("Session-Expires"); !strings.HasPrefix(x, "1800;") {
			t.Errorf("Session-Expires %q", x)
		}
		c.answer(inv, 200, "", []string{c.contactRow()}, otherSDP)
		r.expect(answeredOther)
		c.want("ACK")
		r.expect("modified: <nil>")
		d.End("")
		bye := c.want("BYE")
		if bye.seq() != inv.seq()+1 {
			t.Errorf("BYE %d after %d", bye.seq(), inv.seq())
		}
		c.answer(bye, 200, "", nil, "")
		r.expect("ended local 200 established=true")
		r.quiet()
	})

	t.Run("S-043/a restored dialog knows its route set, the peer's CSeq and what was agreed on", func(t *testing.T) {
		r := &rig{}
		r.peer = socketPeer(t, sip.UDP, r.start(t, Config{}, sip.Config{}, "127.0.0.1:0"))
		c, d := r.standing("Record-Route: <sip:" + r.addr + ";lr>")
		state := stateOf(d)
		r = r.restarted(t, Config{})
		restored := r.restore(state)
		low := c.request("INVITE").sdp(offerSDP)
		low.seq = c.seq - 1
		c.send(low)
		c.ackFinal(low, c.want("500 INVITE"))
		same := c.request("INVITE").sdp(offerSDP)
		c.send(same)
		if ok := c.want("200 INVITE"); ok.body != answerSDP {
			t.Errorf("got\n%s", ok.raw)
		}
		c.ack(same)
		restored.End("")
		bye := c.want("BYE")
		if bye.get("Route") != "<sip:"+r.addr+";lr>" {
			t.Errorf("got\n%s", bye.raw)
		}
		c.answer(bye, 200, "", nil, "")
		r.expect("ended local 200 established=true")
		r.quiet()
	})

	underFakeTime(t, "S-030/the session timer of a restored dialog runs on", sip.UDP, Config{}, func(t *testing.T, r *rig, _ *memNet) {
		c, d := r.calling("Session-Expires: 1800;refresher=uac", "Allow: INVITE, UPDATE", "Require: timer")
		state := stateOf(d)
		forget(r.e, d)
		time.Sleep(800 * time.Second)
		began := time.Now()
		r.restore(state)
		refresh := c.want("UPDATE")
		if after := refresh.at.Sub(began); after < 99*time.Second || after > 101*time.Second {
			t.Errorf("refreshed after %v, want 100 s", after)
		}
		c.answer(refresh, 200, "", []string{c.contactRow(), "Session-Expires: 1800;refresher=uac"}, "")
		c.hangUp(r)
		r.quiet()
	})

	underFakeTime(t, "S-030/a dialog whose session ran out meanwhile ends", sip.UDP, Config{}, func(t *testing.T, r *rig, _ *memNet) {
		c, d := r.calling("Session-Expires: 1800;refresher=uas", "Require: timer")
		state := stateOf(d)
		forget(r.e, d)
		time.Sleep(2000 * time.Second)
		r.restore(state)
		r.expect("ended lost 408 established=true")
		c.answer(c.want("BYE"), 200, "", nil, "")
		r.quiet()
	})

	overSockets(t, "only what stands has a state", Config{}, func(t *testing.T, r *rig) {
		incoming := r.keepIncoming()
		c := r.newCall()
		inv := c.invite()
		c.send(inv)
		in := <-incoming
		if s := stateOf(in.d); s != nil {
			t.Errorf("got %s", s)
		}
		check0(t, in.Reject(Refusal{Code: 486}))
		c.ackFinal(inv, c.want("486 INVITE"))
		r.quiet()
	})

	overSockets(t, "a dialog that is here already is not restored a second time", Config{}, func(t *testing.T, r *rig) {
		c, d := r.standing()
		var wrong *StateError
		if _, err := r.e.Restore(stateOf(d), r); !errors.As(err, &wrong) {
			t.Errorf("got %v", err)
		}
		c.bye(r)
	})
}

// forget drops a dialog as the end of a process would.
func forget(e *Endpoint, d *Dialog) {
	d.tasks.run(func() {
		d.phase = over
		d.timer.stop()
		e.table.remove(d)
		e.admission.left(d)
		e.dialogs.leave()
	})
}

// TestStateFormat holds every format that was ever written: newer programs read older ones.
func TestStateFormat(t *testing.T) {
	name := fmt.Sprintf("testdata/state-%d.json", stateFormat)
	e := New(Config{}, nil)
	whole := &Dialog{
		e: e, phase: established, caller: true, user: "alice", peerAddr: netip.MustParseAddr("192.0.2.4"), sequenced: true, remoteSeq: 4711, contact: "<sip:chat@203.0.113.5:5070>", peerUpdates: true,
		ownSDP: []byte(answerSDP), peerSDP: digest([]byte(offerSDP)),
		leg: leg{
			callID: "a84b4c76e66710@client.example.com", localTag: "1928301774", remoteTag: "a6c85cf", seq: 314159,
			local: "\"Ren\xe9\" <sip:rene@example.com>;tag=1928301774", remote: "<sip:bob@example.org>;tag=a6c85cf", target: "sip:bob@192.0.2.4",
			routes: []string{"<sip:p1.example.com;lr>", "<sip:p2.example.org;lr>"},
		},
		timer: sessionTimer{interval: 1800 * time.Second, least: 120 * time.Second, refresher: true, expiry: time.Date(2126, 11, 22, 20, 0, 0, 0, time.UTC)},
	}
	written := append(whole.state(), '\n')
	if *update {
		check0(t, os.WriteFile(name, written, 0o600))
	}
	for format := 1; format <= stateFormat; format++ {
		t.Run(fmt.Sprintf("format %d is read", format), func(t *testing.T) {
			kept, err := os.ReadFile(fmt.Sprintf("testdata/state-%d.json", format))
			check0(t, err)
			s, err := readState(kept)
			check0(t, err)
			d := s.dialog(e, nil)
			check0(t, d.whole(s))
			d.timer.restore(d, s.Timer)
			defer d.timer.stop()
			if d.seq != whole.seq+seqLeap {
				t.Errorf("CSeq %d", d.seq)
			}
			d.seq = whole.seq
			if format < 2 {
				d.user = whole.user
			}
			if again := append(d.state(), '\n'); !bytes.Equal(again, written) {
				t.Errorf("got  %s\nwant %s", again, written)
			}
		})
	}
	t.Run("what is written is the format that is kept", func(t *testing.T) {
		kept, err := os.ReadFile(name)
		check0(t, err)
		if !bytes.Equal(kept, written) {
			t.Errorf("got  %s\nwant %s\na change of the format is a new version", written, kept)
		}
	})
	for what, broken := range map[string]string{
		"a newer format":        fmt.Sprintf(`{"format":%d}`, stateFormat+1),
		"no format":             `{}`,
		"nothing":               ``,
		"not a state":           `[1]`,
		"nothing in it":         `{"format":1}`,
		"a line break":          string(bytes.Replace(written, []byte(`p1.example.com`), []byte(`p1\r\nX: y`), 1)),
		"no target":             string(bytes.Replace(written, []byte(`sip:bob@192.0.2.4`), []byte(`nowhere`), 1)),
		"a CSeq without room":   string(bytes.Replace(written, []byte(`314159`), []byte(`2147483647`), 1)),
		"an interval of 1 s":    string(bytes.Replace(written, []byte(`"interval":1800`), []byte(`"interval":1`), 1)),
		"a timer out of bounds": string(bytes.Replace(written, []byte(`"interval":1800`), []byte(`"interval":9000000000`), 1)),
	} {
		t.Run("refused: "+what, func(t *testing.T) {
			var wrong *StateError
			if _, err := e.Restore([]byte(broken), &rig{}); !errors.As(err, &wrong) || strings.Contains(what, "newer") && !strings.Contains(err.Error(), fmt.Sprintf("format %d; this version reads 1 to %d", stateFormat+1, stateFormat)) {
				t.Errorf("got %v", err)
			}
		})
	}
}
