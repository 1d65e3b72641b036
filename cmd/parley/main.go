// Parley is an MSRP user agent: a daemon, a terminal client and tools.
package main

import (
	"os"

	"github.com/parley-msrp/parley/internal/cli"
	"github.com/parley-msrp/parley/internal/daemon"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], cli.IO{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, daemon.Serve))
}
