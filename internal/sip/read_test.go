package sip

import (
	"errors"
	"strings"
	"testing"
)

func TestReadMessage(t *testing.T) {
	const head = "Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\nf: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nm: <sip:a@h>\r\n"
	for _, c := range []struct {
		name, text string
		code       int // 0: read
	}{
		{"whole", "INVITE sip:b@h SIP/2.0\r\n" + head + "\r\nbody", 0},
		{"nothing", "", 400},
		{"no SIP", "GET / HTTP/1.1\r\n\r\n", 400},
		{"another version", "INVITE sip:b@h SIP/3.0\r\n" + head + "\r\n", 505},
		{"a header is missing", "INVITE sip:b@h SIP/2.0\r\n" + strings.Replace(head, "Call-ID: c\r\n", "", 1) + "\r\n", 400},
		{"the body is cut off", "INVITE sip:b@h SIP/2.0\r\n" + head + "l: 5\r\n\r\nbody", 400},
		{"no empty line", "INVITE sip:b@h SIP/2.0\r\n" + head, 400},
		{"too long", "INVITE sip:b@h SIP/2.0\r\n" + head + "Subject: " + strings.Repeat("x", 64<<10) + "\r\n\r\n", 513},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := ReadMessage([]byte(c.text))
			if c.code == 0 {
				if err != nil || m.CallID() != "c" || string(m.Body) != "body" {
					t.Errorf("%+v, %v", m, err)
				}
				return
			}
			if fault, ok := errors.AsType[*FaultError](err); !ok || fault.Code != c.code || fault.Reason == "" || m != nil {
				t.Errorf("%v, %v; want a %d", m, err, c.code)
			}
		})
	}
}
