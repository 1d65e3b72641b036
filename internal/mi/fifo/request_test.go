package fifo

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestScanner: what is written becomes the same requests in whatever pieces it comes.
func TestScanner(t *testing.T) {
	r := func(reply, json string) request { return request{reply: reply, json: []byte(json)} }
	for _, c := range []struct {
		name, octets string
		want         []request
		rest         *request // what ends only because nothing more comes
	}{
		{"a line", ":r1:{\"id\":1}\n", []request{r("r1", `{"id":1}`)}, nil},
		{"no line end", `:r1:{"id":1}`, []request{r("r1", `{"id":1}`)}, nil},
		{"two without line ends", `:r1:{"id":1}:r2:[{}]`, []request{r("r1", `{"id":1}`), r("r2", `[{}]`)}, nil},
		{"no reply", `::{"id":1}`, []request{r("", `{"id":1}`)}, nil},
		{"braces and quotes in strings", `:r:{"a":"}\"]\\"}` + "\n", []request{r("r", `{"a":"}\"]\\"}`)}, nil},
		{"blanks between", "\r\n \t:r:{}\r\n\n:s:{}\n", []request{r("r", `{}`), r("s", `{}`)}, nil},
		{"a line end in the middle is the end", ":r:{\"a\":\n:s:{}\n", []request{r("r", `{"a":`), r("s", `{}`)}, nil},
		{"not JSON", ":r:not json\n", []request{r("r", "not json")}, nil},
		{"not JSON and no line end", ":r:not json", nil, &request{reply: "r", json: []byte("not json")}},
		{"cut short", `:r:{"a":`, nil, &request{reply: "r", json: []byte(`{"a":`)}},
		{"no colon", "{}\n:r:{}\n", []request{r("r", "{}")}, nil},
		{"one colon", ":r\n:s:{}\n", []request{r("s", "{}")}, nil},
		{"a long name", ":" + strings.Repeat("n", 256) + ":{}\n:s:{}\n", []request{r("s", "{}")}, nil},
		{"nothing", ":r:\n", []request{{reply: "r"}}, nil},
	} {
		for _, size := range []int{1, 3, len(c.octets)} {
			var s scanner
			var got []request
			for rest := c.octets; rest != ""; {
				piece := rest[:min(size, len(rest))]
				rest = rest[len(piece):]
				for left := []byte(piece); len(left) > 0; {
					var r request
					var whole bool
					if left, r, whole = s.scan(left); whole {
						got = append(got, r)
					}
				}
			}
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(request{})); diff != "" {
				t.Errorf("%s, in pieces of %d: %s", c.name, size, diff)
			}
			r, whole := s.expire()
			if whole != (c.rest != nil) || whole && !cmp.Equal(*c.rest, r, cmp.AllowUnexported(request{})) {
				t.Errorf("%s: left over are %+v, %t", c.name, r, whole)
			}
			if s.inRequest() {
				t.Errorf("%s: something is left over after all", c.name)
			}
		}
	}
}

func TestScannerBounds(t *testing.T) {
	var s scanner
	_, _, whole := s.scan([]byte(`:r:{"a":"` + strings.Repeat("x", 2*maxRequest)))
	if whole || cap(s.request.json) > 3*maxRequest {
		t.Errorf("whole %t, %d octets kept", whole, cap(s.request.json))
	}
	if _, r, whole := s.scan([]byte("\"}\n")); !whole || !r.long || r.reply != "r" {
		t.Errorf("%t, long %t, reply %q", whole, r.long, r.reply)
	}
}
