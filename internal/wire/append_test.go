package wire

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAppend(t *testing.T) {
	const to, from = "msrp://127.0.0.1:12002/pyuas1;tcp", "msrp://127.0.0.1:2855/3e19636c;tcp"
	for _, c := range []struct {
		name string
		got  []byte
		want string
	}{
		{
			"M-013/bodiless SEND", (&Request{
				ID: "b7Kq2Zt9xLw4", Method: "SEND", ToPath: to, FromPath: from, MessageID: "m1", Failure: No,
				Range: ByteRange{1, 0, 0}, HasRange: true, MIME: "Content-ID: <a@b>\r\n",
			}).AppendTo(nil, []byte("not written"), Complete),
			"MSRP b7Kq2Zt9xLw4 SEND\nTo-Path: " + to + "\nFrom-Path: " + from +
				"\nMessage-ID: m1\nByte-Range: 1-0/0\nFailure-Report: no\n-------b7Kq2Zt9xLw4$\n",
		},
		{
			"M-011/order of the headers", (&Request{
				ID: "b7Kq2Zt9xLw4", Method: "SEND", ToPath: to, FromPath: from, MessageID: "m1", Success: Yes, Failure: Partial,
				Range: ByteRange{1, Star, Star}, HasRange: true, Extra: "Expires: 7\r\n",
				MIME: "Content-Disposition: render\r\n", ContentType: "text/plain",
			}).AppendTo(nil, []byte("hello"), More),
			"MSRP b7Kq2Zt9xLw4 SEND\nTo-Path: " + to + "\nFrom-Path: " + from +
				"\nMessage-ID: m1\nByte-Range: 1-*/*\nSuccess-Report: yes\nFailure-Report: partial\nExpires: 7\n" +
				"Content-Disposition: render\nContent-Type: text/plain\n\nhello\n-------b7Kq2Zt9xLw4+\n",
		},
		{
			"M-014/empty body", (&Request{ID: "abcd", Method: "SEND", ToPath: to, FromPath: from, ContentType: "text/plain"}).AppendTo(nil, nil, Complete),
			"MSRP abcd SEND\nTo-Path: " + to + "\nFrom-Path: " + from + "\nContent-Type: text/plain\n\n\n-------abcd$\n",
		},
		{
			"M-106/REPORT", (&Request{
				ID: "72.0.99d8", Method: "REPORT", ToPath: to, FromPath: from, MessageID: "ndgh33bdwnil",
				Range: ByteRange{1, 11, 11}, HasRange: true, Status: "000 200 OK",
			}).AppendTo(nil, nil, Complete),
			"MSRP 72.0.99d8 REPORT\nTo-Path: " + to + "\nFrom-Path: " + from +
				"\nMessage-ID: ndgh33bdwnil\nByte-Range: 1-11/11\nStatus: 000 200 OK\n-------72.0.99d8$\n",
		},
		{
			"M-020/response", AppendResponse(nil, []byte("abcd"), 200, "OK", []byte(from), []byte(to)),
			"MSRP abcd 200 OK\nTo-Path: " + from + "\nFrom-Path: " + to + "\n-------abcd$\n",
		},
		{
			"M-001/response without comment", AppendResponse(nil, []byte("abcd"), 481, "", []byte(from), []byte(to)),
			"MSRP abcd 481\nTo-Path: " + from + "\nFrom-Path: " + to + "\n-------abcd$\n",
		},
		{"M-019/end-line of an aborted frame", AppendEnd(nil, "abcd", true, Aborted), "\n-------abcd#\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(strings.ReplaceAll(c.want, "\n", "\r\n"), string(c.got)); diff != "" {
				t.Error(diff)
			}
			if strings.HasPrefix(string(c.got), "MSRP") {
				one(t, Limits{Strict: true}, string(c.got))
			}
		})
	}
	t.Run("M-091/a response costs no allocation", func(t *testing.T) {
		buf, id, path := make([]byte, 0, 512), []byte("abcd"), []byte(to)
		if n := testing.AllocsPerRun(100, func() { buf = AppendResponse(buf[:0], id, 200, "OK", path, path) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}

func TestContainsEndLine(t *testing.T) {
	for _, c := range []struct {
		name, body, id string
		want           bool
	}{
		{"M-018/on its own line", "a\r\n-------abcd$\r\nb", "abcd", true},
		{"M-018/inside a line", "a-------abcd#b", "abcd", true},
		{"M-018/at the end", "-------abcd+", "abcd", true},
		{"M-018/without flag", "-------abcd", "abcd", false},
		{"M-018/other flag", "-------abcd*", "abcd", false},
		{"M-018/other id", "-------abce$", "abcd", false},
		{"M-018/six hyphens", "x------abcd$", "abcd", false},
		{"M-018/second time with flag", "-------abcd -------abcd$", "abcd", true},
		{"M-018/matches that overlap", "-------a-------a-------a$", "a-------a", true},
		{"M-018/nothing", "", "abcd", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if ContainsEndLine([]byte(c.body), c.id) != c.want {
				t.Errorf("%q: %t", c.body, !c.want)
			}
		})
	}
}
