package web_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/parley-msrp/parley/internal/event"
	"github.com/parley-msrp/parley/internal/sink"
	"github.com/parley-msrp/parley/internal/web"
)

func TestWebhooks(t *testing.T) {
	s := start(t, node{}, nil)
	d := describe(t, s)
	ask := func(method, path, body string, status int, want string) (*http.Response, string) {
		t.Helper()
		answer, text := s.do(t, method, path, body, "Content-Type", jsonType)
		d.check(t, method, path, answer, text)
		if answer.StatusCode != status || !strings.Contains(text, want) {
			t.Errorf("%s %s %s: %s %s\nwant %d …%s…", method, path, body, answer.Status, text, status, want)
		}
		return answer, text
	}
	const all = "/v1/webhooks"
	ask("GET", all, "", 200, `{"webhooks":[]}`)
	ask("POST", all, `{"url":"ftp://x"}`, 422, `{"field":"url","detail":"it is not a URL of a receiver`)
	ask("POST", all, `{"url":"http://192.0.2.1/","secret":"short"}`, 422, `{"field":"secret"`)
	ask("POST", all, `{"url":"http://192.0.2.1/","types":["E_NOPE"]}`, 422, `E_NOPE`)
	ask("POST", all, `{"url":"http://192.0.2.1/","tags":["=x"]}`, 422, `has no name`)
	ask("POST", all, `{"url":"http://192.0.2.1/","from":"nonsense"}`, 400, `nonsense`)
	ask("POST", all, `{"url":"http://192.0.2.1/","from":"i-1"}`, 410, `before the node was started`)
	ask("POST", all, `{"uri":"http://192.0.2.1/"}`, 422, `{"field":"url","detail":"is required"}`)

	answer, text := ask("POST", all, `{"url":"http://192.0.2.1/hook","sessions":["a"],"types":["E_MSRP_SESSION_END"]}`, 201, `"url":"http://192.0.2.1/hook"`)
	var made web.CreatedWebhook
	if err := json.Unmarshal([]byte(text), &made); err != nil || len(made.Secret) < 20 {
		t.Fatalf("%v in %s", err, text)
	}
	path := answer.Header.Get("Location")
	if path != all+"/"+made.Webhook.ID {
		t.Errorf("Location: %s", path)
	}
	ask("GET", path, "", 200, `"state":"active"`)
	end := event.NewEnd("a")
	end.Time = time.Now()
	s.journal.Append(end, nil)
	eventually(t, "it is shown that nobody is there", func() bool {
		_, text := s.do(t, "GET", path, "")
		return strings.Contains(text, `"state":"retrying"`) && strings.Contains(text, `"last_error":"nobody is there"`) && strings.Contains(text, `"waiting":1`)
	})
	if _, text := ask("GET", all, "", 200, made.Webhook.ID); strings.Contains(text, made.Secret) {
		t.Error("the secret is shown")
	}
	ask("DELETE", path, "", 204, "")
	ask("DELETE", path, "", 404, "no webhook has this ID")
	ask("GET", path, "", 404, "no webhook has this ID")
	for range sink.MaxWebhooks {
		ask("POST", all, `{"url":"http://192.0.2.1/"}`, 201, "")
	}
	ask("POST", all, `{"url":"http://192.0.2.1/"}`, 503, "64 webhooks already")
}
