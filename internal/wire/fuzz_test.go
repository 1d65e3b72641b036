package wire

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// again encodes a well-formed frame anew. False: a frame that Parley would never write.
func again(h *Head, body []byte, f Flag) ([]byte, bool) {
	if h.IsResponse() {
		bare := *h
		bare.ID, bare.Code, bare.Comment, bare.ToPath, bare.FromPath = nil, 0, nil, nil, nil
		return AppendResponse(nil, h.ID, h.Code, string(h.Comment), h.ToPath, h.FromPath),
			h.Code >= 100 && headText(&bare) == headText(&Head{})
	}
	r := Request{
		ID: string(h.ID), Method: string(h.Method), ToPath: string(h.ToPath), FromPath: string(h.FromPath),
		MessageID: string(h.MessageID), Success: h.Success, Failure: h.Failure, Range: h.Range, HasRange: h.HasRange,
		MIME: string(h.MIME), ContentType: string(h.ContentType), Extra: string(h.Other),
	}
	if h.HasStatus {
		r.Status = fmt.Sprintf("%03d %03d %s", h.Status.Namespace, h.Status.Code, h.Status.Comment)
	}
	return r.AppendTo(nil, body, f), h.HasBody || h.MIME == nil
}

func FuzzDecoder(f *testing.F) {
	files, err := filepath.Glob("testdata/examples/*.msrp")
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	for i, name := range files {
		stream, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(stream, uint64(i))
	}
	f.Fuzz(func(t *testing.T, stream []byte, seed uint64) {
		checkSplits(t, Limits{}, stream, randomSplits(seed))
		small := Limits{StartLine: 40, HeaderLine: 80, Headers: 6, HeadBlock: 200, Strict: true}
		checkSplits(t, small, stream, randomSplits(seed))
		checkAgain(t, stream)
	})
}

// checkAgain decodes a stream and expects each well-formed frame of it to be the same when it is encoded and decoded anew.
func checkAgain(t *testing.T, stream []byte) {
	d := NewDecoder(Limits{})
	for {
		p, n, ok, err := d.Next(stream, false)
		if err != nil || n == 0 {
			return
		}
		stream = stream[n:]
		if !ok || p.Head.Bad != nil {
			continue
		}
		octets, can := again(p.Head, p.Body, p.Flag)
		if !can {
			continue
		}
		e := NewDecoder(Limits{HeaderLine: 17 << 10, HeadBlock: 128 << 10})
		q, m, ok, err := e.Next(octets, false)
		if err != nil || !ok || m != len(octets) || q.Head.Bad != nil {
			t.Fatalf("%d of %d octets used, error %v, bad %v, from %q", m, len(octets), err, q.Head.Bad, octets)
		}
		if got, want := headText(q.Head), headText(p.Head); got != want || !bytes.Equal(q.Body, p.Body) || q.Flag != p.Flag {
			t.Fatalf("encoded anew:\n%s\n%q %q\nbefore:\n%s\n%q %q", got, q.Body, q.Flag, want, p.Body, p.Flag)
		}
	}
}

func FuzzURI(f *testing.F) {
	for _, s := range []string{
		"msrps://u@h.example:1/a=b+c/d;tcp;x=1", "msrp://[2001:db8::1]:2855/ab;tcp", "MSRP://%61lice.example;TCP",
		"msrp://%2f@%3A.example:65535/~;ws;a;b=c", "msrp://[::ffff:192.0.2.1]/x;tcp", "msrp://192.0.2.1/ab;tcp",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := ParseURI(s)
		if err != nil {
			if u != (URI{}) {
				t.Fatalf("%+v beside error %v", u, err)
			}
			return
		}
		text := u.String()
		again, err := ParseURI(text)
		if err != nil || again != u {
			t.Fatalf("%q became %q, which is %+v (%v), not %+v", s, text, again, err, u)
		}
		if !u.Equal(again) || u.Host == "" || u.Transport == "" {
			t.Fatalf("%+v", u)
		}
		other := u
		other.SessionID += "x"
		if u.Equal(other) {
			t.Fatal("equal to another session-id")
		}
	})
}

func FuzzByteRange(f *testing.F) {
	for _, s := range []string{"1-5/5", "1-*/*", "1-0/0", "11-10/10", "9223372036854775807-*/9223372036854775808", "*-5/5", "5-3/10"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, v []byte) {
		r, err := ParseByteRange(v)
		if err != nil {
			return
		}
		if r.Start < 1 || r.End < Star || r.Total < Star || r.End != Star && r.End < r.Start-1 {
			t.Fatalf("%q is %+v", v, r)
		}
		if again, err := ParseByteRange(r.AppendTo(nil)); err != nil || again != r {
			t.Fatalf("%+v became %+v (%v)", r, again, err)
		}
	})
}
