package daemon

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/parley-msrp/parley/internal/config"
	"github.com/parley-msrp/parley/internal/version"
)

// greet says what listens and what to try.
func (n *node) greet(out io.Writer) {
	url := ""
	if n.http != config.Default().HTTP.Listen {
		url = " --url http://" + n.http
	}
	addresses := append([]string{"http://" + n.http}, n.https...)
	fmt.Fprintf(out, "Parley %s is ready.\n  SIP   %s\n  MSRP  %s\n  HTTP  %s\nTry, in a second terminal or a browser:\n",
		version.String(), strings.Join(n.agent.SIPAddrs(), " "), strings.Join(n.agent.MSRPAddrs(), " "), strings.Join(addresses, " "))
	self := program()
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintf(w, "  %s chat %s\ttalk to this daemon\n", self, uri(n.agent.SIPAddrs()))
	fmt.Fprintf(w, "  http://%s/\tsee who is there, and talk\n", n.http)
	fmt.Fprintf(w, "  %s events%s\tsee what happens\n", self, url)
	fmt.Fprintf(w, "  %s sessions%s\tlist the sessions, then: %s send%s SESSION_ID hello\n", self, url, self, url)
	w.Flush()
}

// program is how this program was called, so that what to try can be typed as it stands.
func program() string {
	if strings.ContainsRune(os.Args[0], filepath.Separator) {
		return os.Args[0]
	}
	return "parley"
}

// uri is whom to call to reach the first listener, as a word of a command line.
func uri(listeners []string) string {
	network, address, ok := strings.Cut(listeners[0], ":")
	at, err := netip.ParseAddrPort(address)
	if !ok || err != nil {
		return "sip:anyone@127.0.0.1"
	}
	host := at.Addr().Unmap()
	if host.IsUnspecified() {
		host = netip.MustParseAddr("127.0.0.1")
	}
	u := "sip:anyone@" + netip.AddrPortFrom(host, at.Port()).String()
	u = strings.TrimSuffix(u, ":5060")
	if network != "udp" {
		return "'" + u + ";transport=" + network + "'"
	}
	return u
}
