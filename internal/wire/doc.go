// Package wire turns MSRP frames (RFC 4975 §9) into octets and back: URIs, Byte-Ranges, heads, bodies and end-lines.
// It does no I/O, starts no goroutine and keeps no state outside the values it hands out, so that each rule of the
// grammar can be shown alone. What a frame means for a session is decided in package msrp.
package wire
