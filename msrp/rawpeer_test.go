package msrp_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// rawPeer is a scripted MSRP peer on a connection. It shares no code with the engine: it reads lines.
type rawPeer struct {
	t        testing.TB
	nc       net.Conn
	in       *bufio.Reader
	uri      string // own
	to       string // the other side's
	count    int
	patience time.Duration
	cut      *cutter // nil: each write is one
}

var peerURI = scheme + "://192.0.2.7:7777/peer0session;tcp"

func newRawPeer(t testing.TB, nc net.Conn, to string, patience time.Duration) *rawPeer {
	t.Cleanup(func() { nc.Close() })
	return &rawPeer{t: t, nc: nc, in: bufio.NewReaderSize(nc, 1<<12), uri: peerURI, to: to, patience: patience}
}

// frame is a frame as it came.
type frame struct {
	text    string // the whole of it
	id      string
	method  string // "" of a response
	code    int
	headers []string // lines
	hasBody bool
	body    string
	flag    string
}

func (f *frame) header(name string) string {
	for _, h := range f.headers {
		if n, v, _ := strings.Cut(h, ": "); n == name {
			return v
		}
	}
	return ""
}

func (f *frame) has(name string) bool {
	for _, h := range f.headers {
		if strings.HasPrefix(h, name+":") {
			return true
		}
	}
	return false
}

// write sends octets as they are, in one write unless they are to be cut.
func (p *rawPeer) write(text string) {
	p.t.Helper()
	if _, err := p.put(text); err != nil {
		p.t.Fatalf("peer cannot write: %v", err)
	}
}

// put writes until the connection is closed.
func (p *rawPeer) put(text string) (n int, err error) {
	p.nc.SetWriteDeadline(time.Now().Add(p.patience))
	defer p.nc.SetWriteDeadline(time.Time{}) // who writes without put may take its time
	for part := range p.cut.parts(text) {
		k, err := io.WriteString(p.nc, part)
		if n += k; err != nil {
			return n, err
		}
	}
	return n, nil
}

func (p *rawPeer) nextID() string {
	p.count++
	return fmt.Sprintf("tId%013d", p.count)
}

// request builds a request; headers are lines without CRLF. A body stands for itself, with its Content-Type among the headers.
func (p *rawPeer) request(id, method string, body *string, flag string, headers ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "MSRP %s %s\r\nTo-Path: %s\r\nFrom-Path: %s\r\n", id, method, p.to, p.uri)
	for _, h := range headers {
		b.WriteString(h + "\r\n")
	}
	if body != nil {
		b.WriteString("\r\n" + *body + "\r\n")
	}
	b.WriteString("-------" + id + flag + "\r\n")
	return b.String()
}

// text is a SEND of a whole text message.
func (p *rawPeer) text(messageID, body string, headers ...string) (id, request string) {
	id = p.nextID()
	headers = append([]string{"Message-ID: " + messageID, fmt.Sprintf("Byte-Range: 1-%d/%d", len(body), len(body))}, headers...)
	return id, p.request(id, "SEND", &body, "$", append(headers, "Content-Type: text/plain")...)
}

// chunk is a SEND of a part of a message.
func (p *rawPeer) chunk(messageID, byteRange, body, flag string, headers ...string) (id, request string) {
	id = p.nextID()
	headers = append([]string{"Message-ID: " + messageID, "Byte-Range: " + byteRange}, headers...)
	return id, p.request(id, "SEND", &body, flag, append(headers, "Content-Type: text/plain")...)
}

// bind sends a bodiless SEND and takes its 200.
func (p *rawPeer) bind() {
	p.t.Helper()
	id := p.nextID()
	p.write(p.request(id, "SEND", nil, "$", "Message-ID: bind"+id[12:], "Byte-Range: 1-0/0"))
	p.expect(id, 200)
}

// expect reads a response.
func (p *rawPeer) expect(id string, code int) *frame {
	p.t.Helper()
	f := p.next()
	if f.id != id || f.method != "" || f.code != code {
		p.t.Fatalf("got %q, want a %d for %s", f.text, code, id)
	}
	return f
}

// expectRequest reads a request.
func (p *rawPeer) expectRequest(method string) *frame {
	p.t.Helper()
	f := p.next()
	if f.method != method {
		p.t.Fatalf("got %q, want a %s", f.text, method)
	}
	return f
}

// respond answers a request.
func (p *rawPeer) respond(f *frame, code int, comment string) {
	p.t.Helper()
	p.write(response(f, code, comment))
}

func response(f *frame, code int, comment string) string {
	return fmt.Sprintf("MSRP %s %d %s\r\nTo-Path: %s\r\nFrom-Path: %s\r\n-------%s$\r\n",
		f.id, code, comment, f.header("From-Path"), f.header("To-Path"), f.id)
}

// report sends a REPORT for a request; byteRange "" leaves the header out.
func (p *rawPeer) report(f *frame, status, byteRange string) {
	p.t.Helper()
	id := p.nextID()
	headers := []string{"Message-ID: " + f.header("Message-ID")}
	if byteRange != "" {
		headers = append(headers, "Byte-Range: "+byteRange)
	}
	p.write(p.request(id, "REPORT", nil, "$", append(headers, "Status: "+status)...))
}

func (p *rawPeer) next() *frame {
	p.t.Helper()
	f, err := p.read(p.patience)
	if err != nil {
		p.t.Fatalf("no frame came: %v (so far %q)", err, f.text)
	}
	return f
}

// silence fails if an octet comes within a while.
func (p *rawPeer) silence(d time.Duration) {
	p.t.Helper()
	p.nc.SetReadDeadline(time.Now().Add(d))
	b, err := p.in.ReadByte()
	if err == nil {
		p.in.UnreadByte()
		f, _ := p.read(p.patience)
		p.t.Fatalf("got %q, want silence (first octet %q)", f.text, b)
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		p.t.Fatalf("want silence: %v", err)
	}
}

// closed fails unless the connection ends within the peer's patience, without an octet before.
func (p *rawPeer) closed() {
	p.t.Helper()
	if f, err := p.read(p.patience); err == nil {
		p.t.Fatalf("got %q, want the connection closed", f.text)
	} else if errors.Is(err, os.ErrDeadlineExceeded) {
		p.t.Fatal("the connection was not closed")
	}
}

// read reads a frame.
func (p *rawPeer) read(patience time.Duration) (*frame, error) {
	p.nc.SetReadDeadline(time.Now().Add(patience))
	f := &frame{}
	line := func() (string, error) {
		s, err := p.in.ReadString('\n')
		f.text += s
		if err == nil && !strings.HasSuffix(s, "\r\n") {
			return "", fmt.Errorf("line %q ends without CRLF", s)
		}
		return strings.TrimSuffix(s, "\r\n"), err
	}
	start, err := line()
	if err != nil {
		return f, err
	}
	words := strings.SplitN(start, " ", 4)
	if len(words) < 3 || words[0] != "MSRP" {
		return f, fmt.Errorf("start line %q", start)
	}
	f.id = words[1]
	if f.code, err = strconv.Atoi(words[2]); err != nil {
		f.method = words[2]
	}
	for {
		h, err := line()
		switch {
		case err != nil:
			return f, err
		case f.end(h):
			return f, nil
		case h == "":
			return f, f.readBody(p.in)
		}
		f.headers = append(f.headers, h)
	}
}

func (f *frame) end(line string) bool {
	flag, ok := strings.CutPrefix(line, "-------"+f.id)
	if !ok || flag != "$" && flag != "+" && flag != "#" {
		return false
	}
	f.flag = flag
	return true
}

// readBody reads octets up to the end-line, whatever they are.
func (f *frame) readBody(in *bufio.Reader) error {
	f.hasBody = true
	var b strings.Builder
	for {
		l, err := in.ReadString('\n')
		if err != nil {
			return err
		}
		if len(f.text) < 1<<16 {
			f.text += l
		}
		if before := b.String(); (before == "" || strings.HasSuffix(before, "\r\n")) && strings.HasSuffix(l, "\r\n") && f.end(l[:len(l)-2]) {
			f.body = strings.TrimSuffix(before, "\r\n")
			return nil
		}
		b.WriteString(l)
	}
}
