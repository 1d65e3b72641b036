package msrp_test

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/parley-msrp/parley/msrp"
)

// FuzzEndpoint feeds octets to a live endpoint in three states of the connection: no session bound, a session bound, and
// in the middle of a chunk; each with a handler of messages and one of streams. Whatever comes, nothing panics or hangs, no octet stays
// counted as buffered, and another connection goes on working.
func FuzzEndpoint(f *testing.F) {
	l := newPipeListener()
	r := startRig(f, msrp.Config{MaxMessage: 1 << 16, LingerTimeout: time.Millisecond}, l, l.dial, 10*time.Second)
	_, steady, good := r.bound()

	seedPeer := &rawPeer{uri: peerURI, to: "<to>"}
	for _, seed := range []string{"", "\r\n", "MSRP abcd 200 OK\r\nTo-Path: <to>\r\nFrom-Path: " + peerURI + "\r\n-------abcd$\r\n"} {
		f.Add(byte(0), seed)
	}
	for i := range byte(6) {
		_, whole := seedPeer.text("m-0001", "hello")
		_, chunk := seedPeer.chunk("m-0001", "1-2/5", "ab", "+", "Success-Report: yes")
		f.Add(i, whole)
		f.Add(i, chunk+whole)
		f.Add(i, seedPeer.request("abcdefgh", "REPORT", nil, "$", "Message-ID: m", "Status: 000 408 x", "Byte-Range: 1-5/5"))
		f.Add(i, seedPeer.request("abcdefgh", "SEND", nil, "#", "Message-ID: m-fuzz", "Byte-Range: 3-2/5"))
		f.Add(i, "x\r\n-------tIdchunk00000000$\r\n"+whole)
		_, last := seedPeer.chunk("m-0001", "3-5/5", "llo", "$")
		f.Add(i, last+chunk+chunk)
		f.Add(i, chunk+strings.Repeat("x", 70_000))
	}
	defer func() { r.t, good.t = f, f }()
	f.Fuzz(func(t *testing.T, state byte, octets string) {
		r.t, good.t = t, t
		var h msrp.Handler = acceptor{}
		if state/3%2 == 1 {
			h = consumer{}
		}
		s, err := r.endpoint.NewSession(msrp.SessionConfig{Base: r.base, Accept: msrp.Types{"text/plain"}, Handler: h})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		s.SetPeer(known(t, peerURI))
		nc := l.dial()
		defer nc.Close()
		go io.Copy(io.Discard, nc)
		p := &rawPeer{t: t, nc: nc, uri: peerURI, to: s.URI().String()}
		prefix := ""
		switch state % 3 {
		case 1:
			prefix = p.request("tIdbind000000000", "SEND", nil, "$")
			s.Send(t.Context(), text("to the fuzzer"))
		case 2:
			body := "half"
			prefix = p.request("tIdchunk00000000", "SEND", &body, "+", "Message-ID: m-fuzz", "Byte-Range: 1-*/*", "Content-Type: text/plain")
			prefix = prefix[:strings.Index(prefix, "\r\n-------")]
		}
		feed(t, nc, prefix+strings.ReplaceAll(octets, "<to>", p.to))
		s.Close()
		nc.Close()
		poll(t, func() bool { return r.endpoint.Buffered() == 0 })

		id, req := good.text("m-good", "x", "Success-Report: no")
		good.write(req)
		good.expect(id, 200)
		<-steady.events
	})
}

// feed writes octets in pieces until they are all taken or the connection is closed.
func feed(t *testing.T, nc net.Conn, octets string) {
	nc.SetWriteDeadline(time.Now().Add(10 * time.Second))
	for len(octets) > 0 {
		n := min(len(octets), 1+len(octets)/3)
		if _, err := io.WriteString(nc, octets[:n]); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal("reading has stopped")
			}
			return
		}
		octets = octets[n:]
	}
}

// consumer is an acceptor that takes streams: every other one is given up after the first octets.
type consumer struct{ acceptor }

func (consumer) Stream(_ *msrp.Session, in *msrp.Incoming) {
	go func() {
		if len(in.MessageID)%2 == 0 {
			in.Read(make([]byte, 2))
			in.Reject(403, in.MessageID)
			return
		}
		io.Copy(io.Discard, in)
		in.Accept()
		in.ReportFailure(480, "")
	}()
}

// acceptor accepts every other message, rejects the others, and hears nothing else.
type acceptor struct{}

func (acceptor) Message(_ *msrp.Session, m *msrp.Received) {
	if len(m.Body)%2 == 0 {
		go m.Accept()
	} else {
		m.Reject(400, string(m.Body))
	}
}
func (acceptor) Report(*msrp.Session, msrp.Report) {}
func (acceptor) Fate(*msrp.Session, msrp.Fate)     {}
func (acceptor) Closed(*msrp.Session, error)       {}
