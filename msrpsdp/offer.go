package msrpsdp

import (
	"github.com/pion/sdp/v3"

	"github.com/parley-msrp/parley/msrp"
)

// Offer makes an offer with one message line for each local. The host in o= and c= is that of the first local's own URI; a line
// whose own URI has another one gets a c= of its own (D-002). Locals must not change afterwards.
func Offer(locals ...Local) *Own {
	o := newOwn(0)
	o.times = now()
	for i := range locals {
		o.lines = append(o.lines, offered(&locals[i]))
	}
	o.render()
	return o
}

// Next makes the offer that follows this description in the same call: one local for each line, nil for a line that ends or stays
// refused; lines without a local end too, further locals are new lines. Lines never go away (RFC 3264 §8, D-017). Without a
// change it returns the same Own; else the version in o= is one higher.
func (o *Own) Next(locals ...*Local) *Own {
	lines := make([]ownLine, max(len(o.lines), len(locals)))
	copy(lines, o.lines)
	for i := range lines {
		switch {
		case i < len(locals) && locals[i] != nil:
			lines[i] = offered(locals[i])
		case i < len(o.lines):
			lines[i].local = nil
		default:
			lines[i] = ownLine{media: "message", proto: TCP, formats: "*"}
		}
	}
	return o.next(lines, o.times)
}

// offered is the line for a local of ours; without a path there is nothing to offer, and the line has port 0.
func offered(l *Local) ownLine {
	if len(l.Path) == 0 {
		return ownLine{media: "message", proto: TCP, formats: "*"}
	}
	return ownLine{media: "message", proto: protoFor(l.Path), formats: "*", local: l, direction: l.Direction}
}

// protoFor is the protocol for the adjacent hop of a path of ours (RFC 4975 §8.1, RFC 4976 §11).
func protoFor(path []msrp.URI) string {
	if path[0].Secure {
		return TLS
	}
	return TCP
}

// now is the t= of a session that is not bounded in time (RFC 3264 §5).
func now() []sdp.TimeDescription { return []sdp.TimeDescription{{}} }

// Capabilities writes the description in the 200 of an OPTIONS: one message line with port 0 and without a path (RFC 3264 §9,
// S-020). host is our own, IPv6 without brackets.
func Capabilities(host string, accept msrp.Types) []byte {
	o := newOwn(0)
	o.host, o.times = host, now()
	o.lines = []ownLine{{media: "message", proto: TCP, formats: "*"}}
	o.render()
	return append(o.text, "a=accept-types:"+accept.String()+"\r\n"...)
}
