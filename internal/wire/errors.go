package wire

import "errors"

// Framing that is lost: Decoder.Next returns one of these (M-112), and returns it again ever after.
var (
	ErrNotMSRP        = errors.New("octets do not begin with an MSRP start line")
	ErrStartLine      = errors.New("start line is not of the form 'MSRP id method' or 'MSRP id code comment'")
	ErrTransactionID  = errors.New("transaction id is not 4 to 32 characters out of letters, digits and .-+%=")
	ErrStartLineLimit = errors.New("start line is longer than the limit")
	ErrLineLimit      = errors.New("header line is longer than the limit")
	ErrHeaderLimit    = errors.New("more header lines than the limit")
	ErrHeadBlockLimit = errors.New("header block is larger than the limit")
	ErrBlankLines     = errors.New("more than 16 blank lines between frames")
)

// Reasons of a HeadError.
var (
	ErrMethod           = errors.New("method is not upper-case letters")
	ErrCode             = errors.New("response code is not 3 digits")
	ErrControl          = errors.New("control character in the line")
	ErrFolded           = errors.New("line begins with a blank; there is no folding in MSRP")
	ErrHeaderName       = errors.New("line has no header name followed by a colon")
	ErrBlanks           = errors.New("not exactly one space after the colon")
	ErrMissing          = errors.New("header is missing")
	ErrOrder            = errors.New("To-Path must be the first header and From-Path the second")
	ErrDuplicate        = errors.New("header stands there twice")
	ErrValue            = errors.New("value is not allowed")
	ErrAfterContentType = errors.New("a header follows Content-Type")
	ErrNoContentType    = errors.New("body without Content-Type")
	ErrNoBody           = errors.New("Content-Type without a body")
	ErrResponseBody     = errors.New("response with a body")
	ErrResponseFlag     = errors.New("response ends with another flag than $")
)

// HeadError says what is wrong with a head whose framing is trusted.
type HeadError struct {
	Header string // canonical name of the header concerned; "" for the start line, unknown headers and the frame as a whole
	Reason error  // one of the values above, or what ParseByteRange and ParseStatus return
}

func (e *HeadError) Error() string {
	if e.Header == "" {
		return e.Reason.Error()
	}
	return e.Header + ": " + e.Reason.Error()
}

// Unwrap returns the reason.
func (e *HeadError) Unwrap() error { return e.Reason }
