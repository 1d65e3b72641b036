package trace

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

var (
	here  = netip.MustParseAddrPort("127.0.0.1:5060")
	there = netip.MustParseAddrPort("192.0.2.7:5060")
)

func sipMessage(callID, more string) []byte {
	return fmt.Appendf(nil, "BYE sip:bob@192.0.2.7 SIP/2.0\r\nVia: SIP/2.0/UDP h\r\ncall-id : %s\r\n%sContent-Length: 0\r\n\r\n", callID, more)
}

func frame(id, session, body string) string {
	return fmt.Sprintf("MSRP %s SEND\r\nTo-Path: msrp://192.0.2.7:2855/peer;tcp\r\nFrom-Path: msrp://127.0.0.1:2855/%s;tcp\r\nMessage-ID: m%s\r\nContent-Type: text/plain\r\n\r\n%s\r\n-------%s$\r\n", id, session, id, body, id)
}

// newRecorder makes a recorder of a tap that ends with the test.
func newRecorder(t *testing.T) *Recorder {
	tap := NewTap()
	r := NewRecorder(tap)
	t.Cleanup(func() {
		r.Close()
		tap.Close()
	})
	return r
}

func (r *Recorder) msrp(octets string) {
	r.tap.MSRP(net.TCPAddrFromAddrPort(here), net.TCPAddrFromAddrPort(there), true, []byte(octets))
}

func (r *Recorder) texts(t *testing.T, session string) []string {
	t.Helper()
	recording, ok := r.Read(session, 0)
	if !ok {
		t.Fatalf("%s is not traced", session)
	}
	var all []string
	for i, m := range recording.Messages {
		if m.Number != recording.Dropped+uint64(i)+1 {
			t.Errorf("message %d has the number %d", i, m.Number)
		}
		all = append(all, m.Text)
	}
	return all
}

// TestOneCallAlone: a trace holds the messages of its call, not those of others.
func TestOneCallAlone(t *testing.T) {
	r := newRecorder(t)
	r.tap.SIP("UDP", here, there, true, sipMessage("before", ""))
	if err := r.Begin("a@h", "s1"); err != nil {
		t.Fatal(err)
	}
	r.tap.SIP("UDP", here, there, false, sipMessage("a@h", ""))
	r.tap.SIP("UDP", here, there, false, sipMessage("other@h", ""))
	r.msrp(frame("t1", "other", "no") + frame("t2", "s1", "yes"))
	recording, ok := r.Read("s1", 0)
	if !ok || len(recording.Messages) != 2 || !recording.Recording {
		t.Fatalf("%+v", recording)
	}
	sip, msrp := recording.Messages[0], recording.Messages[1]
	if sip.Protocol != SIP || sip.Sent || sip.Local != here.String() || sip.Remote != there.String() || sip.Text != string(sipMessage("a@h", "")) {
		t.Errorf("%+v", sip)
	}
	if msrp.Protocol != MSRP || !msrp.Sent || msrp.Text != frame("t2", "s1", "yes") || msrp.Octets != len(msrp.Text) {
		t.Errorf("%+v", msrp)
	}
	if later, _ := r.Read("s1", 1); len(later.Messages) != 1 {
		t.Errorf("after the first: %+v", later.Messages)
	}
	if !r.End("s1") || r.End("s1") || r.leave != nil {
		t.Error("it goes on")
	}
}

func TestCredentialsAreLeftOut(t *testing.T) {
	r := newRecorder(t)
	if err := r.Begin("a@h", "s1"); err != nil {
		t.Fatal(err)
	}
	secret := "Digest username=\"bob\",\r\n response=\"5ec4e7\""
	r.tap.SIP("UDP", here, there, true, sipMessage("a@h", "Authorization: "+secret+"\r\nproxy-authorization : "+secret+"\r\nSubject: authorization\r\n"))
	r.msrp(strings.Replace(frame("t1", "s1", "Authorization: of the body"), "Message-ID", "Authorization: Digest response=\"5ec4e7\"\r\nMessage-ID", 1))
	for _, text := range r.texts(t, "s1") {
		if strings.Contains(text, "5ec4e7") || strings.Contains(text, "bob\"") || !strings.Contains(text, "uthorization: (not shown)\r\n") {
			t.Errorf("shown: %s", text)
		}
	}
	if all := r.texts(t, "s1"); !strings.Contains(all[0], "Subject: authorization\r\n") || !strings.Contains(all[1], "Authorization: of the body") {
		t.Errorf("too much is left out: %q", all)
	}
}

// TestHeadersWithoutColon: what a peer sends is looked at before anybody has found it to be wrong, or only in part.
func TestHeadersWithoutColon(t *testing.T) {
	r := newRecorder(t)
	if err := r.Begin("a@h", "s1"); err != nil {
		t.Fatal(err)
	}
	r.tap.SIP("UDP", here, there, false, sipMessage("a@h", "Authorization\r\n response=\"5ec4e7\"\r\n"))
	r.msrp(strings.Replace(frame("t1", "s1", "x"), "Message-ID", "proxy-authorization\r\nMessage-ID", 1))
	head := sipMessage("a@h", "")
	head = append(head[:len(head)-2:len(head)-2], "Subject: "...)
	head = append(head, strings.Repeat("x", maxText-len(head)-len("\r\nAuthorization"))+"\r\nAuthorization: Digest response=\"5ec4e7\"\r\n\r\n"...)
	r.tap.SIP("UDP", here, there, false, head)
	all := r.texts(t, "s1")
	if len(all) != 3 {
		t.Fatalf("%d messages", len(all))
	}
	for _, text := range all {
		if strings.Contains(text, "5ec4e7") || !strings.Contains(text, "uthorization: (not shown)\r\n") {
			t.Errorf("shown: %.200s", text)
		}
	}
}

// TestExpiry: a trace ends when nobody asks for it for a minute, and is forgotten later.
func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tap := NewTap()
		defer tap.Close()
		r := NewRecorder(tap)
		defer r.Close()
		if err := r.Begin("a@h", "s1"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Second)
		if err := r.Begin("a@h", "s1"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Second)
		r.tap.SIP("UDP", here, there, true, sipMessage("a@h", ""))
		if n := len(r.texts(t, "s1")); n != 1 {
			t.Fatalf("%d messages", n)
		}
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if r.leave != nil {
			t.Error("it still costs something")
		}
		r.tap.SIP("UDP", here, there, true, sipMessage("a@h", ""))
		if recording, ok := r.Read("s1", 0); !ok || recording.Recording || len(recording.Messages) != 1 {
			t.Errorf("%v %+v", ok, recording)
		}
		time.Sleep(2 * kept)
		synctest.Wait()
		if _, ok := r.Read("s1", 0); ok {
			t.Error("it is kept for ever")
		}
	})
}

// TestAwait: so many calls that come in are traced from their INVITE on, and no others.
func TestAwait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder(t)
		invite := func(callID, to string) []byte {
			return fmt.Appendf(nil, "INVITE sip:bob@h SIP/2.0\r\nCall-ID: %s\r\nTo: <sip:bob@h>%s\r\n\r\n", callID, to)
		}
		r.Await(2)
		r.tap.SIP("UDP", here, there, true, invite("own@h", ""))
		r.tap.SIP("UDP", here, there, false, invite("established@h", ";tag=1"))
		r.tap.SIP("UDP", here, there, false, sipMessage("bye@h", ""))
		for _, id := range []string{"first@h", "first@h", "second@h", "third@h"} { // the first one twice
			r.tap.SIP("UDP", here, there, false, invite(id, ""))
			r.Name(id, id+" session")
		}
		for id, n := range map[string]int{"first@h": 2, "second@h": 1} {
			if got := len(r.texts(t, id+" session")); got != n {
				t.Errorf("%s has %d messages, want %d", id, got, n)
			}
		}
		for _, id := range []string{"own@h", "established@h", "bye@h", "third@h"} {
			if r.byCall[id] != nil {
				t.Errorf("%s is traced", id)
			}
		}
		r.Await(1)
		time.Sleep(Patience + time.Second)
		synctest.Wait()
		r.tap.SIP("UDP", here, there, false, invite("late@h", ""))
		r.tap.Settle()
		if r.byCall["late@h"] != nil || r.leave != nil {
			t.Error("it waits for ever")
		}
	})
}

func TestBounds(t *testing.T) {
	r := newRecorder(t)
	for i := range maxTraces {
		if err := r.Begin(fmt.Sprint("call", i), fmt.Sprint("s", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Begin("one more", "x"); err != ErrTooMany {
		t.Errorf("error is %v", err)
	}
	for range maxMessages + 10 {
		r.tap.SIP("UDP", here, there, true, sipMessage("call1", ""))
	}
	if recording, _ := r.Read("s1", 0); len(recording.Messages) != maxMessages || recording.Dropped != 10 {
		t.Errorf("%d messages, %d dropped", len(recording.Messages), recording.Dropped)
	}
	body := strings.Repeat("x", 1<<20)
	for range 600 {
		r.msrp(frame("t1", "s2", body[:maxText]))
	}
	if recording, _ := r.Read("s2", 0); len(recording.Messages)*maxText > maxOctets || recording.Dropped == 0 {
		t.Errorf("%d messages, %d dropped", len(recording.Messages), recording.Dropped)
	}
	whole := frame("t2", "s3", body)
	for piece := range slices.Chunk([]byte(whole), 5000) {
		r.msrp(string(piece))
	}
	recording, _ := r.Read("s3", 0)
	if len(recording.Messages) != 1 || recording.Messages[0].Octets != len(whole) || recording.Messages[0].Text != whole[:maxText] {
		t.Errorf("a long one: %d messages", len(recording.Messages))
	}
	for _, s := range r.tap.streams {
		if cap(s.buffer) > 8*maxPending {
			t.Errorf("a buffer of %d octets", cap(s.buffer))
		}
	}
}

// TestSplitter: however the octets of a connection come, and wherever looking begins, each frame that begins after that comes out whole, and nothing else.
func TestSplitter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var stream []byte
		var frames []string
		for i := range rapid.IntRange(1, 6).Draw(t, "frames") {
			body := rapid.StringOfN(rapid.SampledFrom([]rune("ab-\r\nMSRP $")), 0, 60, -1).Draw(t, "body")
			f := frame(fmt.Sprintf("tid%d", i), "s1", body)
			frames = append(frames, f)
			stream = append(stream, f...)
		}
		begin := rapid.IntRange(0, len(frames[0])).Draw(t, "begin")
		want := frames
		if begin > 0 {
			want = frames[1:]
		}
		// A body may hold what looks like a start line; looking begins in front of it only in the first frame.
		if begin > 0 && bytes.Contains(stream[begin:len(frames[0])], []byte("\nMSRP ")) {
			t.Skip()
		}
		var got []string
		var s splitter
		for rest := stream[begin:]; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "piece")
			s.feed(rest[:n], func(b []byte, length int, flag byte) {
				if length != len(b) || flag != '$' {
					t.Fatalf("length %d of %d octets, flag %c", length, len(b), flag)
				}
				got = append(got, string(b))
			})
			rest = rest[n:]
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("got %q\nwant %q", got, want)
		}
	})
}

// BenchmarkOff is what each read and write costs while nobody looks.
func BenchmarkOff(b *testing.B) {
	tap := NewTap()
	defer tap.Close()
	local, remote, octets := net.TCPAddrFromAddrPort(here), net.TCPAddrFromAddrPort(there), []byte("x")
	b.ReportAllocs()
	for b.Loop() {
		tap.MSRP(local, remote, true, octets)
	}
}
