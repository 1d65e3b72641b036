package msrp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/parley-msrp/parley/msrp"
)

// stream is a message whose body is read.
func stream(r io.Reader, size int64) msrp.Outgoing {
	return msrp.Outgoing{ContentType: "text/plain", Stream: r, Size: size}
}

// chunks reads the chunks of a message and answers each with 200, until one has another flag than +. They must follow on each other.
func (p *rawPeer) chunks() (all []*frame, body string) {
	p.t.Helper()
	var b strings.Builder
	for {
		f := p.expectRequest("SEND")
		if want := fmt.Sprintf("%d-", b.Len()+1); f.body != "" && !strings.HasPrefix(f.header("Byte-Range"), want) {
			p.t.Fatalf("got %q, want %s", f.header("Byte-Range"), want)
		}
		b.WriteString(f.body)
		all = append(all, f)
		if f.flag != "#" {
			p.respond(f, 200, "OK")
		}
		if f.flag != "+" {
			return all, b.String()
		}
	}
}

// closing counts how often it is closed; Read blocks until then once the reader below is at its end.
type closing struct {
	io.Reader
	closed atomic.Int32
	done   chan struct{}
	blocks bool
}

func newClosing(r io.Reader, blocks bool) *closing {
	return &closing{Reader: r, done: make(chan struct{}), blocks: blocks}
}

func (c *closing) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if n == 0 && err == io.EOF && c.blocks {
		<-c.done
		return 0, io.ErrClosedPipe
	}
	return n, err
}

func (c *closing) Close() error {
	if c.closed.Add(1) == 1 {
		close(c.done)
	}
	return nil
}

func TestSendStream(t *testing.T) {
	ctx := context.Background()
	large := msrp.Config{ChunkSize: 1 << 62, Interruptible: true}

	fakeTime(t, "M-045/a stream never ends with an empty chunk", msrp.Config{}, func(t *testing.T, r *rig) {
		for _, size := range []int{0, 1, 2047, 2048, 2049, 4096, 5000, 65536, 262144, 300_000} {
			for _, wrap := range []func(io.Reader) io.Reader{
				func(r io.Reader) io.Reader { return r }, iotest.DataErrReader, iotest.HalfReader, iotest.OneByteReader,
			} {
				if size > 5000 && size != 65536 {
					wrap = func(r io.Reader) io.Reader { return r }
				}
				for _, known := range []int64{0, int64(size)} {
					s, h, p := r.bound()
					want := strings.Repeat("z", size)
					id := send(t, s, stream(wrap(strings.NewReader(want)), known))
					all, got := p.chunks()
					last := all[len(all)-1]
					if got != want || last.flag != "$" || size > 0 && last.body == "" || !last.hasBody {
						t.Fatalf("%d octets of %d, %d chunks, the last: %q", len(got), size, len(all), last.text)
					}
					if f := next[msrp.Fate](h); f.Kind != msrp.Delivered || f.MessageID != id || f.Range.Total != int64(size) {
						t.Fatalf("got %+v", f)
					}
					for _, f := range all[:len(all)-1] {
						if len(f.body) != 2048 { // M-072
							t.Fatalf("a chunk of %d octets", len(f.body))
						}
					}
					s.Close()
					p.nc.Close()
				}
			}
		}
	})

	fakeTime(t, "M-045/the last octet known is held back", large, func(t *testing.T, r *rig) {
		s, _, p := r.bound()
		out, into := io.Pipe()
		send(t, s, stream(out, 0))
		fmt.Fprint(into, strings.Repeat("x", 5000))
		if f := p.expectRequest("SEND"); f.header("Byte-Range") != "1-*/*" || f.flag != "+" || len(f.body) != 4999 {
			t.Fatalf("got %q, %q, %d octets", f.header("Byte-Range"), f.flag, len(f.body))
		}
		into.Close()
		if f := p.expectRequest("SEND"); f.header("Byte-Range") != "5000-5000/5000" || f.flag != "$" || f.body != "x" {
			t.Fatalf("got %q", f.text)
		}
	})

	fakeTime(t, "M-071/a total that is not known is * until it is", msrp.Config{}, func(t *testing.T, r *rig) {
		s, _, p := r.bound()
		out, into := io.Pipe()
		send(t, s, stream(out, 0))
		fmt.Fprint(into, strings.Repeat("x", 2048))
		p.silence(time.Minute) // it could be the last chunk
		fmt.Fprint(into, "y")
		f := p.expectRequest("SEND")
		if f.header("Byte-Range") != "1-2048/*" || f.flag != "+" {
			t.Fatalf("got %q, %q", f.header("Byte-Range"), f.flag)
		}
		into.Close()
		if f := p.expectRequest("SEND"); f.header("Byte-Range") != "2049-2049/2049" || f.flag != "$" {
			t.Fatalf("got %q, %q", f.header("Byte-Range"), f.flag)
		}
		send(t, s, stream(strings.NewReader(strings.Repeat("x", 3000)), 3000))
		if f := p.expectRequest("SEND"); f.header("Byte-Range") != "1-2048/3000" {
			t.Fatalf("got %q", f.header("Byte-Range"))
		}
	})

	fakeTime(t, "M-070/a stream in one interruptible chunk, which stays open for a second while the reader has nothing", large, func(t *testing.T, r *rig) {
		s, _, p := r.bound()
		out, into := io.Pipe()
		send(t, s, stream(out, 0))
		since := time.Now()
		go func() {
			for range 3 {
				fmt.Fprint(into, strings.Repeat("x", 10_000))
				time.Sleep(900 * time.Millisecond)
			}
		}()
		f := p.expectRequest("SEND")
		after(t, since, 2800*time.Millisecond)
		if f.header("Byte-Range") != "1-*/*" || f.flag != "+" || len(f.body) != 29_999 {
			t.Fatalf("got %q, %q, %d octets", f.header("Byte-Range"), f.flag, len(f.body))
		}
		p.respond(f, 200, "OK")
		fmt.Fprint(into, strings.Repeat("x", 10_000))
		into.Close()
		if f := p.expectRequest("SEND"); f.header("Byte-Range") != "30000-*/40000" && f.header("Byte-Range") != "30000-*/*" || f.flag != "$" || len(f.body) != 10_001 {
			t.Fatalf("got %q, %q, %d octets", f.header("Byte-Range"), f.flag, len(f.body))
		}
	})

	fakeTime(t, "M-074/a chunk whose reader has nothing ends at once when something else is to leave", large, func(t *testing.T, r *rig) {
		s, h, p := r.bound()
		s2, h2 := r.session()
		s2.SetPeer(known(t, peerURI))
		to := p.to
		p.to = s2.URI().String()
		p.bind()
		p.to = to
		next[*msrp.Received](h2)

		out, into := io.Pipe()
		id := send(t, s, stream(out, 0))
		go func() {
			fmt.Fprint(into, strings.Repeat("x", 100_000))
		}()
		got := 0
		for got < 100_000-2048 {
			f := p.expectRequest("SEND")
			if f.header("Byte-Range") != fmt.Sprintf("%d-*/*", got+1) || f.flag != "+" || len(f.body) < 2048 {
				t.Fatalf("got %q, %q, %d octets", f.header("Byte-Range"), f.flag, len(f.body))
			}
			p.respond(f, 200, "OK")
			got += len(f.body)
		}
		// Neither another session nor another message of this one waits for the reader.
		send(t, s2, text("other session"))
		f := p.expectRequest("SEND")
		p.respond(f, 200, "OK")
		if f.body != "other session" || next[msrp.Fate](h2).Kind != msrp.Delivered {
			t.Fatalf("got %q", f.text)
		}
		send(t, s, text("same session"))
		f = p.expectRequest("SEND")
		p.respond(f, 200, "OK")
		if f.body != "same session" || next[msrp.Fate](h).Kind != msrp.Delivered {
			t.Fatalf("got %q", f.text)
		}
		p.silence(time.Hour)
		into.Close()
		f = p.expectRequest("SEND")
		p.respond(f, 200, "OK")
		if len(f.body) != 100_000-got || f.flag != "$" || f.header("Byte-Range") != fmt.Sprintf("%d-100000/100000", got+1) {
			t.Fatalf("got %q", f.text)
		}
		if f := next[msrp.Fate](h); f.MessageID != id || f.Kind != msrp.Delivered {
			t.Fatalf("got %+v", f)
		}
	})

	t.Run("M-074/a response interrupts a stream", func(t *testing.T) {
		r := newRig(t, large)
		s, h, p := r.bound()
		m := stream(io.LimitReader(endless('x'), 30_000_000), 30_000_000)
		m.FailureReport = msrp.FailureNo
		send(t, s, m)
		id, req := p.text("m-074", "x")
		p.write(req)
		next[*msrp.Received](h)
		for got, answered := 0, false; ; {
			f := p.next()
			if f.id == id {
				answered = true
				continue
			}
			if want := fmt.Sprintf("%d-*/30000000", got+1); f.header("Byte-Range") != want && f.flag != "$" {
				t.Fatalf("got %q, want %s", f.header("Byte-Range"), want)
			}
			if f.flag == "+" && len(f.body) < 2048 { // M-072
				t.Fatalf("a chunk of %d octets", len(f.body))
			}
			got += len(f.body)
			if f.flag == "$" {
				if !answered || got != 30_000_000 {
					t.Fatalf("answered before the end: %v, %d octets", answered, got)
				}
				return
			}
		}
	})

	for name, cfg := range map[string]msrp.Config{
		"M-075/two streams alternate":                         {Window: -1},
		"M-075/two streams in interruptible chunks alternate": {ChunkSize: 1 << 62, Interruptible: true, Window: -1},
	} {
		fakeTime(t, name, cfg, func(t *testing.T, r *rig) {
			s1, _, p := r.bound()
			s2, h2 := r.session()
			s2.SetPeer(known(t, peerURI))
			p.to = s2.URI().String()
			p.bind()
			next[*msrp.Received](h2)
			const size = 2_000_000
			for _, s := range []*msrp.Session{s1, s2} {
				m := stream(io.LimitReader(endless('x'), size), 0)
				m.FailureReport = msrp.FailureNo
				send(t, s, m)
			}
			got := map[string]int{}
			for {
				synctest.Wait() // what is sent does not depend on how fast the readers are
				f := p.expectRequest("SEND")
				got[f.header("From-Path")] += len(f.body)
				a, b := got[s1.URI().String()], got[s2.URI().String()]
				if diff := max(a, b) - min(a, b); diff > 128<<10 {
					t.Fatalf("%d octets of one, %d of the other", a, b)
				}
				if f.flag == "$" {
					break
				}
			}
		})
	}

	fakeTime(t, "a message that yields", large, func(t *testing.T, r *rig) {
		s, _, p := r.bound()
		m := stream(io.LimitReader(endless('x'), 1_000_000), 1_000_000)
		m.Yields = true
		send(t, s, m)
		synctest.Wait() // its beginning waits for the peer to read
		send(t, s, text("one"))
		send(t, s, text("two"))
		var texts []string
		for seen := 0; seen < 1_000_000; {
			f := p.expectRequest("SEND")
			p.respond(f, 200, "OK")
			if len(f.body) == 3 {
				texts = append(texts, f.body)
				if seen > 200_000 {
					t.Fatalf("%q comes after %d octets", f.body, seen)
				}
			} else {
				seen += len(f.body)
			}
		}
		if strings.Join(texts, " ") != "one two" {
			t.Fatalf("got %q", texts)
		}
	})

	fakeTime(t, "M-019/a body that is not as said, or fails", msrp.Config{}, func(t *testing.T, r *rig) {
		for name, c := range map[string]struct {
			reader io.Reader
			size   int64
			sent   bool
		}{
			"too short":         {strings.NewReader(strings.Repeat("x", 4000)), 5000, true},
			"too long":          {strings.NewReader(strings.Repeat("x", 5001)), 5000, true},
			"too long, endless": {endless('x'), 5000, true},
			"nothing at all":    {strings.NewReader(""), 1, false},
			"fails":             {io.MultiReader(strings.NewReader(strings.Repeat("x", 4000)), iotest.ErrReader(io.ErrNoProgress)), 0, true},
			"is cut off":        {io.MultiReader(strings.NewReader(strings.Repeat("x", 4000)), iotest.ErrReader(io.ErrUnexpectedEOF)), 0, true},
			"wraps EOF":         {io.MultiReader(strings.NewReader(strings.Repeat("x", 4000)), iotest.ErrReader(fmt.Errorf("lost: %w", io.EOF))), 4000, true},
			"gives nothing":     {nothing{}, 0, false},
			"miscounts":         {miscounting{}, 0, false},
			"above max-size":    {strings.NewReader(strings.Repeat("x", 7000)), 0, true},
		} {
			s, h, p := r.bound()
			peer := known(t, peerURI)
			peer.MaxSize = 6000 // M-089
			s.SetPeer(peer)
			slow := newClosing(c.reader, false)
			gate, atOnce := make(chan struct{}), 0
			if c.sent {
				atOnce = 3000
			}
			id := send(t, s, stream(&gated{slow, gate, atOnce}, c.size))
			if c.sent {
				p.respond(p.expectRequest("SEND"), 200, "OK")
			}
			close(gate)
			f := next[msrp.Fate](h)
			if f.MessageID != id || f.Kind != msrp.Failed || f.Why != msrp.BySource || f.Comment == "" {
				t.Fatalf("%s: got %+v", name, f)
			}
			if c.sent {
				// A peer that has got a part is told, and nothing else comes of the message.
				for f := p.expectRequest("SEND"); ; f = p.expectRequest("SEND") {
					p.respond(f, 200, "OK")
					if f.flag == "#" {
						break
					}
				}
			}
			send(t, s, text("next"))
			if f := p.expectRequest("SEND"); f.body != "next" {
				t.Fatalf("%s: got %q", name, f.text)
			}
			synctest.Wait()
			s.Close()
			p.nc.Close()
		}
	})

	fakeTime(t, "M-019/a stream is cancelled", msrp.Config{}, func(t *testing.T, r *rig) {
		s, h, p := r.bound()
		src := newClosing(strings.NewReader(strings.Repeat("x", 3000)), true)
		id := send(t, s, stream(src, 0))
		p.respond(p.expectRequest("SEND"), 200, "OK")
		synctest.Wait() // Read is blocked
		if !s.Cancel(id) {
			t.Fatal("it cannot be cancelled")
		}
		if f := p.expectRequest("SEND"); f.flag != "#" || f.header("Byte-Range") != "1-0/*" {
			t.Fatalf("got %q", f.text)
		}
		if f := next[msrp.Fate](h); f.Why != msrp.ByCancel {
			t.Fatalf("got %+v", f)
		}
		synctest.Wait()
		if n := src.closed.Load(); n != 1 {
			t.Fatalf("closed %d times", n)
		}
	})

	fakeTime(t, "M-082/M-083/413 in mid-stream", large, func(t *testing.T, r *rig) {
		s, h, p := r.bound()
		src := newClosing(endless('x'), false)
		send(t, s, stream(src, 0))
		synctest.Wait() // the chunk does not end because the reader is slow
		b, _ := p.in.Peek(21)
		head := &frame{id: string(b[5:21]), headers: []string{"From-Path: " + s.URI().String(), "To-Path: " + peerURI}}
		p.respond(head, 413, "enough")
		synctest.Wait()
		if f := p.expectRequest("SEND"); f.flag != "#" {
			t.Fatalf("got %q", f.flag)
		}
		if f := next[msrp.Fate](h); f.Code != 413 || f.Why != msrp.ByResponse {
			t.Fatalf("got %+v", f)
		}
		synctest.Wait()
		if n := src.closed.Load(); n != 1 {
			t.Fatalf("closed %d times", n)
		}
		p.silence(time.Hour)
	})

	fakeTime(t, "a reader is closed once, whatever ends its message", msrp.Config{QueuedMessages: 2}, func(t *testing.T, r *rig) {
		for name, end := range map[string]func(*msrp.Session, *rawPeer){
			"session": func(s *msrp.Session, _ *rawPeer) { s.Close() },
			"connection": func(_ *msrp.Session, p *rawPeer) {
				p.nc.Close()
			},
			"endpoint": func(*msrp.Session, *rawPeer) { r.endpoint.Close(ctx) },
		} {
			if name == "endpoint" {
				continue // the last one, below
			}
			s, _, p := r.bound()
			first, second := newClosing(strings.NewReader(strings.Repeat("x", 3000)), true), newClosing(strings.NewReader(""), true)
			send(t, s, stream(first, 0))
			send(t, s, stream(second, 0)) // has not begun
			full, cancel := context.WithCancel(ctx)
			cancel()
			third := newClosing(strings.NewReader("x"), false)
			if _, err := s.Send(full, stream(third, 0)); !errors.Is(err, msrp.ErrQueueFull) {
				t.Fatal(err)
			}
			p.expectRequest("SEND")
			end(s, p)
			synctest.Wait()
			if a, b, c := first.closed.Load(), second.closed.Load(), third.closed.Load(); a != 1 || b != 1 || c != 0 {
				t.Fatalf("%s: closed %d, %d and %d times", name, a, b, c)
			}
			p.nc.Close()
		}
		s, _, _ := r.bound()
		last := newClosing(strings.NewReader(strings.Repeat("x", 3000)), true)
		send(t, s, stream(last, 0))
		synctest.Wait()
		if err := r.endpoint.Close(ctx); err != nil || last.closed.Load() != 1 {
			t.Fatalf("%v, closed %d times", err, last.closed.Load())
		}
	})

	fakeTime(t, "a reader whose Close uses the session", msrp.Config{}, func(t *testing.T, r *rig) {
		s, h, p := r.bound()
		src := newClosing(strings.NewReader(strings.Repeat("x", 3000)), true)
		id := send(t, s, stream(readCloser{src, func() error {
			_, err := s.Send(ctx, text("closed"))
			return errors.Join(err, src.Close())
		}}, 0))
		p.expectRequest("SEND")
		synctest.Wait()
		s.Cancel(id)
		if f := next[msrp.Fate](h); f.Why != msrp.ByCancel {
			t.Fatalf("got %+v", f)
		}
		for p.expectRequest("SEND").body != "closed" {
		}
	})

	fakeTime(t, "a reader that never returns holds up nobody", msrp.Config{}, func(t *testing.T, r *rig) {
		s, h, _ := r.bound()
		release := make(chan struct{})
		send(t, s, stream(readerFunc(func([]byte) (int, error) {
			<-release
			return 0, io.EOF
		}), 0))
		synctest.Wait()
		s.Close()
		if f := next[msrp.Fate](h); f.Why != msrp.ByEnd {
			t.Fatalf("got %+v", f)
		}
		start := time.Now()
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		if err := r.endpoint.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
		after(t, start, time.Minute)
		close(release)
	})

	fakeTime(t, "queue/streams count as what they hold in memory", msrp.Config{QueuedOctets: 1 << 20, RefuseWhenFull: true}, func(t *testing.T, r *rig) {
		s, _ := r.session()
		s.SetPeer(known(t, peerURI))
		sent := 0
		for ; sent < 100; sent++ {
			if _, err := s.Send(ctx, stream(endless('x'), 0)); err != nil {
				break
			}
		}
		if sent < 2 || sent > 4 {
			t.Fatalf("%d streams are taken", sent)
		}
		s.Close()
	})

	fakeTime(t, "D-016/a stream goes on over another connection, from where the chunk in progress ends", large, func(t *testing.T, r *rig) {
		s, h, p := r.bound()
		const size = 1_000_000
		id := send(t, s, stream(io.LimitReader(endless('x'), size), size))
		synctest.Wait()
		q := r.peer(s)
		q.uri = movedURI
		s.SetPeer(known(t, movedURI))
		q.bind()
		f := p.expectRequest("SEND")
		if f.flag != "+" || len(f.body) < 2048 || len(f.body) > 200_000 {
			t.Fatalf("got %q after %d octets", f.flag, len(f.body))
		}
		p.respond(f, 200, "OK")
		got := len(f.body)
		for flag := "+"; flag == "+"; {
			f := q.expectRequest("SEND")
			if !strings.HasPrefix(f.header("Byte-Range"), fmt.Sprintf("%d-", got+1)) || f.header("To-Path") != movedURI {
				t.Fatalf("got %q to %s", f.header("Byte-Range"), f.header("To-Path"))
			}
			q.respond(f, 200, "OK")
			got, flag = got+len(f.body), f.flag
		}
		next[*msrp.Received](h)
		if f := next[msrp.Fate](h); got != size || f.MessageID != id || f.Kind != msrp.Delivered {
			t.Fatalf("%d octets, %+v", got, f)
		}
	})

	t.Run("M-018/an id that would end an interruptible chunk", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newFakeRig(t, large)
			s, _, p := r.bound()
			known := make(chan string, 1)
			src := &echoing{id: known}
			send(t, s, stream(src, 0))
			b, _ := p.in.Peek(21)
			known <- string(b[5:21])
			synctest.Wait() // all of the body is there before the peer reads on
			var all []*frame
			all, got := p.chunks()
			if want := src.written.String(); got != want || len(all) != 2 || !strings.Contains(want, "-------"+all[0].id+"$") {
				t.Fatalf("%d octets of %d in %d chunks", len(got), len(want), len(all))
			}
			if strings.Contains(all[0].body, "-------"+all[0].id) {
				t.Fatal("the chunk holds its own end-line")
			}
		})
	})

	t.Run("a run of hyphens behind CRLF is not sent in one chunk", func(t *testing.T) {
		const line = "\r\n-------"
		for name, c := range map[string]struct {
			body   string
			chunks int // at most, in large chunks
		}{
			"a mebibyte of hyphens":            {strings.Repeat("-", 1<<20), 1},
			"a mebibyte of them behind CRLF":   {"\r\n" + strings.Repeat("-", 1<<20), 2},
			"across the end of a slice":        {strings.Repeat("x", 32<<10-4) + line + strings.Repeat("y", 5000), 2},
			"ends with it":                     {strings.Repeat("x", 10_000) + line, 2},
			"ends in it":                       {strings.Repeat("x", 10_000) + "\r\n------", 1},
			"begins with it":                   {line + strings.Repeat("x", 10_000), 2},
			"a table":                          {strings.Repeat(strings.Repeat("x", 5000)+line, 20), 21},
			"across the ends of many slices":   {strings.Repeat(strings.Repeat("x", 32<<10-5)+line, 9), 10},
			"six hyphens, and CR without LF":   {strings.Repeat("\r\n------x\r-------", 2000), 1},
			"one behind the other":             {strings.Repeat(line, 1000), 1001},
			"at each place near a slice's end": {strings.Repeat("x", 32<<10) + strings.Repeat("\r\n--------", 3) + strings.Repeat("x", 3000), 4},
		} {
			for _, cfg := range []msrp.Config{{Window: -1}, {ChunkSize: 1 << 62, Interruptible: true}} {
				for _, streamed := range []bool{false, true} {
					r := newRig(t, cfg)
					s, _, p := r.bound()
					m := text(c.body)
					if streamed {
						m = stream(strings.NewReader(c.body), int64(len(c.body)))
					}
					m.FailureReport = msrp.FailureNo
					send(t, s, m)
					n, at := 0, 0
					for flag := "+"; flag == "+"; n++ {
						f := p.expectRequest("SEND")
						if strings.Contains(f.body, line) {
							t.Fatalf("%s: chunk %d holds it", name, n)
						}
						if !strings.HasPrefix(c.body[at:], f.body) {
							t.Fatalf("%s: chunk %d differs", name, n)
						}
						at, flag = at+len(f.body), f.flag
					}
					if limit := c.chunks + strings.Count(c.body, line) + len(c.body)/2048 + 1; at != len(c.body) || cfg.Interruptible && !streamed && n > c.chunks || n > limit {
						t.Fatalf("%s: %d octets of %d in %d chunks", name, at, len(c.body), n)
					}
					s.Close()
					p.nc.Close()
				}
			}
		}
	})
}

// endless gives the same octet for ever.
type endless byte

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e)
	}
	return len(p), nil
}

// gated lets so many octets through, and the rest once the gate is open.
type gated struct {
	io.ReadCloser
	gate <-chan struct{}
	n    int
}

func (g *gated) Read(p []byte) (int, error) {
	if g.n == 0 {
		<-g.gate
		return g.ReadCloser.Read(p)
	}
	n, err := g.ReadCloser.Read(p[:min(len(p), g.n)])
	g.n = max(0, g.n-n)
	return n, err
}

type readCloser struct {
	io.Reader
	close func() error
}

func (r readCloser) Close() error { return r.close() }

type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, nil }

type miscounting struct{}

func (miscounting) Read(p []byte) (int, error) { return len(p) + 1, nil }

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// echoing is a body that holds the end-line of the chunk that carries it.
type echoing struct {
	id      <-chan string
	written strings.Builder
	after   int
}

func (e *echoing) Read(p []byte) (int, error) {
	if e.after > 20 {
		return 0, io.EOF
	}
	b := bytes.Repeat([]byte{'x'}, min(len(p), 8<<10))
	if e.written.Len() >= 64<<10 && e.after == 0 {
		copy(b[100:], "-------"+<-e.id+"$\r\n")
		e.after = 1
	} else if e.after > 0 {
		e.after++
	}
	copy(p, b)
	e.written.Write(b)
	return len(b), nil
}
