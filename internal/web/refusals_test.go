package web_test

import (
	"strings"
	"testing"

	"github.com/parley-msrp/parley/internal/web"
)

// TestRefusals: each names the field, and says what would be right.
func TestRefusals(t *testing.T) {
	a := newAPI(t, "text/plain")
	s := a.call(t)
	messages, files := "/v1/sessions/"+s.SessionID+"/messages", "/v1/sessions/"+s.SessionID+"/files/"
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		fields                   []string
		want                     string
	}{
		{"no JSON", "POST", "/v1/sessions", `{"to_uri":`, 400, nil, "must be a JSON object"},
		{"no object", "POST", "/v1/sessions", `[]`, 400, nil, "must be a JSON object"},
		{"null", "POST", "/v1/sessions", `null`, 400, nil, "must be a JSON object"},
		{"no UTF-8", "POST", "/v1/sessions", "{\"to_uri\":\"\xff\"}", 400, nil, "not UTF-8"},
		{"nothing given", "POST", "/v1/sessions", `{}`, 422, []string{"to_uri", "from_uri"}, "is required"},
		{"null given", "POST", "/v1/sessions", `{"to_uri":null,"from_uri":"sip:a@h"}`, 422, []string{"to_uri"}, "is required"},
		{"unknown member", "POST", "/v1/sessions", `{"to_uri":"sip:a@h","from_uri":"sip:b@h","To_uri":1}`, 422, []string{"To_uri"}, "unknown member; there are: to_uri, from_uri, ruri, content_types"},
		{"a wrong kind", "POST", "/v1/sessions", `{"to_uri":7,"from_uri":"sip:b@h","content_types":"text/plain"}`, 422, []string{"to_uri", "content_types"}, "must be a list, each of it a string"},
		{"no SIP URI", "POST", "/v1/sessions", `{"to_uri":"bob","from_uri":"sip:b@h"}`, 422, []string{"to_uri"}, "to_uri"},
		{"no SIP URI of the caller", "POST", "/v1/sessions", `{"to_uri":"sip:bob@127.0.0.1","from_uri":"x"}`, 422, []string{"from_uri"}, "from_uri"},
		{"no media type", "POST", "/v1/sessions", `{"to_uri":"sip:bob@127.0.0.1","from_uri":"sip:b@h","content_types":["text"]}`, 422, []string{"content_types"}, "type/subtype"},
		{"no body", "POST", messages, `{}`, 422, []string{"body"}, "one of body and body_base64"},
		{"two bodies", "POST", messages, `{"body":"a","body_base64":"YQ=="}`, 422, []string{"body"}, "one of body and body_base64"},
		{"no base64", "POST", messages, `{"body_base64":"?"}`, 422, []string{"body_base64"}, "base64"},
		{"no such report", "POST", messages, `{"body":"a","failure_report":"maybe"}`, 422, []string{"failure_report"}, "yes, partial, no"},
		{"a type that the peer does not take", "POST", messages, `{"body":"a","content_type":"text/html"}`, 422, []string{"content_type"}, "it accepts text/plain"},
		{"no content type", "POST", messages, `{"body":"a","content_type":"text"}`, 422, []string{"content_type"}, "type/subtype"},
		{"a header in the content type", "POST", messages, `{"body":"a","content_type":"text/plain\r\nX: y"}`, 422, []string{"content_type"}, "control character"},
		{"a file of a type that the peer does not take", "PUT", files + "a", "x", 422, []string{"content_type"}, "it accepts text/plain"},
		{"a bad file name", "PUT", files + "a%0Ab", "x", 422, []string{"name"}, "control characters"},
		{"a file's name with a slash", "PUT", files + "a%2Fb", "x", 422, []string{"name"}, "slashes"},
		{"a parameter of a file", "PUT", files + "a?success_report=1", "x", 400, []string{"success_report"}, "yes, no"},
		{"unknown parameter", "GET", "/v1/sessions?states=new", "", 400, []string{"states"}, "there are: state, peer, tag, limit, after"},
		{"no such state", "GET", "/v1/sessions?state=new", "", 400, []string{"state"}, "inviting, confirmed, established, terminated"},
		{"a page too long", "GET", "/v1/sessions?limit=1001&after=!", "", 400, []string{"limit"}, "from 1 to 1000"},
		{"a tag without name", "GET", "/v1/sessions?tag=%3Dacme", "", 400, []string{"query"}, "has no name; NAME or NAME=VALUE would be right"},
		{"too many tags", "GET", "/v1/sessions?tag=" + strings.Repeat("a,", 64) + "a", "", 400, []string{"query"}, "at most 64"},
		{"no place", "GET", "/v1/sessions?after=AAAA", "", 400, []string{"after"}, "the next of another page"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p web.Problem
			answer, text := a.ask(t, c.method, c.path, c.body, c.status, &p)
			if got := answer.Header.Get("Content-Type"); got != "application/problem+json" {
				t.Error(got)
			}
			var fields []string
			for _, e := range p.Errors {
				fields = append(fields, e.Field)
			}
			if strings.Join(fields, " ") != strings.Join(c.fields, " ") || !strings.Contains(text, c.want) || p.Status != c.status {
				t.Errorf("%s\nwant fields %v, %s", text, c.fields, c.want)
			}
		})
	}
	if n := a.peer.last(); n != nil {
		t.Errorf("%q was sent", n.Body)
	}
}

// TestRefusedKeys: a key that was used for something else is named as the header that it is.
func TestRefusedKeys(t *testing.T) {
	a := newAPI(t, "text/plain")
	messages := "/v1/sessions/" + a.call(t).SessionID + "/messages"
	a.ask(t, "POST", messages, `{"body":"one"}`, 202, nil, "Idempotency-Key", "k")
	for _, key := range []string{"k", strings.Repeat("k", 129)} {
		var p web.Problem
		_, text := a.ask(t, "POST", messages, `{"body":"two"}`, 422, &p, "Idempotency-Key", key)
		if len(p.Errors) != 1 || p.Errors[0].Field != "Idempotency-Key" || strings.Contains(text, "SIP URI") {
			t.Errorf("%s", text)
		}
	}
}

// TestNothingIsKept: a message that the journal cannot keep is not sent, and may be tried again.
func TestNothingIsKept(t *testing.T) {
	a := newAPI(t, "text/plain")
	messages := "/v1/sessions/" + a.call(t).SessionID + "/messages"
	if err := a.journal.Close(); err != nil {
		t.Fatal(err)
	}
	answer, text := a.ask(t, "POST", messages, `{"body":"one"}`, 503, nil)
	if answer.Header.Get("Retry-After") == "" || a.peer.last() != nil {
		t.Errorf("%s", text)
	}
}
