package cli

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/creack/pty"

	"github.com/parley-msrp/parley/internal/config"
	"github.com/parley-msrp/parley/ua"
)

// echoing says back what comes.
type echoing struct{ ua.Quiet }

func (echoing) Message(s *ua.Session, m *ua.Message) {
	m.Accept()
	if !m.Bodiless {
		_, _ = s.Send(context.Background(), ua.Outgoing{ContentType: m.ContentType, Body: []byte("you said " + string(m.Body))})
	}
}

// TestTerminal types on a real terminal: mistakes are mended before the line leaves, the line before it comes back by the arrow key, and Ctrl-D leaves.
func TestTerminal(t *testing.T) {
	a, err := ua.New(ua.Config{
		SIPListen: []string{"udp:127.0.0.1:0"}, MSRPListen: []string{"tcp:127.0.0.1:0"},
		OnInvite: func(inv *ua.Invitation) { _, _ = inv.Answer(echoing{}) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close(context.Background()) })
	t.Setenv("TERM", "xterm")
	keyboard, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	var shown screen
	read := make(chan struct{})
	go func() { // ends when the keyboard is closed
		defer close(read)
		_, _ = io.Copy(&shown, keyboard)
	}()
	status := make(chan int, 1)
	go func() {
		status <- Main([]string{"chat", "sip:peer@" + strings.TrimPrefix(a.SIPAddrs()[0], "udp:")}, IO{In: tty, Out: tty, Err: tty},
			func(context.Context, config.Config, io.Writer, io.Writer) error { return nil })
	}()
	types := func(keys string) {
		if _, err := io.WriteString(keyboard, keys); err != nil {
			t.Fatal(err)
		}
	}
	shown.wait(t, "connected with")
	shown.wait(t, "> ")
	types("helo\x1b[Dl\r") // arrow left, then the letter that is missing
	shown.wait(t, "peer: you said hello\r\n")
	types("\x1b[A!\r") // arrow up brings it back
	shown.wait(t, "peer: you said hello!\r\n")
	types("\x04")
	if s := <-status; s != 0 {
		t.Errorf("status %d\n%s", s, &shown)
	}
	tty.Close()
	<-read // a terminal that nobody has open any more ends
	keyboard.Close()
}
