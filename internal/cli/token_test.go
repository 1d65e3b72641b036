package cli

import (
	"bytes"
	"context"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/internal/access"
)

// TestToken: the line that is printed lets the token in, and a command shows the token over TLS to whom --ca names.
func TestToken(t *testing.T) {
	run := func(args ...string) (status int, out, errOut string) {
		var o, e bytes.Buffer
		status = Main(args, IO{In: strings.NewReader(""), Out: &o, Err: &e}, nil)
		return status, o.String(), e.String()
	}
	status, line, said := run("token", "bot", "read,send")
	if status != 0 {
		t.Fatal(said)
	}
	folder := t.TempDir()
	file := filepath.Join(folder, "clients")
	if err := os.WriteFile(file, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	clients, err := access.LoadClients(file)
	if err != nil {
		t.Fatal(err)
	}
	token := said[strings.LastIndexByte(strings.TrimSpace(said), ' ')+1:]
	token = strings.TrimSpace(token)
	if caller, found := clients.ByToken(token); !found || caller.Name != "bot" || !caller.Rights.Has(access.Read|access.Send) || caller.Rights.Has(access.Start) {
		t.Fatalf("%s of %s: %+v", token, line, caller)
	}

	var shown string
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown = r.Header.Get("Authorization")
		_, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":1,"result":[]}`)
	}))
	defer server.Close()
	ca := filepath.Join(folder, "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, _, said := run("sessions", "--url", server.URL, "--token", token, "--ca", ca); status != 0 || shown != "Bearer "+token {
		t.Errorf("%d, %s; shown was %q", status, said, shown)
	}
	shown = ""
	if status, _, said := run("sessions", "--url", server.URL, "--token", token); status == 0 || shown != "" || !strings.Contains(said, "certificate") {
		t.Errorf("without --ca: %d, %s; shown was %q", status, said, shown)
	}
	for _, args := range [][]string{{"token", "bot", "write"}, {"token", "b ot", "read"}, {"token", "#bot", "read"}} {
		if status, out, _ := run(args...); status == 0 || out != "" {
			t.Errorf("%q: %s", args, out)
		}
	}
}

// TestCA: what is wrong with the file is said before anything is sent.
func TestCA(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{file, file + "x"} {
		d := daemon{URL: "https://127.0.0.1:1", CA: name}
		if _, err := d.do(context.Background(), "GET", "/", nil); err == nil || !strings.HasPrefix(err.Error(), "--ca: ") {
			t.Errorf("%v", err)
		}
	}
}
