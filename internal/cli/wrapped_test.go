package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/test/peer"
)

// TestChatWrapped has a raw peer that wraps everything in message/cpim.
func TestChatWrapped(t *testing.T) {
	kept := filepath.Join(t.TempDir(), "kept")
	bob, address := listening(t, "--save", kept)
	d := peer.NewAgent(t, "udp", address).NewDialog("bob")
	own := "msrp://127.0.0.1:9/" + peer.Ident() + ";tcp"
	_, r := d.Call(t, limit, peer.Offer("message/cpim text/plain", own))
	d.Ack(t)
	bob.err.wait(t, "connected with ")
	line := peer.ParseSDP(r.Body).Media[0]
	c, s := peer.DialMSRP(t, "127.0.0.1:"+line.Port()), peer.Session{Own: own, Remote: line.Path()}
	put := func(f *peer.Frame, code int) {
		t.Helper()
		f.Set("Content-Type", "message/cpim")
		c.Put(f.Bytes())
		if r := c.Response(t, limit, f.ID); r.Code != code {
			t.Errorf("answered %d, want %d", r.Code, code)
		}
	}
	from := func(after int) string { return fmt.Sprintf("%d-*/*", after+1) }
	const head = "From: <sip:a@x.test>\r\nTo: <sip:b@x.test>\r\n"
	const text = "\r\nContent-Type: text/plain\r\n\r\n"
	put(s.Send(head+text+"whole"), 200)
	bob.out.wait(t, "peer: whole\n")
	// In chunks, cut within the wrapper, with another text in between.
	put(s.Chunk("long", "1-*/*", head+text[:20], '+'), 200)
	put(s.Send(head+text+"between"), 200)
	put(s.Chunk("long", from(len(head)+20), text[20:]+"cut", '$'), 200)
	bob.out.wait(t, "peer: cut\npeer: between\n")
	// A file, whole and in chunks.
	const file = "\r\nContent-Type: image/png\r\nContent-Disposition: attachment; filename=\"a.png\"\r\n\r\n"
	put(s.Send(head+file+"one"), 200)
	put(s.Chunk("file", "1-*/*", head+file, '+'), 200)
	put(s.Chunk("file", from(len(head+file)), "two", '$'), 200)
	bob.out.wait(t, "peer sent a file: "+filepath.Join(kept, "a-1.png")+"\n")
	for name, want := range map[string]string{"a.png": "one", "a-1.png": "two"} {
		if got, err := os.ReadFile(filepath.Join(kept, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q %v", name, got, err)
		}
	}
	// What is malformed, or requires too much, is not shown.
	put(s.Send("hello"), 400)
	put(s.Chunk("bad", "1-*/*", "no ", '+'), 200)
	put(s.Chunk("bad", "4-*/*", "wrapper", '$'), 400)
	put(s.Chunk("must", "1-*/*", head, '+'), 200)
	put(s.Chunk("must", from(len(head)), "Require: X\r\n"+text+"hidden", '$'), 403)
	put(s.Send(head+text+"last"), 200)
	bob.out.wait(t, "peer: last\n")
	if shown := bob.out.String(); strings.Contains(shown, "hidden") || strings.Contains(shown, "wrapper") {
		t.Errorf("shown: %q", shown)
	}
	bob.say(t, "typed")
	if f := c.Request(t, limit, "SEND"); f.Get("Content-Type") != "message/cpim" || !strings.HasSuffix(string(f.Body), text+"typed") {
		t.Errorf("%q %q", f.Head, f.Body)
	} else {
		c.Answer(f, 200, "OK")
	}
	d.Bye(t, limit)
	bob.ends(t, 0)
	bob.in.Close()
}
