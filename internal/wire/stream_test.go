package wire

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// frame is a decoded frame, independent of any buffer.
type frame struct {
	Head string
	Body string
	Flag Flag
	Bad  string
}

// headText writes down all fields of h but Bad.
func headText(h *Head) string {
	return fmt.Sprintf("id %q method %q(%t) code %d %q\nto %q(%t)\nfrom %q(%t)\nmessage-id %q(%t)\nrange %v(%t) success %d failure %d\nstatus %d %d %q(%t)\ntype %q(%t) mime %q\nother %q\nbody %t",
		h.ID, h.Method, h.Method == nil, h.Code, h.Comment, h.ToPath, h.ToPath == nil, h.FromPath, h.FromPath == nil,
		h.MessageID, h.MessageID == nil, h.Range, h.HasRange, h.Success, h.Failure,
		h.Status.Namespace, h.Status.Code, h.Status.Comment, h.HasStatus,
		h.ContentType, h.ContentType == nil, h.MIME, h.Other, h.HasBody)
}

func badText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// collector joins pieces to frames and checks that they fit together.
type collector struct {
	t      testing.TB
	frames []frame
	open   *frame
}

func (c *collector) add(p Piece) {
	c.t.Helper()
	if p.First != (c.open == nil) {
		c.t.Fatalf("First is %t in a place where it should not be", p.First)
	}
	if p.First {
		c.open = &frame{Head: headText(p.Head), Bad: badText(p.Head.Bad)}
	}
	if got := headText(p.Head); got != c.open.Head {
		c.t.Fatalf("head changed between pieces:\n%s\nbefore:\n%s", got, c.open.Head)
	}
	if got := badText(p.Head.Bad); got != c.open.Bad {
		c.t.Fatalf("Bad changed between pieces from %q to %q", c.open.Bad, got)
	}
	if p.Last != (p.Flag != 0) {
		c.t.Fatalf("Last %t with flag %q", p.Last, p.Flag)
	}
	c.open.Body += string(p.Body)
	if p.Last {
		c.open.Flag = p.Flag
		c.frames = append(c.frames, *c.open)
		c.open = nil
	}
}

// decodeWhole decodes a stream that lies in one buffer.
func decodeWhole(t testing.TB, l Limits, stream []byte) ([]frame, error) {
	t.Helper()
	d, c := NewDecoder(l), collector{t: t}
	for {
		p, n, ok, err := d.Next(stream, false)
		if err != nil {
			if _, _, _, again := d.Next(nil, true); again != err {
				t.Fatalf("second error %v after %v", again, err)
			}
			return c.frames, err
		}
		stream = stream[n:]
		if ok {
			if !p.First || !p.Last {
				t.Fatal("a frame that is whole in the buffer came in pieces")
			}
			c.add(p)
			continue
		}
		if n == 0 {
			return c.frames, nil
		}
	}
}

// splitter says how many octets come next, how large the buffer is that they come to, and whether what is there is wanted
// at once.
type splitter struct {
	next   func(left int) int
	buffer int
	full   func() bool
}

// octetByOctet takes larger steps only through the first part of a long stream, as each step copies what is there.
func octetByOctet() splitter {
	return splitter{next: func(left int) int { return max(1, left/2000) }, buffer: 1 << 30, full: func() bool { return false }}
}

func randomSplits(seed uint64) splitter {
	r := rand.New(rand.NewPCG(seed, 1))
	most := 1 + r.IntN(200)
	eager := r.IntN(3)
	return splitter{
		next:   func(left int) int { return min(left, max(left/2000, 1+r.IntN(most))) },
		buffer: []int{44, 64, 300, 1 << 30}[r.IntN(4)],
		full:   func() bool { return eager == 1 || eager == 2 && r.IntN(4) == 0 },
	}
}

// decodeSplit decodes a stream as it would come from a connection. The octets lie in fresh memory at each call, and the
// old memory is overwritten, so that nothing may point to what the decoder was given before.
func decodeSplit(t testing.TB, l Limits, stream []byte, s splitter) ([]frame, error) {
	t.Helper()
	d, c := NewDecoder(l), collector{t: t}
	var buf []byte
	for len(stream) > 0 {
		k := min(s.next(len(stream)), s.buffer-len(buf))
		fresh := append(append(make([]byte, 0, len(buf)+k), buf...), stream[:k]...)
		for i := range buf {
			buf[i] = '!'
		}
		buf, stream = fresh, stream[k:]
		for {
			full := len(buf) == s.buffer || s.full()
			p, n, ok, err := d.Next(buf, full)
			if err != nil {
				return c.frames, err
			}
			if ok {
				c.add(p)
			}
			if d.InBody() && !d.InFrame() {
				t.Fatal("in a body but not in a frame")
			}
			rest := bytes.Clone(buf[n:])
			for i := range buf {
				buf[i] = '?'
			}
			buf = rest
			if !ok && n == 0 {
				if held := len(crlf) + d.patLen + endTail - len(crlf) - 1; full && len(buf) > held {
					t.Fatalf("%d octets held back, at most %d may be", len(buf), held)
				}
				break
			}
		}
	}
	return c.frames, nil
}

// checkSplits decodes stream whole and split, and expects the same.
func checkSplits(t testing.TB, l Limits, stream []byte, s splitter) {
	t.Helper()
	want, wantErr := decodeWhole(t, l, stream)
	got, gotErr := decodeSplit(t, l, stream, s)
	if (wantErr == nil) != (gotErr == nil) {
		t.Fatalf("whole: error %v; split: error %v", wantErr, gotErr)
	}
	if len(got) != len(want) {
		t.Fatalf("%d frames when split, %d when whole", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("frame %d, split:\n%+v\nwhole:\n%+v", i, got[i], want[i])
		}
	}
}
