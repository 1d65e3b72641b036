package msrp_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-msrp/parley/msrp"
)

func TestReceiveStream(t *testing.T) {
	fakeTime(t, "M-091/a stream is read as it arrives, and its last chunk answered when it is accepted", msrp.Config{}, func(t *testing.T, r *rig) {
		s, h, p := r.bound(streams)
		id, req := p.chunk("m-0001", "1-3/6", "abc", "+")
		p.write(req)
		in := next[*msrp.Incoming](h)
		p.expect(id, 200)
		b := make([]byte, 10)
		if n, err := in.Read(b); n != 3 || err != nil || string(b[:n]) != "abc" {
			t.Fatalf("%q, %v", b[:n], err)
		}
		if in.MessageID != "m-0001" || in.ContentType != "text/plain" || in.Total != 6 || in.Duplicate {
			t.Fatalf("got %+v", in)
		}
		id, req = p.chunk("m-0001", "4-6/6", "def", "$")
		p.write(req)
		if rest := body(t, in); rest != "def" {
			t.Fatalf("got %q", rest)
		}
		p.silence(time.Second)
		in.Accept()
		p.expect(id, 200)
		in.Reject(400, "") // too late
		in.Accept()
		p.silence(time.Second)
		h.nothing()
		balanced(t, r, s)
	})

	fakeTime(t, "M-091/accepted before its end", msrp.Config{}, func(t *testing.T, r *rig) {
		_, h, p := r.bound(streams)
		id, req := p.chunk("m-0001", "1-*/*", "abc", "+")
		p.write(req)
		in := next[*msrp.Incoming](h)
		in.Accept()
		p.expect(id, 200)
		id, req = p.chunk("m-0001", "4-*/*", "def", "$")
		p.write(req)
		p.expect(id, 200)
		if got := body(t, in); got != "abcdef" || in.Total != -1 {
			t.Fatalf("got %q of %d", got, in.Total)
		}
	})

	fakeTime(t, "M-095/a message in one frame is none", msrp.Config{}, func(t *testing.T, r *rig) {
		_, h, p := r.bound(streams)
		id, req := p.text("m-0001", strings.Repeat("x", 60_000))
		p.write(req)
		p.expect(id, 200)
		next[*msrp.Received](h)
	})

	fakeTime(t, "M-014/M-100/empty chunks, and an empty message in place of all that came", msrp.Config{}, func(t *testing.T, r *rig) {
		s, h, p := r.bound(streams)
		id, req := p.chunk("m-0001", "1-0/*", "", "+")
		p.write(req)
		p.expect(id, 200)
		in := next[*msrp.Incoming](h)
		id, req = p.chunk("m-0001", "1-0/0", "", "$")
		p.write(req)
		incomplete(t, in)
		p.expect(id, 200)
		if m := next[*msrp.Received](h); len(m.Body) != 0 || m.Bodiless {
			t.Fatalf("got %+v", m)
		}
		id, req = p.chunk("m-0002", "1-10/10", "0123456789", "+")
		p.write(req)
		p.expect(id, 200)
		in = next[*msrp.Incoming](h)
		in.Accept()
		id, req = p.chunk("m-0002", "11-10/10", "", "$")
		p.write(req)
		p.expect(id, 200)
		if got := body(t, in); got != "0123456789" {
			t.Fatalf("got %q", got)
		}
		balanced(t, r, s)
	})

	fakeTime(t, "M-105/success REPORT for a stream", msrp.Config{}, func(t *testing.T, r *rig) {
		_, h, p := r.bound(streams)
		for _, c := range []struct{ r, b, flag string }{{"1-*/*", "abc", "+"}, {"4-*/*", "def", "+"}, {"7-*/*", "g", "$"}} {
			_, req := p.chunk("m-0001", c.r, c.b, c.flag, "Success-Report: yes", "Failure-Report: no")
			p.write(req)
		}
		in := next[*msrp.Incoming](h)
		if !in.SuccessReport || in.FailureReport != msrp.FailureNo {
			t.Fatalf("got %+v", in)
		}
		in.Accept()
		if f := p.expectRequest("REPORT"); f.header("Byte-Range") != "1-7/7" || f.header("Message-ID") != "m-0001" || f.header("Status") != "000 200 OK" {
			t.Fatalf("got %q", f.text)
		}
		body(t, in)
	})

	fakeTime(t, "M-055/a stream that was whole before is a duplicate", msrp.Config{}, func(t *testing.T, r *rig) {
		_, h, p := r.bound(streams)
		once := func(end func(*msrp.Incoming), code int) bool {
			t.Helper()
			_, req := p.chunk("m-0001", "1-3/6", "abc", "+", "Failure-Report: partial")
			p.write(req)
			in := next[*msrp.Incoming](h)
			id, req := p.chunk("m-0001", "4-6/6", "def", "$")
			p.write(req)
			body(t, in)
			end(in)
			p.expect(id, code)
			return in.Duplicate
		}
		reject := func(in *msrp.Incoming) { in.Reject(403, "") }
		for i, want := range []bool{false, false, true} { // one that was rejected may be sent again
			end, code := (*msrp.Incoming).Accept, 200
			if i == 0 {
				end, code = reject, 403
			}
			if got := once(end, code); got != want {
				t.Fatalf("%d: duplicate %v", i, got)
			}
		}
	})

	fakeTime(t, "M-096/chunks in any order", msrp.Config{}, func(t *testing.T, r *rig) {
		s, h, p := r.bound(streams)
		send := func(rng, b, flag string) {
			_, req := p.chunk("m-0001", rng, b, flag, "Failure-Report: no")
			p.write(req)
		}
		send("7-9/9", "ghi", "$")
		in := next[*msrp.Incoming](h)
		in.Accept()
		send("4-6/9", "def", "+")
		synctest.Wait()
		if octets, _ := s.Kept(); octets < 6 {
			t.Fatalf("%d octets are kept", octets)
		}
		send("1-3/9", "abc", "+")
		if got := body(t, in); got != "abcdefghi" {
			t.Fatalf("got %q", got)
		}
		balanced(t, r, s)
	})

	fakeTime(t, "M-098/octets handed on stay, later ones replace those that wait", msrp.Config{}, func(t *testing.T, r *rig) {
		_, h, p := r.bound(streams)
		for _, c := range []struct{ r, b, flag string }{
			{"1-100/150", strings.Repeat("A", 100), "+"},
			{"140-150/150", strings.Repeat("C", 11), "+"},
			{"50-145/150", strings.Repeat("B", 96), "+"},
			{"120-150/150", strings.Repeat("D", 31), "$"},
		} {
			_, req := p.chunk("m-0001", c.r, c.b, c.flag, "Failure-Report: no")
			p.write(req)
		}
		in := next[*msrp.Incoming](h)
		in.Accept()
		want := strings.Repeat("A", 100) + strings.Repeat("B", 45) + strings.Repeat("C", 5)
		if got := body(t, in); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	})

	fakeTime(t, "M-097/an end before octets that were handed on", msrp.Config{}, func(t *testing.T, r *rig) {
		s, h, p := r.bound(streams)
		id, req := p.chunk("m-0001", "1-6/9", "abcdef", "+")
		p.write(req)
		p.expect(id, 200)
		id, req = p.chunk("m-0001", "2-3/3", "bc", "$")
		p.write(req)
		p.expect(id, 400)
		incomplete(t, next[*msrp.Incoming](h))
		balanced(t, r, s)
	})

	fakeTime(t, "M-101/given up by its sender", msrp.Config{}, func(t *testing.T, r *rig) {
		s, h, p := r.bound(streams)
		for _, end := range []string{"4-*/*", "1-0/*"} {
			id, req := p.chunk("m-0001", "1-*/*", "abc", "+")
			p.write(req)
			p.expect(id, 200)
			id, req = p.chunk("m-0001", end, "", "#")
			p.write(req)
			p.expect(id, 200)
			incomplete(t, next[*msrp.Incoming](h))
		}
		balanced(t, r, s)
	})

	fakeTime(t, "M-102/too large in mid-stream", msrp.Config{PartialOctets: 1000}, func(t *testing.T, r *rig) {
		s, h, p := r.bound(streams, sized(5000))
		id, req := p.chunk("m-0001", "1-*/*", strings.Repeat("x", 4000), "+")
		p.write(req)
		p.expect(id, 200)
		in := next[*msrp.Incoming](h)
		for _, flag := range []string{"+", "$"} {
			id, req = p.chunk("m-0001", "4001-*/*", strings.Repeat("x", 1001), flag)
			p.write(req)
			p.expect(id, 413)
		}
		incomplete(t, in)
		// In one chunk that is larger than the read buffer: the answer comes before its end.
		id, req = p.chunk("m-0002", "1-*/*", strings.Repeat("x", 100_000), "$")
		written := make(chan struct{})
		go func() { p.write(req); close(written) }()
		p.expect(id, 413)
		<-written
		incomplete(t, next[*msrp.Incoming](h))
		// Octets ahead of their turn are bounded too.
		id, req = p.chunk("m-0003", "101-*/*", strings.Repeat("x", 1000), "+")
		p.write(req)
		p.expect(id, 413)
		incomplete(t, next[*msrp.Incoming](h))
		_, req = p.chunk("m-0003", "1-*/*", "x", "#")
		p.write(req)
		p.next()
		balanced(t, r, s)
	})

	fakeTime(t, "M-102/refused messages do not take up the room of others", msrp.Config{PartialMessages: 3}, func(t *testing.T, r *rig) {
		s, h, p := r.bound(streams)
		for i := range 10 {
			id, req := p.chunk(fmt.Sprintf("m-%04d", i), "1-*/*", "abc", "+")
			p.write(req)
			p.expect(id, 200)
			next[*msrp.Incoming](h).Reject(413, "") // the sender obeys and stops
		}
		for i := range 10 { // refused in mid-chunk, and ended by the rest of the chunk
			id, req := p.chunk(fmt.Sprintf("n-%04d", i), "1-*/*", strings.Repeat("x", 70_000), "$")
			p.write(req[:69_000])
			next[*msrp.Incoming](h).Reject(415, "not that")
			p.write(req[69_000:])
			if f := p.expect(id, 415); !strings.Contains(f.text, "415 not that\r\n") {
				t.Fatalf("got %q", f.text)
			}
		}
		if _, n := s.Kept(); n > 3 {
			t.Fatalf("%d messages are kept", n)
		}
	})

	ways(t, "T-044/nothing comes for 600 s", msrp.Config{}, func(t *testing.T, r *rig) {
		s, h, p := r.bound(streams)
		start := time.Now()
		_, req := p.chunk("m-0001", "1-*/*", "abc", "+", "Failure-Report: no")
		p.write(req)
		in := next[*msrp.Incoming](h)
		incomplete(t, in)
		after(t, start, 600*time.Second)
		balanced(t, r, s)
	})

	ways(t, "T-044/a slow application is not the peer's fault", msrp.Config{}, func(t *testing.T, r *rig) {
		_, h, p := r.bound(streams)
		_, req := p.chunk("m-0001", "1-*/*", "abc", "+", "Failure-Report: no")
		p.write(req)
		in := next[*msrp.Incoming](h)
		time.Sleep(5000 * time.Second)
		id, req := p.chunk("m-0001", "4-*/*", "def", "$")
		p.write(req)
		in.Accept()
		p.expect(id, 200)
		if got := body(t, in); got != "abcdef" {
			t.Fatalf("got %q", got)
		}
	})

	ways(t, "T-062/session or connection end in mid-stream", msrp.Config{}, func(t *testing.T, r *rig) {
		for _, end := range []func(*msrp.Session, *rawPeer){
			func(s *msrp.Session, _ *rawPeer) { s.Close() },
			func(_ *msrp.Session, p *rawPeer) { p.nc.Close() },
		} {
			s, h, p := r.bound(streams)
			_, req := p.chunk("m-0001", "1-*/*", strings.Repeat("x", 100_000), "+")
			p.write(req[:90_000])
			in := next[*msrp.Incoming](h)
			go func() {
				synctest.Wait()
				end(s, p)
			}()
			incomplete(t, in)
			in.Accept() // without effect
			in.Reject(400, "")
			p.nc.Close()
			balanced(t, r, s)
		}
	})

	fakeTime(t, "rejected before its end", msrp.Config{}, func(t *testing.T, r *rig) {
		s, h, p := r.bound(streams)
		id, req := p.chunk("m-0001", "1-*/*", "abc", "+")
		p.write(req)
		p.expect(id, 200)
		in := next[*msrp.Incoming](h)
		in.Reject(413, "no room")
		in.Accept()
		incomplete(t, in)
		for _, c := range []struct{ body, flag string }{{"def", "+"}, {"", "+"}, {"ghi", "$"}} {
			id, req = p.chunk("m-0001", "4-*/*", c.body, c.flag)
			p.write(req)
			if f := p.expect(id, 413); !strings.Contains(f.text, "413 no room\r\n") {
				t.Fatalf("got %q", f.text)
			}
		}
		balanced(t, r, s)
		// The end-line comes alone, after the rejection.
		for _, flag := range []string{"+", "$"} {
			messageID := map[string]string{"+": "m-0002", "$": "m-0003"}[flag]
			id, req = p.chunk(messageID, "1-*/*", strings.Repeat("x", 70_000), flag)
			cut := len(req) - len("\r\n-------$\r\n") - len(id)
			p.write(req[:cut])
			in = next[*msrp.Incoming](h)
			if _, err := io.ReadFull(in, make([]byte, 70_000)); err != nil {
				t.Fatal(err)
			}
			in.Reject(403, "")
			p.write(req[cut:])
			p.expect(id, 403)
			p.silence(time.Second)
		}
		_, req = p.chunk("m-0002", "1-0/*", "", "#", "Failure-Report: no")
		p.write(req)
		balanced(t, r, s)
	})

	fakeTime(t, "rejected when whole: what was not read is thrown away", msrp.Config{StreamBuffer: 1000}, func(t *testing.T, r *rig) {
		s, h, p := r.bound(streams)
		for i := range 5 {
			for _, c := range []struct{ r, flag string }{{"1-*/*", "+"}, {"501-*/*", "$"}} {
				_, req := p.chunk(fmt.Sprintf("m-%04d", i), c.r, strings.Repeat("x", 500), c.flag, "Failure-Report: no")
				p.write(req)
			}
			in := next[*msrp.Incoming](h)
			synctest.Wait()
			in.Reject(400, "")
			incomplete(t, in)
			balanced(t, r, s)
		}
	})

	fakeTime(t, "a writer that blocks while the message ends early", msrp.Config{}, func(t *testing.T, r *rig) {
		s, h, p := r.bound(streams)
		_, req := p.chunk("m-0001", "1-*/*", strings.Repeat("x", 1000), "+", "Failure-Report: no")
		p.write(req)
		in := next[*msrp.Incoming](h)
		out, into := io.Pipe()
		done := make(chan error)
		go func() {
			_, err := in.WriteTo(into)
			done <- err
		}()
		synctest.Wait() // it waits in Write
		_, req = p.chunk("m-0001", "1001-*/*", "", "#", "Failure-Report: no")
		p.write(req)
		synctest.Wait()
		go io.Copy(io.Discard, out)
		if err := <-done; !errors.Is(err, msrp.ErrIncomplete) {
			t.Fatalf("got %v", err)
		}
		into.Close()
		balanced(t, r, s)
	})

	fakeTime(t, "a writer that fails", msrp.Config{}, func(t *testing.T, r *rig) {
		s, h, p := r.bound(streams)
		_, req := p.chunk("m-0001", "1-*/*", strings.Repeat("x", 1000), "+", "Failure-Report: no")
		p.write(req)
		in := next[*msrp.Incoming](h)
		out, into := io.Pipe()
		out.CloseWithError(io.ErrClosedPipe)
		if n, err := in.WriteTo(into); n != 0 || !errors.Is(err, io.ErrClosedPipe) {
			t.Fatalf("%d, %v", n, err)
		}
		in.Reject(413, "")
		id, req := p.chunk("m-0001", "1001-*/*", "x", "$")
		p.write(req)
		p.expect(id, 413)
		balanced(t, r, s)
	})

	fakeTime(t, "octets of a chunk in progress do not wait for more of them", msrp.Config{}, func(t *testing.T, r *rig) {
		_, h, p := r.bound(streams)
		_, req := p.chunk("m-0001", "1-*/*", strings.Repeat("x", 70_000)+strings.Repeat("y", 100), "$")
		head := strings.Index(req, "xy") + 1
		p.write(req[:head])
		in := next[*msrp.Incoming](h)
		if _, err := io.ReadFull(in, make([]byte, 70_000)); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 10)
		for i := range 100 {
			start := time.Now()
			p.write(req[head+i : head+i+1])
			if n, err := in.Read(b); n != 1 || b[0] != 'y' || err != nil {
				t.Fatalf("%q, %v", b[:n], err)
			}
			after(t, start, 0)
		}
	})

	t.Run("back-pressure/a reader that does not read stops only its own connection", func(t *testing.T) {
		r := newRig(t, msrp.Config{MaxMessage: -1})
		s, h, p := r.bound(streams)
		const size = 64 << 20
		before := heap()
		wrote := make(chan int, 1)
		go func() {
			n := 0
			defer func() { wrote <- n }()
			chunk := strings.Repeat("x", 2048)
			for at := 0; at < size; at += len(chunk) {
				flag := "+"
				if at+len(chunk) == size {
					flag = "$"
				}
				_, req := p.chunk("m-0001", fmt.Sprintf("%d-*/*", at+1), chunk, flag, "Failure-Report: no")
				if _, err := io.WriteString(p.nc, req); err != nil {
					t.Errorf("after %d octets: %v", n, err)
					p.nc.Close() // else what is missing is waited for
					return
				}
				n += len(chunk)
			}
		}()
		in := next[*msrp.Incoming](h)
		poll(t, func() bool { return r.endpoint.Buffered() >= 256<<10 })
		_, h2, p2 := r.bound()
		for range 100 {
			id, req := p2.text(p2.nextID(), "goes on")
			p2.write(req)
			p2.expect(id, 200)
			next[*msrp.Received](h2)
		}
		if n := r.endpoint.Buffered(); n > 256<<10+2048 {
			t.Fatalf("%d octets are buffered", n)
		}
		if grown := heap() - before; grown > 16<<20 {
			t.Fatalf("the heap grew by %d octets", grown)
		}
		select {
		case <-wrote:
			t.Fatal("everything was written")
		default:
		}
		if n, err := in.WriteTo(io.Discard); n != size || err != nil {
			t.Fatalf("%d octets, %v", n, err)
		}
		in.Accept()
		<-wrote
		balanced(t, r, s)
	})

	fakeTime(t, "D-016/a stream that goes on over another connection", msrp.Config{StreamBuffer: 100}, func(t *testing.T, r *rig) {
		s, h, p := r.bound(streams)
		_, req := p.chunk("m-0001", "1-*/*", strings.Repeat("x", 50), "+", "Failure-Report: no")
		p.write(req)
		in := next[*msrp.Incoming](h)
		synctest.Wait()
		q := r.peer(s)
		q.uri = movedURI
		s.SetPeer(known(t, movedURI))
		q.bind()
		next[*msrp.Received](h)
		_, req = q.chunk("m-0001", "51-*/*", strings.Repeat("y", 60), "+", "Failure-Report: no")
		q.write(req)
		synctest.Wait()
		p.nc.Close() // it is not needed any more
		synctest.Wait()
		if n := r.endpoint.Buffered(); n != 110 {
			t.Fatalf("%d octets are buffered", n)
		}
		id, req := q.chunk("m-0001", "111-*/*", "z", "$")
		done := make(chan struct{})
		go func() { q.write(req); close(done) }()
		synctest.Wait()
		select {
		case <-done:
			t.Fatal("reading goes on") // all that is buffered counts on the new connection
		default:
		}
		in.Accept()
		if got, want := body(t, in), strings.Repeat("x", 50)+strings.Repeat("y", 60)+"z"; got != want {
			t.Fatalf("got %q", got)
		}
		<-done
		q.expect(id, 200)
		balanced(t, r, s)
	})

	fakeTime(t, "M-107/a failure that is known later", msrp.Config{}, func(t *testing.T, r *rig) {
		_, h, p := r.bound(streams)
		h.on(nil)
		report := func(byteRange, status string) {
			t.Helper()
			f := p.expectRequest("REPORT")
			if f.header("Byte-Range") != byteRange || f.header("Status") != status || f.header("To-Path") != p.uri ||
				f.has("Success-Report") || f.has("Failure-Report") || f.hasBody || f.flag != "$" { // M-106, M-108
				t.Fatalf("got %q, want %s and %s", f.text, byteRange, status)
			}
		}
		// A chunk that was announced longer than it is, and answered 200.
		id, req := p.chunk("m-0001", "1-*/200", strings.Repeat("x", 40), "+")
		p.write(req)
		p.expect(id, 200)
		in := next[*msrp.Incoming](h)
		in.Accept()
		in.ReportFailure(404, "gone")
		in.ReportFailure(404, "gone")
		report("1-40/200", "000 404 gone")
		incomplete(t, in)
		id, req = p.chunk("m-0001", "41-*/200", strings.Repeat("x", 40), "$")
		p.write(req)
		p.expect(id, 404)
		// A whole stream.
		for _, c := range []struct{ r, flag string }{{"1-*/*", "+"}, {"4-*/*", "$"}} {
			id, req = p.chunk("m-0002", c.r, "abc", c.flag)
			p.write(req)
			if c.flag == "+" {
				p.expect(id, 200)
			}
		}
		in = next[*msrp.Incoming](h)
		body(t, in)
		in.Accept()
		p.expect(id, 200)
		in.ReportFailure(999, "\r\n")
		report("1-6/6", "000 400 Bad Request")
		// A message in one chunk, with each value of Failure-Report.
		for _, f := range []string{"yes", "partial", "no"} {
			id, req = p.chunk("m-0003", "1-*/200", strings.Repeat("x", 40), "$", "Failure-Report: "+f)
			p.write(req)
			m := next[*msrp.Received](h)
			if m.Duplicate {
				t.Fatal("what failed counts as received")
			}
			m.Accept()
			if f == "yes" {
				p.expect(id, 200)
			}
			m.ReportFailure(480, "away")
			m.ReportFailure(480, "away")
			if f != "no" {
				report("1-40/40", "000 480 away")
			}
		}
		// Not completed yet: it is answered. Rejected: nothing follows.
		id, req = p.text("m-0004", "x")
		p.write(req)
		m := next[*msrp.Received](h)
		m.ReportFailure(403, "")
		p.expect(id, 403)
		m.ReportFailure(403, "")
		id, req = p.text("m-0005", "x")
		p.write(req)
		m = next[*msrp.Received](h)
		m.Reject(403, "")
		m.ReportFailure(403, "")
		p.expect(id, 403)
		p.silence(time.Second)
	})
}
