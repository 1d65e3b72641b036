package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/parley-msrp/parley/internal/version"
	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/ua"
)

type chatCommand struct {
	Peer    string `arg:"" optional:"" help:"SIP URI to call, like sip:bob@192.0.2.1."`
	Listen  bool   `help:"Wait for a call in place of making one."`
	As      string `placeholder:"URI" help:"Own SIP URI when calling (sip:parley@ADDRESS)."`
	SIP     string `name:"sip" placeholder:"ADDR:PORT" help:"SIP address to listen on (calling: a free port; waiting: 127.0.0.1:5060)."`
	MSRP    string `name:"msrp" placeholder:"ADDR:PORT" help:"MSRP address to listen on (a free port beside the SIP address)."`
	Save    string `placeholder:"DIR" type:"path" help:"Keep what is not text in this directory."`
	Verbose bool   `short:"v" help:"Log what happens below."`
}

const (
	// maxChatLine bounds one typed line.
	maxChatLine = 1 << 20
	// closeTimeout is how long the peer may take to answer the BYE.
	closeTimeout = 5 * time.Second
	// fateTimeout is how long messages may take to be answered when there is nothing more to say: that of a transaction and a little more.
	fateTimeout = 35 * time.Second
)

// Run talks until the call ends, or until the input does and everything said was answered.
func (c *chatCommand) Run(ctx context.Context, std IO) error {
	if c.Listen == (c.Peer != "") {
		return errors.New("name somebody to call, like \"parley chat sip:bob@127.0.0.1\", or wait with --listen")
	}
	if err := c.chooseAddresses(); err != nil {
		return err
	}
	talk := newConversation(std, c.Save)
	agent, err := ua.New(c.agentConfig(std, talk))
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		if err := agent.Close(closing); err != nil && c.Verbose {
			fmt.Fprintln(std.Err, "parley:", err)
		}
	}()
	if c.Listen {
		fmt.Fprintf(std.Err, "waiting for a call at %s; try: parley chat sip:you@%s\n", strings.Join(agent.SIPAddrs(), " "), c.SIP)
	} else {
		_, err := agent.Start(ua.StartConfig{From: c.As, To: c.Peer, Handler: talk})
		if err != nil {
			return err
		}
		fmt.Fprintf(std.Err, "calling %s …\n", c.Peer)
	}
	return talk.run(ctx, std.In, !c.Listen)
}

// chooseAddresses fills in the addresses that were not given: those that the peer can reach.
func (c *chatCommand) chooseAddresses() error {
	if c.SIP == "" {
		c.SIP = "127.0.0.1:5060"
		if !c.Listen {
			host, err := addressTowards(c.Peer)
			if err != nil {
				return err
			}
			c.SIP = net.JoinHostPort(host, "0")
		}
	}
	host, _, err := net.SplitHostPort(c.SIP)
	if err != nil {
		return fmt.Errorf("--sip %q: want ADDR:PORT: %w", c.SIP, err)
	}
	if c.MSRP == "" {
		c.MSRP = net.JoinHostPort(host, "0")
	}
	if c.As == "" {
		c.As = "sip:parley@" + host
		if strings.Contains(host, ":") {
			c.As = "sip:parley@[" + host + "]"
		}
	}
	return nil
}

// addressTowards is the own address that the route to a SIP URI's host begins at. Nothing is sent.
func addressTowards(peer string) (string, error) {
	u, err := url.Parse("//" + strings.TrimPrefix(peer, "sip:"))
	if err != nil || !strings.HasPrefix(peer, "sip:") || u.Hostname() == "" {
		return "", fmt.Errorf("%q: want a SIP URI like sip:bob@192.0.2.1", peer)
	}
	host, _, _ := strings.Cut(u.Hostname(), ";")
	probe, err := net.Dial("udp", net.JoinHostPort(host, "5060"))
	if err != nil {
		return "", fmt.Errorf("%s cannot be reached: %w", peer, err)
	}
	defer probe.Close()
	return probe.LocalAddr().(*net.UDPAddr).IP.String(), nil
}

func (c *chatCommand) agentConfig(std IO, talk *conversation) ua.Config {
	level := slog.LevelError
	if c.Verbose {
		level = slog.LevelDebug
	}
	return ua.Config{
		SIPListen:  []string{"udp:" + c.SIP},
		MSRPListen: []string{"tcp:" + c.MSRP},
		OnInvite:   talk.invited,
		Product:    version.Server(),
		Logger:     slog.New(slog.NewTextHandler(std.Err, &slog.HandlerOptions{Level: level})),
	}
}

// conversation is the one call that a chat is about. It is its ua.Handler.
type conversation struct {
	ua.Quiet
	std     IO
	save    string
	begun   chan *ua.Session // the call stands
	over    chan ua.End      // it is over, or never was
	callers chan struct{}    // holds one token: only one call is taken
	open    atomic.Int64     // messages without a fate
	fated   chan struct{}    // holds a token after a fate
}

func newConversation(std IO, save string) *conversation {
	t := &conversation{
		std: std, save: save, begun: make(chan *ua.Session, 1), over: make(chan ua.End, 1),
		callers: make(chan struct{}, 1), fated: make(chan struct{}, 1),
	}
	t.callers <- struct{}{}
	return t
}

// invited takes the first call and refuses any other while that lasts.
func (t *conversation) invited(inv *ua.Invitation) {
	select {
	case <-t.callers:
	default:
		_ = inv.Reject(486, "")
		return
	}
	if _, err := inv.Answer(t); err != nil {
		fmt.Fprintln(t.std.Err, "a call could not be answered:", err)
		t.callers <- struct{}{}
	}
}

// Established lets the talking begin.
func (t *conversation) Established(s *ua.Session, _ *ua.SIPMessage) {
	peer := s.Call().To()
	if !s.Call().Caller() {
		peer = s.Call().From()
	}
	fmt.Fprintf(t.std.Err, "connected with %s; type a line to send it, /file PATH to send a file, end the input (Ctrl-D) to leave\n", peer)
	t.begun <- s
}

// Failed and Ended end the talk.
func (t *conversation) Failed(_ *ua.Session, e ua.End) { t.over <- e }

// Ended ends the talk.
func (t *conversation) Ended(_ *ua.Session, e ua.End) { t.over <- e }

// Fate says what was not delivered.
func (t *conversation) Fate(_ *ua.Session, f ua.Fate) {
	if f.Kind == msrp.Failed {
		fmt.Fprintf(t.std.Err, "not delivered: %d %s\n", f.Code, f.Comment)
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
	if strings.HasPrefix(strings.ToLower(m.ContentType), "text/") {
		fmt.Fprintf(t.std.Out, "peer: %s\n", printable(string(m.Body)))
		m.Accept()
		return
	}
	if t.save == "" {
		fmt.Fprintf(t.std.Err, "peer sent %s, %d octets; --save DIR keeps such messages\n", printable(m.ContentType), len(m.Body))
		m.Accept()
		return
	}
	path, err := keep(t.save, m)
	if err != nil {
		fmt.Fprintln(t.std.Err, "a file that came could not be kept:", err)
		m.Reject(413, "cannot be kept")
		return
	}
	m.Accept()
	fmt.Fprintf(t.std.Out, "peer sent a file: %s\n", path)
}

// run sends what is typed until the call ends. As caller, the end of the input ends the call once everything was answered.
func (t *conversation) run(ctx context.Context, in io.Reader, caller bool) error {
	session, err := t.wait(ctx, caller)
	if err != nil || session == nil {
		return err
	}
	// The reader ends with the input or, if that never ends, with the process: a terminal cannot be interrupted.
	lines := make(chan string)
	go readLines(in, lines)
	var deadline <-chan time.Time
	for {
		select {
		case line, ok := <-lines:
			if ok {
				t.say(ctx, session, line)
				continue
			}
			lines = nil
			deadline = time.After(fateTimeout)
		case <-t.fated:
		case e := <-t.over:
			fmt.Fprintf(t.std.Err, "the conversation is over: %s\n", e.Cause)
			return nil
		case <-deadline:
			return fmt.Errorf("%d messages were not answered", t.open.Load())
		case <-ctx.Done():
			return nil
		}
		if !caller {
			deadline = nil
		} else if lines == nil && t.open.Load() == 0 {
			session.End()
			return nil
		}
	}
}

// wait gives the session once the call stands; nil if ctx ended first. A call that came and came to nothing makes room for the next one.
func (t *conversation) wait(ctx context.Context, caller bool) (*ua.Session, error) {
	for {
		select {
		case s := <-t.begun:
			return s, nil
		case e := <-t.over:
			if caller {
				return nil, fmt.Errorf("no conversation: %d %s", e.Code, e.Reason)
			}
			t.callers <- struct{}{}
		case <-ctx.Done():
			return nil, nil
		}
	}
}

// say sends a line, or the file that it names.
func (t *conversation) say(ctx context.Context, s *ua.Session, line string) {
	if line == "" {
		return
	}
	m := ua.Outgoing{ContentType: "text/plain", Body: []byte(line)}
	if path, ok := strings.CutPrefix(line, "/file "); ok {
		body, err := os.ReadFile(strings.TrimSpace(path))
		if err != nil {
			fmt.Fprintln(t.std.Err, "not sent:", err)
			return
		}
		m = fileMessage(path, body)
	}
	t.open.Add(1)
	if _, err := s.Send(ctx, m); err != nil {
		t.open.Add(-1)
		fmt.Fprintln(t.std.Err, "not sent:", err)
	}
}

func fileMessage(path string, body []byte) ua.Outgoing {
	contentType := mime.TypeByExtension(filepath.Ext(path))
	if contentType == "" || strings.HasPrefix(contentType, "text/") {
		contentType = "application/octet-stream"
	}
	name := mime.FormatMediaType("attachment", map[string]string{"filename": filepath.Base(strings.TrimSpace(path))})
	return ua.Outgoing{
		ContentType: contentType, Body: body,
		Headers: []msrp.Header{{Name: "Content-Disposition", Value: name}},
	}
}

func readLines(in io.Reader, lines chan<- string) {
	defer close(lines)
	scanner := bufio.NewScanner(in)
	scanner.Buffer(nil, maxChatLine)
	for scanner.Scan() {
		lines <- scanner.Text()
	}
}
