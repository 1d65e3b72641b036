package msrpsdp_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/msrpsdp"
)

const head = "v=0\r\no=alice 7 9 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"

// message is a message line as a peer would offer it, with further attribute lines behind it.
func message(attributes ...string) string {
	return mline(append([]string{
		"m=message 9000 TCP/MSRP *", "a=accept-types:text/plain", "a=path:msrp://192.0.2.1:9000/peer;tcp",
	}, attributes...)...)
}

func mline(lines ...string) string { return strings.Join(lines, "\r\n") + "\r\n" }

func parse(t *testing.T, s string) *msrpsdp.Description {
	t.Helper()
	d, err := msrpsdp.Parse([]byte(s))
	if err != nil {
		t.Fatalf("Parse: %v\n%s", err, s)
	}
	return d
}

// first parses a description and returns its first line.
func first(t *testing.T, s string) *msrpsdp.Line {
	t.Helper()
	d := parse(t, s)
	if len(d.Lines) == 0 {
		t.Fatalf("no m-line\n%s", s)
	}
	return &d.Lines[0]
}

func uri(t testing.TB, s string) msrp.URI {
	t.Helper()
	u, err := msrp.ParseURI(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// local is an own line with this path, the right-most URI last.
func local(t testing.TB, path ...string) msrpsdp.Local {
	t.Helper()
	l := msrpsdp.Local{Accept: msrp.Types{"text/plain"}}
	for _, s := range path {
		l.Path = append(l.Path, uri(t, s))
	}
	return l
}

func own(t testing.TB) msrpsdp.Local {
	t.Helper()
	return local(t, "msrp://127.0.0.1:2855/9fbf724ab10d2f50b5d05646629761cb;tcp")
}

func ptr(l msrpsdp.Local) *msrpsdp.Local { return &l }

var origin = regexp.MustCompile(`(?m)^o=- (\d+) (\d+) IN (IP[46]) (\S+)\r$`)

// stable writes N for the numbers in o=.
func stable(t *testing.T, b []byte) string {
	t.Helper()
	if !origin.Match(b) {
		t.Fatalf("o= is not of the form - N N IN IP4 HOST\n%s", b)
	}
	return string(origin.ReplaceAll(b, []byte("o=- N N IN $3 $4\r")))
}

// numbers returns session id and version of o=.
func numbers(t *testing.T, o *msrpsdp.Own) (id, version string) {
	t.Helper()
	m := origin.FindSubmatch(o.Bytes())
	if m == nil {
		t.Fatalf("o= is not of the form - N N IN IP4 HOST\n%s", o.Bytes())
	}
	return string(m[1]), string(m[2])
}

// mlines returns the m-lines of a description.
func mlines(b []byte) []string {
	var list []string
	for l := range strings.SplitSeq(string(b), "\r\n") {
		if strings.HasPrefix(l, "m=") {
			list = append(list, l)
		}
	}
	return list
}
