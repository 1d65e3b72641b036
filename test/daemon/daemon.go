// Package daemon runs the built program as a process of its own, for tests and measurements that look at it from outside.
//
// Each daemon gets a loopback address to itself, so that all of them listen on the protocols' usual ports side by side.
package daemon

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
)

// The ports that the configuration of Config listens on.
const (
	SIPPort  = 5060
	MSRPPort = 2855
	HTTPPort = 8888
)

// Daemon is a running `parley serve`. Its methods may be called concurrently.
type Daemon struct {
	*Process
	Addr netip.Addr // its listeners are on SIPPort, MSRPPort and HTTPPort of this address
}

// Program is the import path of the program.
const Program = "github.com/parley-msrp/parley/cmd/parley"

// Build builds a program, usually Program, into dir and returns the path of the binary. With race it reports data races of its own and then exits with status 66.
func Build(ctx context.Context, program, dir string, race bool) (string, error) {
	binary := filepath.Join(dir, "parley")
	args := []string{"build", "-o", binary}
	if race {
		args = append(args, "-race")
	}
	args = append(args, program)
	if out, err := exec.CommandContext(ctx, "go", args...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the program: %w\n%s", err, out)
	}
	return binary, nil
}

// Config is a configuration whose listeners are on addr, followed by more (YAML, sections other than sip, msrp_ua and http).
func Config(addr netip.Addr, more string) string { return ConfigSIP(addr, "", more) }

// ConfigSIP is Config with further lines of the sip section.
func ConfigSIP(addr netip.Addr, sip, more string) string {
	return fmt.Sprintf(`sip:
  listen: ["udp:%[1]s:%[2]d", "tcp:%[1]s:%[2]d"]
%[6]smsrp_ua:
  my_uri: "msrp://%[1]s:%[3]d;tcp"
http:
  listen: "%[1]s:%[4]d"
%[5]s`, addr, SIPPort, MSRPPort, HTTPPort, more, sip)
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
	p, err := Run(ctx, binary, dir, healthURL(addr), args...)
	if err != nil {
		return nil, err
	}
	return &Daemon{Process: p, Addr: addr}, nil
}

func healthURL(addr netip.Addr) string { return fmt.Sprintf("http://%s:%d/healthz", addr, HTTPPort) }

// SIP is the address of the daemon's SIP listeners.
func (d *Daemon) SIP() netip.AddrPort { return netip.AddrPortFrom(d.Addr, SIPPort) }

// URL is that of path at the daemon's HTTP listener.
func (d *Daemon) URL(path string) string {
	return fmt.Sprintf("http://%s:%d%s", d.Addr, HTTPPort, path)
}
