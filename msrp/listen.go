package msrp

import (
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"time"
)

// Serve takes connections from l until l or the endpoint is closed; it closes l. It returns nil if the endpoint was
// or is closed, else the error of l. Several listeners may be served at once.
func (e *Endpoint) Serve(l net.Listener) error { return e.serve(l, nil) }

// ServeTLS is Serve for connections that are secured by TLS, see Config.TLS. It returns ErrNoTransport where that is missing.
func (e *Endpoint) ServeTLS(l net.Listener) error {
	if e.cfg.TLS == nil {
		l.Close()
		return errNoTLS
	}
	return e.serve(l, e.cfg.TLS.server())
}

func (e *Endpoint) serve(l net.Listener, secure *tls.Config) error {
	defer l.Close()
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	e.listeners[l] = struct{}{}
	e.wg.Add(1)
	e.mu.Unlock()
	defer e.wg.Done()
	defer e.forget(l)
	pause := time.Duration(0)
	for {
		nc, err := l.Accept()
		if err == nil {
			pause = 0
			if secure != nil {
				nc = tls.Server(nc, secure)
			}
			e.own(newConn(e, nc, true))
			continue
		}
		select {
		case <-e.done:
			return nil
		default:
		}
		//lint:ignore SA1019 there is no other way to tell EMFILE and the like on all systems
		if temporary, ok := errors.AsType[net.Error](err); !ok || !temporary.Temporary() {
			return err
		}
		// Out of file descriptors or the like: what is open goes on, new connections wait.
		pause = min(max(2*pause, 5*time.Millisecond), time.Second)
		e.cfg.Logger.Warn("msrp listener cannot take a connection", "error", err)
		select {
		case <-e.done:
			return nil
		case <-time.After(pause):
		}
	}
}

func (e *Endpoint) forget(l net.Listener) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.listeners, l)
}

// sourceOf is what connections are counted by: an IPv4 address, or the /64 that an IPv6 host chooses its addresses from.
func sourceOf(a net.Addr) netip.Prefix {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	addr := tcp.AddrPort().Addr().Unmap().WithZone("")
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	prefix, _ := addr.Prefix(bits)
	return prefix
}
