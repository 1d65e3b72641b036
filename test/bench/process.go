package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// The modes in which this program starts itself.
const (
	generateMode = "generate"
	crowdMode    = "crowd"
	echoMode     = "echo"
	engineMode   = "engine"
	awakeMode    = "awake"
	bareMode     = "bare"
	agentMode    = "agent"
	phoneMode    = "phone"
)

// A server is a process under load.
type server struct {
	name    string
	pid     int
	sip     string // where the generator invites; empty: it asks for sessions at control
	control string
	http    string
	stop    func() error
}

// addresses is what a server started by startSelf writes once it listens: on the one or on the other, and for demands.
type addresses struct{ MSRP, SIP, Control, HTTP string }

// stopLimit bounds the end of a server, and of what it has to write then.
const stopLimit = 30 * time.Second

// A process is this program, started again in one of its modes. It ends when its standard input does.
type process struct {
	pid    int
	in     io.WriteCloser
	out    *bufio.Reader
	cmd    *exec.Cmd
	cancel context.CancelFunc
}

func startSelf(ctx context.Context, args ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	p := &process{cmd: exec.CommandContext(ctx, self, args...), cancel: cancel}
	p.cmd.Stderr = os.Stderr
	in, errIn := p.cmd.StdinPipe()
	out, errOut := p.cmd.StdoutPipe()
	if err := errors.Join(errIn, errOut); err != nil {
		cancel()
		return nil, err
	}
	p.in, p.out = in, bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		cancel()
		return nil, err
	}
	p.pid = p.cmd.Process.Pid
	return p, nil
}

// stop ends the process, and kills it if that takes too long.
func (p *process) stop() error {
	defer p.cancel()
	p.in.Close()
	defer time.AfterFunc(stopLimit, p.cancel).Stop()
	return p.cmd.Wait()
}

// startServer starts the echo or the engine.
func startServer(ctx context.Context, name string, args ...string) (server, error) {
	p, err := startSelf(ctx, args...)
	if err != nil {
		return server{}, err
	}
	var a addresses
	line, err := p.out.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &a)
	}
	if err != nil {
		return server{}, errors.Join(fmt.Errorf("the %s did not start: %w", name, err), p.stop())
	}
	return server{name: name, pid: p.pid, sip: a.SIP, control: a.Control, http: a.HTTP, stop: p.stop}, nil
}

// generatorLimit is how much longer than its measured time a run may take, for setting sessions up and ending them.
const generatorLimit = time.Minute

// load starts this program again as the load generator, and waits for what it found.
func load(ctx context.Context, o order) (out outcome, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*o.Duration+generatorLimit)
	defer cancel()
	p, err := startSelf(ctx, generateMode)
	if err != nil {
		return out, err
	}
	err = json.NewEncoder(p.in).Encode(o)
	if err == nil {
		err = json.NewDecoder(p.out).Decode(&out)
	}
	if err := errors.Join(err, p.stop()); err != nil {
		return out, fmt.Errorf("load generator: %w", err)
	}
	return out, nil
}

// generate is the load generator's process.
func generate(_ context.Context, in io.Reader, out io.Writer) error {
	var o order
	if err := json.NewDecoder(in).Decode(&o); err != nil {
		return fmt.Errorf("the order is not to be read: %w", err)
	}
	work, ok := works[o.Row.Work]
	if !ok {
		return fmt.Errorf("no such work: %q", o.Row.Work)
	}
	found, err := work.run(o)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(found)
}
