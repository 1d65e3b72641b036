package opensips

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-msrp/parley/internal/config"
)

func TestTypicalFile(t *testing.T) {
	contents, err := os.ReadFile("testdata/typical.cfg")
	if err != nil {
		t.Fatal(err)
	}
	r, err := Convert(string(contents))
	if err != nil {
		t.Fatal(err)
	}
	want := `# Made from an opensips.cfg. All keys are in docs/configuration.md.
sip:
  listen: ["udp:192.0.2.10:5060", "tcp:192.0.2.10:5060"]
msrp:
  listen: ["tcp:192.0.2.10:2855", "tls:192.0.2.10:2856"]
msrp_ua:
  my_uri: "msrp://192.0.2.10:2855;tcp"
  advertised_contact: "sip:bot@192.0.2.10"
  relay_uri: "msrps://relay.example.org:2855;tcp"
  hash_size: 12
  max_duration: 3600
uac_auth:
  credential: ["bot:example.org:p\"ss:word", "bot:relay.example.org:secret"]
route: "route.star"
http:
  listen: "127.0.0.1:8889"
mi:
  fifo: "/run/opensips/opensips_fifo"
  datagram: ["udp:127.0.0.1:8080"]
log:
  level: info
`
	if d := cmp.Diff(want, string(r.YAML)); d != "" {
		t.Errorf("configuration (-want +got):\n%s", d)
	}
	wantRoute := "# Who is answered, and with which media types.\ndef request(msg):\n    msrp_ua_answer(\"text/plain text/html\")\n"
	if d := cmp.Diff(wantRoute, string(r.Route)); d != "" {
		t.Errorf("route (-want +got):\n%s", d)
	}
	var notes []string
	for _, n := range r.Notes {
		notes = append(notes, n.String())
	}
	wantNotes := []string{
		"line 11: this socket is advertised as 198.51.100.7:2856: in Parley, msrp_ua.advertised_contact says what stands in the Contact, and msrp_ua.my_uri in the session description",
		"line 12: socket=sctp:192.0.2.10:5060: Parley listens for udp, tcp and tls, and for msrp and msrps; this is left out",
		`line 21: proto_msrp.send_timeout = "200" has no counterpart and is left out`,
		"line 26: the module usrloc has no counterpart: Parley is a user agent, and what proxies do stays with the proxy",
		"line 54: of the request route only its msrp_ua_answer is carried over, not its conditions: look at route.star",
		"line 59: onreply_route[log] is not carried over",
	}
	if d := cmp.Diff(wantNotes, notes); d != "" {
		t.Errorf("notes (-want +got):\n%s", d)
	}
	// What was made is a configuration: it has to pass the same checks.
	dir := t.TempDir()
	for name, contents := range map[string][]byte{"parley.yaml": r.YAML, RouteName: r.Route} {
		if err := os.WriteFile(filepath.Join(dir, name), contents, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := config.Load(filepath.Join(dir, "parley.yaml")); err != nil {
		t.Error(err)
	}
}

func TestNothingInIt(t *testing.T) {
	r, err := Convert("")
	if err != nil || r.Route != nil || len(r.Notes) != 1 || r.Notes[0].Line != 0 {
		t.Fatalf("%v %q %v", err, r.Route, r.Notes)
	}
}

func TestWhatIsReadOtherwise(t *testing.T) {
	tests := []struct {
		name, cfg, yaml string // a line of the configuration; "": none
		note            string // begins a note; "": none
	}{
		{"older files say listen", "listen=udp:127.0.0.1:5070", `listen: ["udp:127.0.0.1:5070"]`, ""},
		{"a socket without a port", "socket=tls:127.0.0.1", `listen: ["tls:127.0.0.1:5061"]`, ""},
		{"all addresses", "socket=udp:*:5060", `listen: ["udp:0.0.0.0:5060"]`, ""},
		{"IPv6", "socket=udp:[2001:db8::1]:5060", `listen: ["udp:[2001:db8::1]:5060"]`, ""},
		{"an interface", "socket=udp:eth0:5060", `listen: ["udp:eth0:5060"]`, "line 1: socket=udp:eth0:5060: OpenSIPS takes names"},
		{"what stands twice", "modparam('msrp_ua', 'max_duration', 1)\nmodparam('msrp_ua', 'max_duration', 2)", "max_duration: 2", "line 2: msrp_ua.max_duration stands twice"},
		{"what is no number", `modparam("msrp_ua", "hash_size", "ten")`, "", `line 1: msrp_ua.hash_size: "ten" is no number`},
		{"a unix socket", `modparam("mi_datagram", "socket_name", "/run/mi.sock")`, `datagram: ["unix:/run/mi.sock"]`, ""},
		{"a TLS domain", `modparam("tls_mgm", "certificate", "[dom]/etc/cert.pem")`, `certificate: "/etc/cert.pem"`, ""},
		{"another log level", "debug=1", "level: warn", ""},
		{"types that are not constant", "route{ msrp_ua_answer($var(x)); }", "", "line 1: the types of this msrp_ua_answer are not a constant"},
		{"another file", `include_file "more.cfg"`, "", `line 1: include_file is not read: import "more.cfg" by itself`},
		{"another root", `modparam("mi_http", "root", "rpc")`, "", "line 1: the management interface is at /mi"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r, err := Convert("modparam('msrp_ua', 'my_uri', 'msrp://127.0.0.1;tcp') " + test.cfg)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(r.YAML), test.yaml) {
				t.Errorf("%q is not in\n%s", test.yaml, r.YAML)
			}
			switch {
			case test.note == "" && len(r.Notes) > 0:
				t.Errorf("notes: %v", r.Notes)
			case test.note != "" && (len(r.Notes) != 1 || !strings.HasPrefix(r.Notes[0].String(), test.note)):
				t.Errorf("notes %v, want %q", r.Notes, test.note)
			}
		})
	}
}

func TestWhatCannotBeRead(t *testing.T) {
	tests := map[string]SyntaxError{
		"a=1\nb=\"x":                           {2, "a string that begins here does not end"},
		"a=1\n/* x":                            {2, "a comment that begins here does not end"},
		"modparam(\"a\", \"b\")":               {1, "modparam needs a module, a parameter and a value"},
		"\n\nmodparam(\"a\"":                   {3, "modparam does not end"},
		"modparam \"a\"":                       {1, `modparam is not followed by "("`},
		"route {\n if (x) { exit; }\n":         {1, `the "{" of route is never closed`},
		"route[x]\n":                           {1, `route is not followed by "{"`},
		"onreply_route;":                       {1, `onreply_route is not followed by "{"`},
		"route { xlog(\"never ends\n and so\"": {1, `the "{" of route is never closed`},
	}
	for cfg, want := range tests {
		_, err := Convert(cfg)
		got, ok := errors.AsType[*SyntaxError](err)
		if !ok || *got != want {
			t.Errorf("%q: %v, want %v", cfg, err, &want)
		}
	}
}

// FuzzConvert: whatever a file holds, reading it ends, and what is made of it is one YAML document without control characters of the file's.
func FuzzConvert(f *testing.F) {
	typical, err := os.ReadFile("testdata/typical.cfg")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(typical))
	f.Add("socket=udp:[::1]:5060\nroute[a]{msrp_ua_answer(\"x\");}")
	f.Add("modparam(\"msrp_ua\", \"my_uri\", \"a\\\nb\")")
	f.Fuzz(func(t *testing.T, cfg string) {
		r, err := Convert(cfg)
		if err != nil {
			return
		}
		for line := range strings.Lines(string(r.YAML)) {
			if !strings.HasPrefix(line, "#") && !strings.Contains(line, ":") {
				t.Fatalf("a line of the file's own in %q", r.YAML)
			}
		}
	})
}
