package readme

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/parley-msrp/parley/test/daemon"
)

// process is a command that goes on in a terminal of its own.
type process struct {
	line   string
	cmd    *exec.Cmd
	in     io.WriteCloser
	screen daemon.Output
	done   chan struct{} // closed when it has ended
}

// start types a command into a new terminal. It ends with the test at the latest.
func start(t *testing.T, dir, line string) *process {
	t.Helper()
	p := &process{line: line, cmd: exec.Command("sh", "-c", line), done: make(chan struct{})}
	p.cmd.Dir = dir
	state := dir
	if !filepath.IsAbs(state) { // the source, where nothing is to be left; and a path that is not absolute would not count
		state = t.TempDir()
	}
	p.cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+state) // what outlives the process is the test's own, too
	p.cmd.Stdout, p.cmd.Stderr = &p.screen, &p.screen
	// Ctrl-C goes to all processes of a terminal; these are a group instead.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var err error
	if p.in, err = p.cmd.StdinPipe(); err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	go func() { // ends with the process
		_ = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.done
		p.in.Close()
	})
	return p
}

// run types a command and waits for its end, which must be a good one. It returns what the command printed.
func run(t *testing.T, dir, line string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
	return string(out)
}

// types enters a line.
func (p *process) types(t *testing.T, line string) {
	t.Helper()
	if _, err := io.WriteString(p.in, line+"\n"); err != nil {
		t.Fatalf("%s: %v\n%s", p.line, err, &p.screen)
	}
}

// prints waits until each of the texts is on the screen.
func (p *process) prints(t *testing.T, within time.Duration, texts ...string) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	end := time.After(within)
	for _, text := range texts {
		for ended := false; !strings.Contains(p.screen.String(), text); {
			if ended {
				t.Fatalf("%s has ended and has not printed %q:\n%s", p.line, text, &p.screen)
			}
			select {
			case <-tick.C:
			case <-p.done:
				ended = true // what it printed last is on the screen now
			case <-end:
				t.Fatalf("%s does not print %q:\n%s", p.line, text, &p.screen)
			}
		}
	}
}

// interrupt presses Ctrl-C.
func (p *process) interrupt() { _ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGINT) }

// ends waits for the end.
func (p *process) ends(t *testing.T) {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(limit):
		t.Errorf("%s does not end:\n%s", p.line, &p.screen)
	}
}
