// Package daemon runs the built program as a process of its own, for tests and measurements that look at it from outside.
//
// Each daemon gets a loopback address to itself, so that all of them listen on the protocols' usual ports side by side.
package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// The ports that the configuration of Config listens on.
const (
	SIPPort  = 5060
	MSRPPort = 2855
	HTTPPort = 8888
)

const (
	startLimit = 20 * time.Second // until /healthz answers 200
	pollEvery  = 10 * time.Millisecond
)

// Daemon is a running `parley serve`. Its methods may be called concurrently.
type Daemon struct {
	Addr netip.Addr // its listeners are on SIPPort, MSRPPort and HTTPPort of this address

	cmd    *exec.Cmd
	stdout Output
	stderr Output
	done   chan struct{} // closed after cmd.Wait
}

// Build builds the program into dir and returns the path of the binary. With race it reports data races of its own and then exits with status 66.
func Build(ctx context.Context, dir string, race bool) (string, error) {
	binary := filepath.Join(dir, "parley")
	args := []string{"build", "-o", binary}
	if race {
		args = append(args, "-race")
	}
	args = append(args, "github.com/parley-msrp/parley/cmd/parley")
	if out, err := exec.CommandContext(ctx, "go", args...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the program: %w\n%s", err, out)
	}
	return binary, nil
}

// Config is a configuration whose listeners are on addr, followed by more (YAML, sections other than sip, msrp_ua and http).
func Config(addr netip.Addr, more string) string {
	return fmt.Sprintf(`sip:
  listen: ["udp:%[1]s:%[2]d", "tcp:%[1]s:%[2]d"]
msrp_ua:
  my_uri: "msrp://%[1]s:%[3]d;tcp"
http:
  listen: "%[1]s:%[4]d"
%[5]s`, addr, SIPPort, MSRPPort, HTTPPort, more)
}

// Start runs the binary in dir with a configuration (like Config; empty: without one) that has it listen on addr, and returns once /healthz answers 200.
// It fails when the process ends before, when that takes too long, or when ctx ends. Whoever starts a daemon calls Stop or Kill.
func Start(ctx context.Context, binary, dir string, addr netip.Addr, config string) (*Daemon, error) {
	args := []string{"serve"}
	if config != "" {
		file := filepath.Join(dir, "parley.yaml")
		if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
			return nil, err
		}
		args = append(args, "--config", file)
	}
	d := &Daemon{Addr: addr, done: make(chan struct{})}
	d.cmd = exec.Command(binary, args...)
	d.cmd.Dir = dir
	d.cmd.Stdout, d.cmd.Stderr = &d.stdout, &d.stderr
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { // ends with the process
		d.cmd.Wait()
		close(d.done)
	}()
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := d.awaitHealth(ctx); err != nil {
		d.Kill()
		return nil, fmt.Errorf("%w\nstandard output:\n%s\nstandard error:\n%s", err, &d.stdout, &d.stderr)
	}
	return d, nil
}

func (d *Daemon) awaitHealth(ctx context.Context) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if d.healthy(ctx) {
			return nil
		}
		select {
		case <-d.done:
			return fmt.Errorf("the daemon ended before it was ready: %s", d.cmd.ProcessState)
		case <-ctx.Done():
			return fmt.Errorf("the daemon is not ready: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

func (d *Daemon) healthy(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.URL("/healthz"), nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// SIP is the address of the daemon's SIP listeners.
func (d *Daemon) SIP() netip.AddrPort { return netip.AddrPortFrom(d.Addr, SIPPort) }

// URL is that of path at the daemon's HTTP listener.
func (d *Daemon) URL(path string) string {
	return fmt.Sprintf("http://%s:%d%s", d.Addr, HTTPPort, path)
}

// PID is the process id.
func (d *Daemon) PID() int { return d.cmd.Process.Pid }

// Stderr is what the process has written to its standard error so far.
func (d *Daemon) Stderr() string { return d.stderr.String() }

// Stdout is what the process has written to its standard output so far.
func (d *Daemon) Stdout() string { return d.stdout.String() }

// Stop sends SIGTERM and waits for the end of the process, as Wait does.
func (d *Daemon) Stop(ctx context.Context) error {
	d.Terminate()
	return d.Wait(ctx)
}

// Terminate sends SIGTERM and does not wait. A second one ends the daemon at once, with a status that is not 0.
func (d *Daemon) Terminate() { d.cmd.Process.Signal(syscall.SIGTERM) }

// Wait waits for the end of the process. Its error says that the exit status was not 0, or that ctx ended first; then the process is killed.
func (d *Daemon) Wait(ctx context.Context) error {
	select {
	case <-d.done:
	case <-ctx.Done():
		d.Kill()
		return fmt.Errorf("the daemon did not end: %w\nstandard error:\n%s", ctx.Err(), &d.stderr)
	}
	if !d.cmd.ProcessState.Success() {
		return fmt.Errorf("the daemon ended with %s\nstandard error:\n%s", d.cmd.ProcessState, &d.stderr)
	}
	return nil
}

// Kill sends SIGKILL and waits for the end of the process.
func (d *Daemon) Kill() {
	if err := d.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return
	}
	<-d.done
}

// Output collects what a process writes while others read it.
type Output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *Output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(b)
}

func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}
