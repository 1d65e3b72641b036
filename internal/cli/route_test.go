package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestRouteTest tries scripts on a recorded INVITE.
func TestRouteTest(t *testing.T) {
	text, err := os.ReadFile("testdata/invite.sip")
	if err != nil {
		t.Fatal(err)
	}
	invite := string(text)
	wire := strings.ReplaceAll(strings.Replace(invite, "Content-Length: 9999\n", "", 1), "\n", "\r\n")
	change := func(old, replacement string) string { return strings.Replace(invite, old, replacement, 1) }
	head, _, _ := strings.Cut(invite, "\n\n")
	everything := `reject(400, "|".join([msg.method, msg.ruri, msg.from_uri, msg.to_uri, msg.source, msg.call_id, " ".join(msg.types), msg.header("f")[:7], msg.list("v")[0][:11], msg.sdp()[-3]]))`
	for _, c := range []struct {
		name, script, invite string
		flags                []string
		status               int
		out, errOut          string // errOut: a part of it
	}{
		{
			name: "answer", script: `msrp_ua_answer("text/plain")`, invite: invite,
			out: "answer: 200\n  types        text/plain\n",
		},
		{
			name: "answer with everything", invite: wire,
			script: `msrp_ua_answer("text/plain *", max_duration=0.5, max_size=10, profile="p", handler="bot", tags={"b": "2", "a": "1"})`,
			out: "answer: 200\n  types        text/plain *\n  max_duration 0.5 seconds\n  max_size     10 octets\n  profile      p\n  handler      bot\n" +
				"  tag          a=1\n  tag          b=2\n",
		},
		{name: "no type in common", script: `msrp_ua_answer("image/png")`, invite: invite, out: "answer: 488 no media type of a=accept-types is available\n  types        image/png\n"},
		{name: "nothing of MSRP", script: `msrp_ua_answer("*")`, invite: change("TCP/MSRP", "RTP/AVP"), out: "answer: 488 transport protocol RTP/AVP is not MSRP over TCP or TLS\n  types        *\n"},
		{
			name: "over TLS", script: `msrp_ua_answer(" ".join(msg.types))`, invite: strings.NewReplacer("TCP/MSRP", "TCP/TLS/MSRP", "msrp://", "msrps://").Replace(invite),
			out: "answer: 200\n  types        text/plain message/cpim\n",
		},
		{name: "no session description", script: `msrp_ua_answer("*")`, invite: change("v=0", "nonsense"), out: "answer: 488 not a session description"},
		{name: "reject", script: `reject(486, "Not Now")`, invite: invite, out: "reject: 486 Not Now\n"},
		{name: "redirect", script: `redirect(["sip:a@b", "<sip:c@d>;q=0.1"])`, invite: invite, out: "redirect: 302\n  contact      <sip:a@b>\n  contact      <sip:c@d>;q=0.1\n"},
		{name: "challenge", script: `challenge("example.org"); reject(400)`, invite: invite, out: "challenge: 401\n  realm        example.org\n"},
		{name: "challenge, with credentials", script: `reject(480, challenge("example.org"))`, invite: invite, flags: []string{"--user", "alice"}, out: "reject: 480 alice\n"},
		{name: "an assertion of nobody's", script: `reject(480, str(msg.header("P-Asserted-Identity")) + msg.identity_by)`, invite: change("CSeq", "P-Asserted-Identity: <sip:a@b>\nCSeq"), out: "reject: 480 Nonenone\n"},
		{
			name: "prints, without control characters", script: `print(msg.header("Subject")); reject(400)`, invite: change("CSeq", "Subject: a\x1b[31mb\nCSeq"),
			out: "print, line 2: a\ufffd[31mb\nreject: 400\n",
		},
		{
			name: "what the script sees", script: everything, invite: invite,
			out: "reject: 400 INVITE|sip:support@example.org|sip:alice@example.com|sip:support@example.org|udp:127.0.0.1:5060|3848276298220188511@example.com|" +
				"text/plain message/cpim|\"Alice\"|SIP/2.0/UDP|m=message 7394 TCP/MSRP *\n",
		},
		{name: "where from and when", script: `reject(400, msg.source_ip + " " + now("Europe/Berlin").time)`, invite: wire, flags: []string{"--source", "tls:[2001:db8::1]:5061", "--at", "2026-11-22T09:30:00Z"}, out: "reject: 400 2001:db8::1 10:30\n"},
		{name: "a late offer", script: `msrp_ua_answer(" ".join(msg.types))`, invite: head + "\n", out: "answer: 200\n  types        *\n"},
		{name: "OPTIONS", script: `msrp_ua_answer(" ".join(msg.types) if msg.method == "OPTIONS" else "x/y")`, invite: strings.ReplaceAll(invite, "INVITE", "OPTIONS"), out: "answer: 200\n  types        *\n"},
		{
			name: "JSON", script: `print("x"); msrp_ua_answer("text/plain", max_duration=0, tags={"a": "1"})`, invite: invite, flags: []string{"--output", "json"},
			out: `{"decision":"answer","code":200,"types":["text/plain"],"max_duration":0,"tags":{"a":"1"},"prints":[{"line":2,"text":"x"}]}` + "\n",
		},
		{name: "JSON, rejected", script: `reject(403)`, invite: invite, flags: []string{"--output", "json"}, out: `{"decision":"reject","code":403,"prints":[]}` + "\n"},

		{name: "no decision", script: `print("x")`, invite: invite, status: 1, out: "print, line 2: x\n", errOut: "route.star:1:1: request(msg) ended without a decision: call msrp_ua_answer"},
		{name: "a failing script", script: `reject(200)`, invite: invite, status: 1, errOut: "route.star:2:11: reject: code 200: 400 to 699 are refusals; redirect gives 300 to 305 (the caller would get 500)\n"},
		{name: "a script that does not load", script: `rejcet(486)`, invite: invite, status: 1, errOut: "route.star:2:5: undefined: rejcet"},
		{name: "a broken INVITE", script: `reject(486)`, invite: change("CSeq: 1 INVITE\n", ""), status: 1, errOut: "invite.sip: 400 Missing CSeq: it would be answered so before"},
		{name: "a length that is wrong", script: `reject(486)`, invite: strings.ReplaceAll(invite, "\n", "\r\n"), status: 1, errOut: "invite.sip: 400 Body Shorter Than Content-Length"},
		{name: "an INVITE that no route sees", script: `reject(486)`, invite: change("CSeq", "Require: teleport\nCSeq"), status: 1, errOut: "invite.sip: 420: it would be answered so before"},
		{name: "a re-INVITE", script: `reject(486)`, invite: change("To: <sip:support@example.org>", "To: <sip:support@example.org>;tag=1"), status: 1, errOut: "To has a tag"},
		{name: "a response", script: `reject(486)`, invite: change("INVITE sip:support@example.org SIP/2.0", "SIP/2.0 200 OK"), status: 1, errOut: "a response, where an INVITE"},
		{name: "another method", script: `reject(486)`, invite: strings.ReplaceAll(invite, "INVITE", "BYE"), status: 1, errOut: "BYE, where an INVITE"},
		{name: "no SIP", script: `reject(486)`, invite: "hello\n", status: 1, errOut: "invite.sip: 400 Bad Start Line"},
		{name: "too long", script: `reject(486)`, invite: strings.Repeat("x", 1<<20+1), status: 1, errOut: "more than 1048576 octets"},
		{name: "a source that is none", script: `reject(486)`, invite: invite, flags: []string{"--source", "192.0.2.7"}, status: 2, errOut: "want one like udp:192.0.2.7:5060"},
		{name: "a time that is none", script: `reject(486)`, invite: invite, flags: []string{"--at", "noon"}, status: 2, errOut: "--at"},
		{name: "another output", script: `reject(486)`, invite: invite, flags: []string{"--output", "xml"}, status: 2, errOut: "--output"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			script, recorded := filepath.Join(dir, "route.star"), filepath.Join(dir, "invite.sip")
			for path, text := range map[string]string{script: "def request(msg):\n    " + c.script + "\n", recorded: c.invite} {
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			status, out, errOut := parley(nil, nil, append([]string{"route", "test", script, "--invite", recorded}, c.flags...)...)
			if status != c.status || !strings.HasPrefix(out, c.out) || c.out == "" && out != "" {
				t.Errorf("status %d, want %d; printed\n%s\nwant\n%s", status, c.status, out, c.out)
			}
			if !strings.Contains(errOut, c.errOut) || c.errOut == "" && errOut != "" {
				t.Errorf("standard error %q, want %q", errOut, c.errOut)
			}
		})
	}
	t.Run("no such file", func(t *testing.T) {
		status, _, errOut := parley(nil, nil, "route", "test", "testdata/none.star", "--invite", "testdata/none.sip")
		if status != 1 || !strings.Contains(errOut, "none.sip: no such file") {
			t.Errorf("status %d, %s", status, errOut)
		}
	})
}

// TestRoutePage does what docs/route.md shows of trying a route.
func TestRoutePage(t *testing.T) {
	page, err := os.ReadFile("../../docs/route.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## Trying a route\n")
	section, _, _ = strings.Cut(section, "\n## ")
	blocks := regexp.MustCompile("(?s)```([a-z]+)\n(.*?)```").FindAllStringSubmatch(section, -1)
	if len(blocks) != 6 {
		t.Fatalf("%d blocks", len(blocks))
	}
	t.Chdir(t.TempDir())
	for i, name := range []string{"route.star", "invite.sip"} {
		if err := os.WriteFile(name, []byte(blocks[i][2]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i := 2; i < len(blocks); i += 2 {
		command, want := strings.Fields(blocks[i][2]), blocks[i+1][2]
		if status, out, errOut := parley(nil, nil, command[1:]...); status != 0 || out != want || command[0] != "parley" {
			t.Errorf("%s: status %d, prints\n%s%s", command, status, out, errOut)
		}
	}
}

// FuzzRecorded: whatever a file holds, it is a request that a route could see, or an error.
func FuzzRecorded(f *testing.F) {
	text, err := os.ReadFile("testdata/invite.sip")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(strings.ReplaceAll(string(text), "\n", "\r\n")))
	f.Add([]byte("\n\n\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := parseRecorded(text)
		if err != nil {
			return
		}
		_ = r.refuses(r.types())
		if r.message.CallID() == "" || r.message.From().URI.String() == "" {
			t.Errorf("taken: %q", text)
		}
	})
}
