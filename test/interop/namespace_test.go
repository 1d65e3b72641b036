package interop

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The addresses of the world that natted makes.
var (
	within   = netip.MustParseAddr("10.77.0.2")    // the host behind the NAT
	router   = netip.MustParseAddr("198.51.100.1") // what it looks like from outside
	outside  = netip.MustParseAddr("198.51.100.2")
	relaying = netip.MustParseAddr("198.51.100.3")
)

// inNamespaces says that this process is the one that natted has started.
const inNamespaces = "PARLEY_TEST_IN_NAMESPACES"

// natted runs the test again in a process with network namespaces of its own: the process is in the world, the namespace house is behind a NAT. It returns true in
// that process. Root is not needed where the system lets users make user namespaces.
func natted(t *testing.T) bool {
	t.Helper()
	for command, debianPackage := range map[string]string{"unshare": "util-linux", "ip": "iproute2", "nft": "nftables"} {
		tool(t, command, debianPackage)
	}
	if os.Getenv(inNamespaces) != "" {
		makeNAT(t)
		return true
	}
	flags := []string{"--net", "--mount"}
	if os.Getuid() != 0 {
		flags = append(flags, "--map-root-user")
	}
	if out, err := exec.Command("unshare", append(flags, "true")...).CombinedOutput(); err != nil {
		t.Fatalf("network namespaces cannot be made (%v: %s); the test needs root, or user namespaces: sysctl kernel.unprivileged_userns_clone=1 user.max_user_namespaces=1000",
			err, strings.TrimSpace(string(out)))
	}
	program(t) // there the module proxy is out of reach
	cmd := exec.CommandContext(t.Context(), "unshare", append(flags, os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")...)
	cmd.Env = append(os.Environ(), inNamespaces+"=yes", "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
	return false
}

// makeNAT makes the namespace house, and between it and this one a router.
func makeNAT(t *testing.T) {
	t.Helper()
	rules, err := filepath.Abs("testdata/nat.nft")
	if err != nil {
		t.Fatal(err)
	}
	for command := range strings.Lines(`mount -t tmpfs none /run
ip netns add house
ip netns add router
ip link set lo up
ip -n house link set lo up
ip -n router link set lo up
ip -n router link add name lan type veth peer name home netns house
ip -n router link add name wan type veth peer name world
ip -n router link set world netns ` + fmt.Sprint(os.Getpid()) + `
ip -n house addr add ` + within.String() + `/24 dev home
ip -n house link set home up
ip -n house route add default via 10.77.0.1
ip -n router addr add 10.77.0.1/24 dev lan
ip -n router link set lan up
ip -n router addr add ` + router.String() + `/24 dev wan
ip -n router link set wan up
ip addr add ` + outside.String() + `/24 dev world
ip addr add ` + relaying.String() + `/24 dev world
ip link set world up
ip netns exec router nft -f ` + rules + `
`) {
		words := strings.Fields(command)
		if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", strings.TrimSpace(command), err, out)
		}
	}
	if out, err := exec.Command("ip", "netns", "exec", "router", "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward").CombinedOutput(); err != nil {
		t.Fatalf("forwarding cannot be switched on: %v\n%s", err, out)
	}
}

// inHouse is a script that runs the program in the house.
func inHouse(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "parley")
	if err := os.WriteFile(file, []byte("#!/bin/sh\nexec ip netns exec house "+program(t)+" \"$@\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return file
}

// dialHouse dials from within the house.
func dialHouse(ctx context.Context, network, addr string) (net.Conn, error) {
	house, err := os.Open("/run/netns/house")
	if err != nil {
		return nil, err
	}
	defer house.Close()
	here, err := os.Open("/proc/self/task/" + fmt.Sprint(unix.Gettid()) + "/ns/net")
	if err != nil {
		return nil, err
	}
	defer here.Close()
	runtime.LockOSThread() // the socket belongs to the namespace that the thread is in
	if err := unix.Setns(int(house.Fd()), unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return nil, fmt.Errorf("setns: %w", err)
	}
	c, err := new(net.Dialer).DialContext(ctx, network, addr)
	if wrong := unix.Setns(int(here.Fd()), unix.CLONE_NEWNET); wrong == nil {
		runtime.UnlockOSThread() // else the thread ends with the goroutine
	}
	return c, err
}
