package event

// BodyRef says where a body is that is too large for an event: GET /v1/bodies/ID gives it.
type BodyRef struct {
	ID     string
	Octets int64
	SHA256 string // of the octets, in hexadecimal
}

// Body is the own member of an event whose body is kept elsewhere.
func Body(r BodyRef) Param {
	return Param{"body_ref", []Param{{"id", r.ID}, {"octets", int(r.Octets)}, {"sha256", r.SHA256}}}
}
