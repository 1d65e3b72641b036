package sip

// essentials are what every request must have, parsed once on its way up (S-040).
type essentials struct {
	via       via
	viaRow    int // index of the first Via row
	viaLength int // of the first value in it
	callID    string
	fromTag   string
	toTag     string
	cseq      uint32
	cseqOf    string // its method
}

// check finds the fault of a message's mandatory headers (RFC 3261 §8.1.1, S-040). The Via may be usable beside a fault;
// hasVia tells.
func check(m *Message) (e essentials, hasVia bool, f fault) {
	var from, to, cseq string
	e.viaRow = -1
	for i := range m.rows {
		slot := (*string)(nil)
		switch m.rows[i].Name {
		case hVia:
			if e.viaRow < 0 {
				e.viaRow = i
			}
			continue
		case hFrom:
			slot = &from
		case hTo:
			slot = &to
		case hCallID:
			slot = &e.callID
		case hCSeq:
			slot = &cseq
		default:
			continue
		}
		if *slot != "" {
			f = fault{400, "Repeated " + m.rows[i].Name}
		}
		*slot = m.rows[i].Value
	}
	if e.viaRow < 0 {
		return e, false, fault{400, "Missing Via"}
	}
	var err error
	if e.via, e.viaLength, err = parseVia(m.rows[e.viaRow].Value); err != nil {
		return e, false, fault{400, "Bad Via"}
	}
	if !furtherVias(m.rows[e.viaRow].Value[e.viaLength:]) {
		f = fault{400, "Bad Via"}
	}
	if f.code != 0 {
		return e, true, f
	}
	if f = e.parse(m, from, to, cseq); f.code == 0 {
		m.known = known{e.fromTag, e.toTag, e.cseqOf, e.cseq, true}
	}
	return e, true, f
}

// furtherVias tells whether what follows the first Via value in its row is values as well (RFC 4475 §3.1.2.1).
func furtherVias(rest string) bool {
	for rest != "" {
		_, length, err := parseVia(rest[1:]) // behind the comma
		if err != nil {
			return false
		}
		rest = rest[1+length:]
	}
	return true
}

func (e *essentials) parse(m *Message, from, to, cseq string) fault {
	if f := present(hFrom, from, hTo, to, hCallID, e.callID, hCSeq, cseq); f.code != 0 {
		return f
	}
	if blankIn(e.callID) < len(e.callID) {
		return fault{400, "Bad Call-ID"}
	}
	a, err := parseAddress(from)
	if err != nil {
		return fault{400, "Bad From"}
	}
	e.fromTag = a.Tag()
	if a, err = parseAddress(to); err != nil {
		return fault{400, "Bad To"}
	}
	e.toTag = a.Tag()
	if e.cseq, e.cseqOf, err = parseCSeq(cseq); err != nil {
		return fault{400, "Bad CSeq"}
	}
	if !m.IsRequest() {
		return fault{}
	}
	if e.cseqOf != m.Method {
		return fault{400, "CSeq Method Differs"}
	}
	if _, err = parseURI(m.RequestURI); err != nil {
		return fault{400, "Bad Request-URI"}
	}
	if m.Method == "INVITE" {
		return checkContact(m)
	}
	return fault{}
}

// present takes pairs of name and value.
func present(pairs ...string) fault {
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			return fault{400, "Missing " + pairs[i]}
		}
	}
	return fault{}
}

// checkContact: an INVITE has a SIP URI that its dialog's requests go to (RFC 3261 §8.1.1.8).
func checkContact(m *Message) fault {
	if !m.Has(hContact) {
		return fault{400, "Missing Contact"}
	}
	if a, ok := m.Contact(); !ok || !a.URI.IsSIP() {
		return fault{400, "Bad Contact"}
	}
	return fault{}
}
