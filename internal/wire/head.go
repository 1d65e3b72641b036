package wire

// Flag is the continuation flag of an end-line (RFC 4975 §7.1, M-019).
type Flag byte

// The flags: the frame holds the last octet of its message, or more follows, or the rest was given up.
const (
	Complete Flag = '$'
	More     Flag = '+'
	Aborted  Flag = '#'
)

func isFlag(c byte) bool { return c == byte(Complete) || c == byte(More) || c == byte(Aborted) }

// Report is the value of a Success-Report or Failure-Report header as it stands in a head; what an absent header means
// is not applied (M-078).
type Report uint8

// The values of the report headers.
const (
	Absent  Report = iota
	Yes            // "yes"
	No             // "no"
	Partial        // "partial", Failure-Report only
)

// String returns the value as it stands in a header, "" for Absent.
func (r Report) String() string {
	switch r {
	case Yes:
		return "yes"
	case No:
		return "no"
	case Partial:
		return "partial"
	}
	return ""
}

// Head is the parsed head of a frame: start line and header lines. Its slices point into the buffer that the frame was
// decoded from or into the decoder, and are valid, as the Head itself, until the next call of Decoder.Next; the Head of
// a frame that came out in pieces stays valid until the call after its last piece.
type Head struct {
	ID          []byte // transaction id, an ident
	Method      []byte // nil for a response
	Code        int    // of a response; 0 if it was not 3 digits (then Bad is set)
	Comment     []byte // of a response; nil if there is none
	ToPath      []byte // values as they stood; nil if absent
	FromPath    []byte
	MessageID   []byte
	Range       ByteRange
	HasRange    bool // Range was there and well formed
	Success     Report
	Failure     Report
	Status      Status // of a REPORT
	HasStatus   bool   // Status was there and well formed
	ContentType []byte
	MIME        []byte // the other Content-* header lines as they stood, each with its CRLF; nil if none
	Other       []byte // every header not named above, lines as they stood, each with its CRLF; nil if none
	HasBody     bool   // there is a Content-Type and a blank line after the headers; the body may be empty (M-014)
	// Bad says why the frame deserves a 400 although its framing is trusted, or, for a response, why it is to be ignored:
	// a *HeadError. Nil: well formed. The fields that could be read are set all the same; of repeated headers the first
	// value stands.
	Bad error
}

// IsResponse says whether the start line is, or seems to be meant as, that of a response.
func (h *Head) IsResponse() bool { return h.Method == nil }
