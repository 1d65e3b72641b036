package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of the times in /proc/PID/stat: USER_HZ, which is 100 on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

// cpuTime is the user and system time that a process has used so far.
func cpuTime(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The second field is the command's name in parentheses, and may hold anything.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	const utime, stime = 14 - 3, 15 - 3 // as numbered in proc(5), less the fields cut off
	if len(fields) <= stime {
		return 0, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	user, err := strconv.Atoi(fields[utime])
	if err != nil {
		return 0, err
	}
	system, err := strconv.Atoi(fields[stime])
	return time.Duration(user+system) * clockTick, err
}

// A server is a process under load.
type server struct {
	name      string
	pid       int
	sip, msrp string // where the generator goes to; sip is empty for the echo
	stop      func() error
}

// startEcho starts this program again as the raw echo.
func startEcho(ctx context.Context, addr string) (server, error) {
	self, err := os.Executable()
	if err != nil {
		return server{}, err
	}
	cmd := exec.CommandContext(ctx, self, "echo", addr)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return server{}, err
	}
	if err := cmd.Start(); err != nil {
		return server{}, err
	}
	stop := func() error {
		cmd.Process.Kill()
		cmd.Wait()
		return nil
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		stop()
		return server{}, fmt.Errorf("the echo did not start: %w", err)
	}
	return server{name: "echo", pid: cmd.Process.Pid, msrp: addr, stop: stop}, nil
}

// generatorLimit is how much longer than its measured time a run may take, for setting sessions up and ending them.
const generatorLimit = time.Minute

// load starts this program again as the load generator, and waits for what it found.
func load(ctx context.Context, o order) (out outcome, err error) {
	self, err := os.Executable()
	if err != nil {
		return out, err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*o.Duration+generatorLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, "generate")
	cmd.Stderr = os.Stderr
	text, err := json.Marshal(o)
	if err != nil {
		return out, err
	}
	cmd.Stdin = strings.NewReader(string(text))
	result, err := cmd.Output()
	if err != nil {
		return out, fmt.Errorf("load generator: %w", err)
	}
	return out, json.Unmarshal(result, &out)
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
