package event

// BodyRef says where a body is that is too large for an event: GET /v1/bodies/ID gives it.
type BodyRef struct {
	ID     string
	Octets int64
	SHA256 string // of the octets, in hexadecimal
}

// Octets is how large a message is.
func Octets(n int64) Param { return Param{"octets", int(n)} }

// Text is what a message says that is sent.
func Text(body []byte) Param { return Param{octetsName, body} }

// Key is a caller's own key for a command, with a digest of what was asked for.
func Key(key, digest string) []Param {
	return []Param{{"idempotency_key", key}, {"request_digest", digest}}
}

// Body is the own member of an event whose body is kept elsewhere.
func Body(r BodyRef) Param {
	return Param{"body_ref", []Param{{"id", r.ID}, {"octets", int(r.Octets)}, {"sha256", r.SHA256}}}
}
