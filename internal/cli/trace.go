package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/parley-msrp/parley/internal/pcap"
)

type traceCommand struct {
	daemon
	SessionID string `arg:"" optional:"" help:"Only the messages of this session's call. Without it, those of all."`
	Raw       bool   `help:"Show all of each message, not its first line alone."`
	Pcap      string `placeholder:"FILE" help:"Write the messages to a capture file for Wireshark in place of showing them; - is the standard output."`
	output
}

// traced is a message as the daemon tells it.
type traced struct {
	Time       time.Time `json:"time"`
	Protocol   string    `json:"protocol"`
	Transport  string    `json:"transport"`
	CallID     string    `json:"call_id"`
	Sent       bool      `json:"sent"`
	Local      string    `json:"local"`
	Remote     string    `json:"remote"`
	Octets     int       `json:"octets"`
	Text       string    `json:"text"`
	TextBase64 []byte    `json:"text_base64"`
	Dropped    uint64    `json:"dropped"` // not a message: so many were lost to this reader
}

func (m *traced) octets() []byte {
	if m.Text == "" {
		return m.TextBase64
	}
	return []byte(m.Text)
}

// mostTraced is how many octets of a message the daemon tells.
const mostTraced = 16 << 10

// cut says that there was more of the message. (A difference to what there is may come of credentials, which are left out.)
func (m *traced) cut() bool { return m.Octets > mostTraced }

func (c *traceCommand) Run(ctx context.Context, std IO) error {
	show := c.lines(std.Out)
	if c.Pcap != "" {
		if c.Raw || c.Output == "json" {
			return errors.New("--pcap has all of each message; --raw and --output json are for showing them: leave them out")
		}
		capture, closeFile, err := c.capture(std)
		if err != nil {
			return err
		}
		defer closeFile()
		show = capture
	}
	path := "/v1/trace"
	if c.SessionID != "" {
		path += "?session_id=" + url.QueryEscape(c.SessionID)
	}
	begun := func() { fmt.Fprintf(std.Err, "following the messages of %s; Ctrl-C ends that\n", c.URL) }
	return c.follow(ctx, path, "messages", begun, func(data []byte) error {
		if c.Output == "json" {
			_, err := fmt.Fprintf(std.Out, "%s\n", data)
			return err
		}
		var m traced
		if err := json.Unmarshal(data, &m); err != nil {
			return fmt.Errorf("the daemon's message cannot be read: %w", err)
		}
		if m.Dropped > 0 {
			_, err := fmt.Fprintf(std.Err, "%d messages were dropped before they were read\n", m.Dropped)
			return err
		}
		return show(&m)
	})
}

// lines shows messages as the steps of a ladder: this node on the left, its peer on the right.
func (c *traceCommand) lines(w io.Writer) func(*traced) error {
	colours := isTerminal(w)
	return func(m *traced) error {
		arrow := "<--"
		if m.Sent {
			arrow = "-->"
		}
		protocol := m.Protocol
		if m.Transport != "" {
			protocol += "/" + m.Transport
		}
		text := strings.ToValidUTF8(string(m.octets()), "\ufffd")
		first, _, _ := strings.Cut(text, "\r\n")
		line := fmt.Sprintf("%s  %-21s %s %-21s  %-7s  %s", m.Time.UTC().Format("15:04:05.000"), m.Local, arrow, m.Remote, protocol, printable(first))
		if colours {
			line = coloured(m.CallID, line)
		}
		if c.Raw {
			line += "\n" + indented(text)
			if m.cut() {
				line += fmt.Sprintf("    (the beginning of %d octets)\n", m.Octets)
			}
		}
		_, err := fmt.Fprintln(w, line)
		return err
	}
}

// coloured gives all messages of a call one colour.
func coloured(callID, line string) string {
	h := fnv.New32a()
	io.WriteString(h, callID)
	return fmt.Sprintf("\x1b[3%dm%s\x1b[0m", 1+h.Sum32()%6, line)
}

// indented is a whole message.
func indented(text string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.ReplaceAll(text, "\r\n", "\n")) {
		b.WriteString("    " + printable(strings.TrimSuffix(line, "\n")) + "\n")
	}
	return b.String()
}

// capture writes messages to a capture file, each as it comes.
func (c *traceCommand) capture(std IO) (write func(*traced) error, closeFile func() error, err error) {
	to, closeFile := std.Out, func() error { return nil }
	if c.Pcap != "-" {
		// What is said in sessions is for nobody else.
		file, err := os.OpenFile(c.Pcap, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return nil, nil, fmt.Errorf("--pcap: %w", err)
		}
		to, closeFile = file, file.Close
	}
	w, err := pcap.NewWriter(to)
	if err != nil {
		return nil, nil, errors.Join(err, closeFile())
	}
	return func(m *traced) error {
		packet, err := m.packet()
		if err != nil {
			return err
		}
		return w.Write(packet)
	}, closeFile, nil
}

// tlsPort is where Wireshark expects TLS, and nothing else.
const tlsPort = 5061

// packet is a message in the packet that would have carried it without TLS. Where it went over TLS, SIP's port for that is replaced by the one without.
func (m *traced) packet() (*pcap.Message, error) {
	local, err := netip.ParseAddrPort(m.Local)
	if err != nil {
		return nil, fmt.Errorf("the daemon's message cannot be read: %w", err)
	}
	remote, err := netip.ParseAddrPort(m.Remote)
	if err != nil {
		return nil, fmt.Errorf("the daemon's message cannot be read: %w", err)
	}
	p := &pcap.Message{Time: m.Time, From: withoutTLS(remote), To: withoutTLS(local), UDP: m.Transport == "UDP", Payload: m.octets()}
	if m.cut() {
		p.PayloadSize = m.Octets
	}
	if m.Sent {
		p.From, p.To = p.To, p.From
	}
	return p, nil
}

func withoutTLS(a netip.AddrPort) netip.AddrPort {
	if a.Port() == tlsPort {
		return netip.AddrPortFrom(a.Addr(), tlsPort-1)
	}
	return a
}
