package config_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-msrp/parley/internal/config"
)

var update = flag.Bool("update", false, "rewrite docs/configuration.md and the expectations in testdata")

// write puts text into a file of that name in a fresh folder.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestDocument holds docs/configuration.md to the table of keys.
func TestDocument(t *testing.T) {
	const name = "../../docs/configuration.md"
	if *update {
		if err := os.WriteFile(name, config.Document(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(config.Document()), string(got)); diff != "" {
		t.Errorf("docs/configuration.md is not what the table of keys says; run with -update\n%s", diff)
	}
}

// TestGolden loads each file of testdata: a configuration, a line of dashes, and what Load says of it: the error, or the keys that
// differ from the defaults.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	const dashes = "\n--------\n"
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			input, want, _ := strings.Cut("\n"+string(b), dashes)
			input = strings.TrimPrefix(input, "\n")
			path := write(t, "parley.yaml", input)
			c, err := config.Load(path)
			got := differing(c)
			if err != nil {
				got = strings.ReplaceAll(err.Error(), path, "parley.yaml")
			}
			got = strings.ReplaceAll(got, filepath.Dir(path)+"/", "FOLDER/") + "\n"
			if *update {
				if input != "" {
					input += "\n"
				}
				if err := os.WriteFile(file, []byte(input+dashes[1:]+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// differing lists what in c is not the default.
func differing(c config.Config) string {
	var lines []string
	keys := config.Keys()
	for i := range keys {
		if v := keys[i].Text(&c); v != keys[i].Default {
			lines = append(lines, keys[i].Path+": "+v)
		}
	}
	if lines == nil {
		return "the defaults"
	}
	return strings.Join(lines, "\n")
}

func TestDefault(t *testing.T) {
	want := config.Config{
		SIP: config.SIP{
			Listen: []string{"udp:127.0.0.1:5060", "tcp:127.0.0.1:5060"}, SetupTimeout: 60 * time.Second,
			MaxCallsInSetup: 20_000, MaxSessions: 100_000, MinSE: 90 * time.Second, Replaces: "same_source", Refer: "off",
		},
		TLS: config.TLS{ClientCertificates: "none"},
		MSRP: config.MSRP{
			Setup: "actpass", CEMA: "off", Match: "uri", Listen: []string{"tcp:127.0.0.1:2855"}, ConnectAttempts: 10, RelayIdleTimeout: time.Hour,
			Recovery: true, RecoveryTime: 30 * time.Second, RecoveryAfterRestart: true, MaxMessage: 16 << 20,
		},
		MSRPUA: config.MSRPUA{
			MyURI: "msrp://127.0.0.1:2855;tcp", HashSize: 10,
			CleanupInterval: 60 * time.Second, MaxDuration: 43200 * time.Second,
		},
		Auth: config.Auth{NonceLifetime: 300 * time.Second},
		HTTP: config.HTTP{Listen: "127.0.0.1:8888", LoopbackOpen: true, MaxPerSecond: 1000},

		Journal: config.Journal{Durability: "process", MaxAge: 7 * 24 * time.Hour, MaxOctets: 1 << 30, MaxBody: 64 << 10, MaxBodyOctets: 4 << 30},
		NATS:    config.NATS{Replicas: 1},
		Events:  config.Events{UnixSockets: true, MaxSockets: 64},
		Ask:     config.Ask{Timeout: 5 * time.Second},
		Log:     config.Log{Level: "info", Format: "text"},
		MI:      config.MI{FIFOMode: 0o600},
		OTel:    config.OTel{OneIn: 1},
	}
	c := config.Default()
	if diff := cmp.Diff(want, c); diff != "" {
		t.Error(diff)
	}
	if err := c.Check(); err != nil {
		t.Error(err)
	}
	t.Run("without a file", func(t *testing.T) {
		got, err := config.Load("")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("the example file says the defaults", func(t *testing.T) {
		got, err := config.Load(write(t, "example.yaml", config.Example()))
		if err != nil {
			t.Fatal(err)
		}
		got.File = ""
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestKeys(t *testing.T) {
	variables := make(map[string]bool)
	for _, k := range config.Keys() {
		if k.Doc == "" || k.Default == "" || k.Reload.String() == "" || variables[k.Variable()] {
			t.Errorf("%s: doc %q, default %q, reload %v, variable %s", k.Path, k.Doc, k.Default, k.Reload, k.Variable())
		}
		variables[k.Variable()] = true
	}
	for _, name := range []string{"PARLEY_SIP_LISTEN", "PARLEY_MSRP_UA_MY_URI", "PARLEY_ROUTE"} {
		if !variables[name] {
			t.Errorf("no key has the variable %s", name)
		}
	}
}

func TestEnvironment(t *testing.T) {
	for _, c := range []struct {
		name, variable, value string
		want                  string // what differs from the defaults, or the error
	}{
		{"list", "PARLEY_SIP_LISTEN", "udp:[::1]:5061, tcp:[::1]:5061", `sip.listen: ["udp:[::1]:5061", "tcp:[::1]:5061"]`},
		{"text", "PARLEY_MSRP_UA_MY_URI", "msrp://[::1]:3000;tcp", "msrp.listen: [\"tcp:[::1]:3000\"]\nmsrp_ua.my_uri: \"msrp://[::1]:3000;tcp\""},
		{"number", "PARLEY_MSRP_UA_HASH_SIZE", "20", "msrp_ua.hash_size: 20"},
		{"seconds", "PARLEY_SIP_SETUP_TIMEOUT", "0.25", "sip.setup_timeout: 0.25"},
		{"switch", "PARLEY_MSRP_ADVERTISED_ELSEWHERE", "false", "the defaults"},
		{"empty counts as none", "PARLEY_HTTP_LISTEN", "", "the defaults"},
		{"a route is not relative to a file", "PARLEY_ROUTE", "r.star", `route: "r.star"`},
		{"no number", "PARLEY_MSRP_UA_HASH_SIZE", "10.5", `PARLEY_MSRP_UA_HASH_SIZE: msrp_ua.hash_size: expected a whole number, got "10.5"`},
		{"no seconds", "PARLEY_SIP_SETUP_TIMEOUT", "60s", `PARLEY_SIP_SETUP_TIMEOUT: sip.setup_timeout: expected a number of seconds, such as 60 or 0.5, got "60s"`},
		{"seconds that are no number", "PARLEY_SIP_SETUP_TIMEOUT", "NaN", `PARLEY_SIP_SETUP_TIMEOUT: sip.setup_timeout: out of range; 0 to 1000000000 seconds would be right`},
		{"no switch", "PARLEY_MSRP_ADVERTISED_ELSEWHERE", "yes", `PARLEY_MSRP_ADVERTISED_ELSEWHERE: msrp.advertised_elsewhere: expected true or false, got "yes"`},
		{"out of range", "PARLEY_MSRP_UA_HASH_SIZE", "21", `PARLEY_MSRP_UA_HASH_SIZE: msrp_ua.hash_size: is 21; 1 to 20 would be right`},
		{"what would be right", "PARLEY_LOG_LEVEL", "loud\x1b[31m", `PARLEY_LOG_LEVEL: log.level: "loud\x1b[31m" is not known; debug or info or warn or error would be right`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv(c.variable, c.value)
			got, err := config.Load("")
			text := differing(got)
			if err != nil {
				text = err.Error()
			}
			if diff := cmp.Diff(c.want, text); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("over the file", func(t *testing.T) {
		t.Setenv("PARLEY_LOG_LEVEL", "debug")
		c, err := config.Load(write(t, "parley.yaml", "log: {level: warn, format: json}\n"))
		if err != nil || c.Log != (config.Log{Level: "debug", Format: "json"}) {
			t.Errorf("%+v, %v", c.Log, err)
		}
	})
}

func TestFile(t *testing.T) {
	if _, err := config.Load(filepath.Join(t.TempDir(), "none.yaml")); err == nil || !strings.Contains(err.Error(), "none.yaml") {
		t.Error(err)
	}
	if _, err := config.Load(t.TempDir()); err == nil {
		t.Error("a folder was taken as a file")
	}
	if _, err := config.Load(write(t, "large.yaml", strings.Repeat("# x\n", 1<<19))); err == nil || !strings.Contains(err.Error(), "large.yaml") {
		t.Error(err)
	}
}

func TestURI(t *testing.T) {
	m := config.MSRPUA{MyURI: "msrp://host.example;tcp"}
	if u, err := m.URI(); err != nil || u.String() != "msrp://host.example:2855;tcp" {
		t.Errorf("%v, %v", u, err)
	}
}

// FuzzLoad holds that no file makes the loader fail in any other way than by an error of one kind.
func FuzzLoad(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.txt")
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		input, _, _ := strings.Cut(string(b), "--------\n")
		f.Add([]byte(input))
	}
	path := filepath.Join(f.TempDir(), "parley.yaml")
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(path)
		if err == nil && c.Check() != nil {
			t.Errorf("what was loaded is refused: %v", c.Check())
		}
	})
}

// TestDocuments loads the configurations of the guides.
func TestDocuments(t *testing.T) {
	for document, least := range map[string]int{"networks.md": 6, "operating.md": 2, "security.md": 1, "monitoring.md": 2} {
		b, err := os.ReadFile("../../docs/" + document)
		if err != nil {
			t.Fatal(err)
		}
		blocks := strings.Split(string(b), "```yaml\n")[1:]
		if len(blocks) < least {
			t.Fatalf("%s: %d blocks", document, len(blocks))
		}
		for _, block := range blocks {
			text, _, _ := strings.Cut(block, "```")
			if strings.HasPrefix(text, "scrape_configs:") {
				continue // that of Prometheus
			}
			name := filepath.Join(t.TempDir(), "parley.yaml")
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := config.Load(name); err != nil {
				t.Errorf("%s: %v\n%s", document, err, text)
			}
		}
	}
}
