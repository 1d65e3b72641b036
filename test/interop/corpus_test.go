package interop

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-msrp/parley/internal/wire"
)

const (
	corpusFrames = 4000
	corpusSeed   = 4975
)

// Fields of a frame are joined by two characters that no frame of the corpus holds.
const (
	between = "|" // fields
	among   = "`" // occurrences of one field
)

// ownFields are the headers besides those of RFC 4975 that Wireshark has fields for; the lines of all others are in msrp.hdr.
var ownFields = [...]struct{ field, name string }{
	{"msrp.content.id", "Content-ID"},
	{"msrp.content.description", "Content-Description"},
	{"msrp.content.disposition", "Content-Disposition"},
	{"msrp.use.path", "Use-Path"},
	{"msrp.www.authenticate", "WWW-Authenticate"},
	{"msrp.authorization", "Authorization"},
	{"msrp.authentication.info", "Authentication-Info"},
}

// TestCorpus has the decoder and Wireshark's MSRP dissector read the same generated frames, which make use of all that the grammar allows. They agree
// on each field of each frame, down to the body.
func TestCorpus(t *testing.T) {
	from, to := netip.MustParseAddrPort("192.0.2.1:40000"), netip.MustParseAddrPort("192.0.2.2:2855")
	g := &generator{rand.New(rand.NewPCG(corpusSeed, 1))}
	capture, decoder, offset := newPcap(), wire.NewDecoder(wire.Limits{Strict: true}), 0
	var frames, decoded []string
	for range corpusFrames {
		f := g.frame()
		p, n, ok, err := decoder.Next([]byte(f), false)
		if err != nil || !ok || n != len(f) || p.Head.Bad != nil {
			t.Fatalf("not decoded as one valid frame (%d of %d octets used, error %v, %+v):\n%q", n, len(f), err, p.Head, f)
		}
		frames, decoded = append(frames, f), append(decoded, asDecoded(&p))
		capture.segment(from, to, offset, []byte(f))
		offset += len(f)
	}
	file := filepath.Join(t.TempDir(), "corpus.pcap")
	if err := os.WriteFile(file, capture.octets, 0o600); err != nil {
		t.Fatal(err)
	}
	names := []string{
		"msrp.request.line", "msrp.response.line", "msrp.method", "msrp.status.code", "msrp.transaction.id", "msrp.to.path", "msrp.from.path", "msrp.messageid",
		"msrp.byte.range", "msrp.success.report", "msrp.failure.report", "msrp.status", "msrp.content.type", "msrp.cnt.flg", "msrp.end.line", "msrp.data", "msrp.hdr",
	}
	for _, o := range ownFields {
		names = append(names, o.field)
	}
	seen := tshark(t, file, "msrp", []string{"-d", "tcp.port==2855,msrp", "-E", "occurrence=a", "-E", "aggregator=" + among}, names...)
	if len(seen) != len(decoded) {
		t.Fatalf("tshark sees %d frames of %d", len(seen), len(decoded))
	}
	bad := 0
	for i, want := range decoded {
		if diff := cmp.Diff(want, asDissected(t, seen[i])); diff != "" {
			t.Errorf("frame %d (-decoder +tshark):\n%s\n%.2000q", i+1, diff, frames[i])
			if bad++; bad == 10 {
				t.FailNow()
			}
		}
	}
	t.Logf("%d frames, %d octets", len(frames), offset)
}

// asDecoded writes down what the decoder says of a frame.
func asDecoded(p *wire.Piece) string {
	h := p.Head
	start, method, code := "MSRP "+string(h.ID)+" ", string(h.Method), ""
	request, response := start+method, ""
	if h.IsResponse() {
		code = strconv.Itoa(h.Code)
		request, response = "", start+code
		if h.Comment != nil {
			response += " " + string(h.Comment)
		}
	}
	byteRange, status := "", ""
	if h.HasRange {
		byteRange = fmt.Sprintf("start %d end %d total %d", h.Range.Start, h.Range.End, h.Range.Total)
	}
	if h.HasStatus {
		status = fmt.Sprintf("namespace %d code %d", h.Status.Namespace, h.Status.Code)
		if h.Status.Comment != nil {
			status += " " + string(h.Status.Comment)
		}
	}
	end, data := "-------"+string(h.ID)+string(rune(p.Flag)), ""
	if h.HasBody {
		data = string(p.Body) + "\r\n" + end + "\r\n" // what Wireshark takes for the body goes to the end of the segment
	}
	further := strings.Split(string(h.Other)+string(h.MIME), "\r\n")
	slices.Sort(further)
	return strings.Join(append([]string{
		request, response, method, code, string(h.ID) + among + string(h.ID), string(h.ToPath), string(h.FromPath), string(h.MessageID),
		byteRange, h.Success.String(), h.Failure.String(), status, string(h.ContentType), string(rune(p.Flag)), end, data,
	}, further[1:]...), "\n") // the first is empty: all lines end in CRLF
}

// asDissected writes down the same of what tshark says.
func asDissected(t *testing.T, line string) string {
	t.Helper()
	f := strings.Split(line, between)
	const byteRange, success, failure, status, data, hdr = 8, 9, 10, 11, 15, 16
	if r := strings.FieldsFunc(f[byteRange], func(c rune) bool { return c == '-' || c == '/' }); len(r) == 3 {
		f[byteRange] = fmt.Sprintf("start %d end %d total %d", number(t, r[0]), number(t, r[1]), number(t, r[2]))
	}
	f[success], f[failure] = strings.ToLower(f[success]), strings.ToLower(f[failure])
	if s := strings.SplitN(f[status], " ", 3); len(s) > 1 {
		f[status] = strings.Join(append([]string{fmt.Sprintf("namespace %d code %d", number(t, s[0]), number(t, s[1]))}, s[2:]...), " ")
	}
	f[data] = strings.NewReplacer(`\r`, "\r", `\n`, "\n", `\t`, "\t").Replace(f[data])
	var further []string
	if f[hdr] != "" {
		further = strings.Split(f[hdr], among)
	}
	for i, o := range ownFields {
		for _, v := range strings.Split(f[hdr+1+i], among) {
			if v != "" {
				further = append(further, o.name+": "+v)
			}
		}
	}
	slices.Sort(further)
	return strings.Join(append(f[:hdr:hdr], further...), "\n")
}

func number(t *testing.T, s string) int64 {
	t.Helper()
	if s == "*" {
		return wire.Star
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A generator makes frames. It stays within what Wireshark's dissector can tell:
//   - The first line of a body that begins with seven hyphens counts as the end-line, whatever follows, and a lone CR or LF begins a line too.
//   - Strings end at a NUL, and octets that are not UTF-8 are shown by others; so bodies are text, without the backslash that tshark escapes with.
//   - A segment holds one frame, and IPv4 bounds it to 64 KiB.
type generator struct{ *rand.Rand }

// frame makes a request or a response.
func (g *generator) frame() string {
	id := g.ident()
	var b strings.Builder
	if g.IntN(4) == 0 {
		fmt.Fprintf(&b, "MSRP %s %s", id, g.of("200", "400", "403", "408", "413", "415", "423", "481", "501", "506", "100", "299", "699", "999"))
		if g.likely() {
			b.WriteString(" " + g.phrase())
		}
		fmt.Fprintf(&b, "\r\n%s: %s\r\n%s: %s\r\n", g.name("To-Path"), g.path(), g.name("From-Path"), g.path())
		for range g.IntN(2) * g.IntN(3) {
			b.WriteString(g.further() + "\r\n")
		}
		fmt.Fprintf(&b, "-------%s$\r\n", id)
		return b.String()
	}
	method := g.of("SEND", "SEND", "SEND", "REPORT", "AUTH", "NICKNAME", "A", "OK", g.some(1, 20, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
	fmt.Fprintf(&b, "MSRP %s %s\r\n%s: %s\r\n%s: %s\r\n", id, method, g.name("To-Path"), g.path(), g.name("From-Path"), g.path())
	var more []string
	for _, h := range []func() string{
		func() string { return g.name("Message-ID") + ": " + g.ident() },
		func() string { return g.name("Byte-Range") + ": " + g.byteRange() },
		func() string { return g.name("Success-Report") + ": " + g.of("yes", "no", "Yes", "NO") },
		func() string { return g.name("Failure-Report") + ": " + g.of("yes", "no", "partial", "PARTIAL", "No") },
		func() string { return g.name("Status") + ": " + g.status() },
		g.further, g.further, g.further,
	} {
		if g.likely() {
			more = append(more, h())
		}
	}
	if g.likely() {
		g.Shuffle(len(more), func(i, j int) { more[i], more[j] = more[j], more[i] })
	}
	body := g.likely()
	if body {
		for _, name := range []string{"Content-ID", "Content-Description", "Content-Disposition", "Content-Language"} {
			if g.IntN(4) == 0 {
				more = append(more, name+": "+g.phrase())
			}
		}
		more = append(more, g.name("Content-Type")+": "+g.of("text/plain", "message/cpim", "text/html;charset=utf-8", "application/x-y+z", `multipart/mixed; boundary="a b"`, "x/y;a=b;c=d"))
	}
	for _, h := range more {
		b.WriteString(h + "\r\n")
	}
	if body {
		b.WriteString("\r\n" + g.body() + "\r\n")
	}
	fmt.Fprintf(&b, "-------%s%s\r\n", id, g.of("$", "+", "#"))
	return b.String()
}

func (g *generator) of(choice ...string) string { return choice[g.IntN(len(choice))] }

func (g *generator) likely() bool { return g.IntN(2) == 0 }

// some makes from least to most characters of a set.
func (g *generator) some(least, most int, set string) string {
	runes := []rune(set)
	var b strings.Builder
	for range least + g.IntN(most-least+1) {
		b.WriteRune(runes[g.IntN(len(runes))])
	}
	return b.String()
}

const (
	lower    = "abcdefghijklmnopqrstuvwxyz"
	digits   = "0123456789"
	alphanum = lower + "ABCDEFGHIJKLMNOPQRSTUVWXYZ" + digits
)

// ident makes a transaction id or a Message-ID; some end like a continuation flag.
func (g *generator) ident() string {
	return g.some(1, 1, alphanum) + g.some(3, 31, alphanum+".-+%=")
}

func (g *generator) name(canonical string) string {
	switch g.IntN(8) {
	case 0:
		return strings.ToUpper(canonical)
	case 1:
		return strings.ToLower(canonical)
	}
	return canonical
}

func (g *generator) path() string {
	uris := make([]string, max(1, g.IntN(3)*g.IntN(3)))
	for i := range uris {
		uris[i] = g.uri()
	}
	return strings.Join(uris, " ")
}

func (g *generator) uri() string {
	u := g.of("msrp://", "msrps://", "MSRP://", "mSrPs://")
	if g.IntN(4) == 0 {
		u += g.some(1, 8, alphanum+"-._~!$&'()*+,=") + g.of("", "%2f", "%61") + "@"
	}
	switch g.IntN(4) {
	case 0:
		u += fmt.Sprintf("%d.%d.%d.%d", g.IntN(256), g.IntN(256), g.IntN(256), g.IntN(256))
	case 1:
		u += g.of("[::1]", "[2001:db8::1]", "[2001:DB8:0:0:1:2:3:4]", "[::ffff:192.0.2.1]", "[fe80::a:b]")
	default:
		u += g.some(1, 12, lower+digits) + g.of("", ".example", ".EXAMPLE.net")
	}
	if g.IntN(4) > 0 {
		u += ":" + strconv.Itoa(1+g.IntN(65535))
	}
	if g.IntN(8) > 0 {
		u += "/" + g.some(1, 40, alphanum+"-._~+=/")
	}
	u += ";" + g.of("tcp", "tcp", "tcp", "TCP", "ws", "sctp")
	for range g.IntN(2) * g.IntN(3) {
		u += ";" + g.some(1, 6, alphanum) + g.of("", "="+g.some(1, 6, alphanum+"-.!%*_+'"))
	}
	return u
}

func (g *generator) byteRange() string {
	start := 1 + g.Int64N(1<<[...]int{1, 10, 32, 60}[g.IntN(4)])
	end := start - 1 + g.Int64N(5000)
	total := end + g.Int64N(5000)
	text := [2]string{strconv.FormatInt(end, 10), strconv.FormatInt(total, 10)}
	for i := range text {
		if g.IntN(3) == 0 {
			text[i] = "*"
		}
	}
	return fmt.Sprintf("%s%d-%s/%s", g.of("", "", "", "000"), start, text[0], text[1])
}

func (g *generator) status() string {
	s := g.of("000", "000", "001", "999") + " " + g.of("200", "400", "413", "999", "001")
	if g.likely() {
		s += " " + g.phrase()
	}
	return s
}

// phrase makes text without blanks at its ends.
func (g *generator) phrase() string {
	const inner = alphanum + "-:;,.$+#/\"<>(){}[]@!?'*=%äß€漢"
	return g.some(1, 20, inner) + g.of("", " ", "  ", " - ") + g.some(1, 20, inner)
}

// further makes a line of a header that is not of RFC 4975.
func (g *generator) further() string {
	name := g.of("Use-Path", "WWW-Authenticate", "Authorization", "Authentication-Info", "X-"+g.some(1, 12, alphanum+"-"), g.some(1, 1, lower)+g.some(2, 30, alphanum+"-.!%*_+'"))
	return name + ": " + g.phrase()
}

// body makes what an end-line is made of, and other text.
func (g *generator) body() string {
	for {
		var b strings.Builder
		for range g.IntN(4) * g.IntN(20) {
			b.WriteString(g.of("\r\n", "\r\n", "\r", "\n", "-", "------", "-------", " -------abcd$\r\n", "$", "+", "#", "MSRP abcd SEND\r\n", "To-Path: x\r\n", "\t", g.some(1, 200, alphanum+" äß€漢-")))
		}
		if g.IntN(200) == 0 {
			b.WriteString(g.some(10_000, 30_000, alphanum+" -\n"))
		}
		if s := b.String(); !strings.Contains("\n"+strings.ReplaceAll(s, "\r", "\n"), "\n-------") {
			return s
		}
	}
}
