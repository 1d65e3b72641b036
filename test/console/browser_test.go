package console

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const sources = "../../internal/web/console"

// browser is a page of Chromium, driven by way of playwright-core.
type browser struct {
	t       testing.TB
	in      io.WriteCloser
	answers *bufio.Reader
}

type look struct {
	width, height int
	dark          bool
}

var desk, phone = look{1280, 800, false}, look{390, 844, true}

// open starts a browser on a page.
func open(t testing.TB, url string, l look) *browser {
	t.Helper()
	if _, err := os.Stat(filepath.Join(sources, "node_modules", "playwright-core")); err != nil {
		t.Fatalf("playwright-core is not there: run scripts/console (%v)", err)
	}
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("run scripts/packages: %v", err)
	}
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	cmd := exec.Command("node", "drive/drive.mjs", chromium, fmt.Sprint(l.width), fmt.Sprint(l.height), scheme, t.TempDir())
	cmd.Dir = sources
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t, in: in, answers: bufio.NewReader(out)}
	t.Cleanup(func() {
		in.Close() // the driver then closes the browser, and ends
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			_ = cmd.Process.Kill()
			<-ended
		}
	})
	b.answer()
	b.page("goto", url)
	return b
}

func (b *browser) answer() any {
	b.t.Helper()
	line, err := b.answers.ReadBytes('\n')
	if err != nil {
		b.t.Fatalf("the browser is gone: %v", err)
	}
	var a struct {
		Value any
		Error string
	}
	if err := json.Unmarshal(line, &a); err != nil {
		b.t.Fatalf("%v in %s", err, line)
	}
	if a.Error != "" {
		b.t.Fatal(a.Error)
	}
	return a.Value
}

func (b *browser) call(on, method string, args []any) any {
	b.t.Helper()
	if args == nil {
		args = []any{}
	}
	line, err := json.Marshal(map[string]any{"on": on, "method": method, "args": args})
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.in.Write(append(line, '\n')); err != nil {
		b.t.Fatalf("the browser is gone: %v", err)
	}
	return b.answer()
}

// page calls a method of the page.
func (b *browser) page(method string, args ...any) any { b.t.Helper(); return b.call("", method, args) }

// on calls a method of what a selector finds, which Playwright waits for.
func (b *browser) on(selector, method string, args ...any) any {
	b.t.Helper()
	return b.call(selector, method, args)
}

// see waits until something that the selector finds can be seen.
func (b *browser) see(selector string) {
	b.t.Helper()
	b.on(selector+" >> nth=0", "waitFor")
}

// gone waits until nothing that the selector finds can be seen.
func (b *browser) gone(selector string) {
	b.t.Helper()
	b.on(selector, "waitFor", map[string]any{"state": "hidden"})
}

// text is what can be read there.
func (b *browser) text(selector string) string {
	b.t.Helper()
	s, _ := b.on(selector, "innerText").(string)
	return s
}

// shot keeps a picture under docs/ where PARLEY_SCREENSHOTS is set; else it takes it and lets it go.
func (b *browser) shot(name string) {
	b.t.Helper()
	path := filepath.Join(b.t.TempDir(), name)
	if os.Getenv("PARLEY_SCREENSHOTS") != "" {
		var err error
		if path, err = filepath.Abs(filepath.Join("../../docs/images", name)); err != nil {
			b.t.Fatal(err)
		}
	}
	b.page("screenshot", map[string]any{"path": path})
}

// quiet says that nothing went wrong in the page but what the test expected, each as a part of a complaint.
func (b *browser) quiet(expected ...string) {
	b.t.Helper()
	all, _ := b.page("complaints").([]any)
	for _, c := range all {
		known := false
		for _, e := range expected {
			known = known || strings.Contains(fmt.Sprint(c), e)
		}
		if !known {
			b.t.Errorf("the page complains: %v", c)
		}
	}
}
