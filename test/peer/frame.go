package peer

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// Frame is one MSRP request or response, as it was read or as it shall be written.
type Frame struct {
	ID      string
	Method  string // of a request
	Code    int    // of a response
	Comment string
	Rows    []Row // value as it stands behind the colon and one space
	HasBody bool  // a blank line ends the header
	Body    []byte
	Flag    byte // '$', '+' or '#'

	Head []string // the header lines as read
	Raw  int      // octets read
}

// Get returns the value of the first row of that name.
func (f *Frame) Get(name string) string {
	for _, r := range f.Rows {
		if strings.EqualFold(r.Name, name) {
			return r.Value
		}
	}
	return ""
}

// Has says whether there is a row of that name.
func (f *Frame) Has(name string) bool {
	for _, r := range f.Rows {
		if strings.EqualFold(r.Name, name) {
			return true
		}
	}
	return false
}

// Set replaces the first row of that name or adds one: before Content-Type if that is there.
func (f *Frame) Set(name, value string) *Frame {
	for i, r := range f.Rows {
		if strings.EqualFold(r.Name, name) {
			f.Rows[i].Value = value
			return f
		}
	}
	return f.Add(name, value)
}

// Add adds a row, before Content-Type if that is there.
func (f *Frame) Add(name, value string) *Frame {
	if n := len(f.Rows); n > 0 && strings.EqualFold(f.Rows[n-1].Name, "Content-Type") {
		f.Rows = append(f.Rows[:n-1:n-1], Row{name, value}, f.Rows[n-1])
		return f
	}
	f.Rows = append(f.Rows, Row{name, value})
	return f
}

// Del removes all rows of that name.
func (f *Frame) Del(name string) *Frame {
	var rows []Row
	for _, r := range f.Rows {
		if !strings.EqualFold(r.Name, name) {
			rows = append(rows, r)
		}
	}
	f.Rows = rows
	return f
}

// Bytes writes the frame as it stands, right or wrong.
func (f *Frame) Bytes() []byte {
	var b bytes.Buffer
	b.WriteString("MSRP " + f.ID + " ")
	if f.Method != "" {
		b.WriteString(f.Method)
	} else {
		fmt.Fprintf(&b, "%03d", f.Code)
		if f.Comment != "" {
			b.WriteString(" " + f.Comment)
		}
	}
	b.WriteString("\r\n")
	for _, r := range f.Rows {
		b.WriteString(r.Name + ": " + r.Value + "\r\n")
	}
	if f.HasBody {
		b.WriteString("\r\n")
		b.Write(f.Body)
		b.WriteString("\r\n")
	}
	b.WriteString("-------" + f.ID + string(f.Flag) + "\r\n")
	return b.Bytes()
}

// Range is a Byte-Range; End and Total are -1 for a star.
type Range struct{ Start, End, Total int }

// Range reads the Byte-Range; ok is false where there is none or it is not understood.
func (f *Frame) Range() (r Range, ok bool) {
	m := rangeForm.FindStringSubmatch(f.Get("Byte-Range"))
	if m == nil {
		return r, false
	}
	number := func(s string) int {
		if s == "*" {
			return -1
		}
		n, err := strconv.Atoi(s)
		if err != nil {
			return -2
		}
		return n
	}
	return Range{number(m[1]), number(m[2]), number(m[3])}, true
}

var (
	rangeForm = regexp.MustCompile(`^(\d+)-(\d+|\*)/(\d+|\*)$`)
	startForm = regexp.MustCompile(`^MSRP ([A-Za-z0-9][A-Za-z0-9.\-+%=]{3,31}) (?:([A-Z]+)|(\d{3})(?: (.*))?)$`)
	rowForm   = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9-]*): ([^ ].*)$`)
)

// ReadFrame reads one frame, strictly: what is not as RFC 4975 §9 says is an error.
func ReadFrame(r *bufio.Reader) (*Frame, error) {
	start, err := readLine(r)
	if err != nil {
		return nil, err
	}
	m := startForm.FindStringSubmatch(start)
	if m == nil {
		return nil, fmt.Errorf("bad start line %q", start)
	}
	f := &Frame{ID: m[1], Method: m[2], Comment: m[4], Raw: len(start) + 2}
	f.Code, _ = strconv.Atoi(m[3])
	end := "-------" + f.ID
	for {
		line, err := readLine(r)
		if err != nil {
			return nil, unexpected(err)
		}
		f.Raw += len(line) + 2
		if len(line) == len(end)+1 && strings.HasPrefix(line, end) {
			f.Flag = line[len(end)]
			return f, f.checkFlag()
		}
		if line == "" {
			break
		}
		row := rowForm.FindStringSubmatch(line)
		if row == nil {
			return nil, fmt.Errorf("bad header line %q", line)
		}
		f.Head = append(f.Head, line)
		f.Rows = append(f.Rows, Row{row[1], row[2]})
	}
	f.HasBody = true
	return f, f.readBody(r, end)
}

// readBody reads up to the end-line, which stands between two CRLF; that of the blank line counts for an empty body.
func (f *Frame) readBody(r *bufio.Reader, end string) error {
	var body []byte
	for {
		piece, err := r.ReadBytes('\n')
		if err != nil {
			return unexpected(err)
		}
		f.Raw += len(piece)
		atStart := len(body) == 0 || bytes.HasSuffix(body, []byte("\r\n"))
		if atStart && len(piece) == len(end)+3 && bytes.HasPrefix(piece, []byte(end)) && bytes.HasSuffix(piece, []byte("\r\n")) {
			f.Flag = piece[len(end)]
			if strings.IndexByte("$+#", f.Flag) >= 0 {
				f.Body = bytes.TrimSuffix(body, []byte("\r\n"))
				return nil
			}
		}
		body = append(body, piece...)
	}
}

func (f *Frame) checkFlag() error {
	if strings.IndexByte("$+#", f.Flag) < 0 {
		return fmt.Errorf("bad end-line flag %q", f.Flag)
	}
	return nil
}

func readLine(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		if line != "" {
			return "", fmt.Errorf("%w after %q", unexpected(err), line)
		}
		return "", err
	}
	if !strings.HasSuffix(line, "\r\n") {
		return "", fmt.Errorf("line without CRLF: %q", line)
	}
	return line[:len(line)-2], nil
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Check says what is wrong with a frame that came, by the rules that hold for every frame of a careful sender:
// order and spelling of the header lines (M-004, M-005, M-006, M-011), bodies and flags (M-013, M-015, M-020), required lines (M-031, M-106).
func (f *Frame) Check() []string {
	var wrong []string
	bad := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if len(f.Rows) < 2 || f.Rows[0].Name != "To-Path" || f.Rows[1].Name != "From-Path" {
		bad("To-Path and From-Path are not the first lines: %q", f.Head)
	}
	canonical := map[string]bool{
		"To-Path": true, "From-Path": true, "Message-ID": true, "Byte-Range": true, "Success-Report": true, "Failure-Report": true,
		"Status": true, "Content-Type": true, "Content-Disposition": true, "Content-ID": true, "Content-Description": true,
	}
	seen := map[string]bool{}
	for i, r := range f.Rows {
		if !canonical[r.Name] {
			bad("unusual header name %q", r.Name)
		}
		if seen[r.Name] {
			bad("%s twice", r.Name)
		}
		seen[r.Name] = true
		if r.Name == "Content-Type" && i != len(f.Rows)-1 {
			bad("Content-Type is not the last line: %q", f.Head)
		}
	}
	switch {
	case f.Code != 0:
		if f.HasBody || f.Flag != '$' {
			bad("response with body or flag %c", f.Flag)
		}
	case seen["Content-Type"] != f.HasBody:
		bad("Content-Type and body do not come together: %q", f.Head)
	case !f.HasBody && seen["Content-Disposition"]:
		bad("MIME header without body: %q", f.Head)
	}
	if f.Method == "SEND" { // a REPORT repeats what the peer made
		if id := f.Get("Message-ID"); !identForm.MatchString(id) {
			bad("Message-ID %q", id)
		}
	}
	if f.Method == "REPORT" {
		if f.Get("Message-ID") == "" || !statusForm.MatchString(f.Get("Status")) || seen["Success-Report"] || seen["Failure-Report"] || f.Flag != '$' {
			bad("REPORT: %q", f.Head)
		}
		if _, ok := f.Range(); !ok {
			bad("REPORT without Byte-Range: %q", f.Head)
		}
	}
	if strings.Contains(f.Get("Content-Type"), "; ") {
		bad("blank in Content-Type %q", f.Get("Content-Type"))
	}
	if f.HasBody && len(f.Body) > 0 {
		if r, ok := f.Range(); ok && r.End >= 0 && r.End-r.Start+1 != len(f.Body) && f.Flag != '#' {
			bad("Byte-Range %s for %d octets", f.Get("Byte-Range"), len(f.Body))
		}
		if bytes.Contains(f.Body, []byte("-------"+f.ID+"$")) || bytes.Contains(f.Body, []byte("-------"+f.ID+"+")) || bytes.Contains(f.Body, []byte("-------"+f.ID+"#")) {
			bad("the body holds the end-line")
		}
	}
	return wrong
}

var (
	identForm  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.\-+%=]{3,31}$`)
	statusForm = regexp.MustCompile(`^\d{3} \d{3}( .*)?$`)
)
