package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

const (
	startLimit = 30 * time.Second // until /healthz answers 200
	pollEvery  = 10 * time.Millisecond
)

// Process is a running program that answers /healthz. Its methods may be called concurrently.
type Process struct {
	cmd    *exec.Cmd
	stdout Output
	stderr Output
	done   chan struct{} // closed after cmd.Wait
}

// Run runs a program in dir and returns once health answers 200. It fails when the process ends before, when that takes too long, or when ctx
// ends. Whoever runs a program calls Stop or Kill.
func Run(ctx context.Context, binary, dir, health string, args ...string) (*Process, error) {
	p := &Process{done: make(chan struct{})}
	p.cmd = exec.Command(binary, args...)
	p.cmd.Dir = dir
	p.cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+dir) // what outlives the process is in dir, too
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { // ends with the process
		p.cmd.Wait()
		close(p.done)
	}()
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := p.awaitHealth(ctx, health); err != nil {
		p.Kill()
		return nil, fmt.Errorf("%w\nstandard output:\n%s\nstandard error:\n%s", err, &p.stdout, &p.stderr)
	}
	return p, nil
}

func (p *Process) awaitHealth(ctx context.Context, url string) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if healthy(ctx, url) {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("the program ended before it was ready: %s", p.cmd.ProcessState)
		case <-ctx.Done():
			return fmt.Errorf("the program is not ready: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

func healthy(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
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

// PID is the process ip.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Stderr is what the process has written to its standard error so far.
func (p *Process) Stderr() string { return p.stderr.String() }

// Stdout is what the process has written to its standard output so far.
func (p *Process) Stdout() string { return p.stdout.String() }

// Stop sends SIGTERM and waits for the end of the process, as Wait does.
func (p *Process) Stop(ctx context.Context) error {
	p.Terminate()
	return p.Wait(ctx)
}

// Terminate sends SIGTERM and does not wait. A second one ends the program at once, with a status that is not 0.
func (p *Process) Terminate() { p.cmd.Process.Signal(syscall.SIGTERM) }

// Wait waits for the end of the process. Its error says that the exit status was not 0, or that ctx ended first; then the process is killep.
func (p *Process) Wait(ctx context.Context) error {
	select {
	case <-p.done:
	case <-ctx.Done():
		p.Kill()
		return fmt.Errorf("the program did not end: %w\nstandard error:\n%s", ctx.Err(), &p.stderr)
	}
	if !p.cmd.ProcessState.Success() {
		return fmt.Errorf("the program ended with %s\nstandard error:\n%s", p.cmd.ProcessState, &p.stderr)
	}
	return nil
}

// Kill sends SIGKILL and waits for the end of the process.
func (p *Process) Kill() {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return
	}
	<-p.done
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
