package doctor

import (
	"crypto/x509"
	"fmt"
	"time"

	"github.com/parley-msrp/parley/internal/certificate"
	"github.com/parley-msrp/parley/internal/config"
	"github.com/parley-msrp/parley/internal/sip"
)

// soon is how long before its end a certificate is worth a warning.
const soon = 30 * 24 * time.Hour

// certificates looks at the own one as peers will: whether it is valid at a time, and for the names that the node goes by.
func certificates(c *config.Config, now time.Time) []Finding {
	if c.TLS.Certificate == "" {
		return []Finding{{Check: "certificate", Level: OK, Text: "none is configured; one for MSRP over TLS is made at each start"}}
	}
	load := certificate.Config{Certificate: c.TLS.Certificate, PrivateKey: c.TLS.PrivateKey, Authorities: c.TLS.CAList}
	files, err := certificate.Load(load)
	if err != nil {
		return []Finding{{Check: "certificate", Level: Failure, Text: err.Error(), Do: "tls.certificate and tls.private_key are PEM files that belong together"}}
	}
	own, err := files.Certificate()
	var leaf *x509.Certificate
	if err == nil {
		leaf, err = x509.ParseCertificate(own.Certificate[0])
	}
	if err != nil {
		return []Finding{{Check: "certificate", Level: Failure, Text: err.Error()}}
	}
	f := Finding{Check: "certificate", Level: OK, Text: fmt.Sprintf("%s is valid until %s", c.TLS.Certificate, leaf.NotAfter.UTC().Format(time.DateOnly))}
	renew := "renew it: the files are read again when they change"
	switch {
	case now.Before(leaf.NotBefore):
		f.Level, f.Text, f.Do = Failure, fmt.Sprintf("%s is not valid before %s", c.TLS.Certificate, leaf.NotBefore.UTC().Format(time.DateOnly)), "look at the clock"
	case now.After(leaf.NotAfter):
		f.Level, f.Text, f.Do = Failure, fmt.Sprintf("%s has expired on %s", c.TLS.Certificate, leaf.NotAfter.UTC().Format(time.DateOnly)), renew
	case leaf.NotAfter.Sub(now) < soon:
		f.Level, f.Do = Warning, renew
	}
	found := []Finding{f}
	for _, host := range ownNames(c) {
		if err := leaf.VerifyHostname(host); err != nil {
			found = append(found, Finding{
				Check: "certificate", Level: Warning, Text: fmt.Sprintf("it is not for %s, by which peers know this node", host),
				Do: "have the name in its subjectAltName, unless all peers compare fingerprints",
			})
		}
	}
	return found
}

// ownNames are the hosts of the URIs that peers are told.
func ownNames(c *config.Config) []string {
	var hosts []string
	if u, err := c.MSRPUA.URI(); err == nil && u.Secure {
		hosts = append(hosts, u.Host)
	}
	if u, err := sip.ParseURI(c.MSRPUA.AdvertisedContact); err == nil && u.Scheme == "sips" {
		hosts = append(hosts, u.Host)
	}
	return hosts
}
