package cli

import (
	"context"
	"fmt"
	"mime"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/ua"
)

// conversation is the one call that a chat is about. It is its ua.Handler.
type conversation struct {
	ua.Quiet
	std     IO
	save    string
	said    transcript
	streams sync.WaitGroup // messages that are arriving
	texts   atomic.Int64   // octets of texts among them
	callers chan struct{}  // holds a token while a call may come
	begun   chan *ua.Call  // the call stands
	failed  chan ua.End    // it came to nothing
	over    chan ua.End    // it is over
	open    atomic.Int64   // messages without a fate
	fated   chan struct{}  // holds a token after a fate
	mu      sync.Mutex
	stands  *ua.Call // whose beginning was told
	last    *ua.Call // whose end was told
}

func newConversation(std IO, save string) *conversation {
	return &conversation{
		std: std, save: save, said: transcript{out: std.Out}, callers: make(chan struct{}, 1), begun: make(chan *ua.Call, 1), failed: make(chan ua.End, 1),
		over: make(chan ua.End, 1), fated: make(chan struct{}, 1),
	}
}

// vacant lets somebody call.
func (t *conversation) vacant() { t.callers <- struct{}{} }

// invited takes a call if there is none, and none was made.
func (t *conversation) invited(inv *ua.Invitation) {
	select {
	case <-t.callers:
	default:
		_ = inv.Reject(486, "")
		return
	}
	if _, err := inv.Answer(t); err != nil {
		fmt.Fprintln(t.std.Err, "a call could not be answered:", err)
		t.vacant()
	}
}

// Established lets the talking begin, once for a call of several sessions.
func (t *conversation) Established(s *ua.Session, _ *ua.SIPMessage) {
	call := s.Call()
	t.mu.Lock()
	known := t.stands == call
	t.stands = call
	t.mu.Unlock()
	if known {
		return
	}
	peer := call.To()
	if !call.Caller() {
		peer = call.From()
	}
	fmt.Fprintf(t.std.Err, "connected with %s; type a line to send it, /file PATH to send a file, end the input (Ctrl-D) to leave\n", printable(peer))
	t.begun <- call
}

// Failed lets the next call come, or ends the talk before it began.
func (t *conversation) Failed(s *ua.Session, e ua.End) {
	if t.lastOf(s) {
		t.failed <- e
	}
}

// Ended ends the talk.
func (t *conversation) Ended(s *ua.Session, e ua.End) {
	if t.lastOf(s) {
		t.over <- e
	}
}

// ConnectionLost says so: what is typed meanwhile waits.
func (t *conversation) ConnectionLost(_ *ua.Session, l ua.Loss) {
	if l.Recovering {
		fmt.Fprintln(t.std.Err, "the connection is lost; asking the peer for another one")
	}
}

// Recovered says so.
func (t *conversation) Recovered(*ua.Session) { fmt.Fprintln(t.std.Err, "connected again") }

// lastOf says whether the end of a session is that of its call; once for each call.
func (t *conversation) lastOf(s *ua.Session) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	call := s.Call()
	if call.State() != ua.Terminated || call == t.last {
		return false
	}
	t.last = call
	return true
}

// Fate says what was not delivered.
func (t *conversation) Fate(_ *ua.Session, f ua.Fate) {
	if f.Kind == msrp.Failed {
		fmt.Fprintf(t.std.Err, "not delivered: %s\n", strings.TrimSpace(fmt.Sprintf("%d %s", f.Code, printable(f.Comment))))
	}
	t.open.Add(-1)
	select {
	case t.fated <- struct{}{}:
	default:
	}
}

// Message prints text and keeps anything else.
func (t *conversation) Message(_ *ua.Session, m *ua.Message) {
	if m.Bodiless || m.Duplicate {
		m.Accept()
		return
	}
	c := m.Content()
	if isText(c.ContentType) {
		t.said.fill(t.said.reserve(), string(c.Body))
		m.Accept()
		return
	}
	if t.save == "" {
		fmt.Fprintf(t.std.Err, "peer sent %s, %d octets; --save DIR keeps such messages\n", printable(c.ContentType), len(c.Body))
		m.Accept()
		return
	}
	path, err := keep(t.save, m.MessageID, c)
	if err != nil {
		fmt.Fprintln(t.std.Err, "a file that came could not be kept:", err)
		m.Reject(413, "cannot be kept")
		return
	}
	m.Accept()
	fmt.Fprintf(t.std.Out, "peer sent a file: %s\n", path)
}

// run sends what is typed until the call ends. As caller, the end of the input ends the call once everything was answered: what is
// sent has its fate before long, or the session ends.
func (t *conversation) run(ctx context.Context, terminal *console, caller bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	call, err := t.wait(ctx, caller)
	if err != nil || call == nil {
		return err
	}
	leave := func() {}
	if !caller {
		leave = cancel // nobody else ends the waiting
	}
	in, rest, err := terminal.talk(leave)
	if err != nil {
		return err
	}
	defer rest()
	lines, done := make(chan string), make(chan struct{})
	defer close(done)
	// Ends with the input or, if that never ends, with the process: reading from a terminal cannot be interrupted.
	go readLines(in, t.std.Err, lines, done)
	for {
		if caller && lines == nil && t.open.Load() == 0 {
			call.End()
			return nil
		}
		select {
		case line, ok := <-lines:
			if ok {
				t.say(ctx, call, line)
			} else {
				lines = nil
			}
		case <-t.fated:
		case e := <-t.over:
			fmt.Fprintf(t.std.Err, "the conversation is over: %s\n", e.Cause)
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

// wait gives the call once it stands; nil if ctx ended first. A call that came and came to nothing makes room for the next one.
func (t *conversation) wait(ctx context.Context, caller bool) (*ua.Call, error) {
	for {
		select {
		case c := <-t.begun:
			return c, nil
		case e := <-t.failed:
			if caller {
				return nil, fmt.Errorf("no conversation: %d %s", e.Code, printable(e.Reason))
			}
			t.vacant()
		case <-ctx.Done():
			return nil, nil
		}
	}
}

// say sends a line, or the file that it names.
func (t *conversation) say(ctx context.Context, call *ua.Call, line string) {
	if line == "" {
		return
	}
	m := ua.Outgoing{ContentType: "text/plain", Body: []byte(line)}
	if path, ok := strings.CutPrefix(line, "/file "); ok {
		f, size, err := openFile(strings.TrimSpace(path))
		if err != nil {
			fmt.Fprintln(t.std.Err, "not sent:", err)
			return
		}
		m = fileMessage(f, size)
	}
	t.open.Add(1)
	if _, err := live(call).Send(ctx, m); err != nil {
		t.open.Add(-1)
		fmt.Fprintln(t.std.Err, "not sent:", err)
		if f, ok := m.Stream.(*os.File); ok {
			f.Close()
		}
	}
}

// openFile opens a file to be sent, which may not be a directory. Its size is 0 if that is not known.
func openFile(path string) (*os.File, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	i, err := f.Stat()
	switch {
	case err != nil:
	case i.IsDir():
		err = fmt.Errorf("%s is a directory", path)
	case i.Mode().IsRegular():
		return f, i.Size(), nil
	default:
		return f, 0, nil
	}
	f.Close()
	return nil, 0, err
}

// live is the first session of a call that is not over, if there is one.
func live(call *ua.Call) *ua.Session {
	all := call.Sessions()
	for _, s := range all {
		if s.State() != ua.Terminated {
			return s
		}
	}
	return all[0]
}

// fileMessage is a message with the content of a file, which is read as it leaves. What is typed meanwhile goes ahead of it.
func fileMessage(f *os.File, size int64) ua.Outgoing {
	name := mime.FormatMediaType("attachment", map[string]string{"filename": filepath.Base(f.Name())})
	return ua.Outgoing{
		ContentType: typeOf(f.Name()), Stream: f, Size: size, Yields: true,
		Headers: []msrp.Header{{Name: "Content-Disposition", Value: name}},
	}
}

// typeOf is the media type of a file, by its name. A text is one too: what is text is shown, not kept.
func typeOf(name string) string {
	contentType := mime.TypeByExtension(filepath.Ext(name))
	if contentType == "" || strings.HasPrefix(contentType, "text/") {
		return "application/octet-stream"
	}
	return contentType
}
