package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestImport(t *testing.T) {
	dir := t.TempDir()
	cfg := filepath.Join(dir, "opensips.cfg")
	write := func(text string) {
		if err := os.WriteFile(cfg, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("socket=udp:127.0.0.1:5060\nmodparam(\"msrp_ua\", \"my_uri\", \"msrp://127.0.0.1:2855;tcp\")\nroute{ msrp_ua_answer(\"text/plain\"); }\n")
	status, out, errOut := parley(strings.NewReader(""), nil, "import", cfg, "--to", dir)
	if status != 0 || !strings.Contains(out, "Start it with: parley serve --config "+filepath.Join(dir, "parley.yaml")) {
		t.Fatalf("%d\n%s%s", status, out, errOut)
	}
	if status, _, errOut := parley(strings.NewReader(""), nil, "config", "check", filepath.Join(dir, "parley.yaml")); status != 0 {
		t.Errorf("what was made is no configuration: %s", errOut)
	}
	if s, err := os.Stat(filepath.Join(dir, "parley.yaml")); err != nil || s.Mode().Perm() != 0o600 {
		t.Errorf("%v %v: it may hold credentials", s.Mode(), err)
	}
	if status, _, errOut := parley(strings.NewReader(""), nil, "import", cfg, "--to", dir); status != 1 || !strings.Contains(errOut, "--force") {
		t.Errorf("the second time: %d %s", status, errOut)
	}

	write("modparam(\"msrp_ua\", \"my_uri\", \"msrp://127.0.0.1:9999;udp\")\nloadmodule \"usrloc.so\"\n")
	status, out, _ = parley(strings.NewReader(""), nil, "import", cfg, "--to", dir, "--force", "--output", "json")
	var told struct {
		Files []string
		Notes []struct {
			Line int
			Text string
		}
		Check string
	}
	if err := json.Unmarshal([]byte(out), &told); err != nil || status != 0 {
		t.Fatalf("%d %v: %s", status, err, out)
	}
	if len(told.Files) != 1 || len(told.Notes) != 1 || told.Notes[0].Line != 2 || !strings.Contains(told.Check, "my_uri") {
		t.Errorf("%+v", told)
	}

	write("route { never ends")
	if status, _, errOut := parley(strings.NewReader(""), nil, "import", cfg, "--to", dir); status != 1 || !strings.Contains(errOut, "opensips.cfg: line 1: ") {
		t.Errorf("%d %s", status, errOut)
	}
}
