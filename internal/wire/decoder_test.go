package wire

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	testID = "tId0123456789abc"
	toBob  = "To-Path: msrp://bob.example.net:2855/9sJm2LxQf8Yc5uHa;tcp\r\n"
	fromAl = "From-Path: msrp://alice.example.com:2855/kZ7wq0Tn4XbE1vRd;tcp\r\n"
	paths  = toBob + fromAl
	msgID  = "Message-ID: msg-000001\r\n"
	range5 = "Byte-Range: 1-5/5\r\n"
	plain  = "Content-Type: text/plain\r\n"
	end    = "-------" + testID + "$\r\n"
	start  = "MSRP " + testID + " SEND\r\n"
)

// one decodes a stream of one frame, in every way of cutting it, and returns it.
func one(t *testing.T, l Limits, stream string) frame {
	t.Helper()
	frames, err := decodeWhole(t, l, []byte(stream))
	if err != nil || len(frames) != 1 {
		t.Fatalf("%d frames, error %v, from %.300q", len(frames), err, stream)
	}
	checkSplits(t, l, []byte(stream), octetByOctet())
	for seed := range uint64(30) {
		checkSplits(t, l, []byte(stream), randomSplits(seed))
	}
	return frames[0]
}

func TestFraming(t *testing.T) {
	for _, c := range []struct {
		name, stream, body string
		flag               Flag
	}{
		{"M-013/without body the end-line follows the last header line", start + paths + msgID + end, "", '$'},
		{"M-012/blank line and end-line without Content-Type is bodiless", start + paths + "\r\n" + end, "", '$'},
		{"M-012/blank line, empty body and end-line without Content-Type is bodiless", start + paths + "\r\n\r\n" + end, "", '$'},
		{"M-014/an empty body", start + paths + plain + "\r\n\r\n" + end, "", '$'},
		{"M-014/an empty body without its own CRLF", start + paths + plain + "\r\n" + end, "", '$'},
		{"M-016/the CRLF before the end-line is not body", start + paths + plain + "\r\nhello\r\n" + end, "hello", '$'},
		{"M-016/a CRLF before that one is", start + paths + plain + "\r\nhello\r\n\r\n" + end, "hello\r\n", '$'},
		{"M-016/a body of one CRLF", start + paths + plain + "\r\n\r\n\r\n" + end, "\r\n", '$'},
		{"M-019/more follows", start + paths + plain + "\r\nhello\r\n-------" + testID + "+\r\n", "hello", '+'},
		{"M-019/given up", start + paths + plain + "\r\nhello\r\n-------" + testID + "#\r\n", "hello", '#'},
		{"M-019/given up without body", start + paths + "-------" + testID + "#\r\n", "", '#'},
		{"M-002/an id of 4 characters", "MSRP a.-+ SEND\r\n" + paths + plain + "\r\nx\r\n-------a.-+$\r\n", "x", '$'},
		{
			"M-002/an id of 32 characters", "MSRP 0123456789012345678901234567%=-+ SEND\r\n" + paths + plain +
				"\r\nx\r\n-------0123456789012345678901234567%=-+$\r\n", "x", '$',
		},
		{"M-002/an id that looks like a flag and an end", "MSRP a--------+ SEND\r\n" + paths + plain + "\r\n-------a--------\r\n-------a--------+$\r\n", "-------a--------", '$'},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := one(t, Limits{}, c.stream)
			if f.Body != c.body || f.Flag != c.flag || f.Bad != "" {
				t.Errorf("body %q flag %q bad %q", f.Body, f.Flag, f.Bad)
			}
		})
	}
}

func TestBodyIsNotEnd(t *testing.T) {
	binary := make([]byte, 256)
	for i := range binary {
		binary[i] = byte(i)
	}
	for _, c := range []struct{ name, body string }{
		{"M-015/six hyphens", "a\r\n------" + testID + "$\r\nb"},
		{"M-015/eight hyphens", "a\r\n--------" + testID + "$\r\nb"},
		{"M-015/another id", "a\r\n-------zzzz$\r\nb"},
		{"M-015/flag *", "a\r\n-------" + testID + "*\r\nb"},
		{"M-015/id in another case", "a\r\n-------" + strings.ToUpper(testID) + "$\r\nb"},
		{"M-017/no flag", "a\r\n-------" + testID + "\r\nb"},
		{"M-017/inside a line", "x-------" + testID + "$\r\nb"},
		{"M-017/text behind the flag", "a\r\n-------" + testID + "$ b"},
		{"M-017/text behind the flag at the beginning", "-------" + testID + "$ b"},
		{"M-017/LF in place of CRLF before it", "a\n-------" + testID + "$\r\nb"},
		{"M-017/LF in place of CRLF behind it", "a\r\n-------" + testID + "$\nb"},
		{"M-017/CR without LF behind it", "a\r\n-------" + testID + "$\rb"},
		{"M-017/longer id", "a\r\n-------" + testID + "d$\r\nb"},
		{"M-017/look-alikes in a row", strings.Repeat("\r\n-------"+testID+"$-", 9) + "\r\n-------" + testID},
		{"M-017/a CRLF that is not the right one", "\r\n\r\n-------" + testID + "\r"},
		{"M-021/all octets", string(binary)},
		{"M-021/8 KiB of NUL", strings.Repeat("\x00", 8<<10)},
		{"M-021/lone CR and lone LF", "\r\r\n\n\r\r\r\n\n"},
		{"M-021/CR at the end", "a\r"},
		{"M-021/something like a frame", start + paths + plain + "\r\nhello\r\n"},
		{"M-017/hyphens", strings.Repeat("-", 10_000)},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := one(t, Limits{}, start+paths+plain+"\r\n"+c.body+"\r\n"+end)
			if f.Body != c.body || f.Bad != "" {
				t.Errorf("body %.200q bad %q", f.Body, f.Bad)
			}
		})
	}
}

func TestHead(t *testing.T) {
	all := start + paths + msgID + "Byte-Range: 6-*/90\r\nX-One: 1\r\nSuccess-Report: YES\r\nFailure-Report: Partial\r\nX-Two: 2\r\n" +
		"Status: 000 413 too much\r\nContent-Disposition: render\r\nContent-ID: <a@b>\r\n" + plain + "\r\nx\r\n" + end
	d := NewDecoder(Limits{})
	p, n, ok, err := d.Next([]byte(all), false)
	if err != nil || !ok || n != len(all) || p.Head.Bad != nil {
		t.Fatal(n, ok, err, p.Head.Bad)
	}
	h := p.Head
	for _, c := range []struct{ name, got, want string }{
		{"M-001/transaction id", string(h.ID), testID},
		{"M-001/method", string(h.Method), "SEND"},
		{"M-004/To-Path", string(h.ToPath), "msrp://bob.example.net:2855/9sJm2LxQf8Yc5uHa;tcp"},
		{"M-004/From-Path", string(h.FromPath), "msrp://alice.example.com:2855/kZ7wq0Tn4XbE1vRd;tcp"},
		{"M-030/Message-ID", string(h.MessageID), "msg-000001"},
		{"M-026/Byte-Range", fmt.Sprint(h.Range, h.HasRange), "6-*/90 true"},
		{"M-028/reports ignore case", fmt.Sprint(h.Success, h.Failure), "yes partial"},
		{"M-029/Status", fmt.Sprintf("%d %d %s %t", h.Status.Namespace, h.Status.Code, h.Status.Comment, h.HasStatus), "0 413 too much true"},
		{"M-011/Content-Type", string(h.ContentType), "text/plain"},
		{"M-011/other MIME headers", string(h.MIME), "Content-Disposition: render\r\nContent-ID: <a@b>\r\n"},
		{"M-008/unknown headers", string(h.Other), "X-One: 1\r\nX-Two: 2\r\n"},
		{"M-012/body", fmt.Sprint(h.HasBody, h.IsResponse()), "true false"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.got != c.want {
				t.Errorf("got %q, want %q", c.got, c.want)
			}
		})
	}
	t.Run("M-022/the same in any split", func(t *testing.T) { one(t, Limits{}, all) })
}

func TestTolerated(t *testing.T) {
	for _, c := range []struct {
		name, stream string
		strict       error // what strict mode says; nil: the same
	}{
		{"M-005/names in any case", start + "TO-PATH" + toBob[7:] + "from-path" + fromAl[9:] + "message-id: abcd\r\nbyte-RANGE: 1-5/5\r\n" + end, nil},
		{"M-006/no blank after the colon", start + paths + "Message-ID:abcd\r\n" + end, ErrBlanks},
		{"M-006/three blanks after the colon", start + "To-Path:  " + toBob[8:] + fromAl + end, ErrBlanks},
		{"M-006/a tab after the colon", start + paths + "Message-ID:\tabcd\r\n" + end, ErrBlanks},
		{"M-008/unknown header with empty value", start + paths + "X-Foo: \r\n" + end, nil},
		{"M-008/unknown header with nothing behind the colon", start + paths + "X-Foo:\r\n" + end, ErrBlanks},
		{"M-008/unknown header of 8 KiB", start + paths + "X-Foo: " + strings.Repeat("v", 8<<10) + "\r\n" + end, nil},
		{"M-008/unknown header in UTF-8, with a tab", start + paths + "X-Foo: Gr\u00fc\u00dfe\tx\r\n" + end, nil},
		{"M-008/unknown header in broken UTF-8", start + paths + "X-Foo: \xff\xfe\r\n" + end, nil},
		{"M-009/only the paths", start + paths + end, nil},
		{"M-011/header after Content-Type", start + paths + plain + "X-Foo: bar\r\n\r\nx\r\n" + end, ErrAfterContentType},
		{"M-030/Message-ID of 1 character", start + paths + "Message-ID: !\r\n" + end, nil},
		{"M-030/Message-ID of 255 characters", start + paths + "Message-ID: " + strings.Repeat("~", 255) + "\r\n" + end, nil},
		{"M-001/response without comment", "MSRP " + testID + " 200\r\n" + paths + end, nil},
		{"M-001/response with empty comment", "MSRP " + testID + " 200 \r\n" + paths + end, nil},
		{"M-001/a method without code is a request", "MSRP " + testID + " OK\r\n" + paths + end, nil},
		{"M-008/response with Message-ID", "MSRP " + testID + " 200 OK\r\n" + paths + msgID + end, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if f := one(t, Limits{}, c.stream); f.Bad != "" {
				t.Errorf("bad: %s", f.Bad)
			}
			want := ""
			if c.strict != nil {
				want = c.strict.Error()
			}
			if f := one(t, Limits{Strict: true}, c.stream); f.Bad != want {
				t.Errorf("strict: bad %q, want %q", f.Bad, want)
			}
		})
	}
}

func TestBadHead(t *testing.T) {
	body := plain + "\r\nhello\r\n"
	for _, c := range []struct {
		name, stream string
		header       string
		reason       error
	}{
		{"M-001/method in lower case", "MSRP " + testID + " send\r\n" + paths + end, "", ErrMethod},
		{"M-001/two words for a method", "MSRP " + testID + " SEND SEND\r\n" + paths + end, "", ErrMethod},
		{"M-001/code of 2 digits", "MSRP " + testID + " 20 OK\r\n" + paths + end, "", ErrCode},
		{"M-001/code of 4 digits", "MSRP " + testID + " 2000 OK\r\n" + paths + end, "", ErrCode},
		{"M-001/code with a letter", "MSRP " + testID + " 2x0 OK\r\n" + paths + end, "", ErrCode},
		{"M-001/control character in the comment", "MSRP " + testID + " 200 O\x07K\r\n" + paths + end, "", ErrControl},
		{"M-004/no To-Path", start + fromAl + msgID + body + end, "To-Path", ErrMissing},
		{"M-004/no From-Path", start + toBob + msgID + body + end, "From-Path", ErrMissing},
		{"M-004/no header at all", start + end, "To-Path", ErrMissing},
		{"M-004/paths swapped", start + fromAl + toBob + body + end, "", ErrOrder},
		{"M-004/Message-ID in front", start + msgID + paths + body + end, "", ErrOrder},
		{"M-004/Message-ID between the paths", start + toBob + msgID + fromAl + body + end, "", ErrOrder},
		{"M-004/empty To-Path", start + "To-Path: \r\n" + fromAl + end, "To-Path", ErrValue},
		{"M-007/folded by a space", start + paths + msgID + " more\r\n" + body + end, "", ErrFolded},
		{"M-007/folded by a tab", start + paths + msgID + "\tmore\r\n" + body + end, "", ErrFolded},
		{"M-010/two To-Path", start + toBob + toBob + fromAl + end, "To-Path", ErrDuplicate},
		{"M-010/two From-Path", start + paths + fromAl + end, "From-Path", ErrDuplicate},
		{"M-010/two Message-ID", start + paths + msgID + msgID + end, "Message-ID", ErrDuplicate},
		{"M-010/two Byte-Range", start + paths + range5 + range5 + body + end, "Byte-Range", ErrDuplicate},
		{"M-010/two Success-Report", start + paths + "Success-Report: no\r\nSuccess-Report: no\r\n" + end, "Success-Report", ErrDuplicate},
		{"M-010/two Failure-Report", start + paths + "Failure-Report: no\r\nFailure-Report: no\r\n" + end, "Failure-Report", ErrDuplicate},
		{"M-010/two Status", start + paths + "Status: 000 200\r\nStatus: 000 200\r\n" + end, "Status", ErrDuplicate},
		{"M-010/two Content-Type", start + paths + plain + body + end, "Content-Type", ErrDuplicate},
		{"M-012/body without Content-Type", start + paths + msgID + "\r\nhello\r\n" + end, "", ErrNoContentType},
		{"M-012/blank line right after the start line", start + "\r\nhello\r\n" + end, "To-Path", ErrMissing},
		{"M-012/body of look-alikes without Content-Type", start + paths + "\r\n-------" + testID + "$x\r\n" + end, "", ErrNoContentType},
		{"M-013/Content-Type without body", start + paths + plain + end, "Content-Type", ErrNoBody},
		{"M-008/line without colon", start + paths + "no colon here\r\n" + end, "", ErrHeaderName},
		{"M-008/blank in a header name", start + paths + "X Foo: bar\r\n" + end, "", ErrHeaderName},
		{"M-008/blank before the colon", start + paths + "Message-ID : abcd\r\n" + end, "", ErrHeaderName},
		{"M-008/empty header name", start + paths + ": x\r\n" + end, "", ErrHeaderName},
		{"M-008/end-line of another frame in the head", start + paths + "-------zzzz$\r\n" + end, "", ErrHeaderName},
		{"M-008/NUL in a header", start + paths + "X-Foo: a\x00b\r\n" + end, "", ErrControl},
		{"M-008/DEL in a header", start + paths + "X-Foo: abcdefgh\x7f\r\n" + end, "", ErrControl},
		{"M-008/lone LF in a header", start + paths + "X-Foo: a\nX-Bar: b\r\n" + end, "", ErrControl},
		{"M-008/lone CR in a header", start + paths + "X-Foo: a\rb\r\n" + end, "", ErrControl},
		{"M-020/response with a body", "MSRP " + testID + " 200 OK\r\n" + paths + body + end, "", ErrResponseBody},
		{"M-020/response with a body without Content-Type", "MSRP " + testID + " 200 OK\r\n" + paths + "\r\nhello\r\n" + end, "", ErrResponseBody},
		{"M-020/response with flag +", "MSRP " + testID + " 200 OK\r\n" + paths + "-------" + testID + "+\r\n", "", ErrResponseFlag},
		{"M-026/bad Byte-Range", start + paths + "Byte-Range: *-5/5\r\n" + body + end, "Byte-Range", ErrRangeSyntax},
		{"M-028/Failure-Report: maybe", start + paths + "Failure-Report: maybe\r\n" + end, "Failure-Report", ErrValue},
		{"M-028/Success-Report: 1", start + paths + "Success-Report: 1\r\n" + end, "Success-Report", ErrValue},
		{"M-028/Success-Report: partial", start + paths + "Success-Report: partial\r\n" + end, "Success-Report", ErrValue},
		{"M-029/Status without namespace", start + paths + "Status: 200 OK\r\n" + end, "Status", ErrStatusSyntax},
		{"M-030/Message-ID of 256 characters", start + paths + "Message-ID: " + strings.Repeat("a", 256) + "\r\n" + end, "Message-ID", ErrValue},
		{"M-030/empty Message-ID", start + paths + "Message-ID: \r\n" + end, "Message-ID", ErrValue},
		{"M-030/blank in a Message-ID", start + paths + "Message-ID: a b\r\n" + end, "Message-ID", ErrValue},
		{"M-030/Message-ID outside ASCII", start + paths + "Message-ID: \u00fc\r\n" + end, "Message-ID", ErrValue},
	} {
		t.Run(c.name, func(t *testing.T) {
			one(t, Limits{}, c.stream)
			p, _, _, _ := NewDecoder(Limits{}).Next([]byte(c.stream), false)
			var he *HeadError
			if !errors.As(p.Head.Bad, &he) || he.Header != c.header || he.Reason != c.reason || !errors.Is(he, c.reason) {
				t.Fatalf("bad %v, want %s %v", p.Head.Bad, c.header, c.reason)
			}
			if p.Flag == 0 || string(p.Head.ID) != testID {
				t.Error("end of the frame not found")
			}
			// The next frame is not touched.
			frames, err := decodeWhole(t, Limits{}, []byte(c.stream+start+paths+body+end))
			if err != nil || len(frames) != 2 || frames[1].Bad != "" || frames[1].Body != "hello" {
				t.Errorf("after it: %d frames, error %v", len(frames), err)
			}
		})
	}
}

func TestBadHeadKeepsWhatWasRead(t *testing.T) {
	t.Run("M-051/Failure-Report: no is known beside a fault", func(t *testing.T) {
		stream := start + paths + "Byte-Range: 0-4/5\r\nFailure-Report: no\r\n" + msgID + "Failure-Report: yes\r\n" + end
		p, _, _, _ := NewDecoder(Limits{}).Next([]byte(stream), false)
		h := p.Head
		if h.Bad == nil || h.Failure != No || string(h.MessageID) != "msg-000001" || h.HasRange {
			t.Errorf("%s\nbad %v", headText(h), h.Bad)
		}
	})
	t.Run("M-001/a response whose code is wrong is no request", func(t *testing.T) {
		p, _, _, _ := NewDecoder(Limits{}).Next([]byte("MSRP "+testID+" 20 OK\r\n"+paths+end), false)
		if !p.Head.IsResponse() || p.Head.Code != 0 {
			t.Error(headText(p.Head))
		}
	})
	t.Run("M-001/OK in place of a code is a method", func(t *testing.T) {
		p, _, _, _ := NewDecoder(Limits{}).Next([]byte("MSRP "+testID+" OK\r\n"+paths+end), false)
		if string(p.Head.Method) != "OK" || p.Head.Bad != nil {
			t.Error(headText(p.Head))
		}
	})
}

func TestFramingLost(t *testing.T) {
	long := strings.Repeat("a", 20<<10)
	for _, c := range []struct {
		name, stream string
		want         error
	}{
		{"M-001/msrp in lower case", "msrp " + testID + " SEND\r\n", ErrNotMSRP},
		{"M-001/HTTP", "GET / HTTP/1.1\r\n", ErrNotMSRP},
		{"M-001/first octets of TLS", "\x16\x03\x01", ErrNotMSRP},
		{"M-001/leading space", " MSRP " + testID + " SEND\r\n", ErrNotMSRP},
		{"M-001/two spaces before the id", "MSRP  " + testID + " SEND\r\n", ErrTransactionID},
		{"M-001/two spaces before the method", "MSRP " + testID + "  SEND\r\n", ErrStartLine},
		{"M-001/tab in place of a space", "MSRP " + testID + "\tSEND\r\n", ErrStartLine},
		{"M-001/no method", "MSRP " + testID + "\r\n", ErrStartLine},
		{"M-001/no method but a space", "MSRP " + testID + " \r\n", ErrStartLine},
		{"M-001/nothing", "MSRP \r\n", ErrStartLine},
		{"M-001/line ended by LF", "MSRP " + testID + " SEND\n", ErrStartLine},
		{"M-002/id of 33 characters", "MSRP " + strings.Repeat("a", 33) + " SEND\r\n", ErrTransactionID},
		{"M-002/id of 3 characters", "MSRP abc SEND\r\n", ErrTransactionID},
		{"M-002/id that begins with a hyphen", "MSRP -abcd SEND\r\n", ErrTransactionID},
		{"M-002/id with an underscore", "MSRP ab_cd SEND\r\n", ErrTransactionID},
		{"M-002/id with a slash", "MSRP ab/cd SEND\r\n", ErrTransactionID},
		{"M-025/start line", "MSRP " + testID + " " + strings.Repeat("A", 1<<10), ErrStartLineLimit},
		{"M-025/start line ended by CR only", "MSRP " + testID + " SEND\r" + strings.ReplaceAll(long, "aa", "a\r"), ErrStartLineLimit},
		{"M-025/header line", start + paths + "X: " + long, ErrLineLimit},
		{"M-025/header line of LFs", start + paths + "X: " + strings.ReplaceAll(long, "aa", "a\n"), ErrLineLimit},
		{"M-025/129 headers", start + paths + strings.Repeat("X: y\r\n", 127), ErrHeaderLimit},
		{"M-025/header block", start + paths + strings.Repeat("X: "+long[:15<<10]+"\r\n", 5), ErrHeadBlockLimit},
		{"M-025/header block whose last line does not end", start + paths + strings.Repeat("X: "+long[:15<<10]+"\r\n", 4) + "X: " + long[:8<<10], ErrHeadBlockLimit},
		{"M-023/17 blank lines between frames", strings.Repeat("\r\n", 17), ErrBlankLines},
	} {
		t.Run(c.name, func(t *testing.T) {
			good := start + paths + plain + "\r\nhello\r\n" + end
			frames, err := decodeWhole(t, Limits{}, []byte(good+c.stream))
			if err != c.want || len(frames) != 1 {
				t.Errorf("%d frames, error %v; want one and %v", len(frames), err, c.want)
			}
			checkSplits(t, Limits{}, []byte(good+c.stream), octetByOctet())
			for seed := range uint64(10) {
				checkSplits(t, Limits{}, []byte(good+c.stream), randomSplits(seed))
			}
		})
	}
}

func TestLimitsAreReached(t *testing.T) {
	for _, c := range []struct{ name, stream string }{
		{"M-025/start line of 1 KiB", "MSRP " + testID + " 200 " + strings.Repeat("a", 1<<10-len("MSRP  200 ")-len(testID)) + "\r\n" + paths + end},
		{"M-025/header line of 16 KiB", start + paths + "X: " + strings.Repeat("a", 16<<10-3) + "\r\n" + end},
		{"M-025/128 headers", start + paths + strings.Repeat("X: y\r\n", 126) + end},
		{"M-023/16 blank lines between frames", strings.Repeat("\r\n", 16) + start + paths + end},
	} {
		t.Run(c.name, func(t *testing.T) {
			if f := one(t, Limits{}, c.stream); f.Bad != "" {
				t.Error(f.Bad)
			}
		})
	}
}

func TestStream(t *testing.T) {
	t.Run("M-023/50 frames in one buffer", func(t *testing.T) {
		var stream []byte
		for i := range 50 {
			r := Request{ID: fmt.Sprintf("id%02d", i), Method: "SEND", ToPath: "a", FromPath: "b", ContentType: "text/plain"}
			stream = r.AppendTo(stream, []byte(r.ID), Complete)
		}
		frames, err := decodeWhole(t, Limits{}, stream)
		if err != nil || len(frames) != 50 || frames[49].Body != "id49" {
			t.Fatal(len(frames), err)
		}
		checkSplits(t, Limits{}, stream, octetByOctet())
	})
	t.Run("M-023/nothing of a frame is left in the next", func(t *testing.T) {
		mixed := func(x string) string {
			return start + paths + "X-A: " + x + "\r\nContent-A: " + x + "\r\nX-B: " + x + "\r\nContent-B: " + x + "\r\n" + plain + "\r\n" + x + "\r\n" + end
		}
		stream := []byte(mixed("1") + mixed("2") + start + paths + end)
		d := NewDecoder(Limits{})
		for _, want := range []struct{ other, mime string }{
			{"X-A: 1\r\nX-B: 1\r\n", "Content-A: 1\r\nContent-B: 1\r\n"}, {"X-A: 2\r\nX-B: 2\r\n", "Content-A: 2\r\nContent-B: 2\r\n"}, {},
		} {
			p, n, ok, err := d.Next(stream, false)
			if err != nil || !ok || string(p.Head.Other) != want.other || string(p.Head.MIME) != want.mime {
				t.Fatalf("other %q, MIME %q, error %v", p.Head.Other, p.Head.MIME, err)
			}
			stream = stream[n:]
		}
	})
	t.Run("M-022/cut at each offset", func(t *testing.T) {
		stream := []byte(start + paths + msgID + range5 + plain + "\r\nhel\r\n-------" + testID + "\r\nlo\r\n" + end + "\r\n" +
			"MSRP " + testID + " 200 OK\r\n" + paths + end + start + paths + end)
		for cut := 1; cut < len(stream); cut++ {
			for _, full := range []bool{false, true} {
				parts := []int{cut, len(stream) - cut}
				checkSplits(t, Limits{}, stream, splitter{
					next:   func(int) int { n := parts[0]; parts = parts[1:]; return n },
					buffer: 1 << 30, full: func() bool { return full },
				})
			}
		}
	})
	t.Run("M-022/where in a frame the stream is", func(t *testing.T) {
		d := NewDecoder(Limits{})
		stream := []byte("\r\n" + start + paths + plain + "\r\nhello\r\n" + end)
		head := len("\r\n" + start + paths + plain + "\r\n")
		skip := 0
		for i := 1; i <= len(stream); i++ {
			_, n, ok, err := d.Next(stream[skip:i], false)
			if skip += n; err != nil || ok != (i == len(stream)) {
				t.Fatal(i, ok, err)
			}
			if inFrame, inBody := i > 2 && !ok, i >= head && !ok; d.InFrame() != inFrame || d.InBody() != inBody {
				t.Fatalf("after %d octets: in frame %t, in body %t", i, d.InFrame(), d.InBody())
			}
		}
	})
	t.Run("M-099/a piece before the frame's end", func(t *testing.T) {
		d := NewDecoder(Limits{})
		stream := []byte(start + paths + plain + "\r\nhel")
		p, n, ok, err := d.Next(stream, true)
		if err != nil || !ok || n != len(stream) || !p.First || p.Last || string(p.Body) != "hel" || string(p.Head.ContentType) != "text/plain" {
			t.Fatalf("%+v %d %t %v", p, n, ok, err)
		}
		clear(stream)
		p, n, ok, err = d.Next([]byte("lo\r\n"+end), false)
		if err != nil || !ok || n != 4+len(end) || p.First || !p.Last || string(p.Body) != "lo" || string(p.Head.ContentType) != "text/plain" {
			t.Fatalf("%+v %d %t %v", p, n, ok, err)
		}
	})
	t.Run("M-017/what may be an end-line is held back", func(t *testing.T) {
		tail := "\r\n" + end
		for k := 1; k < len(tail); k++ {
			d := NewDecoder(Limits{})
			stream := []byte(start + paths + plain + "\r\nhello" + tail[:k])
			if p, n, _, err := d.Next(stream, true); err != nil || string(p.Body) != "hello" || n != len(stream)-k {
				t.Fatalf("%q went out with %q behind it (%v)", p.Body, tail[:k], err)
			}
		}
	})
}

func TestExamples(t *testing.T) {
	files, err := filepath.Glob("testdata/examples/*.msrp")
	if err != nil || len(files) != 13 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		stream, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Run("M-022/"+filepath.Base(name), func(t *testing.T) {
			frames, err := decodeWhole(t, Limits{Strict: true}, stream)
			if err != nil || len(frames) != bytes.Count(stream, []byte("MSRP ")) {
				t.Fatal(len(frames), err)
			}
			for i, f := range frames {
				if f.Bad != "" {
					t.Errorf("frame %d: %s", i, f.Bad)
				}
			}
			checkSplits(t, Limits{}, stream, octetByOctet())
			d, rest := NewDecoder(Limits{}), stream
			for len(rest) > 0 {
				p, n, _, _ := d.Next(rest, false)
				if r := p.Head.Range; p.Head.HasBody && r.End != Star && r.End-r.Start+1 != int64(len(p.Body)) {
					t.Errorf("range %v, body of %d octets", r, len(p.Body))
				}
				rest = rest[n:]
			}
		})
	}
}

func TestCost(t *testing.T) {
	t.Run("M-027/a frame that is whole in the buffer costs no allocation", func(t *testing.T) {
		d := NewDecoder(Limits{})
		streams := [][]byte{
			sample(100), sample(64 << 10),
			[]byte(start + paths + "X-One: 1\r\n" + msgID + "X-Two: 2\r\nByte-Range: 1-99999999999999999999999999/*\r\n" + plain + "\r\nx\r\n" + end),
			AppendResponse(nil, []byte(testID), 200, "OK", []byte("a"), []byte("b")),
		}
		if n := testing.AllocsPerRun(100, func() {
			for _, s := range streams {
				if p, n, ok, err := d.Next(s, false); !ok || n != len(s) || err != nil || p.Head.Bad != nil {
					t.Fatal(n, ok, err)
				}
			}
		}); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
	// Quadratic work would take hours here, linear work takes a second at most.
	for _, c := range []struct{ name, unit string }{
		{"M-017/linear time for hyphens", "-"},
		{"M-017/linear time for CRLF and hyphens", "\r\n-------"},
		{"M-017/linear time for CRLF, hyphens and id", "\r\n-------" + testID},
		{"M-017/linear time for end-lines that go on", "\r\n-------" + testID + "$\r"},
		{"M-017/linear time for CR", "\r"},
	} {
		t.Run(c.name, func(t *testing.T) {
			body := strings.Repeat(c.unit, 1<<20/len(c.unit))
			stream := []byte(start + paths + plain + "\r\n" + body + "x\r\n" + end)
			begin := time.Now()
			d := NewDecoder(Limits{})
			for i := 1; i <= len(stream); i++ {
				p, n, ok, err := d.Next(stream[:i], false)
				if err != nil || ok != (i == len(stream)) || ok && (n != i || len(p.Body) != len(body)+1) {
					t.Fatal(i, n, ok, err)
				}
			}
			if took := time.Since(begin); took > 20*time.Second {
				t.Errorf("%v", took)
			}
		})
	}
	t.Run("M-025/linear time for a head", func(t *testing.T) {
		stream := []byte(start + paths + strings.Repeat("X: "+strings.Repeat("a", 15<<10)+"\r\n", 4) + strings.Repeat("X: y\r\n", 100) + end)
		begin := time.Now()
		for _, full := range []bool{false, true} {
			d, from := NewDecoder(Limits{}), 0
			for i := 1; i <= len(stream); i++ {
				_, n, ok, err := d.Next(stream[from:i], full)
				if err != nil || ok != (i == len(stream)) {
					t.Fatal(i, n, ok, err)
				}
				from += n
			}
		}
		if took := time.Since(begin); took > 10*time.Second {
			t.Errorf("%v", took)
		}
	})
	t.Run("M-025/a large head is not kept", func(t *testing.T) {
		d := NewDecoder(Limits{})
		stream := []byte(start + paths + strings.Repeat("X: "+strings.Repeat("a", 10<<10)+"\r\n", 4))
		if _, n, _, err := d.Next(stream, true); err != nil || n != len(stream) {
			t.Fatal(n, err)
		}
		next := []byte(end + start + paths + end)
		for range 2 {
			_, n, ok, err := d.Next(next, true)
			if !ok || err != nil {
				t.Fatal(n, ok, err)
			}
			next = next[n:]
		}
		if cap(d.own) > keepOwn {
			t.Errorf("%d octets kept", cap(d.own))
		}
	})
}
