package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"time"
)

// A caller starts calls over one UDP socket, one after the other, with no more SIP than a well-behaved server needs to see.
type caller struct {
	conn  *net.UDPConn
	buf   [65536]byte
	calls []*call // to end
}

// A call is an answered INVITE.
type call struct {
	head string // From, To and Call-ID lines of each request in the dialog
	uri  string // the Contact of the answer
	path string // the answer's MSRP path
	cseq int
}

const (
	timerT1    = 500 * time.Millisecond // RFC 3261 §17.1.1.1
	answerTime = 64 * timerT1
)

func newCaller(server string) (*caller, error) {
	conn, err := net.Dial("udp", server)
	if err != nil {
		return nil, err
	}
	return &caller{conn: conn.(*net.UDPConn)}, nil
}

// open calls, and leaves the end of the call to end.
func (c *caller) open(fromPath string) (toPath string, err error) {
	d, err := c.invite(fromPath)
	if err != nil {
		return "", err
	}
	c.calls = append(c.calls, d)
	return d.path, nil
}

// end ends all calls, and the caller.
func (c *caller) end() error {
	var errs []error
	for _, d := range c.calls {
		errs = append(errs, c.bye(d))
	}
	return errors.Join(append(errs, c.conn.Close())...)
}

// invite offers a session at fromPath and acknowledges the answer.
func (c *caller) invite(fromPath string) (*call, error) {
	host := c.conn.LocalAddr().(*net.UDPAddr).IP
	sdp := fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 %[1]s\r\ns=-\r\nc=IN IP4 %[1]s\r\nt=0 0\r\nm=message %[2]s TCP/MSRP *\r\na=accept-types:text/plain\r\na=path:%[3]s\r\n",
		host, portOf(fromPath), fromPath)
	server := c.conn.RemoteAddr()
	d := &call{uri: fmt.Sprintf("sip:bench@%s", server), cseq: 1}
	from := fmt.Sprintf("From: <sip:bench@%s>;tag=%s\r\n", c.conn.LocalAddr(), random(8))
	id := fmt.Sprintf("Call-ID: %s@%s\r\n", random(16), host)
	d.head = fmt.Sprintf("%sTo: <sip:bench@%s>\r\n%s", from, server, id)
	answer, err := c.request(d, "INVITE", "Content-Type: application/sdp\r\n", sdp)
	if err != nil {
		return nil, err
	}
	d.head = from + "To: " + headerOf(answer, "To") + "\r\n" + id
	_, contact, _ := strings.Cut(headerOf(answer, "Contact"), "<")
	d.uri, _, _ = strings.Cut(contact, ">")
	for line := range strings.Lines(answer) {
		if path, ok := strings.CutPrefix(line, "a=path:"); ok {
			d.path = strings.TrimSpace(path)
		}
	}
	if d.uri == "" || d.path == "" {
		return nil, fmt.Errorf("an answer without Contact or path:\n%s", answer)
	}
	return d, c.write(d, "ACK", random(16), "", "")
}

func (c *caller) bye(d *call) error {
	d.cseq++
	_, err := c.request(d, "BYE", "", "")
	return err
}

// request sends a request, again and again until there is a final response, and returns that. It is an error unless it is a 200.
func (c *caller) request(d *call, method, headers, body string) (string, error) {
	branch := random(16)
	for start, wait := time.Now(), timerT1; time.Since(start) < answerTime; wait *= 2 {
		if err := c.write(d, method, branch, headers, body); err != nil {
			return "", err
		}
		answer, err := c.final(branch, time.Now().Add(wait))
		if errors.Is(err, os.ErrDeadlineExceeded) {
			continue
		} else if err != nil {
			return "", fmt.Errorf("%s: %w", method, err)
		}
		if !strings.HasPrefix(answer, "SIP/2.0 200 ") {
			return "", fmt.Errorf("%s was refused:\n%s", method, answer)
		}
		return answer, nil
	}
	return "", fmt.Errorf("%s was not answered within %s", method, answerTime)
}

// final waits for the final response of the transaction.
func (c *caller) final(branch string, deadline time.Time) (string, error) {
	if err := c.conn.SetReadDeadline(deadline); err != nil {
		return "", err
	}
	for {
		n, err := c.conn.Read(c.buf[:])
		if err != nil {
			return "", err
		}
		message := string(c.buf[:n])
		if strings.HasPrefix(message, "SIP/2.0 ") && !strings.HasPrefix(message, "SIP/2.0 1") && strings.Contains(message, branch) {
			return message, nil
		}
	}
}

func (c *caller) write(d *call, method, branch, headers, body string) error {
	local := c.conn.LocalAddr()
	_, err := fmt.Fprintf(c.conn, "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s;rport\r\nMax-Forwards: 70\r\n%sCSeq: %d %s\r\nContact: <sip:bench@%s>\r\n%sContent-Length: %d\r\n\r\n%s",
		method, d.uri, local, branch, d.head, d.cseq, method, local, headers, len(body), body)
	return err
}

func headerOf(message, name string) string {
	for line := range strings.Lines(message) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// hostPort is the host:port of an MSRP URI.
func hostPort(path string) string {
	s, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(path, "msrps://"), "msrp://"), "/")
	return s
}

func portOf(path string) string {
	_, port, _ := strings.Cut(hostPort(path), ":")
	return port
}

// random gives n random hex digits.
func random(n int) string {
	const digits = "0123456789abcdef"
	b := make([]byte, n)
	for i := range b {
		b[i] = digits[rand.N(len(digits))]
	}
	return string(b)
}
