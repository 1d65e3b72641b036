package peer

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Conn is an MSRP connection. Reading is done by the test, when it asks: an unread connection presses back.
// Not safe for concurrent use, but writing beside reading is.
type Conn struct {
	net.Conn
	r       *bufio.Reader
	pending []*Frame // requests that came while a response was awaited
}

func newConn(t testing.TB, c net.Conn) *Conn {
	t.Cleanup(func() { c.Close() })
	return &Conn{Conn: c, r: bufio.NewReaderSize(c, 4096)}
}

// DialMSRP connects.
func DialMSRP(t testing.TB, addr string) *Conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return newConn(t, c)
}

// Listener waits for MSRP connections.
type Listener struct{ *net.TCPListener }

// ListenMSRP opens a listener on 127.0.0.1.
func ListenMSRP(t testing.TB) *Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return &Listener{l.(*net.TCPListener)}
}

// Path makes an MSRP URI that leads to the listener.
func (l *Listener) Path(sessionID string) string {
	return "msrp://" + l.Addr().String() + "/" + sessionID + ";tcp"
}

// Accept waits for a connection.
func (l *Listener) Accept(t testing.TB, within time.Duration) *Conn {
	t.Helper()
	_ = l.SetDeadline(time.Now().Add(within))
	c, err := l.TCPListener.Accept()
	if err != nil {
		t.Fatalf("MSRP: no connection came: %v", err)
	}
	return newConn(t, c)
}

// None fails the test if a connection waits, or comes within the time.
func (l *Listener) None(t testing.TB, within time.Duration) {
	t.Helper()
	_ = l.SetDeadline(time.Now().Add(within))
	if c, err := l.TCPListener.Accept(); err == nil {
		c.Close()
		t.Fatal("MSRP: a connection came where none was due")
	}
}

// Put writes octets; a connection that is closed by the other side is no failure here, but shows when reading.
func (c *Conn) Put(b []byte) { _, _ = c.Write(b) }

// PutSlowly writes octet by octet.
func (c *Conn) PutSlowly(b []byte) {
	for i := range b {
		if _, err := c.Write(b[i : i+1]); err != nil {
			return
		}
	}
}

// Read returns the next frame from the wire (not a pending one): io.EOF or a reset when the other side closed.
func (c *Conn) Read(within time.Duration) (*Frame, error) {
	_ = c.SetReadDeadline(time.Now().Add(within))
	return ReadFrame(c.r)
}

// Next returns the next frame, a pending request first, and checks it by Check.
func (c *Conn) Next(t testing.TB, within time.Duration) *Frame {
	t.Helper()
	if len(c.pending) > 0 {
		f := c.pending[0]
		c.pending = c.pending[1:]
		return f
	}
	return c.next(t, within)
}

func (c *Conn) next(t testing.TB, within time.Duration) *Frame {
	t.Helper()
	f, err := c.Read(within)
	if err != nil {
		t.Fatalf("MSRP: no frame: %v", err)
	}
	for _, w := range f.Check() {
		t.Errorf("MSRP: %s %s%03d: %s", f.ID, f.Method, f.Code, w)
	}
	return f
}

// Response reads until the response with that transaction id; requests in between wait for Request. Any other response fails the test.
func (c *Conn) Response(t testing.TB, within time.Duration, id string) *Frame {
	t.Helper()
	for {
		f := c.next(t, within)
		if f.Method != "" {
			c.pending = append(c.pending, f)
			continue
		}
		if f.ID != id {
			t.Fatalf("MSRP: response %d to %s, want one to %s", f.Code, f.ID, id)
		}
		return f
	}
}

// Request returns the next request of that method, a pending one first. Any other frame fails the test.
func (c *Conn) Request(t testing.TB, within time.Duration, method string) *Frame {
	t.Helper()
	f := c.Next(t, within)
	if f.Method != method {
		t.Fatalf("MSRP: %s %s%03d %s, want a %s", f.ID, f.Method, f.Code, f.Comment, method)
	}
	return f
}

// Pending returns the requests that came while responses were awaited, and forgets them.
func (c *Conn) Pending() []*Frame {
	p := c.pending
	c.pending = nil
	return p
}

// Answer writes a response to a request that came.
func (c *Conn) Answer(f *Frame, code int, comment string) { c.Put(f.Reply(code, comment).Bytes()) }

// Closed waits for the end of the connection and fails the test if a frame comes before it.
func (c *Conn) Closed(t testing.TB, within time.Duration) {
	t.Helper()
	f, err := c.Read(within)
	if err == nil {
		t.Fatalf("MSRP: %s%03d came, want the end of the connection", f.Method, f.Code)
	}
	if !IsClosed(err) {
		t.Fatalf("MSRP: the connection was not closed: %v", err)
	}
}

// Silent fails the test if a frame comes within the time, or if the connection ends.
func (c *Conn) Silent(t testing.TB, within time.Duration) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(within))
	b, err := c.r.Peek(1)
	if err == nil {
		rest, _ := c.r.Peek(c.r.Buffered())
		t.Fatalf("MSRP: octets came where none were due: %q %q", b, rest)
	}
	if ne, ok := errors.AsType[net.Error](err); !ok || !ne.Timeout() {
		t.Fatalf("MSRP: %v, want silence", err)
	}
}

// IsClosed says whether a read error means that the other side ended the connection.
func IsClosed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// Reset ends the connection with a TCP reset.
func (c *Conn) Reset() {
	if tc, ok := c.Conn.(*net.TCPConn); ok {
		_ = tc.SetLinger(0)
	}
	c.Close()
}

// Session is the peer's end of an MSRP session: its own path and the other side's.
type Session struct{ Own, Remote string }

// Send makes a one-chunk SEND of text/plain.
func (s Session) Send(body string) *Frame {
	f := s.Request("SEND")
	f.Add("Message-ID", Ident()).Add("Byte-Range", fmt.Sprintf("1-%d/%d", len(body), len(body))).Add("Content-Type", "text/plain")
	f.HasBody, f.Body = true, []byte(body)
	return f
}

// Chunk makes one chunk of a message, with the Byte-Range as given.
func (s Session) Chunk(messageID, byteRange, body string, flag byte) *Frame {
	f := s.Send(body).Set("Message-ID", messageID).Set("Byte-Range", byteRange)
	f.Flag = flag
	return f
}

// Bodiless makes a SEND without body.
func (s Session) Bodiless() *Frame {
	return s.Request("SEND").Add("Message-ID", Ident()).Add("Byte-Range", "1-0/0")
}

// Request makes a request with the two paths only.
func (s Session) Request(method string) *Frame {
	f := &Frame{ID: Ident(), Method: method, Flag: '$'}
	return f.Add("To-Path", s.Remote).Add("From-Path", s.Own)
}

// Report makes a REPORT on a message.
func (s Session) Report(messageID, byteRange, status string) *Frame {
	f := s.Request("REPORT").Add("Message-ID", messageID)
	if byteRange != "" {
		f.Add("Byte-Range", byteRange)
	}
	return f.Add("Status", status)
}

// Reply makes the response to a request that came (RFC 4975 §7.2).
func (f *Frame) Reply(code int, comment string) *Frame {
	first, _, _ := strings.Cut(f.Get("From-Path"), " ")
	r := &Frame{ID: f.ID, Code: code, Comment: comment, Flag: '$'}
	return r.Add("To-Path", first).Add("From-Path", f.Get("To-Path"))
}
