package interop

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

// TestMain lets more tests run at a time than there are processors: those of sipp wait for timers, mostly.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}
