package web

import (
	"net"
	"net/http"
	"net/netip"
	"sync"

	"github.com/parley-msrp/parley/internal/access"
)

// keptForLoopback are connections that those from elsewhere cannot take.
const keptForLoopback = 64

// conns counts connections, and with them bounds the memory that requests take.
type conns struct {
	max       int // in all
	perSource int // from one source that is not on loopback

	mu        sync.Mutex
	all       int
	elsewhere int // of those, from sources that are not on loopback
	sources   map[netip.Addr]int
}

// count follows the states of a connection, as http.Server.ConnState.
func (c *conns) count(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		if !c.enter(access.SourceOf(conn.RemoteAddr().String())) {
			conn.Close()
		}
	case http.StateClosed, http.StateHijacked:
		c.leave(access.SourceOf(conn.RemoteAddr().String()))
	}
}

// enter counts one more, also where it is one too many: that one is closed, and leaves.
func (c *conns) enter(source netip.Addr) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all++
	if source.IsLoopback() {
		return c.all <= c.max
	}
	if c.sources == nil {
		c.sources = map[netip.Addr]int{}
	}
	c.elsewhere++
	c.sources[source]++
	return c.all <= c.max && c.elsewhere <= max(1, c.max-keptForLoopback) && c.sources[source] <= c.perSource
}

func (c *conns) leave(source netip.Addr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all--
	if source.IsLoopback() {
		return
	}
	c.elsewhere--
	if c.sources[source]--; c.sources[source] == 0 {
		delete(c.sources, source)
	}
}
