// Package access says who may use the faces of the node and what for (Gate, Rights), and which addresses may be connected to where others have named them
// (Addresses).
//
// Without authentication the HTTP side is there for this machine only (GateConfig.LoopbackOpen). That a listener is on loopback does not make it so: a
// web page from anywhere, open in a browser on this machine, can send requests to loopback addresses. Hence the checks of Host
// (a name of the page's own that resolves to loopback: DNS rebinding), of Origin and Sec-Fetch-Site (cross-site requests) and
// of the content type (a form or a script may post text/plain to any site without asking first).
package access

import (
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

// Refusal is why a request may not pass.
type Refusal struct {
	Status int    // of HTTP
	Detail string // what was wrong and what would be right
	Header http.Header
}

// checkOrigin checks that no web page from elsewhere has sent a request; nil: it may pass. The request is one that net/http served: without TLS it came
// in through a listener on loopback, and its context knows the connection's local address (http.LocalAddrContextKey). Over TLS the Host is whatever
// names the certificate has: a page whose own name resolves to here fails at that.
func checkOrigin(r *http.Request) *Refusal {
	scheme := "https"
	if r.TLS == nil {
		scheme = "http"
		local, ok := localAddr(r)
		switch {
		case !ok:
			return refuse(http.StatusForbidden, "the connection's local address is unknown")
		case !ownHost(r.Host, local):
			return refuse(http.StatusForbidden, "the Host header names neither this listener's address nor localhost, with its port")
		}
	}
	switch {
	case !sameOrigin(r, scheme):
		return refuse(http.StatusForbidden, "requests from other origins are refused")
	case r.Method == http.MethodPost && !isJSON(r.Header.Values("Content-Type")):
		return refuse(http.StatusUnsupportedMediaType, "a POST needs Content-Type: application/json")
	}
	return nil
}

func refuse(status int, detail string) *Refusal { return &Refusal{Status: status, Detail: detail} }

func localAddr(r *http.Request) (netip.AddrPort, bool) {
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}, false
	}
	local := addr.AddrPort()
	return netip.AddrPortFrom(local.Addr().Unmap(), local.Port()), true
}

// ownHost: an address is as good as its value, since no name was resolved to come here; of names only localhost is known to
// mean this machine.
func ownHost(host string, local netip.AddrPort) bool {
	name, port, ok := splitHost(host)
	if !ok || port != strconv.Itoa(int(local.Port())) {
		return false
	}
	if strings.EqualFold(name, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(name)
	return err == nil && addr.Zone() == "" && (addr.IsLoopback() || addr == local.Addr())
}

// splitHost reads the value of a Host header; without a port it is 80, that of http.
func splitHost(host string) (name, port string, ok bool) {
	if name, port, err := net.SplitHostPort(host); err == nil {
		return name, port, port != ""
	}
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		return host[1 : len(host)-1], "80", true
	}
	return host, "80", host != "" && !strings.Contains(host, ":")
}

// sameOrigin: programs that are no browsers send neither header. A browser sends Origin with every POST and every cross-origin
// read, and Sec-Fetch-Site also with what has no Origin, such as <img src>. A link that somebody follows to this machine
// (navigate, document) is let through: the page that it stands on cannot read what comes.
func sameOrigin(r *http.Request, scheme string) bool {
	origins := r.Header.Values("Origin")
	if len(origins) > 1 || len(origins) == 1 && !strings.EqualFold(origins[0], scheme+"://"+r.Host) {
		return false
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return true
	}
	return r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
}

func isJSON(values []string) bool {
	if len(values) != 1 {
		return false
	}
	if values[0] == "application/json" {
		return true
	}
	mediaType, parameters, err := mime.ParseMediaType(values[0])
	if err != nil || mediaType != "application/json" {
		return false
	}
	charset, given := parameters["charset"]
	return !given || strings.EqualFold(charset, "utf-8")
}
