package wire

import (
	"bytes"
	"testing"
)

// sample returns a one-chunk SEND as peers send it, with a body of size octets.
func sample(size int) []byte {
	r := &Request{
		ID: "b7Kq2Zt9xLw4", Method: "SEND",
		ToPath:    "msrp://bob.example.net:2855/9sJm2LxQf8Yc5uHa;tcp",
		FromPath:  "msrp://alice.example.com:2855/kZ7wq0Tn4XbE1vRd;tcp",
		MessageID: "m.7f20c41e9b", ContentType: "text/plain",
		Range: ByteRange{1, int64(size), int64(size)}, HasRange: true,
	}
	return r.AppendTo(nil, bytes.Repeat([]byte("x"), size), Complete)
}

func benchmarkDecode(b *testing.B, frame []byte) {
	d := NewDecoder(Limits{})
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		p, n, ok, err := d.Next(frame, false)
		if err != nil || !ok || n != len(frame) || p.Head.Bad != nil {
			b.Fatal(n, ok, err)
		}
	}
}

func BenchmarkDecode100B(b *testing.B) { benchmarkDecode(b, sample(100)) }
func BenchmarkDecode64K(b *testing.B)  { benchmarkDecode(b, sample(64<<10)) }

func BenchmarkDecodeResponse(b *testing.B) {
	benchmarkDecode(b, AppendResponse(nil, []byte("b7Kq2Zt9xLw4"), 200, "OK",
		[]byte("msrp://alice.example.com:2855/kZ7wq0Tn4XbE1vRd;tcp"),
		[]byte("msrp://bob.example.net:2855/9sJm2LxQf8Yc5uHa;tcp")))
}

// BenchmarkDecodeHyphens1M is the worst body there is for the search of the end-line (T-053).
func BenchmarkDecodeHyphens1M(b *testing.B) {
	f := sample(1)
	i := bytes.Index(f, []byte("x\r\n-------"))
	f = bytes.Join([][]byte{f[:i], bytes.Repeat([]byte("\r\n-------b7Kq2Zt9xLw"), 1<<20/20), f[i:]}, nil)
	benchmarkDecode(b, f)
}

func BenchmarkAppendResponse(b *testing.B) {
	id, to := []byte("b7Kq2Zt9xLw4"), []byte("msrp://alice.example.com:2855/kZ7wq0Tn4XbE1vRd;tcp")
	buf := make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendResponse(buf[:0], id, 200, "OK", to, to)
	}
}

func BenchmarkAppendHead(b *testing.B) {
	r := &Request{
		ID: "b7Kq2Zt9xLw4", Method: "SEND", ToPath: "msrp://bob.example.net:2855/9sJm2LxQf8Yc5uHa;tcp",
		FromPath: "msrp://alice.example.com:2855/kZ7wq0Tn4XbE1vRd;tcp", MessageID: "m.7f20c41e9b",
		Range: ByteRange{1, 100, 100}, HasRange: true, ContentType: "text/plain",
	}
	buf := make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		buf = r.AppendHead(buf[:0])
	}
}

func BenchmarkParseURI(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseURI("msrp://bob.example.net:2855/9sJm2LxQf8Yc5uHa;tcp"); err != nil {
			b.Fatal(err)
		}
	}
}
