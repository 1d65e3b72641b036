package msrp_test

import "runtime"

// heap is how much memory is in use after a collection.
func heap() int64 {
	runtime.GC()
	if overTLS { // what pools hold, and what crypto/tls keeps weakly, goes with a later one
		runtime.GC()
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
