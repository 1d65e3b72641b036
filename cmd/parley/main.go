// Parley is an MSRP user agent: a daemon, a terminal client and tools.
package main

import (
	"os"
	"runtime"

	"github.com/parley-msrp/parley/internal/cli"
	"github.com/parley-msrp/parley/internal/daemon"
)

func main() {
	runtime.MemProfileRate = 0 // nobody reads the profiles of the heap that a dependency asks for; taking them costs a hundredth of the time
	os.Exit(cli.Main(os.Args[1:], cli.IO{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, daemon.Serve))
}
