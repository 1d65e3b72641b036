package cli

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parley-msrp/parley/test/peer"
)

// TestChatFiles has files larger than a message may be elsewhere go both ways, without delaying what is typed.
func TestChatFiles(t *testing.T) {
	dir := t.TempDir()
	large := make([]byte, 20<<20)
	rand.NewChaCha8([32]byte{}).Read(large)
	for name, content := range map[string][]byte{"large.bin": large, "empty.bin": {}} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	bobs, alices := filepath.Join(dir, "bob"), filepath.Join(dir, "alice")
	bob, address := listening(t, "--save", bobs)
	alice := startChat("sip:bob@"+address, "--save", alices)
	alice.err.wait(t, "connected with ")
	bob.err.wait(t, "connected with ")
	alice.say(t, "/file "+filepath.Join(dir, "large.bin"))
	alice.say(t, "words go ahead of it")
	bob.say(t, "/file "+filepath.Join(dir, "large.bin"))
	bob.say(t, "/file "+filepath.Join(dir, "empty.bin"))
	bob.out.wait(t, "peer sent a file: "+filepath.Join(bobs, "large.bin")+"\n")
	if before, _, _ := strings.Cut(bob.out.String(), "peer sent a file: "); before != "peer: words go ahead of it\n" {
		t.Errorf("before the file came %q", before)
	}
	alice.out.wait(t, "peer sent a file: "+filepath.Join(alices, "large.bin")+"\n")
	alice.out.wait(t, "peer sent a file: "+filepath.Join(alices, "empty.bin")+"\n")
	for path, want := range map[string][]byte{
		filepath.Join(bobs, "large.bin"): large, filepath.Join(alices, "large.bin"): large, filepath.Join(alices, "empty.bin"): {},
	} {
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d octets, %v", path, len(got), err)
		}
	}
	alice.say(t, "/file "+dir)
	alice.err.wait(t, "not sent: "+dir+" is a directory\n")
	alice.in.Close()
	alice.ends(t, 0)
	bob.ends(t, 0)
	bob.in.Close()
	for path, n := range map[string]int{bobs: 1, alices: 2} {
		if names, err := os.ReadDir(path); err != nil || len(names) != n {
			t.Errorf("%s holds %v, %v", path, names, err)
		}
	}
}

// TestChatChunks has a raw peer send messages in chunks.
func TestChatChunks(t *testing.T) {
	kept := filepath.Join(t.TempDir(), "kept")
	bob, address := listening(t, "--save", kept)
	d := peer.NewAgent(t, "udp", address).NewDialog("bob")
	own := "msrp://127.0.0.1:9/" + peer.Ident() + ";tcp"
	_, r := d.Call(t, limit, peer.Offer("*", own))
	d.Ack(t)
	bob.err.wait(t, "connected with ")
	line := peer.ParseSDP(r.Body).Media[0]
	c, s := peer.DialMSRP(t, "127.0.0.1:"+line.Port()), peer.Session{Own: own, Remote: line.Path()}
	put := func(f *peer.Frame, code int) {
		t.Helper()
		c.Put(f.Bytes())
		if code != 0 {
			if r := c.Response(t, limit, f.ID); r.Code != code {
				t.Errorf("answered %d, want %d", r.Code, code)
			}
		}
	}
	// Texts come out in the order of their beginnings, once each.
	first := peer.Ident()
	put(s.Chunk(first, "1-*/*", "be", '+'), 200)
	put(s.Send("second"), 200)
	put(s.Chunk(first, "3-*/*", "gin", '$'), 200)
	bob.out.wait(t, "peer: begin\npeer: second\n")
	put(s.Chunk(first, "1-*/*", "be", '+'), 200)
	put(s.Chunk(first, "3-*/*", "gin", '$'), 200)
	put(s.Send("third"), 200)
	bob.out.wait(t, "peer: begin\npeer: second\npeer: third\n")
	// One that is given up leaves its place.
	put(s.Chunk("gone", "1-*/*", "x", '+'), 200)
	put(s.Send("fourth"), 200)
	put(s.Chunk("gone", "2-*/*", "x", '#'), 200)
	bob.out.wait(t, "peer: fourth\n")
	bob.err.wait(t, "peer began to send text/plain, but not all of it came\n")
	// A file that does not come to its end leaves nothing.
	put(s.Chunk("file", "1-*/*", strings.Repeat("x", 3000), '+').Set("Content-Type", "image/png"), 200)
	for end := time.Now().Add(limit); ; {
		if names, _ := os.ReadDir(kept); len(names) == 1 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("nothing is written")
		}
	}
	d.Bye(t, limit)
	bob.ends(t, 0)
	bob.in.Close()
	if names, err := os.ReadDir(kept); err != nil || len(names) != 0 {
		t.Errorf("%v is left, %v", names, err)
	}
}

func TestTranscript(t *testing.T) {
	var out bytes.Buffer
	tr := transcript{out: &out}
	want := func(text string) {
		t.Helper()
		if got := out.String(); got != text {
			t.Fatalf("got %q, want %q", got, text)
		}
		out.Reset()
	}
	a, b, c := tr.reserve(), tr.reserve(), tr.reserve()
	tr.fill(c, "c")
	tr.fill(b, "b")
	want("")
	tr.fill(a, "a")
	want("peer: a\npeer: b\npeer: c\n")
	a = tr.reserve()
	tr.fill(tr.reserve(), "b")
	tr.drop(a)
	want("peer: b\n")

	// What waits is bounded in number and octets.
	a = tr.reserve()
	var all strings.Builder
	for i := range 2 * maxSaid {
		tr.fill(tr.reserve(), fmt.Sprint(i))
		fmt.Fprintf(&all, "peer: %d\n", i)
	}
	want(all.String())
	tr.fill(a, "late")
	want("peer: late\n")
	a = tr.reserve()
	tr.fill(tr.reserve(), strings.Repeat("x", maxSaidOctets+1))
	if out.Len() == 0 {
		t.Fatal("it waits")
	}
	tr.drop(a)
	if tr.octets != 0 || len(tr.lines) != 0 {
		t.Fatalf("%d octets of %d texts wait", tr.octets, len(tr.lines))
	}
}

func TestRoomFor(t *testing.T) {
	talk := newConversation(IO{}, "")
	a, b := &roomFor{room: &talk.texts}, &roomFor{room: &talk.texts}
	if _, err := a.Write(make([]byte, maxTexts)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Write([]byte("x")); !errors.Is(err, errLongText) || talk.texts.Load() != maxTexts {
		t.Fatalf("%v, %d octets", err, talk.texts.Load())
	}
}
