package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parley-msrp/parley/test/peer"
)

// chat is one running chat command.
type chat struct {
	out, err screen
	in       *io.PipeWriter
	status   chan int
}

// startChat runs "parley chat" with these arguments; a test ends its input, or the call, before it is over.
func startChat(args ...string) *chat {
	r, w := io.Pipe()
	c := &chat{in: w, status: make(chan int, 1)}
	go func() {
		status := Main(append([]string{"chat"}, args...), IO{In: r, Out: &c.out, Err: &c.err}, nil)
		r.Close()
		c.status <- status
	}()
	return c
}

func (c *chat) say(t *testing.T, line string) {
	t.Helper()
	if _, err := fmt.Fprintln(c.in, line); err != nil {
		t.Fatal(err)
	}
}

// ends waits for the end of the command.
func (c *chat) ends(t *testing.T, status int) {
	t.Helper()
	select {
	case got := <-c.status:
		if got != status {
			t.Errorf("status %d, want %d\n%s", got, status, &c.err)
		}
	case <-time.After(limit):
		t.Fatalf("it does not end\n%s", &c.err)
	}
}

// listening starts a chat that waits for a call, and gives its address.
func listening(t *testing.T, args ...string) (*chat, string) {
	t.Helper()
	c := startChat(append([]string{"--listen", "--sip", "127.0.0.1:0"}, args...)...)
	c.err.wait(t, "try: parley chat sip:you@")
	_, address, _ := strings.Cut(c.err.String(), "waiting for a call at ")
	address, _, _ = strings.Cut(address, ";")
	return c, address
}

// TestChat has two of them talk: lines and a file both ways.
func TestChat(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "picture.png")
	picture := bytes.Repeat([]byte{0, 1, 2, 0xff, '\r', '\n', '-'}, 50_000)
	if err := os.WriteFile(file, picture, 0o600); err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(dir, "kept")
	bob, address := listening(t, "--save", kept)
	alice := startChat("sip:bob@"+address, "--as", "sip:alice@127.0.0.1")
	alice.err.wait(t, "connected with sip:bob@"+address)
	bob.err.wait(t, "connected with sip:alice@127.0.0.1")

	alice.say(t, "hello \x1b[2J")
	bob.out.wait(t, "peer: hello \ufffd[2J\n")
	bob.say(t, "good day")
	alice.out.wait(t, "peer: good day\n")
	alice.say(t, "/file "+file)
	bob.out.wait(t, "peer sent a file: "+filepath.Join(kept, "picture.png")+"\n")
	if got, err := os.ReadFile(filepath.Join(kept, "picture.png")); err != nil || !bytes.Equal(got, picture) {
		t.Errorf("%d octets were kept of %d, %v", len(got), len(picture), err)
	}
	bob.say(t, "/file "+file)
	alice.err.wait(t, "peer sent image/png, 350000 octets; --save DIR keeps such messages\n")
	alice.say(t, "/file "+filepath.Join(dir, "none"))
	alice.err.wait(t, "not sent: open ")

	third := startChat("sip:bob@" + address)
	third.ends(t, 1)
	third.err.wait(t, "no conversation: 486 Busy Here")

	alice.say(t, "last words")
	alice.in.Close() // what was said before still arrives
	alice.ends(t, 0)
	bob.out.wait(t, "peer: last words\n")
	bob.ends(t, 0)
	bob.err.wait(t, "the conversation is over: by peer\n")
	bob.in.Close()
}

// TestChatPeer has a raw peer on the other side, which does what a chat does not.
func TestChatPeer(t *testing.T) {
	t.Run("two sessions in one call", func(t *testing.T) {
		bob, address := listening(t)
		d := peer.NewAgent(t, "udp", address).NewDialog("bob")
		paths := []string{"msrp://127.0.0.1:9/" + peer.Ident() + ";tcp", "msrp://127.0.0.1:9/" + peer.Ident() + ";tcp"}
		_, r := d.Call(t, limit, peer.Offer("text/plain", paths...))
		d.Ack(t)
		bob.err.wait(t, "connected with ")
		var conns []*peer.Conn
		for i, l := range peer.ParseSDP(r.Body).Media {
			c := peer.DialMSRP(t, "127.0.0.1:"+l.Port())
			send := peer.Session{Own: paths[i], Remote: l.Path()}.Send(fmt.Sprintf("on line %d", i))
			c.Put(send.Bytes())
			if f := c.Response(t, limit, send.ID); f.Code != 200 {
				t.Errorf("answered %d", f.Code)
			}
			bob.out.wait(t, fmt.Sprintf("peer: on line %d\n", i))
			conns = append(conns, c)
		}
		conns[0].Reset() // the talk goes on in the other session
		bob.err.wait(t, "the connection is lost")
		d.Answer(t, d.Agent.Request(t, limit, "INVITE"), 488, "Not Acceptable Here")
		said := 0
		for end := time.Now().Add(limit); ; said++ {
			bob.say(t, fmt.Sprintf("try %d", said))
			if f, err := conns[1].Read(100 * time.Millisecond); err == nil {
				conns[1].Answer(f, 200, "OK")
				break
			}
			if time.Now().After(end) {
				t.Fatal("nothing comes in the session that is left")
			}
		}
		d.Bye(t, limit)
		bob.ends(t, 0)
		if n := strings.Count(bob.err.String(), "connected with"); n != 1 {
			t.Errorf("connected %d times:\n%s", n, &bob.err)
		}
		bob.in.Close()
	})
	t.Run("a call that comes to nothing makes room for the next", func(t *testing.T) {
		bob, address := listening(t)
		a := peer.NewAgent(t, "udp", address)
		call := func() *peer.Dialog {
			for end := time.Now().Add(limit); ; {
				d := a.NewDialog("bob")
				_, r := d.Call(t, limit, peer.Offer("text/plain", "msrp://127.0.0.1:9/"+peer.Ident()+";tcp"))
				if r.Code() == 200 {
					return d
				}
				if r.Code() != 486 || time.Now().After(end) { // 486: the end of the call before is not known yet
					t.Fatalf("answered %s", r.Start)
				}
			}
		}
		for range 3 {
			call().Bye(t, limit) // instead of the ACK
		}
		d := call()
		d.Ack(t)
		bob.err.wait(t, "connected with ")
		d.Bye(t, limit)
		bob.ends(t, 0)
		bob.in.Close()
	})
	t.Run("a caller takes no call", func(t *testing.T) {
		p, listener := peer.NewAgent(t, "udp", "127.0.0.1:9"), peer.ListenMSRP(t)
		alice := startChat("sip:bob@" + p.Addr.String())
		invite := p.Request(t, limit, "INVITE")
		p.Target = peer.AddressURI(invite.Get("Contact"))
		p.Target = strings.TrimPrefix(p.Target, "sip:")
		if _, r := p.NewDialog("alice").Call(t, limit, peer.Offer("text/plain", listener.Path(peer.Ident()))); r.Code() != 486 {
			t.Errorf("answered %s", r.Start)
		}
		p.Answering(invite).Answer(t, invite, 603, "De\u009bcline")
		alice.ends(t, 1)
		if got := alice.err.String(); !strings.Contains(got, "no conversation: 603 De") || strings.Contains(got, "\u009b") {
			t.Error(got)
		}
		alice.in.Close()
	})
	t.Run("not delivered", func(t *testing.T) {
		p, listener := peer.NewAgent(t, "udp", "127.0.0.1:9"), peer.ListenMSRP(t)
		alice := startChat("sip:bob@" + p.Addr.String())
		invite := p.Request(t, limit, "INVITE")
		d := p.Answering(invite)
		p.Respond(t, invite, d.Response(invite, 200, "OK").WithSDP(peer.Offer("text/plain", listener.Path(peer.Ident()))))
		p.Request(t, limit, "ACK")
		conn := listener.Accept(t, limit)
		conn.Answer(conn.Request(t, limit, "SEND"), 200, "OK")
		alice.say(t, "hello")
		alice.in.Close()
		conn.Answer(conn.Request(t, limit, "SEND"), 413, "too much")
		alice.err.wait(t, "not delivered: 413 too much\n")
		d.Answer(t, p.Request(t, limit, "BYE"), 200, "OK")
		alice.ends(t, 0)
	})
	t.Run("a line that is too long", func(t *testing.T) {
		bob, address := listening(t)
		d := peer.NewAgent(t, "udp", address).NewDialog("bob")
		d.Call(t, limit, peer.Offer("text/plain", "msrp://127.0.0.1:9/"+peer.Ident()+";tcp"))
		d.Ack(t)
		bob.err.wait(t, "connected with ")
		go fmt.Fprintln(bob.in, strings.Repeat("x", maxChatLine+1)) // ends with the chat
		bob.err.wait(t, "the input cannot be read any further: ")
		d.Bye(t, limit)
		bob.ends(t, 0)
	})
}
