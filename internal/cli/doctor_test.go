package cli

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDoctor(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	path := filepath.Join(t.TempDir(), "parley.yaml")
	write := func(http string) {
		text := "sip:\n  listen: [\"udp:127.0.0.1:0\"]\nmsrp:\n  listen: [\"tcp:127.0.0.1:0\"]\n  advertised_elsewhere: true\nhttp:\n  listen: \"" + http + "\"\n"
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("127.0.0.1:0")
	status, out, errOut := parley(strings.NewReader(""), nil, "doctor", "--config", path)
	if status != 0 || !strings.Contains(out, "udp:127.0.0.1:0 is free") {
		t.Errorf("%d\n%s%s", status, out, errOut)
	}
	write(taken.Addr().String())
	status, out, errOut = parley(strings.NewReader(""), nil, "doctor", "--config", path, "--output", "json")
	var all []struct{ Check, Level, Text, Do string }
	if err := json.Unmarshal([]byte(out), &all); err != nil || status != 1 || !strings.Contains(errOut, "something to mend") {
		t.Fatalf("%d %v\n%s%s", status, err, out, errOut)
	}
	if !strings.Contains(out, `"level":"failure","text":"tcp:`+taken.Addr().String()) {
		t.Errorf("%s", out)
	}
	if err := os.WriteFile(path, []byte("nonsense: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, out, _ := parley(strings.NewReader(""), nil, "doctor", "--config", path); status != 1 || !strings.Contains(out, "failure  configuration") {
		t.Errorf("%d\n%s", status, out)
	}
}
