package interop

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/test/daemon"
	"github.com/parley-msrp/parley/test/peer"
)

const monitoring = "../../packaging/monitoring/"

func promtool(t *testing.T, in string, args ...string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "promtool", args...)
	c.Stdin = strings.NewReader(in)
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	if err := c.Run(); err != nil {
		t.Errorf("promtool %q: %v\n%s", args, err, &out)
	}
	if s := out.String(); args[1] == "metrics" && s != "" {
		t.Errorf("promtool has something to say:\n%s", s)
	}
}

func scrape(t *testing.T, d *daemon.Daemon) string {
	t.Helper()
	answer, err := http.Get(d.URL("/metrics"))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != 200 {
		t.Fatalf("%s %v\n%s", answer.Status, err, b)
	}
	return string(b)
}

// TestMetrics: Prometheus' own tool finds nothing to complain about, and the rules and the dashboard ask for nothing that is not there.
func TestMetrics(t *testing.T) {
	text := scrape(t, start(t, ""))
	promtool(t, text, "check", "metrics")
	promtool(t, "", "check", "rules", monitoring+"alerts.yml")
	promtool(t, "", "test", "rules", monitoring+"alerts_test.yml")

	there := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^([a-z_]+)(?:\{| )`).FindAllStringSubmatch(text, -1) {
		there[m[1]] = true
	}
	rules, err := os.ReadFile(monitoring + "alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	board, err := os.ReadFile(monitoring + "grafana.json")
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Panels []struct{ Targets []struct{ Expr string } }
	}
	if err := json.Unmarshal(board, &document); err != nil {
		t.Fatal(err)
	}
	asked := 0
	names := regexp.MustCompile(`\b(?:parley|process|go)_[a-z_]+\b`)
	use := func(where, expr string) {
		for _, name := range names.FindAllString(expr, -1) {
			asked++
			if !there[name] {
				t.Errorf("%s asks for %s, which is not there", where, name)
			}
		}
	}
	for _, m := range regexp.MustCompile(`(?ms)^        expr: (.*?)^        \w+:`).FindAllStringSubmatch(string(rules), -1) {
		use("alerts.yml", m[1])
	}
	for _, p := range document.Panels {
		for _, target := range p.Targets {
			use("grafana.json", target.Expr)
		}
	}
	if asked < 40 {
		t.Errorf("only %d names were found", asked)
	}
}

// TestMetricsAreBounded: how many series there are does not depend on what happens, but for the names of versions.
func TestMetricsAreBounded(t *testing.T) {
	d := start(t, "")
	series := func() int {
		n := 0
		for line := range strings.Lines(scrape(t, d)) {
			if strings.HasPrefix(line, "parley_") {
				n++
			}
		}
		return n
	}
	before := series()
	agent := peer.NewAgent(t, "udp", d.SIP().String())
	for _, offer := range []string{"v=0\r\n", peer.Offer("text/plain", "msrp://127.0.0.1:9/"+peer.Ident()+";tcp")} {
		call := agent.NewDialog("bob")
		if _, answer := call.Call(t, answerLimit, offer); answer.Code() == 200 {
			call.Ack(t)
			call.Bye(t, answerLimit)
		}
	}
	if after := series(); after != before || after > 500 {
		t.Errorf("%d series, %d before", after, before)
	}
}
