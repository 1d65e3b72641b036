package cpim_test

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/parley-msrp/parley/cpim"
)

func Example() {
	text, err := cpim.NewMIMEHeader("Content-Type", "text/plain")
	if err != nil {
		panic(err)
	}
	m := &cpim.Message{
		Headers: []cpim.Header{
			cpim.From(cpim.Address{Name: "Alice", URI: "sip:alice@example.com"}),
			cpim.To(cpim.Address{URI: "sip:bob@example.net"}),
			cpim.DateTime(time.Date(2026, 3, 7, 9, 15, 42, 0, time.UTC)),
		},
		MIME:    []cpim.MIMEHeader{text},
		Content: []byte("Did the parcel arrive?\n"),
	}
	fmt.Print(strings.ReplaceAll(string(m.AppendTo(nil)), "\r", "")) // line ends are CRLF
	// Output:
	// From: Alice <sip:alice@example.com>
	// To: <sip:bob@example.net>
	// DateTime: 2026-03-07T09:15:42.000Z
	//
	// Content-Type: text/plain
	//
	// Did the parcel arrive?
}

func ExampleParse() {
	m, err := cpim.Parse([]byte("From: Alice <sip:alice@example.com>\r\nTo: <sip:bob@example.net>\r\n" +
		"NS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: Zk81hTq5vWn0\r\n\r\nContent-Type: text/plain\r\n\r\nhello"))
	if err != nil {
		fmt.Println("answer 400:", err)
		return
	}
	fmt.Println(m.From().Name, m.From().URI, m.ContentType(), string(m.Content))
	if id, ok := m.First("urn:ietf:params:imdn", "Message-ID"); ok {
		fmt.Println(id.Text())
	}
	// Output:
	// Alice sip:alice@example.com text/plain hello
	// Zk81hTq5vWn0
}

func ExampleMessage_CheckRequire() {
	m, _ := cpim.Parse([]byte("From: <sip:a@x.test>\r\nTo: <sip:b@x.test>\r\nNS: abc <urn:abc>\r\nRequire: abc.Must\r\n\r\nContent-Type: text/plain\r\n\r\nhello"))
	err := m.CheckRequire(nil)
	if _, ok := errors.AsType[*cpim.RequireError](err); ok {
		fmt.Println("answer 403:", err)
	}
	// Output: answer 403: cpim: required and not understood: abc.Must
}
