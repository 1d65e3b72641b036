package cpim_test

import (
	"strings"
	"testing"

	"github.com/parley-msrp/parley/cpim"
)

// usual is a message as a client with disposition notifications sends it.
const usual = "From: Alice <sip:alice@example.com>\r\n" +
	"To: <sip:bob@example.net>\r\n" +
	"DateTime: 2024-03-07T09:15:42.120+01:00\r\n" +
	"NS: imdn <urn:ietf:params:imdn>\r\n" +
	"imdn.Message-ID: Zk81hTq5vWn0\r\n" +
	"imdn.Disposition-Notification: positive-delivery, display\r\n" +
	"\r\n" +
	"Content-Type: text/plain; charset=utf-8\r\n" +
	"\r\n" +
	"Did the parcel arrive?"

// fromTo are the headers that every message has, textPlain the rest of a plain one.
const (
	fromTo    = "From: <sip:a@x>\r\nTo: <sip:b@x>\r\n"
	textPlain = "\r\nContent-Type: text/plain\r\n\r\nhello"
)

// with is a plain message with further headers.
func with(headers ...string) string {
	var b strings.Builder
	for _, h := range headers {
		b.WriteString(h + "\r\n")
	}
	return fromTo + b.String() + textPlain
}

func parse(t testing.TB, s string) *cpim.Message {
	t.Helper()
	m, err := cpim.Parse([]byte(s))
	if err != nil {
		t.Fatalf("%v\n%q", err, s)
	}
	return m
}

func must[T any](t interface {
	Helper()
	Fatal(args ...any)
},
) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
