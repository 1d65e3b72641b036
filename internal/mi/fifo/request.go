package fifo

// Limits on a request.
const (
	maxName    = 255     // octets of a file name
	maxRequest = 1 << 20 // octets of its JSON
)

// request is one line: `:NAME:JSON`.
type request struct {
	reply string // name of the FIFO to answer into; "": no answer
	json  []byte
	long  bool // it was longer than maxRequest, and its rest was dropped
}

// state is what the next octet of a scanner belongs to.
type state int

const (
	before state = iota // blanks and line ends between requests
	inName
	inJSON
	inJunk // up to the line end: what does not begin with a colon
)

// scanner cuts requests out of what comes. A request ends with its line, or before where its object or array is whole: opensips-cli ends no line.
type scanner struct {
	state   state
	request request
	name    []byte

	depth   int // of objects and arrays
	quoted  bool
	escaped bool
}

// scan takes octets up to the end of a request. It returns those that are left, and the request if there is one.
func (s *scanner) scan(octets []byte) (rest []byte, r request, whole bool) {
	for i, c := range octets {
		if s.take(c) {
			return octets[i+1:], s.end(), true
		}
	}
	return nil, request{}, false
}

// inRequest says whether something of a request has come, and not all.
func (s *scanner) inRequest() bool { return s.state != before }

// expire ends what has not ended; there may be a request in it.
func (s *scanner) expire() (r request, whole bool) {
	whole = s.state == inJSON
	return s.end(), whole
}

func (s *scanner) end() request {
	r := s.request
	*s = scanner{}
	return r
}

// take takes one octet, and says whether a request ends with it.
func (s *scanner) take(c byte) bool {
	switch s.state {
	case before:
		switch c {
		case ':':
			s.state = inName
		case ' ', '\t', '\r', '\n':
		default:
			s.state = inJunk
		}
	case inName:
		switch {
		case c == ':':
			s.request.reply, s.state = string(s.name), inJSON
		case c == '\n':
			*s = scanner{}
		case len(s.name) == maxName:
			s.state = inJunk
		default:
			s.name = append(s.name, c)
		}
	case inJunk:
		if c == '\n' {
			*s = scanner{}
		}
	case inJSON:
		return s.takeJSON(c)
	}
	return false
}

func (s *scanner) takeJSON(c byte) bool {
	if c == '\n' {
		return true
	}
	if len(s.request.json) == maxRequest {
		s.request.long = true
		return false
	}
	s.request.json = append(s.request.json, c)
	switch {
	case s.escaped:
		s.escaped = false
	case s.quoted:
		s.escaped = c == '\\'
		s.quoted = c != '"'
	case c == '"':
		s.quoted = true
	case c == '{' || c == '[':
		s.depth++
	case c == '}' || c == ']':
		s.depth--
		return s.depth == 0
	}
	return false
}
