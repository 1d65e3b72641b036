package peer

import (
	"fmt"
	"net/url"
	"strings"
)

// Offer makes a session description with one message line for each path, with those accept-types.
func Offer(acceptTypes string, paths ...string) string {
	b := SDPHead("127.0.0.1")
	for _, p := range paths {
		b += MessageLine(PathPort(p), acceptTypes, p)
	}
	return b
}

// SDPHead makes the session part of a description.
func SDPHead(host string) string {
	return fmt.Sprintf("v=0\r\no=peer 4021711377 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\n", host, host)
}

// MessageLine makes an m-line with its attributes.
func MessageLine(port, acceptTypes, path string) string {
	return "m=message " + port + " TCP/MSRP *\r\na=accept-types:" + acceptTypes + "\r\na=path:" + path + "\r\n"
}

// PathPort returns the port of the right-most URI of a path.
func PathPort(path string) string {
	last := path[strings.LastIndexByte(path, ' ')+1:]
	u, err := url.Parse(strings.ReplaceAll(last, ";", "%3B"))
	if err != nil || u.Port() == "" {
		return "2855"
	}
	return u.Port()
}

// MediaLine is one m-line of a session description that came.
type MediaLine struct {
	Line  string   // behind "m="
	Attrs []string // behind "a="
	Rest  []string // other lines, whole
}

// Attr returns the value of an attribute ("" also where it has none), and whether it is there.
func (l MediaLine) Attr(name string) (string, bool) {
	for _, a := range l.Attrs {
		n, v, _ := strings.Cut(a, ":")
		if n == name {
			return v, true
		}
	}
	return "", false
}

// Path returns a=path.
func (l MediaLine) Path() string { p, _ := l.Attr("path"); return p }

// Port returns the port of the m-line.
func (l MediaLine) Port() string {
	f := strings.Fields(l.Line)
	if len(f) < 2 {
		return ""
	}
	return f[1]
}

// SDP is a session description that came.
type SDP struct {
	Session []string // lines before the first m-line, whole
	Media   []MediaLine
}

// ParseSDP reads a description, which must have CRLF line ends.
func ParseSDP(b []byte) SDP {
	var d SDP
	for _, l := range strings.Split(strings.TrimSuffix(string(b), "\r\n"), "\r\n") {
		switch {
		case strings.HasPrefix(l, "m="):
			d.Media = append(d.Media, MediaLine{Line: l[2:]})
		case len(d.Media) == 0:
			d.Session = append(d.Session, l)
		case strings.HasPrefix(l, "a="):
			m := &d.Media[len(d.Media)-1]
			m.Attrs = append(m.Attrs, l[2:])
		default:
			m := &d.Media[len(d.Media)-1]
			m.Rest = append(m.Rest, l)
		}
	}
	return d
}

// Line returns the first session line that begins with prefix, without it.
func (d SDP) Line(prefix string) string {
	for _, l := range d.Session {
		if v, found := strings.CutPrefix(l, prefix); found {
			return v
		}
	}
	return ""
}
