package config

import (
	"errors"
	"fmt"
	"net/netip"
)

// check checks what is said below the key http.
func (h *HTTP) check(report func(string, error)) {
	report("http.listen", checkPlain(h.Listen))
	report("http.listen_tls", checkHTTPS(h.ListenTLS))
	report("http.max_requests_per_second", checkLimit(h.MaxPerSecond))
	switch {
	case len(h.ListenTLS) > 0 && h.Certificate == "":
		report("http.certificate", errors.New("is empty, and http.listen_tls has listeners; the name of a PEM file would be right, here or in tls.certificate"))
	case h.Certificate != "" && h.PrivateKey == "":
		report("http.private_key", errors.New("is empty, and http.certificate is not; the name of a PEM file would be right"))
	case h.Certificate == "" && h.PrivateKey != "":
		report("http.certificate", errors.New("is empty, and http.private_key is not; the name of a PEM file would be right"))
	}
	if h.Clients != "" {
		return
	}
	why := ""
	switch {
	case len(h.ListenTLS) > 0:
		why = "http.listen_tls can be reached from elsewhere"
	case !h.LoopbackOpen:
		why = "http.loopback_open is false"
	case h.ClientCA != "":
		why = "http.client_ca is not"
	default:
		return
	}
	report("http.clients", fmt.Errorf("is empty, and %s; the name of a file of clients would be right, whose lines parley token makes", why))
}

// checkPlain keeps HTTP without TLS on loopback.
func checkPlain(s string) error {
	host, _, err := parseAddress(s)
	if err != nil {
		return fmt.Errorf("%s: %w", quoted(s), err)
	}
	if a, err := netip.ParseAddr(host); host == "localhost" || err == nil && a.IsLoopback() {
		return nil
	}
	return fmt.Errorf("%s is not on loopback, and whoever is to reach the HTTP side from elsewhere needs TLS and has to authenticate: 127.0.0.1:PORT or [::1]:PORT would be right "+
		"here, and http.listen_tls with http.certificate, http.private_key and http.clients for others", quoted(s))
}

func checkHTTPS(list []string) error {
	seen := make(map[string]bool)
	for _, s := range list {
		if _, _, err := parseAddress(s); err != nil {
			return fmt.Errorf("%s: %w", quoted(s), err)
		}
		if seen[s] {
			return fmt.Errorf("%s stands there twice; once is enough", quoted(s))
		}
		seen[s] = true
	}
	return nil
}
