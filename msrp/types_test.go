package msrp_test

import (
	"errors"
	"testing"

	"github.com/parley-msrp/parley/msrp"
)

func TestTypes(t *testing.T) {
	t.Run("ParseTypes", func(t *testing.T) {
		for _, c := range []struct {
			in, out string
			bad     string
			fails   bool
		}{
			{in: "text/plain", out: "text/plain"},
			{in: " text/plain  text/*\t* ", out: "text/plain text/* *"},
			{in: "message/cpim multipart/mixed", out: "message/cpim multipart/mixed"},
			{in: "application/im-iscomposing+xml", out: "application/im-iscomposing+xml"},
			{in: "", fails: true},
			{in: "text/plain text", bad: "text", fails: true},
			{in: "text/", bad: "text/", fails: true},
			{in: "/plain", bad: "/plain", fails: true},
			{in: "text/plain\r\nX: y", bad: "X:", fails: true},
			{in: "te\"xt/plain", bad: "te\"xt/plain", fails: true},
		} {
			got, err := msrp.ParseTypes(c.in)
			var se *msrp.TypeSyntaxError
			if c.fails {
				if !errors.As(err, &se) || se.Entry != c.bad {
					t.Errorf("%q: got %v", c.in, err)
				}
				continue
			}
			if err != nil || got.String() != c.out {
				t.Errorf("%q: got %q, %v", c.in, got, err)
			}
		}
	})

	t.Run("M-088/Accepts", func(t *testing.T) {
		for _, c := range []struct {
			list, mediaType string
			want            bool
		}{
			{"text/plain", "text/plain", true},
			{"text/plain", "TEXT/Plain;charset=utf-8", true},
			{"text/plain", "text/plain ; charset=utf-8", true},
			{"text/plain;charset=utf-8", "text/plain", true},
			{"text/plain", "text/html", false},
			{"text/plain", "text/plainer", false},
			{"text/*", "text/html", true},
			{"TEXT/*", "text/html", true},
			{"text/*", "texting/html", false},
			{"text/*", "text/", false},
			{"*", "image/png", true},
			{"*/*", "image/png", true},
			{"image/png text/plain", "text/plain", true},
		} {
			l, err := msrp.ParseTypes(c.list)
			if err != nil {
				t.Fatal(err)
			}
			if got := l.Accepts(c.mediaType); got != c.want {
				t.Errorf("%q accepts %q: %v", c.list, c.mediaType, got)
			}
		}
		if msrp.Types(nil).Accepts("text/plain") {
			t.Error("an empty list accepts nothing")
		}
	})

	t.Run("Overlaps", func(t *testing.T) {
		for _, c := range []struct {
			a, b string
			want bool
		}{
			{"text/plain", "text/html text/plain", true},
			{"text/plain", "text/html", false},
			{"text/*", "text/html", true},
			{"text/*", "image/*", false},
			{"text/*", "text/*", true},
			{"*", "image/png", true},
			{"image/png", "*", true},
			{"*", "*", true},
			{"message/cpim", "Message/CPIM;x=y", true},
		} {
			a, _ := msrp.ParseTypes(c.a)
			b, _ := msrp.ParseTypes(c.b)
			if a.Overlaps(b) != c.want || b.Overlaps(a) != c.want {
				t.Errorf("%q, %q: want %v", c.a, c.b, c.want)
			}
		}
	})
}

func TestParsePath(t *testing.T) {
	path, err := msrp.ParsePath("msrp://r.example:1/a;tcp msrp://[2001:db8::1]:2/b;tcp;x=y")
	if err != nil || len(path) != 2 || path[1].Host != "2001:db8::1" {
		t.Fatalf("got %v, %v", path, err)
	}
	if got := msrp.FormatPath(path); got != "msrp://r.example:1/a;tcp msrp://[2001:db8::1]:2/b;tcp;x=y" {
		t.Fatalf("got %q", got)
	}
	for _, bad := range []string{"", " ", "msrp://a;tcp ", "msrp://a;tcp  msrp://b;tcp", "http://a", "msrp://a"} {
		if _, err := msrp.ParsePath(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
