package msrp_test

import (
	"hash"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/parley-msrp/parley/msrp"
)

// TestLargeMessages: a message of any size passes through both directions of the engine in little memory. With PARLEY_SOAK set it is 10 GiB.
func TestLargeMessages(t *testing.T) {
	size, patience := int64(64<<20), time.Minute
	if os.Getenv("PARLEY_SOAK") != "" {
		size, patience = 10<<30, time.Hour
	}
	for name, cfg := range map[string]msrp.Config{
		"one interruptible chunk": {ChunkSize: 1 << 62, Interruptible: true, MaxMessage: -1},
		"many chunks":             {MaxMessage: -1},
	} {
		for sized, announced := range map[string]int64{"of known size": size, "of unknown size": 0} {
			t.Run(name+" "+sized, func(t *testing.T) {
				r := newRig(t, cfg)
				r.patience = patience
				a, ha := r.session()
				b, hb := r.session(streams)
				a.SetPeer(msrp.Peer{Path: b.Path(), Accept: msrp.Types{"*"}})
				b.SetPeer(msrp.Peer{Path: a.Path(), Accept: msrp.Types{"*"}})
				if err := a.Connect(t.Context()); err != nil {
					t.Fatal(err)
				}
				next[*msrp.Received](hb)
				most := growth(t)
				sum := crc32.NewIEEE()
				src := io.TeeReader(io.LimitReader(rand.NewChaCha8([32]byte{}), size), sum)
				start := time.Now()
				send(t, a, msrp.Outgoing{ContentType: "text/plain", Stream: src, Size: announced, SuccessReport: true})
				in := next[*msrp.Incoming](hb)
				got := crc32.NewIEEE()
				if n, err := in.WriteTo(got); n != size || err != nil || !same(sum, got) {
					t.Fatalf("%d octets of %d, %v, the same: %v", n, size, err, same(sum, got))
				}
				in.Accept()
				next[msrp.Report](ha)
				if f := next[msrp.Fate](ha); f.Kind != msrp.Reported || f.Range.Total != size {
					t.Fatalf("got %+v", f)
				}
				took := time.Since(start)
				grown := most()
				t.Logf("%d MiB/s, the heap grew by %d KiB", size>>20*int64(time.Second)/int64(took), grown>>10)
				if grown > 32<<20 {
					t.Fatalf("the heap grew by %d octets", grown)
				}
				balanced(t, r, b)
			})
		}
	}
}

func same(a, b hash.Hash32) bool { return a.Sum32() == b.Sum32() }

// growth samples the heap; what it returns ends that and says by how much it grew at most.
func growth(t testing.TB) (most func() int64) {
	before := heap()
	stop, result := make(chan struct{}), make(chan int64, 1)
	go func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		var high int64
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			high = max(high, int64(m.HeapAlloc)-before)
			select {
			case <-stop:
				result <- high
				return
			case <-tick.C:
			}
		}
	}()
	ended := false
	end := func() int64 {
		ended = true
		close(stop)
		return <-result
	}
	t.Cleanup(func() {
		if !ended {
			end()
		}
	})
	return end
}
