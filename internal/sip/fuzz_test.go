package sip

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"
)

// FuzzScan: whatever comes in a datagram, what is taken can be written, and is then the same; answering it is safe.
func FuzzScan(f *testing.F) {
	f.Add([]byte(typicalInvite))
	f.Add([]byte(request("OPTIONS", "1")))
	f.Add([]byte("SIP/2.0 200 OK\r\nv: SIP/2.0/UDP h;rport=\r\nl: 3\r\n\r\nabcde"))
	source := netip.MustParseAddrPort("192.0.2.1:5060")
	f.Fuzz(func(t *testing.T, b []byte) {
		m, fault := scanDatagram(b, 4096, 4096)
		if m == nil {
			return
		}
		e, hasVia, broken := check(m)
		if hasVia {
			row := m.rows[e.viaRow].Value
			stamped := stampVia(nil, row, e.via, e.viaLength, source)
			v, _, err := parseVia(stamped)
			if err != nil || v.Host != e.via.Host || v.Port != e.via.Port || v.branch() != e.via.branch() {
				t.Fatalf("Via %q became %q, %v", row, stamped, err)
			}
		}
		if m.IsRequest() {
			answer := appendResponse(nil, m, 200, "", "t", nil, nil)
			if a, f := scanDatagram(answer, 1<<20, 0); a == nil || f.code != 0 {
				t.Fatalf("answer %q: %v", answer, f)
			}
		}
		if fault.code != 0 || broken.code != 0 {
			return
		}
		written := m.AppendTo(nil)
		again, fault := scanDatagram(written, 1<<20, 4096)
		if again == nil || fault.code != 0 {
			t.Fatalf("written again %q: %v", written, fault)
		}
		if !bytes.Equal(again.AppendTo(nil), written) {
			t.Fatalf("%q becomes %q", written, again.AppendTo(nil))
		}
	})
}

// FuzzStream: the same messages come out however a stream is split.
func FuzzStream(f *testing.F) {
	f.Add([]byte("\r\n\r\n\r\n"+request("MESSAGE", "1", "Content-Length: 3")+"abc"+request("OPTIONS", "2")+"\r\n\r\n"), []byte{1, 40, 3})
	f.Add([]byte(request("OPTIONS", "2", "Content-Length: x")), []byte{7})
	f.Add([]byte(request("OPTIONS", "2", "Content-Length: 5000")+"abc"), []byte{255, 255})
	f.Fuzz(func(t *testing.T, stream, splits []byte) {
		whole := cut(stream, nil)
		if parts := cut(stream, splits); !slices.Equal(whole, parts) {
			t.Fatalf("whole: %q\nin parts: %q", whole, parts)
		}
	})
}

// cut feeds a stream to a framer in parts of the given sizes, over and over, and says what came out.
func cut(stream, sizes []byte) (out []string) {
	f := framer{maxHead: 600, maxBody: 600}
	for i := 0; len(stream) > 0; i++ {
		n := len(stream)
		if len(sizes) > 0 {
			n = min(n, int(sizes[i%len(sizes)])+1)
		}
		n = copy(f.space(), stream[:n])
		f.filled(n)
		stream = stream[n:]
		for {
			fr := f.next()
			if fr.kind == frameNone {
				break
			}
			s := fr.fault.reason
			if fr.m != nil {
				s += string(fr.m.AppendTo(nil))
			}
			out = append(out, string('0'+rune(fr.kind))+s)
			if fr.kind == frameEnd {
				return out
			}
		}
	}
	return out
}

// FuzzURI: what is taken can be written, and is then the same.
func FuzzURI(f *testing.F) {
	for _, s := range []string{"sip:bob:pw@example.com:5061;transport=tcp?a=b", "sip:[::1]:5060;lr", "tel:+1", "sip:a;b?c@h"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := ParseURI(s)
		if err != nil {
			return
		}
		if again, err := ParseURI(u.String()); err != nil || again != u {
			t.Fatalf("%q is %#v, written %q, which is %#v, %v", s, u, u.String(), again, err)
		}
		u.Param("lr")
	})
}

// FuzzAddress: what is taken can be written, and is then the same.
func FuzzAddress(f *testing.F) {
	for _, s := range []string{`"Bob \"x\"" <sip:bob@h;lr>;tag=1;x="a;b"`, "sip:bob@h;tag=1", "Bob B <tel:+1> ; TAG = x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAddress(s)
		if err != nil {
			return
		}
		if again, err := ParseAddress(a.String()); err != nil || again != a {
			t.Fatalf("%q is %#v, written %q, which is %#v, %v", s, a, a.String(), again, err)
		}
		a.Tag()
	})
}
