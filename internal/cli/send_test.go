package cli

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestSendFile(t *testing.T) {
	var asked string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked = fmt.Sprintf("%s %s %s %d %s", r.Method, r.URL, r.Header.Get("Content-Type"), r.ContentLength, body)
		if strings.Contains(r.URL.Path, "gone") {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"detail":"there is no such session"}`)
			return
		}
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, `{"session_id":"s1","message_id":"m1","octets":4}`)
	}))
	t.Cleanup(server.Close)
	path := filepath.Join(t.TempDir(), "a b.png")
	if err := os.WriteFile(path, []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args   string
		status int
		want   string // printed
		asked  string
	}{
		{"s1 --file PATH", 0, "m1\n", "PUT /v1/sessions/s1/files/a%20b.png image/png 4 data"},
		{"s1 --file PATH --report --type text/plain --name x/y --output json", 0, `{"message_id":"m1"}` + "\n", "PUT /v1/sessions/s1/files/x%2Fy?success_report=yes text/plain 4 data"},
		{"s1 --file -", 0, "m1\n", "PUT /v1/sessions/s1/files/stdin application/octet-stream -1 typed"},
		{"gone --file PATH", 1, "there is no such session", "PUT /v1/sessions/gone/files/a%20b.png image/png 4 data"},
		{"s1 --file /nowhere", 1, "no such file", ""},
		{"s1 --file / ", 1, "/ is a directory", ""},
		{"s1 hello --file PATH", 2, "say a message", ""},
		{"s1", 2, "say a message", ""},
		{"s1 hello --name x", 2, "--name is for a file", ""},
	} {
		asked = ""
		args := append([]string{"send", "--url", server.URL}, strings.Fields(c.args)...)
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "PATH", path)
		}
		status, out, errOut := parley(strings.NewReader("typed"), nil, args...)
		if status != c.status || !strings.Contains(out+errOut, c.want) || asked != c.asked {
			t.Errorf("%s: status %d, asked %q\n%s%s", c.args, status, asked, out, errOut)
		}
	}
}

func TestProgress(t *testing.T) {
	began := time.Now()
	for _, c := range []struct {
		done, total int64
		want        string
	}{
		{512, 0, "512 octets  256 octets/s"},
		{3 << 20, 4 << 20, "[######################        ]  75 %  3.0 MiB of 4.0 MiB  1.5 MiB/s"},
		{5 << 30, 4 << 30, "[##############################] 100 %  5.0 GiB of 4.0 GiB  2.5 GiB/s"}, // it has grown meanwhile
	} {
		p := &progress{done: c.done, total: c.total, began: began}
		if got := p.line(began.Add(2 * time.Second)); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
