package msrp_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-msrp/parley/msrp"
)

// silentTLS is a rig with a session that is bound over TLS from a peer that then reads no octet any more, so that nothing can be written to it, not even a
// close_notify.
func silentTLS(t *testing.T) (*rig, *msrp.Session) {
	l := newPipeListener()
	r := startRig(t, msrp.Config{TLS: shows(usual(t), nil)}, tlsListener{l}, secured(l.dial), 24*time.Hour)
	r.base.Secure = true
	s, h := r.session()
	p := r.peer(s)
	p.bind()
	next[*msrp.Received](h)
	return r, s
}

// TestTLSReads counts what the body of a stream is read in over TLS: records, not octets.
func TestTLSReads(t *testing.T) {
	itself(t)
	var reads atomic.Int64
	l, dial := onLoopback(t)
	r := startRig(t, msrp.Config{
		TLS: shows(usual(t), nil), MaxMessage: -1,
		Tap: func(_, _ net.Addr, sent bool, _ []byte) {
			if !sent {
				reads.Add(1)
			}
		},
	}, tlsListener{l}, secured(dial), limit)
	r.base.Secure = true
	s, err := r.endpoint.NewSession(msrp.SessionConfig{Base: r.base, Accept: msrp.Types{"text/plain"}, Handler: consumer{}})
	if err != nil {
		t.Fatal(err)
	}
	p := r.peer(s)
	body := strings.Repeat("x", 4<<20)
	id, request := p.text("m-12345", body)
	p.write(request)
	p.expect(id, 200)
	if n := reads.Load(); n > 2000 {
		t.Errorf("%d reads", n)
	}
}

// TestTLSClose has a peer that does not read, which TLS has to write to when it takes leave. It must hold up nobody.
func TestTLSClose(t *testing.T) {
	itself(t)
	synctest.Test(t, func(t *testing.T) {
		r, bound := silentTLS(t)
		began := time.Now()
		bound.Close()
		bound.Close() // takes the same locks
		s, _ := r.session()
		p := r.peer(s) // another connection is served meanwhile
		id := p.nextID()
		p.write(p.request(id, "SEND", nil, "$", "Message-ID: m-other"))
		p.expect(id, 200)
		after(t, began, 0)
	})
	synctest.Test(t, func(t *testing.T) {
		r, _ := silentTLS(t)
		for range 20 {
			r.dial()
		}
		synctest.Wait()
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.endpoint.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("closed with %v", err)
		}
		after(t, began, time.Second)
	})
}
